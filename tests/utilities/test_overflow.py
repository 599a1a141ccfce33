"""Scores of any size: credits scale with them to the ends of the floats, or are refused by name; no warning escapes."""

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

from errors_seen import tolerance
from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)
Array = NDArray[Any]

X = np.array([1.0, 2.0, 3.5, 4.0])
SETS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1]], np.bool_)
PAIRS = np.abs(np.subtract.outer(X, X))
SHRINKING = np.array([0.0, 1.0, 0.5, 0.25, 0.125])
STEPS = np.array([-4.0, 1.0, 2.0, 3.0, 4.0])
RUNS = np.triu(1.0 + PAIRS)
CUT = PAIRS + np.triu(np.ones((4, 4)))
TABLE = np.array([[-4.0, 1.0, 2.0], [3.0, 4.0, 2.0], [4.0, 4.0, 4.0]])
CDF = np.array([[0.5, 1.0], [0.25, 1.0], [0.5, 1.0], [0.125, 1.0]])
SIMILARITY = np.array([[1.0, 0.0], [3.0, 2.0], [4.0, 1.0], [1.0, 1.0]])

# Homogeneous of degree 1 in what `by` scales and casts.
LINEAR: dict[str, Callable[[Callable[[Any], Array]], sc.Utility]] = {
    "Additive": lambda by: u.Additive(by(X)),
    "Mean": lambda by: u.Mean(by(X)),
    "Mean less base": lambda by: u.Mean(by(X), by(-4)),
    "SizedSum": lambda by: u.SizedSum(by(X), SHRINKING.tolist()),
    "Cardinality": lambda by: u.Cardinality(by(STEPS)),
    "MeanPairwise": lambda by: u.MeanPairwise(by(PAIRS)),
    "SumPairwise": lambda by: u.SumPairwise(by(PAIRS), SHRINKING.tolist()),
    "Quadratic": lambda by: u.Quadratic(by(X), by(-PAIRS / 2)),
    "Cut": lambda by: u.Cut(by(CUT)),
    "Max": lambda by: u.Max(by(X)),
    "Max less base": lambda by: u.Max(by(X), by(-4)),
    "Max, clipped": lambda by: u.Max(by(X), by(1), clip=True),
    "Min": lambda by: u.Min(by(X)),
    "Range": lambda by: u.Range(by(2 * X - 5)),
    "median": lambda by: u.LStatistic.median(by(X), by(-4)),
    "MthLargest": lambda by: u.MthLargest(by(X), 2, by(-4)),
    "SoftKNN": lambda by: u.SoftKNN(by(X), [1, 2, 3, 4], 2, by(-4)),
    "DCG": lambda by: u.DCG(by(X)),
    "TopM": lambda by: u.TopM(by(X - 3), 2),
    "Cascade": lambda by: u.Cascade(by(X), [0.5] * 4),
    "Coverage": lambda by: u.Coverage(SETS, by([4, -4, 3])),
    "FacilityLocation": lambda by: u.FacilityLocation(by(SIMILARITY)),
    "Moebius": lambda by: u.Moebius(SETS, by([4, -4, 3])),
    "MyersonPath": lambda by: u.MyersonPath(by(RUNS)),
    "ExpectedMax": lambda by: u.ExpectedMax(CDF.tolist(), by([-4, 4])),
    "Product": lambda by: u.Product([0.5, 0.25, 0.5, 0.25], None, by(4)),
    "ClassCounts": lambda by: u.ClassCounts([1, 1, 2, 3], by(STEPS)),
    "Typed": lambda by: u.Typed([0, 1, 1, 0], by(TABLE)),
    "Table": lambda by: u.Table(by(np.arange(16) % 9 - 4)),
    "GeometricMean": lambda by: u.GeometricMean(by(X)),
    "SoftmaxMean": lambda by: u.SoftmaxMean([1.0, 2.0, 3.0, 4.0], by(X), by(-4)),
    "MNLRevenue": lambda by: u.MNLRevenue([1.0, 2.0, 3.0, 4.0], by(X)),
    "MinGap": lambda by: u.MinGap(by(2 * X - 5)),
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "shapley": sc.set_shapley,
    "banzhaf": lambda game: sc.set_semivalue(game, semivalues.banzhaf),
    "owen": lambda game: sc.owen(game, [[0, 1], [2, 3]]),
    "line": sc.connected_shapley,
    "order": sc.marginal_vector,
    "value": lambda game: np.array([game.value(members) for members in ((0, 1, 2, 3), (1, 2), ())]),
}
every_way = pytest.mark.parametrize("way", WAYS)
# Powers of two by which the data are scaled; the largest entries are 4 or 5, and floats end at 2^128 and 2^1024.
SAFE = {np.float32: (-100, -60, 40, 64, 100, 118), np.float64: (-960, -500, 40, 512, 960, 1014)}
LAST = {np.float32: (123, 124, 125), np.float64: (1019, 1020, 1021)}


