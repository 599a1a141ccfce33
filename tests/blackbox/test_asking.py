"""Nothing that was answered is lost: a fault costs its own request, and what comes back is a number or named."""

from __future__ import annotations

import asyncio
import functools
import pickle
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc

from askings import fails_at_42, later, score, scores, text
from waiting import Members, size, within
from waiting import _nobody_holds_a_request_afterwards as _nobody_holds_a_request_afterwards  # around every test

PLAN = sc.plan(6)


# A fault costs its own request.


@pytest.mark.parametrize("how", ["here", "disk", "threads", "processes"])
@pytest.mark.parametrize("batch_size", [None, 7, 1000])
def test_a_plain_function_that_fails_once_loses_one_answer(how: str, batch_size: int | None, tmp_path: Path) -> None:
    """Whatever the executor and the size of its batches: 48 requests, of which one raises."""
    cache: Any = sc.Cache(tmp_path / "answers.db", name="score", version="1") if how == "disk" else {}
    pools: dict[str, Callable[[], Executor]] = {
        "threads": lambda: ThreadPoolExecutor(3),
        "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    }
    pool = pools[how]() if how in pools else None
    with pytest.raises(
        sc.EvaluationError, match=r"raised ConnectionError: call 32 for coalition \(0, 1, 4, 5\), request '"
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
calls = []
def value(coalition):
    calls.append(coalition)
    if len(calls) == 32:
        os._exit(3)
    return 1.0
sc.evaluate(value, sc.plan(6), cache=sc.Cache({str(tmp_path / "a.db")!r}, name="n", version="1"))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 3
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
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


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise KeyError(self.args)


def test_an_error_that_can_not_be_printed_loses_its_own_answer_alone() -> None:
    def value(coalition: Members) -> float:
        if coalition == (1, 3):
            raise UnprintableError
        return size(coalition)

    with pytest.raises(sc.EvaluationError, match=r"raised UnprintableError: an error that can't be printed for") as lost:
        sc.evaluate(value, PLAN, backoff=0.0)
    assert len(lost.value.answers) == 63


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

    with pytest.raises(sc.EvaluationError, match=r"for coalition \(2,\) of plan 0; 2 of") as lost:
        sc.evaluate(value, [sc.plan(6), sc.plan([[0, 1], [2, 3], [4, 5]])], backoff=0.0)
    assert len(lost.value.answers) == 63


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
    advice = r"await sc\.aestimate\(function, coal" if verb == "estimate" else r"await sc\.aevaluate\(function, plan\)"
    with warnings.catch_warnings(), pytest.raises(sc.InputError, match=f"asynchronous.*{advice}"):
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

    verbs: list[Callable[[], Any]] = [
        lambda: sc.evaluate(len, PLAN, request=request),  # type: ignore[arg-type]
        lambda: sc.estimate(len, 6, budget=64, request=request),
        lambda: asyncio.run(sc.aevaluate(later, PLAN, request=request)),  # type: ignore[arg-type]
        lambda: asyncio.run(sc.aestimate(later, 6, budget=64, request=request)),
    ]
    for verb in verbs:
        with pytest.raises(sc.InputError, match=r"request\(number, coalition\) is asynchronous.*make it a plain function"):
            verb()
    with pytest.raises(sc.InputError, match=r"hashable things; got \[\]"):
        sc.evaluate(len, PLAN, request=listed)


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
