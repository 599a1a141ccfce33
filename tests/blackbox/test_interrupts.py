"""What ends an evaluation ends it at once, and keeps what was answered."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import shapley_credit as sc

from waiting import LIMIT, Members, size, within
from waiting import _nobody_holds_a_request_afterwards as _nobody_holds_a_request_afterwards  # around every test

PLAN = sc.plan(6)


def test_an_executor_that_is_shut_down_ends_the_evaluation() -> None:
    begun, go = threading.Event(), threading.Event()
    pool = ThreadPoolExecutor(1)

    def value(coalition: Members) -> float:
        begun.set()
        assert go.wait(LIMIT)
        return size(coalition)

    def stop() -> None:
        begun.wait(LIMIT)
        pool.shutdown(wait=False, cancel_futures=True)
        go.set()

    threading.Thread(target=stop, daemon=True).start()
    start = time.monotonic()
    with pytest.raises(
        sc.EvaluationError, match=r"asking stopped, as the executor (cancelled|raised).* shut.*down; 60 of 64"
    ) as ended:
        within(lambda: sc.evaluate(value, PLAN, batch_size=4, executor=pool, backoff=100.0))
    assert time.monotonic() - start < LIMIT / 2
    assert len(ended.value.answers) == 4


def test_an_executor_that_refuses_work_ends_the_evaluation() -> None:
    pool = ThreadPoolExecutor(1)
    calls: list[Members] = []

    def value(coalition: Members) -> float:
        calls.append(coalition)
        pool.shutdown(wait=False)
        return size(coalition)

    pool.submit(size, ()).result(LIMIT)
    with pytest.raises(
        sc.EvaluationError, match="asking stopped, as the executor raised RuntimeError: cannot schedule"
    ) as ended:
        within(lambda: [sc.evaluate(value, PLAN, batch_size=1, executor=pool, backoff=100.0) for _ in range(2)])
    assert len(ended.value.answers) in (0, len(calls))


@pytest.mark.parametrize("how", ["here", "threads", "set_shapley", "loop"])
def test_ctrl_c_ends_at_once_and_keeps_what_was_answered(how: str, tmp_path: Path) -> None:
    code = f"""
import asyncio, os, signal, sys, threading, time
import shapley_credit as sc
from concurrent.futures import ThreadPoolExecutor
calls = []
def value(coalition):
    calls.append(coalition)
    if len(calls) > 20:
        if len(calls) == 21:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
    return 1.0
async def later(coalition):
    await asyncio.sleep(0)
    return value(coalition)
cache = sc.Cache({str(tmp_path / "a.db")!r}, name="n", version="1")
pool = ThreadPoolExecutor(2)
try:
    if {how!r} == "loop":
        asyncio.run(sc.aevaluate(later, sc.plan(6), cache=cache, max_concurrency=1))
    elif {how!r} == "set_shapley":
        sc.set_shapley(value, 6)
    else:
        sc.evaluate(value, sc.plan(6), cache=cache, batch_size=4, executor=pool if {how!r} == "threads" else None)
except KeyboardInterrupt as interrupt:
    pool.shutdown(wait=False, cancel_futures=True)
    error = interrupt
    while error is not None and not isinstance(error, sc.EvaluationError):
        error = error.__cause__ or error.__context__
    known = (error.values == error.values).sum()
    print(len(cache), known, len(calls) < 40, flush=True)
    os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    kept, known, early = done.stdout.split()
    assert early == "True", done
    assert int(known) >= 16
    assert int(kept) == (0 if how == "set_shapley" else int(known))


def test_an_interrupt_while_answers_are_stored_loses_none() -> None:
    class Slow(dict[Any, float]):
        """Ctrl-C comes in the midst of the third update."""

        updates = 0

        def update(self, *given: Any, **named: Any) -> None:
            self.updates += 1
            if self.updates == 3:
                raise KeyboardInterrupt
            super().update(*given, **named)

    cache = Slow()
    with pytest.raises(KeyboardInterrupt) as ended:
        sc.evaluate(lambda coalition: 1.0 * len(coalition), sc.plan(4), cache=cache)
    known = ended.value.__cause__
    assert isinstance(known, sc.EvaluationError)
    assert dict(cache) == known.answers
    assert len(known.answers) == 3


def test_a_cancelled_call_ends_all_others() -> None:
    calls: list[Members] = []

    async def value(coalition: Members) -> float:
        calls.append(coalition)
        await asyncio.sleep(0.001)
        if len(coalition) == 2:
            raise asyncio.CancelledError
        return size(coalition)

    async def run() -> tuple[int, BaseException]:
        try:
            await sc.aevaluate(value, PLAN, max_concurrency=4, cache={})
        except asyncio.CancelledError as ended:
            before = len(calls)
            await asyncio.sleep(0.05)
            assert len(calls) == before
            return before, ended
        raise AssertionError

    asked, ended = within(lambda: asyncio.run(run()))
    assert asked < 20
    assert isinstance(ended.__cause__, sc.EvaluationError)
    assert len(ended.__cause__.answers) >= 1


def test_a_cancelled_call_does_not_wait_for_others() -> None:
    async def value(coalition: Members) -> float:
        if len(coalition) == 6:
            await asyncio.sleep(0.05)
            raise asyncio.CancelledError
        await asyncio.sleep(1000.0)
        return size(coalition)

    with pytest.raises(asyncio.CancelledError):
        within(lambda: asyncio.run(sc.aevaluate(value, PLAN, max_concurrency=100)))


def test_a_timeout_of_the_caller_ends_all_calls_and_keeps_the_answers() -> None:
    calls: list[Members] = []
    cache: dict[Any, float] = {}

    async def value(coalition: Members) -> float:
        calls.append(coalition)
        await asyncio.sleep(0.0 if len(calls) <= 8 else 100.0)
        return size(coalition)

    async def run() -> None:
        async with asyncio.timeout(0.3):
            await sc.aevaluate(value, PLAN, max_concurrency=4, cache=cache)

    with pytest.raises(TimeoutError) as ended:
        within(lambda: asyncio.run(run()))
    assert len(calls) == 12
    assert len(cache) == 8
    assert isinstance(ended.value.__cause__, asyncio.CancelledError)
    assert isinstance(ended.value.__cause__.__cause__, sc.EvaluationError)
    assert len(ended.value.__cause__.__cause__.answers) == 8