def scaled(kind: Any, power: int) -> Callable[[Any], Array]:
    return lambda values: (np.asarray(values, np.float64) * 2.0**power).astype(kind)


def exact_to(credit: Array, truth: Array, power: int, kind: Any) -> bool:
    """Whether credits are those of the game scaled by 2^power, none of them further off than the largest has digits."""
    error = np.abs(np.ldexp(credit.astype(np.longdouble), -power) - truth).max()
    return bool(error <= tolerance(kind) * np.abs(truth).max())


@every_way
@every_role
@pytest.mark.parametrize("kind", SAFE)
@pytest.mark.parametrize("family", LINEAR)
@pytest.mark.filterwarnings("error")
def test_credits_scale_with_scores(family: str, kind: Any, role: str, way: str) -> None:
    with using(role):
        truth = np.asarray(WAYS[way](LINEAR[family](scaled(np.float64, 0))))
        for power in SAFE[kind]:
            credit = np.asarray(WAYS[way](LINEAR[family](scaled(kind, power))))
            assert exact_to(credit, truth, power, kind), f"2^{power}: {credit} is not {truth}"


@every_way
@every_role
@pytest.mark.parametrize("kind", LAST)
@pytest.mark.parametrize("family", LINEAR)
@pytest.mark.filterwarnings("error")
def test_right_or_refused_at_the_end_of_the_floats(family: str, kind: Any, role: str, way: str) -> None:
    with using(role):
        truth = np.asarray(WAYS[way](LINEAR[family](scaled(np.float64, 0))))
        for power in LAST[kind]:
            end = 2.0 ** (127 - power) if kind is np.float32 else 2.0 ** (1023 - power)
            try:
                credit = np.asarray(WAYS[way](LINEAR[family](scaled(kind, power))))
            except sc.InputError as error:
                if "overflow float" not in str(error):
                    raise
                if way not in ("value", "line"):  # sums of float32 on the way may overflow, in float64 they don't
                    fits = kind is np.float32 and np.abs(truth).max() <= end / 2
                    if fits:
                        pytest.fail(f"2^{power} is refused: {error}")
                continue
            assert exact_to(credit, truth, power, kind), f"2^{power}: {credit} is not {truth}"


@every_role
def test_a_group_that_overflows_on_its_way_leaves_others_their_bits(role: str) -> None:
    scores = np.array([[3e38, 3e38, 1e38], [0.1, 0.2, 0.7]], np.float32)
    with using(role):
        credit = sc.set_shapley(u.Mean(scores))
        assert np.array_equal(credit[1], sc.set_shapley(u.Mean(scores[1])))
        assert credit[0] == pytest.approx(sc.set_shapley(u.Mean(scores[0].astype(np.float64))), rel=1e-6)


def test_values_of_float32_that_overflow_on_their_way() -> None:
    scores = np.full((2, 3), 3e38, np.float32)
    values = u.Mean(scores).value((0, 1, 2))
    assert values.dtype == np.float32
    assert np.array_equal(values, scores[:, 0])
    assert u.MeanPairwise(np.full((4, 4), 3e38, np.float32)).value(range(4)) == pytest.approx(3e38, rel=1e-6)


def test_values_of_intervals_that_overflow_float32_on_their_way() -> None:
    """The last member is reached with 2^-40, by way of 2^200, which pays nothing."""
    gains, reach, keys = [4.0, 3.0, 0.0, 0.0, 0.5], [2.0**100, 2.0**100, 2.0**-120, 2.0**-120, 0.0], [5.0, 4.0, 3.0, 2.0, 1.0]
    truth = sc.connected_shapley(u.Cascade(gains, reach, keys))
    found = sc.connected_shapley(u.Cascade(*(np.array(part, np.float32) for part in (gains, reach, keys))))
    assert found.dtype == np.float32
    assert found == pytest.approx(truth, rel=1e-6)
    with pytest.raises(sc.InputError, match="overflow float32"):
        sc.connected_shapley(u.Cascade(*(np.array(part, np.float32) for part in ([4.0, 3.0, 1.0, 0.0, 0.5], reach, keys))))


@every_role
def test_a_determinant_that_overflows_is_refused_on_every_way(role: str) -> None:
    huge = u.Determinant(np.full((1, 1), 1e300))
    ways: list[Callable[[Any], Any]] = [sc.set_shapley, sc.connected_shapley, sc.marginal_vector, lambda game: game.value([0])]
    for ask in ways:
        with using(role), pytest.raises(sc.InputError, match="overflow float64"):
            ask(huge)


