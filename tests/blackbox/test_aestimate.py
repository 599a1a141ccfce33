"""An asynchronous utility is estimated as its plain twin: the same bits, with bounded calls, and nothing lost."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.blackbox.plan import Plan

from waiting import Members, within
from waiting import _nobody_holds_a_request_afterwards as _nobody_holds_a_request_afterwards  # around every test


def worth(coalition: Members) -> float:
    """A game that no kernel of kriging knows."""
    return (sum(i * i + 1 for i in coalition) % 7) / 3 + sqrt(len(coalition))


def rows(coalitions: Any) -> Any:
    return [worth(tuple(np.flatnonzero(row).tolist())) for row in coalitions]


class Later:
    """The same game, awaited; it counts its calls, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: Counter[Members] = Counter()
        self.open = self.most = 0
        self.failures = failures

    async def __call__(self, coalition: Members) -> float:
        self.calls[coalition] += 1
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0.001 * (len(coalition) % 3))  # answers come in another order
        self.open -= 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("busy")
        return worth(coalition)


def awaited(*arguments: Any, **named: Any) -> sc.Estimate:
    found: sc.Estimate = within(lambda: asyncio.run(sc.aestimate(*arguments, **named)))
    return found


def same_bits(one: sc.Estimate, two: sc.Estimate) -> bool:
    return one == two and (one.values.tobytes(), one.stderr.tobytes()) == (two.values.tobytes(), two.stderr.tobytes())


