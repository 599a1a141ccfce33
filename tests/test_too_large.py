"""What no memory or no stack holds is refused with figures and the way out, before anything is asked; or it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.blackbox.draws import _order, arrivals, stream
from shapley_credit.blackbox.functions import counted
from shapley_credit.blackbox.levels import _leaves
from shapley_credit.blackbox.structure import DEEPEST, Structure

MANY = 20_000


def caterpillar(depth: int) -> Any:
    """One member beside a union of all others, again and again: depth + 1 members."""
    tree: Any = [depth - 1, depth]
    for member in reversed(range(depth - 1)):
        tree = [member, tree]
    return tree


def never(coalition: Any) -> float:
    raise AssertionError(f"asked for {coalition}")


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: sc.set_shapley(never, MANY), r"k = 20000 members needs about 1e602\d evaluations.*shapley_credit.estimate"),
    (lambda: sc.set_semivalue(never, semivalues.banzhaf, MANY), r"about 1e602\d evaluations"),
    (lambda: sc.plan(MANY), r"an exact value needs about 1e602\d evaluations; give a budget of at least 239,988"),
    (lambda: sc.plan(MANY, method="exact", budget=100), r"at least about 1e602\d evaluations of k = 20000 members; got 100"),
    (lambda: sc.estimate(never, MANY, budget=100), r"needs a budget of at least 40,004 evaluations"),
    (lambda: sc.estimate(never, MANY, budget=10**6), r"20,000,000,000 flags.*Give a budget of at most 53,687,.*'permutation'"),
    (
        lambda: sc.plan(100, budget=10**9),
        r"1,000,000,000 coalitions of k = 100 members.*at most 10,737,418, average",
    ),
    (lambda: sc.plan(100, budget=10**5000), r"about 1e5000 coalitions of k = 100"),
    (lambda: sc.plan(100, budget=10**9, method="permutation"), r"average the credits of several plans"),
    (lambda: sc.plan(29, budget=1 << 29), r"coalitions of k = 29 members"),
    (lambda: sc.plan(100, budget=100_000, method="kriging"), r"of 100,000, they take 18.6 GiB.*Method 'adjusted' has no such"),
    (lambda: sc.plan(caterpillar(500), budget=3000), r"has 499 levels of unions within one another; at most 299 are walked"),
    (lambda: sc.plan(caterpillar(2000), budget=9000), r"unions of the coalition tree are too many within one another; at most"),
    (lambda: sc.estimate(never, caterpillar(500), budget=3000), r"has 499 levels"),
    (
        lambda: semivalues.of_weights(semivalues.shapley.weights(1100)),
        r"got 0.8\d+ for k = 1100. .*Semivalue\(name, sizes\)",
    ),
    (lambda: semivalues.of_weights(np.ones(1100)), r"got more than floats hold for k = 1100. .*rule.sizes\(k\)"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_too_large_is_refused_with_figures_and_the_way_out(make: Callable[[], Any], message: str) -> None:
    start = time.monotonic()
    with pytest.raises(sc.InputError, match=message):
        make()
    assert time.monotonic() - start < 10.0


def test_a_budget_is_a_limit_and_no_size() -> None:
    assert len(sc.plan(10, budget=10**9).coalitions) == 1024
    assert len(sc.plan(3, budget=10**5000).coalitions) == 8


def test_trees_of_the_deepest_kind_are_planned_and_solved() -> None:
    plan = sc.plan(caterpillar(DEEPEST), budget=8 * DEEPEST, method="rotation", seed=1)
    assert plan.solve(plan.coalitions.sum(axis=1)).values.round(12).tolist() == [1.0] * (DEEPEST + 1)


def test_walks_down_a_tree_leave_the_stack_alone() -> None:
    import sys

    structure = Structure(caterpillar(200), None)
    limit = sys.getrecursionlimit()
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    try:
        sys.setrecursionlimit(depth + 60)
        rows = arrivals(structure, stream(0, "test", 0), 50)
        order = _order(structure.root, 1, 3, stream(0, "test", 1), {})
        leaves = _leaves(structure.root)
    finally:
        sys.setrecursionlimit(limit)
    assert rows.shape == (50, 201)
    assert sorted(order.tolist()) == sorted(leaves) == list(range(201))


def test_walks_draw_what_recursion_drew() -> None:
    """Plans of a seed are kept by users: these are the draws of the version before, which walked the tree by recursion."""
    structure = Structure([[0, 4, [2, 5, 9]], [3, 1, [6, [7, 8]]], [10, 11]], None)
    drawn = np.packbits(arrivals(structure, stream(0, "test", 0), 16)).tobytes().hex()
    assert drawn == "fc78c4dbbfd7a4702053ba44ffc0c457f247fff800200043"
    assert _order(structure.root, 1, 3, stream(0, "test", 1), {}).tolist() == [0, 4, 5, 2, 9, 6, 8, 7, 1, 3, 11, 10]
    assert _leaves(structure.root) == [0, 2, 5, 9, 4, 1, 3, 6, 7, 8, 10, 11]


@pytest.mark.parametrize("k", [1, 2, 30, 999, 1100, 3000])
def test_weights_of_many_members(k: int) -> None:
    """By the quotients of binomial coefficients that are whole numbers."""
    expected = [comb(k - 1, s) / 2 ** (k - 1) for s in range(k)]
    assert semivalues.banzhaf.sizes(k).tolist() == expected
    last = semivalues.of_weights([0.0] * (k - 1) + [1.0])
    assert last.sizes(k).tolist() == semivalues.leave_one_out.sizes(k).tolist()
    start = time.monotonic()
    assert abs(semivalues.banzhaf.sizes(MANY).sum() - 1) < 1e-12
    assert time.monotonic() - start < 10.0


def test_numbers_of_evaluations_are_printed_whatever_they_are() -> None:
    assert [counted(count) for count in (0, 1048577, 10**30, 1 << 20000)] == ["0", "1,048,577", "about 1e30", "about 1e6021"]
