"""Asking: every request once, nothing lost, the same bits however it is asked."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit.blackbox.plan import Plan

from askings import dies_at_42, score, scores, text


class Asked:
    """A batched function that knows its calls, and fails as it is told."""

    def __init__(self, faults: Callable[[int, list[str]], Any] | None = None) -> None:
        self.calls: list[list[str]] = []
        self.faults = faults
        self.lock = threading.Lock()

    def __call__(self, requests: list[str]) -> Any:
        with self.lock:
            self.calls.append(list(requests))
            number = len(self.calls) - 1
        fault = self.faults(number, requests) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        return scores(requests) if fault is None else fault

    @property
    def requests(self) -> list[str]:
        return [request for call in self.calls for request in call]


@pytest.fixture
def plan() -> Plan:
    return sc.plan(6)


def expected(plan: Any) -> np.ndarray[Any, Any]:
    return np.array([score(text(0, tuple(np.flatnonzero(row).tolist()))) for row in plan.coalitions])


@pytest.mark.parametrize("batch_size", [None, 1, 7, 1000])
def test_equal_requests_are_asked_once_in_batches(plan: Any, batch_size: int | None) -> None:
    asked = Asked()
    values = sc.evaluate(sc.batched(asked), plan, request=text, batch_size=batch_size)
    assert values.tobytes() == expected(plan).tobytes()
    assert len(asked.requests) == len(set(asked.requests)) == 48  # of 64: the third and the fourth word are the same
    assert max(map(len, asked.calls)) == min(48, batch_size or 48)


def test_requests_are_shared_between_responses(plan: Any) -> None:
    asked = Asked()
    values = sc.evaluate(sc.batched(asked), [plan, plan, sc.plan(4)], request=text)
    assert len(asked.requests) == len(set(asked.requests)) == 48
    assert [len(part) for part in values] == [64, 64, 16]
    assert values[0].tobytes() == values[1].tobytes() == expected(plan).tobytes()
    with pytest.raises(sc.InputError, match="different k need request="):
        sc.evaluate(len, [plan, sc.plan(4)])


def test_without_a_request_a_function_takes_coalitions(plan: Any) -> None:
    one = sc.evaluate(lambda coalition: sum(coalition) / 3, plan)
    many = sc.evaluate(sc.batched(lambda coalitions: coalitions @ np.arange(6) / 3), plan, batch_size=10)
    assert one.tobytes() == many.tobytes()


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("executor", [lambda: ThreadPoolExecutor(4), processes], ids=["threads", "processes"])
def test_executors_change_no_bit(plan: Any, executor: Callable[[], Any]) -> None:
    with executor() as pool:
        batches = sc.evaluate(sc.batched(scores), plan, request=text, batch_size=5, executor=pool)
        single = sc.evaluate(score, plan, request=text, batch_size=5, executor=pool)
    assert batches.tobytes() == single.tobytes() == expected(plan).tobytes()


def test_answers_that_come_in_another_order_stay_in_place(plan: Any) -> None:
    def slow_first(requests: list[str]) -> list[float]:
        time.sleep(0.1 if "" in requests else 0.0)
        return scores(requests)

    with ThreadPoolExecutor(8) as pool:
        values = sc.evaluate(sc.batched(slow_first), plan, request=text, batch_size=6, executor=pool)
    assert values.tobytes() == expected(plan).tobytes()


@pytest.mark.parametrize("fault", [RuntimeError("overloaded"), [1.0], "junk", [[1.0]] * 8, None])
def test_a_batch_that_fails_is_asked_again(plan: Any, fault: Any) -> None:
    asked = Asked(lambda number, requests: fault if number == 1 else None)
    values = sc.evaluate(sc.batched(asked), plan, request=text, batch_size=8, backoff=0.0)
    assert values.tobytes() == expected(plan).tobytes()
    assert len(asked.calls) == 6 + (fault is not None)


def test_of_a_batch_with_junk_only_the_junk_is_asked_again(plan: Any) -> None:
    asked = Asked(lambda number, requests: [np.nan, *scores(requests[1:])] if number == 0 else None)
    values = sc.evaluate(sc.batched(asked), plan, request=text, backoff=0.0)
    assert values.tobytes() == expected(plan).tobytes()
    assert [len(call) for call in asked.calls] == [48, 1]


@pytest.mark.parametrize("executor", [None, "threads"])
def test_what_fails_for_good_is_named_and_the_rest_is_kept(plan: Any, executor: str | None) -> None:
    cache: dict[str, float] = {}
    asked = Asked(lambda number, requests: ValueError("too long") if any("42 ." in request for request in requests) else None)
    pool = ThreadPoolExecutor(2) if executor else None
    with pytest.raises(
        sc.EvaluationError, match=r"raised ValueError: too long for coalition \(4, 5\), request '.*'; 16 of 64"
    ) as caught:
        sc.evaluate(sc.batched(asked), plan, request=text, batch_size=1, cache=cache, retries=1, backoff=0.0, executor=pool)
    error = caught.value
    assert len(error.failed) == 16
    assert all(number == 0 and {4, 5} <= set(coalition) for number, coalition in error.failed)
    assert np.isnan(error.values).sum() == 16
    good = ~np.isnan(error.values)
    assert error.values[good].tobytes() == expected(plan)[good].tobytes()
    assert len(cache) == 48 - 12
    assert pickle.loads(pickle.dumps(error)).failed == error.failed
    again = Asked()
    values = sc.evaluate(sc.batched(again), plan, request=text, cache=cache)
    assert len(again.requests) == 12
    assert values.tobytes() == expected(plan).tobytes()


FAULTS = [NameError, UnboundLocalError, ModuleNotFoundError, IndentationError, NotImplementedError]


@pytest.mark.parametrize("fault", [*FAULTS, ConnectionError, AttributeError, TimeoutError])
@pytest.mark.parametrize("how", ["here", "batched", "threads", "loop", "batched loop"])
def test_what_no_retry_mends_is_asked_once(plan: Any, fault: type[Exception], how: str) -> None:
    calls: list[Any] = []
    asked = threading.Lock()

    def value(request: Any) -> Any:
        with asked:
            calls.append(request)
        if "42 ." in request or "batched" in how:
            raise fault("wrong")
        return score(request)

    async def later(request: Any) -> Any:
        return value(request)

    function = later if "loop" in how else value
    with pytest.raises(sc.EvaluationError, match=f"raised {fault.__name__}: wrong for coal") as caught:
        if "loop" in how:
            wrapped = sc.batched(function) if "batched" in how else function
            asyncio.run(sc.aevaluate(wrapped, plan, request=text, retries=2, backoff=0.0, batch_size=48))
        else:
            pool = ThreadPoolExecutor(2) if how == "threads" else None
            wrapped = sc.batched(function) if how == "batched" else function
            sc.evaluate(wrapped, plan, request=text, retries=2, backoff=0.0, executor=pool, batch_size=48)
    rounds = {"batched": (1, 2 + 48), "batched loop": (1, 2 + 48)}.get(how, (48, 48 + 2 * 12))
    assert len(calls) == rounds[fault not in FAULTS]
    assert len(caught.value.answers) == (0 if "batched" in how else 36)


def test_what_a_worker_lacks_is_asked_once(plan: Any) -> None:
    """An executor that can't bring the function to its workers raises from its futures."""

    class Elsewhere(Executor):
        def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
            calls.append(arguments)
            future: Any = Future()
            future.set_exception(ModuleNotFoundError("no module named judge"))
            return future

    calls: list[Any] = []
    with pytest.raises(sc.EvaluationError, match="raised ModuleNotFoundError"):
        sc.evaluate(score, plan, request=text, batch_size=16, backoff=0.0, executor=Elsewhere())
    assert len(calls) == 3


