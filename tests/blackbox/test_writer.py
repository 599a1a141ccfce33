"""Answers that come at the same time are written in groups, soon, and none is lost at any end but a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit.blackbox.writer import LONGEST, REST, writer_of

from waiting import LIMIT, Members, size, within
from waiting import _nobody_holds_a_request_afterwards as _nobody_holds_a_request_afterwards  # around every test

PLAN = sc.plan(8)
SLOW = 0.01


class Slow(dict[Any, float]):
    """A mapping on a slow disk, that knows how often it was written to, and by which threads."""

    def __init__(self) -> None:
        self.writes: list[int] = []
        self.alone = threading.Lock()

    def update(self, *given: Any, **named: Any) -> None:
        assert self.alone.acquire(blocking=False), "two at a time"
        time.sleep(SLOW)
        super().update(*given, **named)
        self.writes.append(len(dict(*given)))
        self.alone.release()


async def later(coalition: Members) -> float:
    await asyncio.sleep(0.001)
    return size(coalition)


async def sized(request: tuple[int, Members]) -> float:
    return await later(request[1])


def soon(coalition: Members) -> float:
    time.sleep(0.001)
    return size(coalition)


def ask(how: str, cache: Any, value: Any = None) -> None:
    if how == "loop":
        asyncio.run(sc.aevaluate(value or later, PLAN, cache=cache, max_concurrency=32))
    elif how == "evaluations in a loop":
        asyncio.run(together(cache))
    else:
        with ThreadPoolExecutor(8) as pool:
            sc.evaluate(value or soon, PLAN, cache=cache, batch_size=1, executor=pool)


async def together(cache: Any) -> None:
    async def one(k: int) -> None:
        await sc.aevaluate(sized, sc.plan(5), cache=cache, max_concurrency=2, request=lambda number, coalition: (k, coalition))

    await asyncio.gather(*map(one, range(8)))


@pytest.mark.parametrize("how", ["loop", "threads", "evaluations in a loop"])
def test_writing_takes_little_of_the_time(how: str) -> None:
    cache = Slow()
    began = time.monotonic()
    within(lambda: ask(how, cache))
    took = time.monotonic() - began
    assert len(cache) == sum(cache.writes) == 256
    # The last write of each evaluation does not wait until it is time.
    assert len(cache.writes) <= 1 + took / (SLOW * (1 + REST)) + (8 if how == "evaluations in a loop" else 1)


def test_threads_that_wait_for_a_write_are_written_together() -> None:
    cache, start = Slow(), threading.Barrier(8)

    def work(k: int) -> None:
        start.wait(LIMIT)
        sc.evaluate(soon, sc.plan(5), cache=cache, request=lambda number, coalition: (k, coalition))

    with ThreadPoolExecutor(8) as pool:
        within(lambda: list(pool.map(work, range(8))))
    assert len(cache) == 256
    assert len(cache.writes) < 200  # about 64 if every thread comes in time, 256 if each writes its own


def test_alone_in_its_thread_each_answer_is_written_before_the_next_call() -> None:
    cache, known = Slow(), list[int]()

    def value(coalition: Members) -> float:
        known.append(len(cache))
        return size(coalition)

    sc.evaluate(value, sc.plan(3), cache=cache)
    assert known == list(range(8))


@pytest.mark.parametrize("how", ["loop", "threads"])
def test_an_answer_is_written_soon_whatever_others_take(how: str) -> None:
    """The second answer comes while the cache rests, and nothing comes after it."""
    cache, hangs, end = Slow(), threading.Event(), threading.Event()
    order = PLAN.members[:3]

    def value(coalition: Members) -> float:
        if coalition == order[1]:
            time.sleep(3 * SLOW)  # by then the first one is written
        elif coalition not in order:
            hangs.set()
            assert end.wait(LIMIT)
        return size(coalition)

    async def awaited(coalition: Members) -> float:
        if coalition == order[1]:
            await asyncio.sleep(3 * SLOW)
        elif coalition not in order:
            hangs.set()
            while not end.is_set():
                await asyncio.sleep(0.01)
        return size(coalition)

    thread = threading.Thread(target=ask, args=(how, cache, awaited if how == "loop" else value), daemon=True)
    thread.start()
    try:
        assert hangs.wait(LIMIT)
        limit = time.monotonic() + LIMIT / 4
        while len(cache) < 3 and time.monotonic() < limit:
            time.sleep(0.01)
        assert set(cache) == set(order)
        assert len(cache.writes) < 4
    finally:
        end.set()
    thread.join(LIMIT)
    assert len(cache) == 256


@pytest.mark.parametrize("how", ["loop", "threads"])
def test_a_kill_loses_nothing_that_is_a_second_old(how: str, tmp_path: Path) -> None:
    code = f"""
