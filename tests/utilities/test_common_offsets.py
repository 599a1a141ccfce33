"""What all data have in common costs no digits: scores + c and base + c have the credits of scores and base."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of

from errors_seen import tolerance
from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)
Array = NDArray[Any]

# Multiples of 1/2, or of 1, that a float of every offset below holds.
SCORES = np.array([[0.0, 1.0, 3.0, 4.0, 2.5], [7.0, 7.0, 5.5, 0.0, 6.0]])
WHOLE = np.floor(SCORES)
SIZES = np.array([0.0, 1.0, 3.0, 4.0, 2.0, 1.0])
TABLE = np.array([[0.0, 1.0, 2.0, 3.0], [3.0, 4.0, 2.0, 1.0], [4.0, 4.0, 7.0, 3.0]])
CHANCES = np.array([[0.5, 0.75, 1.0], [0.25, 0.5, 1.0], [0.5, 0.5, 1.0], [0.125, 0.25, 1.0], [0.0, 0.5, 1.0]])
WEIGHTS = np.array([1.0, 2.0, 3.0, 1.0, 0.5])
SETS = [[0, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]]

# By the scores and base, both moved; the base is that of the first score, or apart.
Maker = Callable[[Array, Any], sc.Utility]
MOVED: dict[str, Maker] = {
    "Max": u.Max,
    "Max, clipped": lambda scores, base: u.Max(scores, base, clip=True),
    "Min": u.Min,
    "Range": lambda scores, base: u.Range(scores),
    "median": u.LStatistic.median,
    "low median": lambda scores, base: u.LStatistic.median(scores, base, low=True),
    "quantile": lambda scores, base: u.LStatistic.quantile(scores, 0.3, base),
    "trimmed mean": lambda scores, base: u.LStatistic.trimmed_mean(scores, 0.2, base),
    "top mean": lambda scores, base: u.LStatistic.top_mean(scores, 3, base),
    "MthLargest": lambda scores, base: u.MthLargest(scores, 2, base),
    "SoftKNN": lambda scores, base: u.SoftKNN(scores, [3, 1, 2, 5, 4], 2, base),
    "Mean": u.Mean,
    "GroupVariance": lambda scores, base: u.GroupVariance(scores),
    "EnsembleError": lambda scores, base: u.EnsembleError(scores, base, scores.dtype.type(1)),
    "MinGap": lambda scores, base: u.MinGap(scores),
    "LogSumExp": u.LogSumExp,
    "LogMeanExp": u.LogMeanExp,
    "SoftmaxMean": lambda scores, base: u.SoftmaxMean(WEIGHTS.astype(scores.dtype), scores, base),
}
# By a number that is added to all values, or to all entries of a table of them.
ADDED: dict[str, Callable[[float, Any], sc.Utility]] = {
    "Cardinality": lambda c, kind: u.Cardinality((SIZES + c).astype(kind)),
    "ClassCounts": lambda c, kind: u.ClassCounts([1, 1, 2, 3, 1], (SIZES + c).astype(kind)),
    "Typed": lambda c, kind: u.Typed([0, 1, 1, 0, 1], (TABLE + c).astype(kind)),
    "Table": lambda c, kind: u.Table((np.arange(32) % 7 + c).astype(kind)),
    "ExpectedMax": lambda c, kind: u.ExpectedMax(CHANCES.astype(kind), (np.array([0.0, 1.0, 4.0]) + c).astype(kind)),
    "Moebius": lambda c, kind: u.Moebius(SETS, np.array([c, 0.3, -2.1], kind)),  # of the empty set
    "Product": lambda c, kind: u.Product(WEIGHTS.astype(kind), None, kind(2), kind(c)),
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "shapley": sc.set_shapley,
    "banzhaf": lambda game: sc.set_semivalue(game, semivalues.banzhaf),
    "owen": lambda game: sc.owen(game, [[0, 1], [2, 3, 4]]),
    "line": sc.connected_shapley,
    "order": lambda game: sc.marginal_vector(game, order=[2, 0, 1, 4, 3]),
}
every_way = pytest.mark.parametrize("way", WAYS)
OFFSETS: list[tuple[Any, float]] = [(np.float32, 1e3), (np.float32, 2.0**20), (np.float32, 1e7)]
OFFSETS += [(np.float64, 1e3), (np.float64, 1e9), (np.float64, 1e12), (np.float64, -(2.0**50)), (np.float64, 2.0**51)]
every_offset = pytest.mark.parametrize(("kind", "c"), OFFSETS, ids=str)


def check(game: sc.Utility, plain: sc.Utility, way: str, role: str, kind: Any) -> None:
    with using(role):
        credit, truth = WAYS[way](game), WAYS[way](plain)
    assert credit.dtype == kind
    worst = np.abs(credit - truth).max()
    assert worst <= tolerance(kind) * max(np.abs(truth).max(), 1.0), f"{credit} is not {truth}"


@every_offset
@every_way
@every_role
@pytest.mark.parametrize("family", MOVED)
def test_scores_and_base_moved_together(family: str, role: str, way: str, kind: Any, c: float) -> None:
    make, scores = MOVED[family], WHOLE if c == 1e7 else SCORES
    for base in (scores[:, 0], np.array([2.0, -1.0])):
        plain = make(scores, base)
        check(make((scores + c).astype(kind), (base + c).astype(kind)), plain, way, role, kind)


@every_offset
@every_role
@pytest.mark.parametrize("family", MOVED)
def test_absent_members_are_no_reference(family: str, role: str, kind: Any, c: float) -> None:
    """Their scores, read as 0, are as far from the others as can be."""
    make, scores = MOVED[family], WHOLE if c == 1e7 else SCORES
    mask = np.array([[False, True, True, False, True], [False, False, False, False, False]])
    for way in ("shapley", "owen", "order"):
        moved, plain = make((scores + c).astype(kind), (scores[:, 1] + c).astype(kind)), make(scores, scores[:, 1])
        check(_masked(moved, mask), _masked(plain, mask), way, role, kind)


def _masked(game: sc.Utility, mask: Array) -> sc.Utility:
    given: dict[str, Any] = {name: getattr(game, name) for name in game.fields}
    family: Any = type(game)
    masked: sc.Utility = family(**given, mask=mask)
    return masked


@every_offset
@every_way
@every_role
@pytest.mark.parametrize("family", ADDED)
def test_a_number_added_to_all_values(family: str, role: str, way: str, kind: Any, c: float) -> None:
    check(ADDED[family](c, kind), ADDED[family](0.0, np.float64), way, role, kind)


@every_role
def test_ranges_and_medians_by_hand(role: str) -> None:
    with using(role):
        spread = sc.set_shapley(u.Range(np.array([0, 1, 3, 4], np.float32) + np.float32(1e7)))
        assert spread == pytest.approx(np.array([4, 2, 2, 4]) / 3, rel=1e-6)
        x = np.array([0.0, 1.0, 2.0, 6.0]) + 1e9
        median = sc.set_shapley(u.LStatistic.median(x, base=x[0]))
        assert median == pytest.approx(sc.set_shapley(u.LStatistic.median(x - 1e9, base=0.0)), abs=1e-14)
        wide = u.LStatistic.median(np.broadcast_to(x, (2, 3, 4)), base=np.array([[x[0]], [x[1]]]))
        assert np.array_equal(sc.set_shapley(wide)[0, 2], median)


def _tenths(size: int) -> list[float]:
    return [1 / size] * size


# On ten members.
TEN: dict[str, Callable[[Any], Any]] = {
    "owen": lambda game: sc.owen(game, [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]]),
    "order": lambda game: sc.marginal_vector(game, order=[2, 0, 1, 4, 3, 9, 8, 7, 5, 6]),
}


@every_way
@every_role
def test_weights_whose_rounded_sum_is_not_quite_one(role: str, way: str) -> None:
    """Ten tenths, say: what is missing, times an offset of 1e12, is nobody's."""
    scores = np.array([[3.0, 1.0, 4.0, 1.5, 9.0]]).repeat(2, axis=0).ravel() + np.arange(10)
    assert np.cumsum(_tenths(10))[-1] != 1.0  # one after the other, which `sum` does not do in every Python
    plain = u.LStatistic.of_sizes(scores, _tenths, 2.0)
    solve = WAYS[way] if way not in ("owen", "order") else TEN[way]
    with using(role):
        moved = solve(u.LStatistic.of_sizes(scores + 1e12, _tenths, 2.0 + 1e12))
        assert np.abs(moved - solve(plain)).max() <= tolerance(np.float64) * 20