TREE = [[0, 4, 8], [1, 5, 9], [2, 6], [3, 7]]
CASES: dict[str, dict[str, Any]] = {
    "exact": {"coalitions": 6, "budget": 64},
    "kriging": {"coalitions": 12, "budget": 60, "seed": 3},
    "rotation": {"coalitions": TREE, "budget": 90, "method": "rotation"},
    "regression": {"coalitions": 12, "budget": 80, "method": "regression", "seed": 1},
    "levels": {"coalitions": TREE, "budget": 90, "method": "arrival", "levels": (semivalues.banzhaf, semivalues.shapley)},
    "tol reached": {"coalitions": 12, "budget": 1600, "method": "antithetic", "tol": 0.2},
    "tol never reached": {"coalitions": 12, "budget": 400, "method": "antithetic", "tol": 0.0},
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_it_has_the_bits_of_estimate(case: dict[str, Any]) -> None:
    later = Later()
    plain, found = sc.estimate(worth, **case), awaited(later, **case)
    assert same_bits(found, plain)
    assert len(found.trace) == len(plain.trace)
    assert set(later.calls.values()) == {1}
    assert len(later.calls) >= found.evaluations
    assert ("tol" in case) == (len(found.trace) > 1)


def test_a_tolerance_ends_early() -> None:
    early, late = (awaited(Later(), **CASES[name]) for name in ("tol reached", "tol never reached"))
    assert early.evaluations < 1600
    assert early.stderr.max() <= 0.2 < early.trace[-2][1]
    assert late.evaluations == late.trace[-1][0] > 300


def test_requests_batches_and_their_size_change_no_bit() -> None:
    sizes: list[int] = []

    async def many(requests: list[str]) -> Any:
        sizes.append(len(requests))
        return [worth(tuple(map(int, request.split()))) for request in requests]

    found = awaited(
        sc.batched(many), 12, budget=60, seed=3, request=lambda number, c: " ".join(map(str, c)), batch_size=25, backoff=0.0
    )
    assert same_bits(found, sc.estimate(sc.batched(rows), 12, budget=60, seed=3))
    assert sorted(sizes) == [10, 25, 25]


@pytest.mark.parametrize("limit", [1, 4])
def test_calls_are_bounded_and_retried(limit: int) -> None:
    later = Later(failures=3)
    found = awaited(later, 12, budget=60, seed=3, max_concurrency=limit, backoff=0.0)
    assert same_bits(found, sc.estimate(worth, 12, budget=60, seed=3))
    assert later.most == limit
    assert later.calls.total() == 63
    with pytest.raises(sc.EvaluationError, match="raised ConnectionError: busy"):
        awaited(Later(failures=10**6), 6, budget=64, retries=1, backoff=0.0)


def test_what_a_cache_on_disk_holds_is_not_asked(tmp_path: Path) -> None:
    with sc.Cache(tmp_path / "a.db", name="worth", version="1") as cache:
        plain = sc.estimate(worth, 12, budget=60, seed=3, cache=cache)
        later = Later()
        assert same_bits(awaited(later, 12, budget=60, seed=3, cache=cache), plain)
        assert not later.calls
        assert len(cache) == 60


def test_estimates_of_one_loop_share_a_cache() -> None:
    later, cache = Later(), {}  # type: ignore[var-annotated]

    async def both() -> Any:
        return await asyncio.gather(*(sc.aestimate(later, 8, budget=256, cache=cache) for _ in range(3)))

    found = within(lambda: asyncio.run(both()))
    assert found[0] == found[1] == found[2] == sc.estimate(worth, 8, budget=256)
    assert set(later.calls.values()) == {1}


def test_it_goes_on_where_it_stopped() -> None:
    later = Later()

    async def longer() -> sc.Estimate:
        short = await sc.aestimate(later, 12, budget=60, seed=3)
        with pytest.raises(sc.InputError, match=r"asynchronous; extend it with estimate = await estimate\.aextend"):
            short.extend(40)
        once = await copy.deepcopy(short).aextend(20)
        return await once.aextend(20)

    found = within(lambda: asyncio.run(longer()))
    plain = sc.estimate(worth, 12, budget=60, seed=3)
    assert same_bits(found, plain.extend(20).extend(20))
    assert later.calls.total() == len(later.calls) == 100
    with pytest.raises(sc.InputError, match=r"not asynchronous; extend it with estimate = estimate\.extend"):
        asyncio.run(plain.aextend(20))
    for forgetful in (pickle.loads(pickle.dumps(found)), sc.plan(3).solve(range(8))):
        with pytest.raises(sc.InputError, match="knows no utility to ask; extend the plan"):
            asyncio.run(forgetful.aextend(20))
        with pytest.raises(sc.InputError, match="knows no utility to ask; extend the plan"):
            forgetful.extend(20)


def test_the_event_loop_goes_on_while_credits_are_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking, solve = threading.Event(), Plan.solve

    def slow(self: Plan, values: Any) -> Any:
        assert ticking.wait(5.0), "the loop stands still"
        return solve(self, values)

    monkeypatch.setattr(Plan, "solve", slow)

    async def run() -> sc.Estimate:
        estimate = asyncio.ensure_future(sc.aestimate(Later(), 4, budget=16))
        await asyncio.sleep(0.2)
        ticking.set()
        return await estimate

    assert within(lambda: asyncio.run(run())).evaluations == 16


PLAIN: dict[str, Any] = {"function": worth, "lambda": lambda coalition: worth(coalition), "batched": sc.batched(rows)}


@pytest.mark.parametrize("kind", list(PLAIN))
def test_a_function_that_returns_numbers_is_sent_to_estimate(kind: str) -> None:
    with pytest.raises(sc.InputError, match=r"aestimate need an asynchronous function.*sc\.estimate, or make it `async def`"):
        awaited(PLAIN[kind], 6, budget=64, backoff=100.0, max_concurrency=1)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"tol": -1.0}, "tol must be a number >= 0"),
        ({"tol": None, "budget": 3}, "needs a budget of at least"),
        ({"method": "kringing"}, "method must be 'auto' or one of"),
        ({"max_concurrency": 0}, "max_concurrency must be at least 1"),
    ],
)
def test_what_is_refused(named: dict[str, Any], message: str) -> None:
    later = Later()
    with pytest.raises(sc.InputError, match=message):
        awaited(later, 12, **{"budget": 60, **named})
    assert not later.calls


def test_when_it_is_cancelled_every_answer_is_on_disk(tmp_path: Path) -> None:
    answered: list[Members] = []

    async def value(coalition: Members) -> float:
        if len(answered) >= 40:
            await asyncio.sleep(1000.0)
        await asyncio.sleep(0.0)
        answered.append(coalition)
        return worth(coalition)

    async def run(cache: sc.Cache) -> None:
        async with asyncio.timeout(1.0):
            await sc.aestimate(value, 12, budget=100, cache=cache)

    with sc.Cache(tmp_path / "a.db", name="worth", version="1") as cache:
        with pytest.raises(TimeoutError):
            within(lambda: asyncio.run(run(cache)))
        assert set(cache) == set(answered)
        assert len(answered) >= 40


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: lambda c: f(c), lambda f: sc.batched(f)], ids=range(3))
def test_an_asynchronous_function_is_sent_on_by_extend_too(wrap: Callable[[Any], Any]) -> None:
    """The function says so only at its first call, which may be that of an extension."""
    ready = {coalition: worth(coalition) for coalition in sc.plan(12, budget=60).members}
    whole = sc.estimate(wrap(Later()), 12, budget=60, cache=ready)
    with pytest.raises(sc.InputError, match=r"asynchronous.*await sc\.aestimate\(function"):
        whole.extend(20)