@every_role
def test_sums_of_utilities_that_overflow_are_refused(role: str) -> None:
    with using(role), pytest.raises(sc.InputError, match="overflow float64; scale them down"):
        sc.set_shapley(1e200 * u.Additive([1e200, 0.0]))
    with using(role), pytest.raises(sc.InputError, match="overflow float64; scale them down"):
        (1e200 * u.Additive([1e200, 0.0])).value((0,))


@every_role
@pytest.mark.parametrize("size", [1e10, 1e16, 1e-16, 1e200])
def test_geometric_means_on_trees_whatever_their_size(size: float, role: str) -> None:
    """Beside an absent member, a factor of 1, scores of any size keep their digits."""
    x = X * size

    def mean(members: tuple[int, ...]) -> float:
        return float(np.exp(np.log(X[list(members)]).mean())) if members else 0.0

    partition = [[0, 2], [1, 3]]
    owen, shapley = (
        [float(c) for c in credit] for credit in (oracle.owen(_of(mean), partition, 4), oracle.shapley(_of(mean), 4))
    )
    with using(role):
        assert sc.owen(u.GeometricMean(x), partition) / size == pytest.approx(owen, rel=1e-13)
        assert sc.owen(u.GeometricMean(x), [[0, 1, 2, 3]]) / size == pytest.approx(shapley, rel=1e-13)
        absent = u.GeometricMean([*x, 1e300], mask=[True] * 4 + [False])
        assert sc.owen(absent, [*partition, [4]])[:4] / size == pytest.approx(owen, rel=1e-13)
        assert not sc.owen(u.GeometricMean(x, mask=[False] * 4), partition).any()


def _of(function: Callable[[tuple[int, ...]], float]) -> oracle.Game:
    return lambda members: Fraction(function(members))


@every_role
@pytest.mark.parametrize("size", [1e-307, 3e-308, 1e300, 1e307])
def test_shares_of_weights_of_any_size(size: float, role: str) -> None:
    w, values = np.array([1.0, 2.0, 4.0]), [1.0, 2.0, 4.0]
    games: list[Callable[[Array, float], sc.Utility]] = [
        u.MNLShare,
        lambda w, w_0: u.MNLRevenue(w, values, w_0),
        lambda w, w_0: u.SoftmaxMean(w, values),
    ]

    def owen(game: sc.Utility) -> Array:
        return np.asarray(sc.owen(game, [[0], [1, 2]]))

    with using(role):
        for make in games:
            for solve in (sc.set_shapley, owen, sc.marginal_vector):
                assert solve(make(w * size, size)) == pytest.approx(solve(make(w, 1.0)), rel=1e-12, abs=0.0)


GRAM = [
    (kind, size, near) for kind in (np.float32, np.float64) for size in (1e-12, 1e-4, 1.0, 1e4, 1e9) for near in (1.0, 1e-3)
]


@every_role
@pytest.mark.parametrize(("kind", "size", "near"), GRAM)
def test_determinants_of_vectors_short_long_and_nearly_parallel(kind: Any, size: float, near: float, role: str) -> None:
    x = (size * (1 + near * np.random.default_rng(0).normal(size=(4, 2)))).astype(kind)
    exact = [[Fraction(float(entry)) for entry in row] for row in x]

    def value(members: tuple[int, ...]) -> Fraction:
        """det(I + A) - 1 = tr A + det A for 2 x 2."""
        a, b, d = (sum((exact[i][r] * exact[i][c] for i in members), Fraction(0)) for r, c in ((0, 0), (0, 1), (1, 1)))
        return a + d + a * d - b * b

    game, slack = u.Determinant(x), 1e-7 if kind is np.float32 else 1e-11
    for members in ((), (2,), (0, 3), (0, 1, 2, 3)):
        assert game.value(members) == pytest.approx(float(value(members)), rel=slack, abs=0.0)
    with using(role):
        for credit, truth in (
            (sc.set_shapley(game), oracle.shapley(value, 4)),
            (sc.owen(game, [[0], [1, 2, 3]]), oracle.owen(value, [[0], [1, 2, 3]], 4)),
            (sc.marginal_vector(game), [value(tuple(range(i + 1))) - value(tuple(range(i))) for i in range(4)]),
        ):
            assert np.abs(credit - [float(c) for c in truth]).max() <= slack * float(max(truth))


def test_products_that_overflow_are_worth_nothing_times_nothing() -> None:
    utility = u.Product(np.full((2, 65), 1e30), scale=[0.0, 1e-300], offset=3.0)
    for credit in (sc.set_shapley(utility[0]), sc.connected_shapley(utility[0]), sc.owen(utility[0], np.arange(65) // 9)):
        assert not credit.any()
    assert utility[0].value(np.arange(65)) == 3.0
    with pytest.raises(sc.InputError, match="overflow"):
        sc.set_shapley(utility)