@every_role
def test_order_statistics_that_do_not_move_with_their_scores(role: str) -> None:
    """Weights that add up to 3/2 for two members, 0 for three: base counts for what it is."""
    weights = np.array([[1.0, 1.0, 0.5], [9.0, 0.5, 0.0], [9.0, 9.0, -0.5]])
    scores, base = np.array([[[1.0, 5.0, 2.0]], [[8.0, 3.0, 3.0]]]), np.array([[4.0], [-2.0]])
    game = u.LStatistic(scores, weights, base)
    for index in np.ndindex(2, 1):
        one = game[index]
        truth = [float(x) for x in oracle.shapley(one.value, 3)]
        with using(role):
            assert sc.set_shapley(game)[index] == pytest.approx(truth, abs=1e-14)
        assert sc.owen(game, [[0, 1, 2]])[index] == pytest.approx(truth, abs=1e-14)
        single = [float(x) for x in oracle.semivalue(game_of(table_of(one)), 3, [Fraction(1, 4)] * 3)]
        assert sc.set_semivalue(game, semivalues.banzhaf)[index] == pytest.approx(single, abs=1e-14)
        assert sc.connected_shapley(game)[index] == pytest.approx(sc.connected_shapley(one.value, 3), abs=1e-14)


@every_way
@every_role
@pytest.mark.parametrize("family", [u.LogSumExp, u.LogMeanExp])
def test_smooth_maxima_of_large_scores(family: Any, role: str, way: str) -> None:
    """Far beyond where a float tells neighbours apart."""
    with using(role):
        for size in (1e16, 1e18, 1e300):
            scores = np.array([size] * 5)
            credit = WAYS[way](family(scores))
            assert way == "banzhaf" or credit.sum() == pytest.approx(size, rel=1e-14)
            near = WAYS[way](family(scores, size))
            assert near == pytest.approx(WAYS[way](family(0 * scores)), abs=1e-14)


