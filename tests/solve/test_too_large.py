"""What no memory or no stack holds is refused with figures and the way out, before anything is asked; or it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import CoalitionTree, Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.blackbox.product_games import _leaves
from shapley_credit.blackbox.random_coalitions import _order, arrivals, stream
from shapley_credit.blackbox.structure import DEEPEST, Structure
from shapley_credit.solve.callables import counted

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
    (lambda: sc.owen(never, caterpillar(2000), 2001), r"unions of the coalition tree are too many within one another"),
    (lambda: sc.owen(u.Max(np.zeros(5001)), caterpillar(5000)), r"at most 1,000 are solved. Leave out levels"),
    (lambda: CoalitionTree.from_labels(*np.zeros((1001, 3), int)), r"has 1,001 levels; at most 1,000 are solved"),
    (lambda: sc.set_shapley(never, 10**9), r"k = 1000000000 members needs about 1e301029996 evaluations"),
    (lambda: sc.set_shapley(never, 10**13), r"needs about 1e3010299956640 evaluations.*shapley_credit.estimate"),
    (lambda: sc.set_semivalue(never, semivalues.banzhaf, 10**5000), r"k = about 1e5000 members needs about 2\^k evaluations"),
    (lambda: sc.marginal_vector(never, 10**13), r"k = 10000000000000 members is above 62"),
    (lambda: sc.connected_shapley(never, 10**13), r"k = 10000000000000 members is above 62"),
    (lambda: sc.plan(10**10), r"has at most 16,777,216 members; got 10000000000"),
    (lambda: sc.estimate(never, 10**5000, budget=100), r"has at most 16,777,216 members; got more"),
    (
        lambda: sc.owen(u.Determinant(np.ones((40, 20))), np.arange(40) // 8),
        r"credits of Determinant\(.*take about \d.\de\+1\d operations and [\d,.e+]+ GiB.*Take fewer members.*estimate\(",
    ),
    (lambda: sc.set_shapley(u.Determinant(np.broadcast_to(1.0, (9, 40000, 4)))), r"credits of Determinant"),
    (lambda: sc.set_shapley(u.GeometricMean(np.ones(10**4))), r"GeometricMean.*take about 5.0e\+15 operations"),
    (lambda: sc.set_shapley(u.GeometricMean(np.ones((9, 10**4)))), r"Take fewer members, or fewer groups at a time"),
    (
        lambda: sc.set_shapley(u.Entropy(np.zeros(10**5, int))),
        r"Entropy.*take about 2.0e\+10 operations and (59\d|1\.3e\+03) GiB",
    ),
    (lambda: sc.set_shapley(u.Entropy(np.zeros(10**5, int)) + u.Additive(np.zeros(10**5))), r"Entropy.*are refused"),
    (lambda: sc.marginal_vector(u.MthLargest(np.zeros(10**5), 3)), r"MthLargest.*are refused"),
    (lambda: sc.set_shapley(u.MthLargest(np.zeros(10**5), 3)), r"MthLargest.*take about 5.0e\+14 operations"),
    (lambda: sc.set_shapley(u.SoftKNN(np.zeros(10**5), np.zeros(10**5), 10**30)), r"SoftKNN.*take about 5.0e\+14 operations"),
    (
        lambda: sc.set_shapley(u.LStatistic.median(np.zeros(10**5))),
        r"LStatistic.*take about 1.0e\+15 operations",
    ),
    (lambda: sc.set_shapley(u.Cascade(np.ones((900, 10**4)), np.ones(10**4))), r"Cascade.* GiB, and more than"),
    (lambda: sc.set_shapley(u.ERR(np.ones(10**4))), r"ERR.*are refused"),
    (lambda: sc.set_shapley(u.MNLRevenue(np.ones(10**4), np.ones(10**4))), r"MNLRevenue.*are refused"),
    (lambda: sc.owen(u.DistinctCount(np.arange(200_000)), np.arange(200_000) // 500), r"DistinctCount.*are refused"),
    (lambda: sc.connected_shapley(u.Mean(np.zeros(10**5))), r"Mean.*take about \d.\de\+14 operations"),
    (
        lambda: sc.set_shapley(u.Typed.of_counts(np.arange(48) % 12, lambda *counts: 0.0)),
        r"function has 244,140,625 vectors of counts; 67,108,864",
    ),
    (
        lambda: sc.owen(u.Typed(np.arange(60) % 15, np.broadcast_to(0.0, (5,) * 12 + (1,) * 3)), np.arange(60) // 7),
        r"members are of type 12",
    ),
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


def test_numbers_beyond_all_members_are_those_of_all() -> None:
    """They are counted, and no size."""
    many, scores = 10**30, np.array([1.0, 4.0, 2.0])
    near = np.array([0.3, 0.1, 0.2])
    assert sc.set_shapley(u.SoftKNN(scores, near, many)).tolist() == sc.set_shapley(u.SoftKNN(scores, near, 3)).tolist()
    assert sc.owen(u.SoftKNN(scores, near, many), [[0, 1], [2]]).tolist() == sc.owen(u.Mean(scores), [[0, 1], [2]]).tolist()
    assert sc.set_shapley(u.TopM(scores, many)).tolist() == scores.tolist()
    assert sc.set_shapley(u.MthLargest(scores, many)).tolist() == [0.0] * 3
    assert sc.set_shapley(u.PassAtK([1, 0, 1], many)).tolist() == [0.0] * 3
    assert u.SoftKNN(scores, near, many).value([0, 1]) == 2.5


DEEP: list[tuple[Utility, float]] = [
    (u.Max(np.arange(999.0)), 998.0),
    (u.NoisyOr(np.full(999, 0.01)), 1 - 0.99**999),
    (u.Mean(np.arange(999.0)), 499.0),
    (u.DistinctCount(np.arange(999) % 7), 7.0),
]


@pytest.mark.parametrize(("game", "whole"), DEEP, ids=[type(game).__name__ for game, _ in DEEP])
def test_trees_of_a_thousand_levels_are_solved_on_any_stack(game: Utility, whole: float) -> None:
    import sys

    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(depth + 60)
        tree = CoalitionTree.from_nested(caterpillar(998))
        credits = sc.owen(game, tree), sc.owen(game, CoalitionTree(tree.labels[:, ::-1]))
        text, asked = str(tree), tree.budget()
    finally:
        sys.setrecursionlimit(limit)
    assert all(abs(credit.sum() - whole) < 1e-9 for credit in credits)
    assert text.count("\n") == 2 * 997
    assert asked == 2**999


def test_deep_trees_that_are_alike_share_their_solution() -> None:
    """Shapes are compared whole, however deep: two unions of one shape, and two groups of it."""
    one = CoalitionTree.from_nested(caterpillar(300)).labels
    labels = np.concatenate([np.repeat([[0, 1]], 301, axis=1), np.concatenate([one, one], axis=1)])
    scores = np.random.default_rng(0).random((2, 602))
    together = sc.owen(u.Max(scores), CoalitionTree(np.stack([labels, labels[:, ::-1]])))
    apart = [sc.owen(u.Max(row), CoalitionTree(part)) for row, part in zip(scores, (labels, labels[:, ::-1]), strict=True)]
    assert together.tobytes() == np.stack(apart).tobytes()


def test_levels_that_count_are_what_is_walked() -> None:
    deep = CoalitionTree(np.zeros((999, 3), int))
    assert sc.owen(u.Max([1.0, 2.0, 4.0]), deep).tolist() == sc.set_shapley(u.Max([1.0, 2.0, 4.0])).tolist()
