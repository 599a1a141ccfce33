"""Nothing that was answered is lost: a fault costs its own request, an interrupt ends at once, a cache is shared."""

from __future__ import annotations

import asyncio
import functools
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit.blackbox import Cache
from shapley_credit.blackbox.claims import _held

from askings import fails_at_42, later, score, scores, text

Members = tuple[int, ...]
PLAN = sc.plan(6)
LIMIT = 20.0  # seconds after which something hangs


def within(work: Callable[[], Any]) -> Any:
    """The result of some work, or a failure where it hangs."""
    box: list[Any] = []

    def run() -> None:
        try:
            box.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            box.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "it hangs"
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]


@pytest.fixture(autouse=True)
def _nobody_holds_a_request_afterwards() -> Iterator[None]:
    yield
    assert not _held


def size(coalition: Members) -> float:
    return float(len(coalition))


# A fault costs its own request.


@pytest.mark.parametrize("how", ["here", "disk", "threads", "processes"])
@pytest.mark.parametrize("batch_size", [None, 7, 1000])
def test_a_plain_function_that_fails_once_loses_one_answer(how: str, batch_size: int | None, tmp_path: Path) -> None:
    """Whatever the executor and the size of its batches: 48 requests, of which one raises."""
    cache: Any = Cache(tmp_path / "answers.db", name="score", version="1") if how == "disk" else {}
    pools: dict[str, Callable[[], Executor]] = {
        "threads": lambda: ThreadPoolExecutor(3),
        "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    }
    pool = pools[how]() if how in pools else None
    with pytest.raises(
        sc.EvaluationError, match=r"raised ConnectionError: call 32 for coalition \(0, 1, 4, 5\) of plan 0"
    ) as lost:
        sc.evaluate(fails_at_42, PLAN, request=text, batch_size=batch_size, cache=cache, retries=0, executor=pool)
    if pool is not None:
        pool.shutdown()
    assert len(cache) == len(lost.value.answers) == 47
    assert np.isnan(lost.value.values).sum() == 1
    values = sc.evaluate(score, PLAN, request=text, cache=pickle.loads(pickle.dumps(lost.value)).answers)
    assert values.tobytes() == sc.evaluate(score, PLAN, request=text).tobytes()


def test_what_was_answered_before_a_plain_function_dies_is_on_disk(tmp_path: Path) -> None:
    code = f"""
import os, shapley_credit as sc
from shapley_credit.blackbox import Cache
calls = []
def value(coalition):
    calls.append(coalition)
    if len(calls) == 32:
        os._exit(3)
    return 1.0
sc.evaluate(value, sc.plan(6), cache=Cache({str(tmp_path / "a.db")!r}, name="n", version="1"))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 3
    with Cache(tmp_path / "a.db", name="n", version="1") as cache:
        assert len(cache) == 31


@pytest.mark.parametrize("junk", [None, "junk", [1.0], np.nan, object(), 1j, 10**5000], ids=range(7))
@pytest.mark.parametrize("many", [False, True])
def test_junk_voids_its_own_answer_and_names_its_coalition(junk: Any, many: bool) -> None:
    def value(coalition: Members) -> Any:
        return junk if coalition == (1, 3) else size(coalition)

    asked = sc.batched(lambda rows: [value(tuple(np.flatnonzero(row).tolist())) for row in rows]) if many else value
    with pytest.raises(sc.EvaluationError, match=r"(must return one number; got|returned).* for coalition \(1, 3\)") as lost:
        sc.evaluate(asked, PLAN, backoff=0.0)
    assert lost.value.failed == ((0, (1, 3)),)
    assert len(lost.value.answers) == 63
    with pytest.raises(sc.EvaluationError, match=r"(must return one number; got|returned).* for coalition \(1, 3\)") as lost:
        sc.set_shapley(asked, 6)
    assert np.isfinite(lost.value.values).sum() >= 10


def test_retries_count_by_request() -> None:
    """Each of the requests fails twice: none spends the retries of another that shares its batch."""
    for pool in (None, ThreadPoolExecutor(2)):
        calls: Counter[Members] = Counter()

        def value(coalition: Members, calls: Counter[Members] = calls) -> float:
            calls[coalition] += 1
            if calls[coalition] <= len(coalition) % 3:
                raise ConnectionError("busy")
            return size(coalition)

        values = sc.evaluate(value, PLAN, retries=2, backoff=0.0, executor=pool)
        assert values.tolist() == PLAN.coalitions.sum(axis=1).tolist()
        assert all(count == 1 + len(coalition) % 3 for coalition, count in calls.items())


@pytest.mark.parametrize("how", ["here", "threads", "loop"])
def test_a_request_that_breaks_its_batch_takes_no_other_with_it(how: str) -> None:
    def value(requests: list[str]) -> list[float]:
        if any("42 ." in request for request in requests):
            raise ValueError("too long")
        return scores(requests)

    async def later(requests: list[str]) -> list[float]:
        return value(requests)

    with pytest.raises(sc.EvaluationError, match="too long") as lost:
        if how == "loop":
            asyncio.run(sc.aevaluate(sc.batched(later), PLAN, request=text, backoff=0.0))
        else:
            pool = ThreadPoolExecutor(2) if how == "threads" else None
            sc.evaluate(sc.batched(value), PLAN, request=text, backoff=0.0, executor=pool)
    assert len(lost.value.answers) == 36
    assert len(lost.value.failed) == 16


def test_a_batched_function_is_not_asked_everything_at_once() -> None:
    calls: list[int] = []

    def value(rows: Any) -> Any:
        calls.append(len(rows))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return rows.sum(axis=1)

    with pytest.raises(KeyboardInterrupt) as ended:
        sc.evaluate(sc.batched(value), sc.plan(10))
    assert calls == [64] * 5
    assert isinstance(ended.value.__cause__, sc.EvaluationError)
    assert len(ended.value.__cause__.answers) == 256


def test_the_error_holds_the_answers_of_all_plans() -> None:
    def value(coalition: Members) -> float:
        return np.nan if coalition == (2,) else size(coalition)

    with pytest.raises(sc.EvaluationError, match=r"for coalition \(2,\) of plan 0") as lost:
        sc.evaluate(value, [sc.plan(6), sc.plan([[0, 1], [2, 3], [4, 5]])], backoff=0.0)
    assert len(lost.value.answers) == 63


# Several evaluations, one cache.


@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize("many", [1, 5])
def test_evaluations_in_threads_ask_each_request_once(disk: bool, many: int, tmp_path: Path) -> None:
    shared: dict[Members, float] = {}
    calls: Counter[Members] = Counter()
    together = threading.Barrier(4)

    def value(coalition: Members) -> float:
        calls[coalition] += 1
        time.sleep(0.002)
        return size(coalition)

    def work(_: int) -> Any:
        cache: Any = Cache(tmp_path / "a.db", name="n", version="1") if disk else shared
        together.wait(LIMIT)
        return [sc.evaluate(value, sc.plan(k), cache=cache, batch_size=3) for k in range(5, 5 - many, -1)]

    with ThreadPoolExecutor(4) as pool:
        found = within(lambda: list(pool.map(work, range(4))))
    assert set(calls.values()) == {1}
    assert len(calls) == 32
    assert all(values[0].tolist() == sc.plan(5).coalitions.sum(axis=1).tolist() for values in found)


def test_evaluations_in_one_event_loop_ask_each_request_once() -> None:
    cache: dict[Any, float] = {}
    calls: Counter[Members] = Counter()

    async def value(coalition: Members) -> float:
        calls[coalition] += 1
        await asyncio.sleep(0.001)
        return size(coalition)

    async def both() -> Any:
        return await asyncio.gather(*(sc.aevaluate(value, sc.plan(k), cache=cache) for k in (4, 5, 5)))

    found = within(lambda: asyncio.run(both()))
    assert set(calls.values()) == {1}
    assert [len(values) for values in found] == [16, 32, 32]


def test_what_another_evaluation_asked_in_vain_is_asked_again() -> None:
    cache: dict[Any, float] = {}
    entered, broken = threading.Event(), threading.Event()

    def fails(coalition: Members) -> float:
        entered.set()
        broken.wait(LIMIT)
        raise ConnectionError("down")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(sc.evaluate, fails, PLAN, cache=cache, retries=0)
        assert entered.wait(LIMIT)
        second = pool.submit(sc.evaluate, size, PLAN, cache=cache)
        time.sleep(0.05)
        broken.set()
        assert second.result(LIMIT).tolist() == PLAN.coalitions.sum(axis=1).tolist()
        with pytest.raises(sc.EvaluationError, match="down"):
            first.result(LIMIT)


@pytest.mark.parametrize("threads", [False, True])
def test_an_evaluation_inside_another_of_the_same_cache_waits_for_none(threads: bool) -> None:
    cache: dict[Any, float] = {}

    def value(coalition: Members) -> float:
        inner = sc.evaluate(size, sc.plan(3), cache=cache)
        return float(inner.sum())

    pool = ThreadPoolExecutor(2) if threads else None
    values = within(lambda: sc.evaluate(value, sc.plan(4), cache=cache, batch_size=2, executor=pool))
    assert len(values) == 16


def test_processes_that_share_a_file_lose_no_answer(tmp_path: Path) -> None:
    code = """
import sys, shapley_credit as sc
from shapley_credit.blackbox import Cache
with Cache(sys.argv[1], name="n", version="1") as cache:
    values = sc.evaluate(lambda coalition: len(coalition) / 7, sc.plan(int(sys.argv[2])), cache=cache)
"""
    path = str(tmp_path / "a.db")
    children = [subprocess.Popen([sys.executable, "-c", code, path, str(k)]) for k in (8, 9, 9)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    with Cache(path, name="n", version="1") as cache:
        assert len(cache) == 512
        assert all(value == len(request) / 7 for request, value in cache.items())


# What ends an evaluation ends it at once.


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
from shapley_credit.blackbox import Cache
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
cache = Cache({str(tmp_path / "a.db")!r}, name="n", version="1")
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


# Asynchronous functions.


class Later:
    async def __call__(self, coalition: Members) -> float:
        return size(coalition)


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


AWAITABLE: dict[str, Any] = {
    "plain": later,
    "lambda": lambda coalition: later(coalition),
    "partial": functools.partial(later),
    "decorator": decorated(later),
    "object": Later(),
    "batched": sc.batched(later),
    "batch of them": sc.batched(lambda rows: [later(tuple(row)) for row in rows]),
}
VERBS: dict[str, Callable[[Any], Any]] = {
    "evaluate": lambda function: sc.evaluate(function, PLAN),
    "threads": lambda function: sc.evaluate(function, PLAN, executor=ThreadPoolExecutor(2)),
    "estimate": lambda function: sc.estimate(function, 6, budget=64),
    "set_shapley": lambda function: sc.set_shapley(function, 6),
    "owen": lambda function: sc.owen(function, [[0, 1], [2, 3]]),
    "connected": lambda function: sc.connected_shapley(function, 6),
    "marginals": lambda function: sc.marginal_vector(function, 6),
}


@pytest.mark.parametrize("verb", list(VERBS))
@pytest.mark.parametrize("kind", list(AWAITABLE))
def test_an_asynchronous_function_is_refused_at_once(verb: str, kind: str) -> None:
    start = time.monotonic()
    with warnings.catch_warnings(), pytest.raises(sc.InputError, match=r"asynchronous.*await sc\.aevaluate\(function, plan\)"):
        warnings.simplefilter("error")  # of a coroutine that was never awaited
        VERBS[verb](AWAITABLE[kind])
    assert time.monotonic() - start < 0.9  # before the first pause


def test_an_asynchronous_function_is_refused_at_once_by_processes() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(sc.InputError, match=r"await sc\.aevaluate"),
    ):
        sc.evaluate(later, sc.plan(3), executor=pool, backoff=100.0)


def test_a_function_that_returns_numbers_is_refused_by_aevaluate() -> None:
    calls: list[Members] = []

    def value(coalition: Members) -> Any:
        calls.append(coalition)
        return size(coalition)

    with pytest.raises(sc.InputError, match=r"returned 0\.0, which can't be awaited. Pass it to sc\.evaluate"):
        within(lambda: asyncio.run(sc.aevaluate(value, PLAN, backoff=100.0, max_concurrency=1)))
    assert len(calls) == 1


def test_requests_that_must_be_awaited_or_have_no_hash_are_refused() -> None:
    async def request(number: int, coalition: Members) -> Any:
        return ""

    def listed(number: int, coalition: Members) -> Any:
        return list(coalition)

    with pytest.raises(sc.InputError, match="asynchronous"):
        sc.evaluate(len, PLAN, request=request)  # type: ignore[arg-type]
    with pytest.raises(sc.InputError, match=r"hashable things; got \[\]"):
        sc.evaluate(len, PLAN, request=listed)


# The cache on disk.


def test_threads_share_one_cache(tmp_path: Path) -> None:
    with Cache(tmp_path / "a.db", name="n", version="1") as cache, ThreadPoolExecutor(8) as pool:

        def work(number: int) -> float:
            cache.store([((number, place), number / 7) for place in range(20)])
            return cache[number, 3]

        assert within(lambda: list(pool.map(work, range(40)))) == [number / 7 for number in range(40)]
        assert len(cache) == 800


def test_a_full_disk_loses_no_answer(tmp_path: Path) -> None:
    for executor in (None, ThreadPoolExecutor(2)):
        with Cache(tmp_path / f"{executor is None}.db", name="n", version="1") as cache:
            cache._base.execute(f"PRAGMA max_page_count={cache._base.execute('PRAGMA page_count').fetchone()[0]}")
            calls: list[str] = []

            def value(request: str, calls: list[str] = calls) -> float:
                calls.append(request)
                time.sleep(0.002)
                return float(len(request))

            def long(number: int, coalition: Members) -> str:
                return f"{coalition}" + "x" * 500

            with pytest.raises(sc.EvaluationError, match=r"cache can't keep answers.*OperationalError: .* full") as ended:
                sc.evaluate(value, PLAN, request=long, cache=cache, executor=executor, batch_size=4, backoff=100.0)
            assert isinstance(ended.value.__cause__, sqlite3.OperationalError)
            assert len(calls) == len(ended.value.answers)
            assert np.isfinite(ended.value.values).sum() == len(calls)
            assert 0 < len(cache) < len(calls) < 64
            cache._base.execute("PRAGMA max_page_count=100000")
            cache["small"] = 1.0  # nothing is left open
            assert cache["small"] == 1.0


def test_an_interrupted_transaction_is_rolled_back(tmp_path: Path) -> None:
    class Broken:
        """A connection that is interrupted in the middle of a transaction."""

        def __init__(self, base: Any) -> None:
            self.base = base

        def __getattr__(self, name: str) -> Any:
            return getattr(self.base, name)

        def executemany(self, statement: str, rows: Any) -> Any:
            self.base.executemany(statement, rows[:1])
            raise KeyboardInterrupt

    with Cache(tmp_path / "a.db", name="n", version="1") as cache:
        whole = cache._base
        cache._base = Broken(whole)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            cache.store([("a", 1.0), ("b", 2.0)])
        cache._base = whole
        assert len(cache) == 0
        cache.store([("c", 3.0)])
        assert dict(cache) == {"c": 3.0}


def test_keys_and_values_at_the_edge_of_numbers(tmp_path: Path) -> None:
    with Cache(tmp_path / "a.db", name="n", version="1") as cache:
        keys: list[Any] = [np.inf, -np.inf, (1.5, (np.inf,)), "inf", "\ud800", "a\x00b", b"\x00", (), ("x",), -0.0, 10**40]
        for place, key in enumerate(keys):
            cache[key if isinstance(key, tuple | str | bytes | int) else float(key)] = place
        assert [cache[key] for key in keys] == list(range(len(keys)))
        assert set(cache) == set(keys)
        for key in (np.nan, (1, (float("nan"),))):
            with pytest.raises(sc.InputError, match="holds NaN equals no other"):
                cache[key] = 1.0
        for value in (np.nan, np.inf, None, "1", 1j):
            with pytest.raises(sc.InputError, match="finite numbers; the answer to 'key'"):
                cache["key"] = value  # type: ignore[assignment]
        with pytest.raises(sc.InputError, match="finite numbers"):
            cache.update({"good": 1.0, "bad": np.nan})
        assert "good" not in cache


@pytest.mark.parametrize("known", [np.nan, np.inf, None, "junk"])
def test_what_a_cache_knows_as_no_number_is_asked(known: Any) -> None:
    cache = {(): known, (0,): 7.0}
    assert sc.evaluate(size, sc.plan(2), cache=cache).tolist() == [0.0, 7.0, 1.0, 2.0]


def test_names_and_versions_are_never_taken_for_others(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    names = [("a", "b"), ("ab", ""), ("", "ab"), ("a", "b "), ("a|b", "c"), ("a", "b|c"), ("A", "b")]
    for place, (name, version) in enumerate(names):
        with Cache(path, name=name, version=version) as cache:
            cache["key"] = place
    for place, (name, version) in enumerate(names):
        with Cache(path, name=name, version=version) as cache:
            assert dict(cache) == {"key": place}
    bad: list[tuple[Any, Any]] = [("a\x00b", "c"), ("a", "b\x00c"), ("a", 1), (None, "1"), ("\ud800", "1")]
    for name, version in bad:
        with pytest.raises(sc.InputError, match="of a cache must be a text without null"):
            Cache(path, name=name, version=version)
    with pytest.raises(sc.InputError, match="is no file of answers"):
        Cache(__file__, name="a", version="b")


def test_a_cache_survives_a_fork_and_a_copy(tmp_path: Path) -> None:
    with Cache(tmp_path / "a.db", name="n", version="1") as cache:
        cache["a"] = 1.0
        with pickle.loads(pickle.dumps(cache)) as copy:
            assert copy["a"] == 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            cache["b"] = 2.0
            os._exit(0 if cache._process == os.getpid() else 1)
        for _ in range(int(LIMIT * 100)):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                break
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            raise AssertionError
        assert status == 0
        assert cache["b"] == 2.0


# Scalars of an array library.


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16", "int64", "requires_grad", "device"])
def test_scalars_of_torch_are_numbers_wherever_numbers_are(kind: str) -> None:
    import torch

    class OnDevice(torch.Tensor):
        """A tensor of a device that the host can't read, but that can be moved."""

        def __dlpack_device__(self) -> Any:
            return 2, 0

        def cpu(self) -> Any:  # type: ignore[override]
            return self.as_subclass(torch.Tensor)

    def scalar(number: float) -> Any:
        if kind == "requires_grad":
            return torch.tensor(number, requires_grad=True) * 1
        if kind == "device":
            return torch.tensor(number).as_subclass(OnDevice)
        return torch.tensor(number, dtype=getattr(torch, kind))

    truth = sc.set_shapley(size, 4)
    plan = sc.plan(4)

    def value(coalition: Members) -> Any:
        return scalar(float(len(coalition)))

    many = sc.batched(lambda rows: [value(tuple(np.flatnonzero(row))) for row in rows])
    assert sc.set_shapley(value, 4).tolist() == sc.set_shapley(many, 4).tolist() == truth.tolist()
    for asked in (value, many):
        found = sc.evaluate(asked, plan)
        assert found.dtype == np.float64
        assert found.tolist() == plan.coalitions.sum(axis=1).tolist()
        with ThreadPoolExecutor(2) as pool:
            assert sc.evaluate(asked, plan, executor=pool, batch_size=3).tolist() == found.tolist()
    values = [value(coalition) for coalition in plan.members]
    credit = plan.solve(found).values.tolist()
    assert plan.solve(values).values.tolist() == credit
    assert plan.solve([values, values]).values.tolist() == [credit] * 2
    mixed = sc.batched(lambda rows: [None, *[value(tuple(np.flatnonzero(row))) for row in rows][1:]])
    with pytest.raises(sc.EvaluationError, match=r"must return one number; got None for coalition \(\)") as lost:
        sc.evaluate(mixed, plan, retries=0)
    assert len(lost.value.answers) == 15


@pytest.mark.torch
def test_a_batch_that_stays_on_a_device_is_read() -> None:
    import torch

    class OnDevice(torch.Tensor):
        def __dlpack_device__(self) -> Any:
            return 2, 0

        def cpu(self) -> Any:  # type: ignore[override]
            return self.as_subclass(torch.Tensor)

    asked = sc.batched(lambda rows: torch.tensor(rows).sum(dim=1).bfloat16().as_subclass(OnDevice))
    assert sc.evaluate(asked, PLAN).tolist() == PLAN.coalitions.sum(axis=1).tolist()
    assert sc.set_shapley(asked, 3).tolist() == [1.0] * 3


@pytest.mark.parametrize(("junk", "printed"), [(None, "None"), ("3", "'3'"), (np.nan, "nan"), (np.inf, "inf"), (1j, "1j")])
@pytest.mark.parametrize("form", ["list", "array", "rows"])
def test_a_value_that_is_none_names_its_coalition(junk: Any, printed: str, form: str) -> None:
    values: list[Any] = [float(len(coalition)) for coalition in PLAN.members]
    values[13] = junk
    place, shape = r"\[13\]", r"\(64,\)"
    given: Any = values
    if form == "array":
        given = np.empty(64, object)
        given[:] = values
    elif form == "rows":
        given, place, shape = [list(range(64)), values], r"\[1, 13\]", r"\(2, 64\)"
    with pytest.raises(
        sc.InputError, match=rf"values must be finite; found {printed} at {place} of shape {shape}, for coalition"
    ):
        PLAN.solve(given)


def test_no_values_are_no_numbers() -> None:
    for values, printed in (
        (None, "None"),
        (3.0, "3.0"),
        ([], r"float64 of shape \(0,\)"),
        (range(3), r"int64 of shape \(3,\)"),
    ):
        with pytest.raises(sc.InputError, match=rf"values must be numbers of shape \[..., 64\].*; got {printed}"):
            PLAN.solve(values)


def test_values_of_a_masked_array_void_their_own_answers() -> None:
    asked = sc.batched(lambda rows: np.ma.masked_array(rows.sum(axis=1), mask=rows.sum(axis=1) == 6))
    with pytest.raises(sc.EvaluationError, match=r"for coalition \(0, 1, 2, 3, 4, 5\)") as lost:
        sc.evaluate(asked, PLAN, backoff=0.0)
    assert len(lost.value.answers) == 63
