"""The library, through `set_shapley` and all its checks, beside what users would pick instead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
import pytest
import shapiq
from benchmarks.cases import Array, copy_limit, enter, read_limit
from shapley_credit import dispatch, set_shapley
from shapley_credit import utilities as u

pytestmark = pytest.mark.benchmark(max_time=0.5, min_rounds=5, min_time=1e-4)

Solver = Callable[[Array], Array]


def agree(*credits: Array) -> bool:
    """All credits the same to 1e-9 of the largest."""
    first, *others = credits
    return all(np.abs(credit - first).max() <= 1e-9 * np.abs(first).max() for credit in others)


# Tables of all values [2^n] -> [n].


def numpy_table(values: Array) -> Array:
    """phi_i = sum_{S without i} |S|! (n - 1 - |S|)! / n! [v(S + i) - v(S)], a vectorised sum a player."""
    n = len(values).bit_length() - 1
    masks = np.arange(1 << n)
    weights = np.array([1 / (n * comb(n - 1, s)) for s in range(n)])
    credit = np.empty(n)
    for i in range(n):
        without = masks[(masks >> i & 1) == 0]
        credit[i] = (weights[np.bitwise_count(without)] * (values[without | 1 << i] - values[without])).sum()
    return credit


def shapiq_table(values: Array) -> Array:
    n = len(values).bit_length() - 1
    bits = 1 << np.arange(n)
    credit: Array = shapiq.ExactComputer(lambda chosen: values[chosen @ bits], n)("SV", 1).get_n_order_values(1)
    return credit


TABLE: dict[str, Solver] = {"ours": set_shapley, "NumPy": numpy_table, "shapiq": shapiq_table}
SHAPIQ_ROUNDS = {8: 50, 12: 10, 16: 3}


@lru_cache(maxsize=1)
def checked_table(n: int) -> Array:
    """Values of a game that all solvers agree on."""
    values = np.random.default_rng(n).normal(size=1 << n)
    assert agree(*(solver(values) for solver in TABLE.values()))
    return values


@pytest.mark.parametrize("entry", TABLE)
@pytest.mark.parametrize("n", SHAPIQ_ROUNDS)
def test_table(benchmark: Any, n: int, entry: str) -> None:
    values = checked_table(n)
    enter(benchmark, f"table n={n}", entry)
    if entry == "shapiq":
        benchmark.pedantic(shapiq_table, (values,), rounds=SHAPIQ_ROUNDS[n])
    else:
        benchmark(TABLE[entry], values)


@lru_cache(maxsize=1)
def checked_large_table() -> Array:
    values = np.random.default_rng(24).normal(size=1 << 24)
    kernel = dispatch.kernel("table", "solve", "cpu")
    assert agree(numpy_table(values), set_shapley(values), kernel(values[None, :])[0])
    return values


@pytest.mark.parametrize("entry", ["ours", "kernel", "limit"])
def test_large_table(benchmark: Any, entry: str) -> None:
    values = checked_large_table()
    enter(benchmark, "table n=24", entry)
    if entry == "ours":
        benchmark(set_shapley, values)
    elif entry == "kernel":
        benchmark(dispatch.kernel("table", "solve", "cpu"), values[None, :])
    else:
        benchmark(read_limit(values))


# Best of 8 for many groups [B, 8] -> [B, 8].


def our_max(scores: Array) -> Array:
    credit: Array = set_shapley(u.Max(scores))
    return credit


def numpy_max(scores: Array) -> Array:
    """phi_(j) = sum_{l<=j} (s_(l) - s_(l-1)) / (k - l + 1) over ascending scores, all groups at once."""
    order = np.argsort(scores, axis=1)
    gaps = np.diff(np.take_along_axis(scores, order, axis=1), axis=1, prepend=0.0)
    credit = np.empty_like(scores)
    np.put_along_axis(credit, order, np.cumsum(gaps / np.arange(scores.shape[1], 0, -1), axis=1), axis=1)
    return credit


def shapiq_max(scores: Array) -> Array:
    """One exact computer a group, the only way for it to take many."""
    credit = np.empty_like(scores)
    for group, row in enumerate(scores):
        computer = shapiq.ExactComputer(lambda chosen, row=row: np.where(chosen, row, 0.0).max(axis=1), len(row))
        credit[group] = computer("SV", 1).get_n_order_values(1)
    return credit


MAX: dict[int, dict[str, Solver]] = {
    1_000: {"ours": our_max, "NumPy": numpy_max, "shapiq": shapiq_max},
    1_000_000: {"ours": our_max, "NumPy": numpy_max},
}


@lru_cache(maxsize=1)
def checked_scores(groups: int) -> Array:
    """Scores in [0, 1) on which all solvers agree."""
    scores = np.random.default_rng(groups).random((groups, 8))
    assert agree(*(solver(scores) for solver in MAX[groups].values()))
    return scores


@pytest.mark.parametrize(
    ("groups", "entry"), [(groups, entry) for groups, solvers in MAX.items() for entry in solvers] + [(1_000_000, "limit")]
)
def test_max(benchmark: Any, groups: int, entry: str) -> None:
    scores = checked_scores(groups)
    enter(benchmark, f"max k=8, {groups:,} groups", entry)
    if entry == "limit":
        benchmark(copy_limit(2 * scores.nbytes))
    elif entry == "shapiq":
        benchmark.pedantic(shapiq_max, (scores,), rounds=1)
    else:
        benchmark(MAX[groups][entry], scores)


# What one call costs, and the import.


@pytest.mark.parametrize("entry", ["Max", "table"])
def test_one_call(benchmark: Any, entry: str) -> None:
    rng = np.random.default_rng(8)
    scores, values = rng.random(8), rng.normal(size=1 << 8)
    calls: dict[str, tuple[Callable[[], Array], Array]] = {
        "Max": (lambda: set_shapley(u.Max(scores), 8), numpy_max(scores[None, :])[0]),
        "table": (lambda: set_shapley(values, 8), numpy_table(values)),
    }
    call, truth = calls[entry]
    assert agree(truth, call())
    enter(benchmark, "one call, k=8", entry)
    benchmark(call)


class ChildClock:
    """A clock that runs only while a child process imports: the start of the interpreter is not counted."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def run(self, module: str) -> None:
        """Import `module` in a fresh interpreter, without anything that it must not load."""
        child = (
            f"import sys, time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start); "
            "sys.exit(bool({'numba', 'torch', 'triton'} & set(sys.modules)))"
        )
        # Away from the checkout, whose sources would be found before the installed package.
        done = subprocess.run([sys.executable, "-c", child], check=True, capture_output=True, text=True, cwd=sys.prefix)
        self.seconds += float(done.stdout)


CLOCK = ChildClock()


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("entry", ["numpy", "shapley_credit"])
def test_import(benchmark: Any, entry: str) -> None:
    before = CLOCK.seconds
    CLOCK.run(entry)
    assert CLOCK.seconds > before
    enter(benchmark, "import", entry)
    benchmark.pedantic(CLOCK.run, (entry,), rounds=15)