import asyncio, os, threading, time
import shapley_credit as sc
from concurrent.futures import ThreadPoolExecutor
lock, calls = threading.Lock(), []
def hangs():
    with lock:
        calls.append(1)
        return len(calls) > 200
def told():
    os.write(1, b"hangs\\n")
    return 100.0
def value(coalition):
    time.sleep(told() if hangs() else 0.001)
    return 1.0
async def later(coalition):
    await asyncio.sleep(told() if hangs() else 0.001)
    return 1.0
cache = sc.Cache({str(tmp_path / "a.db")!r}, name="n", version="1")
if {how!r} == "loop":
    asyncio.run(sc.aevaluate(later, sc.plan(8), cache=cache, max_concurrency=8))
else:
    sc.evaluate(value, sc.plan(8), cache=cache, batch_size=1, executor=ThreadPoolExecutor(8))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(8):  # all threads, or awaited calls, hang: 200 are answered
            assert child.stdout.readline() == "hangs\n"
        time.sleep(LONGEST + 0.5)
        child.kill()
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
        assert len(cache) == 200


@pytest.mark.parametrize("how", ["loop", "threads"])
def test_an_exception_leaves_every_answer_in_the_cache(how: str) -> None:
    cache, answered = Slow(), list[Members]()

    def number(coalition: Members) -> float:
        answered.append(coalition)
        return size(coalition)

    async def never() -> float:
        return 1.0

    def value(coalition: Members) -> Any:
        return never() if len(coalition) == 8 else number(coalition)

    def awaited(coalition: Members) -> Any:
        async def call() -> float:
            return number(coalition)

        return 1.0 if len(coalition) == 8 else call()

    with pytest.raises(sc.InputError, match=r"asynchronous|can't be awaited"):
        within(lambda: ask(how, cache, awaited if how == "loop" else value))
    assert set(cache) == set(answered)
    assert len(answered) == 255


def test_each_evaluation_learns_that_the_cache_is_full() -> None:
    class Full(dict[Any, float]):
        def update(self, *given: Any, **named: Any) -> None:
            if len(self) > 20:
                raise OSError("no space left")
            super().update(*given, **named)

    cache = Full()

    async def both() -> Any:
        calls = (sc.aevaluate(later, sc.plan(k), cache=cache, max_concurrency=2) for k in (6, 7))
        return await asyncio.gather(*calls, return_exceptions=True)

    for error in within(lambda: asyncio.run(both())):
        assert isinstance(error, sc.EvaluationError)
        assert "the cache can't keep answers (OSError: no space left)" in str(error)
        assert isinstance(error.__cause__, OSError)


def test_an_evaluation_that_ends_within_a_write_does_not_wait_for_it() -> None:
    class Nested(dict[Any, float]):
        """As where the collector ends an abandoned evaluation while its thread writes for another."""

        def update(self, *given: Any, **named: Any) -> None:
            if not self:
                super().update(*given, **named)
                sc.evaluate(len, sc.plan(4), cache=self, request=lambda number, coalition: ("other", *coalition))
            super().update(*given, **named)

    cache = Nested()
    within(lambda: sc.evaluate(size, sc.plan(3), cache=cache))
    assert len(cache) == 8 + 16


def test_a_forked_process_has_a_writer_of_its_own() -> None:
    cache: dict[Any, float] = {}
    writer = writer_of(cache)
    assert writer_of(cache) is writer
    assert writer_of({}) is not writer
    writer.add([((9,), 1.0)])
    with writer._change, warnings.catch_warnings():  # as another thread may hold it
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            signal.alarm(int(LIMIT))
            sc.evaluate(size, sc.plan(3), cache=cache)
            os._exit(0 if len(cache) == 8 else 1)
        assert os.waitpid(child, 0)[1] == 0
