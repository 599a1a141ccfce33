"""Integers that size memory, index it or stand for numbers: right to the last one that is, and refused before they wrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u

from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)
VALUES: dict[str, Callable[[Any], Any]] = {
    "shapley": sc.set_shapley,
    "banzhaf": lambda game: sc.set_semivalue(game, semivalues.banzhaf),
    "owen": lambda game: sc.owen(game, [[0], list(range(1, game.k))]),
    "order": sc.marginal_vector,
}
every_value = pytest.mark.parametrize("value", VALUES)
HUGE = np.array([2**63 + 5, 1, 1], np.uint64)

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "sums that wrap to 0": (lambda: u.WeightedVoting([2**62] * 4, 5), "weights that sum to 18,446,744,073,709,551,616"),
    "the same with a cap": (lambda: u.SaturatedSum([2**62] * 4, 2**62), "weights that sum to 18,446,744,073,709,551,616"),
    "the largest integers": (lambda: u.WeightedVoting([2**63 - 1, 2**63 - 1, 1], 5), "divide them by a common factor"),
    "the smallest integer": (lambda: u.WeightedVoting([-(2**63), 1], 5), "weights that sum to 9,223,372,036,854,775,80"),
    "a bound that wraps": (lambda: u.WeightedVoting([2**62] * 4, 5, total=5), "total = 5 is no bound of the sum"),
    "an absolute value that wraps": (lambda: u.SaturatedSum([-(2**63), 0], 5, total=5), "total = 5 is no bound of the sum"),
    "weights": (lambda: u.WeightedVoting(HUGE, 2), "weights must be at most 2.*found 9223372036854775813 at .0. of shape"),
    "quota": (lambda: u.WeightedVoting([1, 1], HUGE[0]), "quota must be at most 2"),
    "cap": (lambda: u.SaturatedSum([1, 1], HUGE[0]), "cap must be at most 2"),
    "types": (lambda: u.Typed(HUGE, [0.0, 1.0, 2.0, 3.0], [4]), "types must be at most 2"),
    "types beyond all": (lambda: u.Typed.of_counts([0, 1, 2**62], lambda *counts: 0.0), "4611686018427387905 types, and 30"),
    "axes": (lambda: u.Typed([0, 1], np.zeros(4), (2, 2, *(1,) * 70)), "72 types, and 30 is the most"),
    "calls": (lambda: sc.set_shapley(u.Typed.of_counts(np.arange(29), lambda *counts: 0.0)), "536,870,912 vectors of counts"),
    "fractions": (lambda: u.Typed.of_counts([0.0, 1.0], lambda *counts: 0.0), "types must be integers"),
    "scores": (lambda: u.Max([2**53 + 1, 5]), r"scores must be whole numbers that float64 holds.*9007199254740993 at \[0\]"),
    "scores of many": (lambda: u.Mean(np.arange(20) + 2**60), "scores must be whole numbers that float64 holds"),
    "scores below": (lambda: u.Additive([-(2**53) - 1, 5]), "found -9007199254740993"),
    "the last of their type": (lambda: u.Additive(np.array([2**64 - 1], np.uint64)), "found 18446744073709551615"),
    "the last with a sign": (lambda: u.Additive([2**63 - 1]), "found 9223372036854775807"),
    "distances": (lambda: u.SumPairwise([[0, 2**53 + 1], [2**53 + 1, 0]]), "distances must be whole numbers that"),
    "above 0": (lambda: u.LogSum([2**53 + 1]), "weights must be whole numbers that float64 holds"),
    "coefficients": (lambda: (2**53 + 1) * u.Max([1.0]), "coefficient must be whole numbers that float64 holds"),
}


@every_value
@every_role
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, role: str, value: str) -> None:
    make, words = REFUSED[case]
    with using(role), pytest.raises(sc.InputError, match=words):
        VALUES[value](make())


@every_value
@every_role
def test_the_last_that_are_right(role: str, value: str) -> None:
    with using(role):
        solve = VALUES[value]
        for big in (2**63 - 1, -(2**63)):
            won = solve(u.WeightedVoting([1, 1, 1], big))
            assert won.tolist() == [0.0, 0.0, 0.0]
            assert np.array_equal(solve(u.Plurality([big, big, 7], big)), solve(u.Plurality([1, 1, 7], 1)))
            assert np.array_equal(solve(u.Entropy([big, big, 7])), solve(u.Entropy([1, 1, 7])))
        assert solve(u.SaturatedSum([1, 2, 3], 2**63 - 1)) == pytest.approx([1.0, 2.0, 3.0], rel=1e-14)
        assert solve(u.Additive([2**62, 2**53, 0])).tolist() == [2.0**62, 2.0**53, 0.0]
        absent = u.DistinctCount(HUGE, mask=[False, True, True])
        assert np.array_equal(solve(absent), solve(u.DistinctCount([1, 1, 1], mask=[False, True, True])))


def test_values_of_sums_above_int64() -> None:
    assert u.WeightedVoting([2**62] * 4, 5).value(range(4)) == 1.0
    assert u.SaturatedSum([2**62] * 4, 2**62).value(range(4)) == 2.0**62


@every_value
@every_role
@pytest.mark.parametrize("m", [4, 2**62, 2**63 - 1, 2**70])
def test_more_draws_than_members(m: int, role: str, value: str) -> None:
    scores = [1.0, 0.0, 3.0]
    with using(role):
        solve = VALUES[value]
        assert solve(u.PassAtK([1, 0, 1], m)).tolist() == [0.0, 0.0, 0.0]
        assert np.array_equal(solve(u.SoftKNN(scores, [1, 2, 3], m)), solve(u.SoftKNN(scores, [1, 2, 3], 3)))
        assert np.array_equal(solve(u.TopM(scores, m)), solve(u.TopM(scores, 3)))
        assert solve(u.MthLargest(scores, m)).tolist() == [0.0, 0.0, 0.0]
        assert np.array_equal(solve(u.LStatistic.top_mean(scores, m)), solve(u.LStatistic.top_mean(scores, 3)))


@every_value
@every_role
def test_keys_order_whatever_integers_they_are(role: str, value: str) -> None:
    """Times in nanoseconds, which no float64 tells apart."""
    for last in (2**63 - 1, np.uint64(2**64 - 1), np.int64(-(2**63) + 2)):
        keys = np.array([last, last - 1, last - 2])
        with using(role):
            solve = VALUES[value]
            assert np.array_equal(solve(u.DCG([1.0, 2.0, 4.0], keys)), solve(u.DCG([1.0, 2.0, 4.0], [3, 2, 1])))
            near = u.DCG.knn([1.0, 0.0, 1.0], keys, 1), u.DCG.knn([1.0, 0.0, 1.0], [3, 2, 1], 1)
            assert np.array_equal(solve(near[0]), solve(near[1]))
            soft = u.SoftKNN([1.0, 0.0, 1.0], keys, 1), u.SoftKNN([1.0, 0.0, 1.0], [3, 2, 1], 1)
            assert np.array_equal(solve(soft[0]), solve(soft[1]))


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int8])
def test_counts_of_types_of_any_integers(kind: Any) -> None:
    """An absent member is of no type, in whatever integers its own is given."""
    types, mask = np.array([0, 1, 1, 0], kind), np.array([True, False, True, True])

    def lead(ones: int, twos: int) -> float:
        return float(ones - twos) if ones > twos else 0.0

    game, alone = u.Typed.of_counts(types, lead, mask=mask), u.Typed.of_counts([0, 1, 0], lead)
    assert game.lengths == (3, 2)
    assert np.array_equal(sc.set_shapley(game)[mask], sc.set_shapley(alone))
    assert sc.set_shapley(game)[1] == 0.0
