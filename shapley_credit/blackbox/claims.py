"""Which evaluation asks what at the moment: those of one process that share a cache ask each request once."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterable
from concurrent.futures import Future
from contextvars import ContextVar
from itertools import count
from typing import Any

# The evaluations in whose calls this code runs, outermost first: none may be waited for, as each of them waits for this code.
ABOVE: ContextVar[tuple[str, ...]] = ContextVar("ABOVE", default=())

_NUMBERS = count()
_held: dict[Hashable, dict[Any, Turn]] = {}
_lock = threading.Lock()


class Turn:
    """A turn of one evaluation at a cache: the requests that it asks, and for which others with that cache wait.

    Attributes:
        mine: the requests it took, as no other evaluation asks them.
        others: a future for each evaluation that asks some of the rest, set when it is done. Every evaluation asks its own
            requests before it waits for others, so that no two wait for each other.
    """

    def __init__(self, name: str, shared: Hashable | None) -> None:
        self.name, self.shared, self.done = name, shared, Future[None]()
        self.mine: list[Any] = []
        self.others: set[Future[None]] = set()

    def take(self, requests: Iterable[Any]) -> None:
        """Take the requests that no other evaluation asks, or all if no cache is shared."""
        if self.shared is None:
            self.mine.extend(requests)
            return
        above = ABOVE.get()
        with _lock:
            held = _held.setdefault(self.shared, {})
            for request in requests:
                holder = held.setdefault(request, self)
                if holder is self or holder.name in above:  # to wait for one above would never end
                    self.mine.append(request)
                else:
                    self.others.add(holder.done)

    def end(self) -> None:
        """Let go of all requests, also after an interrupt in the middle of taking them, and wake all that wait."""
        with _lock:
            held = _held.get(self.shared, {})
            for request in [request for request, holder in held.items() if holder is self]:
                del held[request]
            if not held:
                _held.pop(self.shared, None)
        if not self.done.done():
            self.done.set_result(None)


def new_name() -> str:
    """A name that no other evaluation has, in no process of the machine."""
    return f"{os.getpid()}.{next(_NUMBERS)}"


def _forget() -> None:
    """Start anew in a forked process: it has none of the threads that asked, and one of them may have held the lock."""
    global _lock
    _lock = threading.Lock()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