def test_back_off_doubles(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(sc.EvaluationError, match="returned nan"):
        sc.evaluate(lambda coalition: np.nan, plan, retries=3, backoff=0.5)
    assert waits == [0.5, 1.0, 2.0]


def test_a_dead_process_pool_loses_no_answer(plan: Any, tmp_path: Path) -> None:
    """A worker that dies breaks its pool; what was answered is kept, and a new pool is asked for the rest."""
    cache: dict[Any, float] = {}
    with (
        processes() as pool,
        pytest.raises(sc.EvaluationError, match="raised BrokenProcessPool"),
    ):
        sc.evaluate(dies_at_42, plan, request=text, batch_size=4, executor=pool, cache=cache, backoff=0.0)
    with processes() as pool:
        values = sc.evaluate(score, plan, request=text, batch_size=4, executor=pool, cache=cache)
    assert values.tobytes() == expected(plan).tobytes()


CHILD = """
import os, sys, time
sys.path.insert(0, {tests!r})
import shapley_credit as sc
from shapley_credit.blackbox.plan import Plan

from askings import dies_at_42, score, scores, text
from askings import scores, text

def slow(requests):
    print(len(requests), flush=True)
    time.sleep(0.02)
    return scores(requests)

with sc.Cache({path!r}, name="score", version="1") as cache:
    sc.evaluate(sc.batched(slow), sc.plan(6), request=text, batch_size=4, cache=cache)
"""


def test_killed_half_way_a_second_run_asks_only_what_is_missing(plan: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "answers.db")
    code = CHILD.format(tests=str(Path(__file__).parents[1] / "support"), path=path)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(5):  # four batches are answered for certain
            assert child.stdout.readline() == "4\n"
        child.kill()
    asked = Asked()
    with sc.Cache(path, name="score", version="1") as cache:
        known = len(cache)
        assert 16 <= known < 48
        values = sc.evaluate(sc.batched(asked), plan, request=text, cache=cache)
        assert len(asked.requests) == 48 - known
        assert values.tobytes() == expected(plan).tobytes()
        sc.evaluate(sc.batched(asked), plan, request=text, cache=cache)
        assert len(asked.requests) == 48 - known
    with sc.Cache(path, name="score", version="2") as other:
        assert len(other) == 0


def test_cache_on_disk_is_a_mapping(tmp_path: Path) -> None:
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
        cache.update({"a": 0.1, (1, 2): 1 / 3, ("x", 2): 1e-300})
        assert dict(cache) == {"a": 0.1, (1, 2): 1 / 3, ("x", 2): 1e-300}
        del cache["a"]
        assert "a" not in cache
        with pytest.raises(KeyError):
            del cache["a"]
        with pytest.raises(TypeError, match="texts, bytes, numbers or tuples"):
            cache[(object(),)] = 1.0
        cache["b"] = 2.0
        assert len(cache) == 3


class Slow:
    """An asynchronous function that counts how many of its calls are open."""

    def __init__(self, failures: int = 0) -> None:
        self.open = self.most = self.calls = 0
        self.failures = failures

    async def __call__(self, request: str) -> float:
        self.open, self.calls = self.open + 1, self.calls + 1
        fails = self.calls <= self.failures
        self.most = max(self.most, self.open)
        await asyncio.sleep(0.001)
        self.open -= 1
        if fails:
            raise ConnectionError("again")
        return score(request)


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_asynchronous_calls_are_bounded_and_in_place(plan: Any, limit: int) -> None:
    slow = Slow(failures=3)
    values = asyncio.run(sc.aevaluate(slow, plan, request=text, max_concurrency=limit, backoff=0.0))
    assert values.tobytes() == expected(plan).tobytes()
    assert slow.most == min(limit, 48)
    assert slow.calls == 51


def test_asynchronous_batches(plan: Any) -> None:
    calls: list[int] = []

    async def value(requests: list[str]) -> list[float]:
        calls.append(len(requests))
        return [np.nan if len(calls) == 1 else score(request) for request in requests]

    values = asyncio.run(sc.aevaluate(sc.batched(value), plan, request=text, batch_size=20, backoff=0.0))
    assert values.tobytes() == expected(plan).tobytes()
    assert sorted(calls) == [8, 20, 20, 20]

    async def broken(request: str) -> float:
        raise ConnectionError("gone")

    with pytest.raises(sc.EvaluationError, match="raised ConnectionError: gone"):
        asyncio.run(sc.aevaluate(broken, plan, request=text, backoff=0.0))


def test_progress_is_off_until_asked_for(plan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sc.evaluate(score, plan, request=text)
    assert capsys.readouterr().err == ""
    sc.evaluate(score, plan, request=text, progress=True)
    assert "48/48" in capsys.readouterr().err
    with pytest.raises(sc.EvaluationError):  # what fails is no progress
        sc.evaluate(lambda request: 1.0 if request else nothing, plan, request=text, progress=True)  # type: ignore[name-defined]  # noqa: F821
    assert "47/48" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": 3}, "value must be a function"),
        ({"plans": 3}, "takes a Plan or a sequence of Plans"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        (
            {"cache": "a.db"},
            r"got 'a\.db'\. For answers in a file pass cache=sc\.Cache\('a\.db', name=\"judge\", version=\"1\"\)",
        ),
        ({"cache": Path("b.db")}, r"pass cache=sc\.Cache\('b\.db', name="),
        ({"cache": 3}, r"got 3\. For answers in a file pass cache=sc\.Cache\(\"answers\.db\", name="),
        ({"retries": -1}, "retries must be a whole number"),
        ({"backoff": -1.0}, "backoff must be a number of seconds >= 0; got -1.0"),
        ({"backoff": None}, "backoff must be a number of seconds >= 0; got None"),
    ],
)
def test_what_cannot_be_asked(plan: Any, arguments: dict[str, Any], message: str) -> None:
    whole = {"value": len, "plans": [plan], **arguments}
    with pytest.raises(sc.InputError, match=message):
        sc.evaluate(whole.pop("value"), whole.pop("plans"), **whole)
