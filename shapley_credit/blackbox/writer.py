"""Answers on their way into a cache: written in groups, soon, and in little of the time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, MutableMapping
from typing import Any
from weakref import WeakValueDictionary

REST = 20  # a write is followed by so many times its own time without one: writing takes at most 1/21 of all time
LONGEST = 1.0  # seconds that an answer waits at most, however slow the disk is


class Writer:
    """Writes answers to a cache in groups, those of all evaluations that share it.

    A write that took t seconds is followed by min(20 t, 1 s) without one, unless somebody can't wait. What has come meanwhile
    is then written together, so that a process that is killed loses no answer that is older than this and than one more write.
    """

    def __init__(self, cache: MutableMapping[Any, float]) -> None:
        self._cache = cache
        self._waiting: dict[Any, float] = {}
        self._next = 0.0
        self._leader: int | None = None  # the thread that writes
        self._taken = self._written = 0  # how often answers were taken, and how many of these times are in the cache
        self._change = threading.Condition()

    def add(self, answers: Iterable[tuple[Any, float]]) -> None:
        """Take answers that the cache lacks."""
        with self._change:
            self._waiting.update(answers)
            self._taken += 1

    def due(self) -> float | None:
        """Seconds until the answers that wait are to be written, None if none waits."""
        return max(0.0, self._next - time.monotonic()) if self._waiting else None

    def write(self) -> None:
        """Return when all that was taken before is in the cache, written here or by another thread.

        Raises what the cache raises. Then all answers go on waiting, so that each evaluation that has any learns of it.
        """
        me, leads = threading.get_ident(), False
        if self._leader == me:  # as an evaluation that was abandoned may be collected, and ended, in the midst of a write
            return
        try:
            with self._change:
                mine = self._taken
                self._change.wait_for(lambda: self._leader is None or self._written >= mine)
                if self._written >= mine:
                    return
                leads, self._leader = True, me
                taken, answers = self._taken, dict(self._waiting)
            self._update(answers, taken)
        finally:  # wherever an interrupt comes
            if leads:
                with self._change:
                    self._leader = None
                    self._change.notify_all()

    def _update(self, answers: dict[Any, float], taken: int) -> None:
        began = time.monotonic()
        self._cache.update(list(answers.items()))
        ended = time.monotonic()
        with self._change:
            for request in answers:
                del self._waiting[request]
            self._written, self._next = taken, ended + min(REST * (ended - began), LONGEST)


# One for each cache, as long as an evaluation uses it. It holds its cache, so that no other one gets the same id meanwhile.
_WRITERS: WeakValueDictionary[int, Writer] = WeakValueDictionary()
_lock = threading.Lock()


def writer_of(cache: MutableMapping[Any, float]) -> Writer:
    """The writer that all evaluations of this process share that have this cache."""
    with _lock:
        writer = _WRITERS.get(id(cache))
        if writer is None:
            writer = _WRITERS[id(cache)] = Writer(cache)
        return writer


def _forget() -> None:
    """Start anew in a forked process: what waits there is written by its parent, whose threads may have held the locks."""
    global _lock
    _lock = threading.Lock()
    _WRITERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