@every_role
@pytest.mark.parametrize("family", [u.LogSumExp, u.LogMeanExp])
@pytest.mark.parametrize("base", [0.0, 1e18])
@pytest.mark.parametrize(
    "scores",
    [
        [1e18, 0.0, -1e18],
        [1e18, 1e18, 0.0],
        [1e300, 1.0, 2.0],
        [1e16, 1e16 - 10, 5.0],
        [0.0, -1e17, -1e17 - 64, -2e17, -2e17 - 64],
        [0.0, -89.9, -180.0, -270.1, 40.0],
    ],
)
def test_smooth_maxima_of_scores_that_no_float_holds_apart(scores: list[float], base: float, family: Any, role: str) -> None:
    game = family(scores, base)
    k, table = game.k, table_of(game)
    with using(role):
        credit = sc.set_shapley(game)
    truth = oracle.shapley(game_of(table), k)
    assert np.abs(credit - [float(x) for x in truth]).max() <= tolerance(np.float64) / 100 * np.abs(table).max()
    partition = [[0, 2], [1, *range(3, k)]]
    union = [float(x) for x in oracle.owen(game_of(table), partition, k)]
    assert np.abs(sc.owen(game, partition) - union).max() <= tolerance(np.float64) / 100 * np.abs(table).max()


@every_way
@every_role
def test_a_cap_that_nothing_reaches_down_to(role: str, way: str) -> None:
    with using(role):
        assert np.abs(WAYS[way](u.SaturatedSum([1, 2, 3, 4, 5], -(10**17) - 1))).max() == 0.0
        credit = WAYS[way](u.SaturatedSum([1, -2, 3, -4, 5], 2**62))
        assert credit == pytest.approx([1.0, -2.0, 3.0, -4.0, 5.0], abs=1e-13)
