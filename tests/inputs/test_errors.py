"""Bad input: every message says what was given, what is needed and what to do."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import dispatch
from shapley_credit import utilities as u

NAN, INF = float("nan"), float("inf")


def nan_at(shape: tuple[int, ...], index: tuple[int, ...], value: float = NAN) -> Any:
    array = np.zeros(shape)
    array[index] = value
    return array


BAD_DATA: list[tuple[Callable[[], Any], str]] = [
    # not finite
    (
        lambda: sc.set_shapley(u.Max([1.0, NAN])),
        r"scores must be finite; found nan at \[1\] of shape \(2,\). Mask absent candidates with mask=",
    ),
    (
        lambda: sc.set_shapley(u.Max(nan_at((1024, 8), (3, 1)))),
        r"scores must be finite; found nan at \[3, 1\] of shape \(1024, 8\)",
    ),
    (lambda: u.Mean(nan_at((9, 4), (2, 0), -INF)), r"found -inf at \[2, 0\]"),
    (lambda: u.Max([1.0], base=INF), r"base must be finite; found inf"),
    (lambda: u.FacilityLocation([[1.0, NAN]]), r"similarity must be finite; found nan at \[0, 1\]"),
    (lambda: u.Additive([1.0]) * NAN, r"coefficient must be finite; found nan"),
    (lambda: sc.set_shapley([0.0, 1.0, NAN, 2.0], 2), r"values must be finite; found nan at \[2\] of shape \(4,\)"),
    (
        lambda: sc.set_shapley(nan_at((1 << 14,), (5,), INF), 14),
        r"values must be finite; found inf at \[5\] of shape \(16384,\)",
    ),
    (
        lambda: sc.set_shapley([-1.7e308, 1.7e308], 1),
        r"the values of Table\(values=float64\[2\]\) overflow float64; scale them down",
    ),
    # shapes
    (lambda: u.Max(3.0), r"scores needs shape \[..., k\]; got \(\)"),
    (lambda: u.Max(np.zeros((5, 0))), r"scores of shape \(5, 0\) has no candidates; a set needs at least one"),
    (lambda: u.Max([]), r"no candidates"),
    (lambda: u.Max([[1.0, 2.0], [3.0]]), r"scores must be a rectangular array.*mark the absent candidates with mask="),
    (lambda: u.Max([1.0, 2.0], mask=[True]), r"mask of shape \(1,\) must be \[..., k\] with k = 2, as scores of shape \(2,\)"),
    (
        lambda: u.Max(np.zeros((3, 2)), mask=np.ones((4, 2))),
        r"do not broadcast: scores \(3,\), base \(\), mask \(4,\)",
    ),
    (lambda: u.Max(np.zeros((3, 2)), base=np.zeros(4)), r"leading axes do not broadcast: scores \(3,\), base \(4,\)"),
    (lambda: u.Coverage([True, False]), r"hits needs shape \[..., k, E\]; got \(2,\)"),
    (lambda: u.Coverage([[True, False]], weights=[1.0]), r"weights of shape \(1,\) must be \[..., E\] with E = 2, as hits"),
    (lambda: u.SumPairwise(np.zeros((3, 2))), r"distances of shape \(3, 2\) must be \[..., k, k\] with k = 3"),
    (lambda: u.DCG([1.0, 2.0], discounts=[1.0]), r"discounts of shape \(1,\) must be \[..., k\] with k = 2"),
    (lambda: sc.set_shapley([1.0, 2.0, 3.0], 2), r"values of shape \(3,\) must be \[..., 2\*\*k\]; 3 is no such length"),
    (lambda: sc.set_shapley([1.0], 1), r"no candidates"),
    (lambda: sc.set_shapley(2.0, 1), r"values needs shape \[..., 2\*\*k\]; got \(\)"),
    (lambda: u.Cardinality([1.0]), r"no candidates"),
    # domains
    (lambda: u.NoisyOr([0.5, -0.1]), r"probabilities must be probabilities in \[0, 1\]; found -0.1 at \[1\]"),
    (lambda: u.NoisyOr([0.5, 1.5]), r"found 1.5 at \[1\]"),
    (lambda: u.Coverage([[0.5]]), r"hits must be booleans or all 0 and 1; found 0.5"),
    (lambda: u.PassAtK([0, 2], 1), r"correct must be booleans or all 0 and 1; found 2"),
    (lambda: u.Max([1.0], mask=[0.5]), r"mask must be booleans or all 0 and 1"),
    (lambda: u.SumPairwise([[0.0, 1.0], [2.0, 0.0]]), r"distances must be symmetric; found 1.0 at \[0, 1\] but 2.0"),
    (lambda: u.SumPairwise([[False, True], [False, False]]), r"distances must be symmetric; found True at \[0, 1\] but False"),
    (lambda: u.Max([1j]), r"scores must hold real numbers; got an array of complex128"),
    (lambda: u.Max(np.zeros(2, np.longdouble)), r"computes in float64 at most"),
    (lambda: u.Max(np.ma.masked_invalid([1.0, NAN])), r"masked array, whose mask would be lost; pass scores.data and mask=~"),
    (lambda: u.TopM([1.0], 0), r"m must be a whole number >= 1; got 0"),
    (lambda: u.TopM([1.0], 1.5), r"m must be a whole number >= 1; got 1.5"),  # type: ignore[arg-type]
    (lambda: u.PassAtK([1], True), r"m must be a whole number >= 1; got True"),
    (lambda: u.Plurality([1], ties="half"), r"ties must be one of 'strict', 'shared'; got 'half'"),
    (lambda: sc.owen(u.MinGap(np.arange(21.0)), np.arange(21) // 3), r"smallest gap of 21 points in unions .* at most 20"),
    (lambda: sc.set_shapley(u.MinGap(np.arange(1001.0))), r"smallest gap of 1,001 points takes numbers of sets beyond floats"),
    (lambda: u.Typed([0, 2], [[0.0, 1.0]]), r"types must be in 0 .. 1, as the table has 2 axes; found 0 .. 2"),
    (lambda: u.Typed([0, -1], [[0.0, 1.0]]), r"types must be in 0 .. 1, as the table has 2 axes; found -1 .. 0"),
    (lambda: sc.set_shapley(u.Typed([0, 0], [[0.0, 1.0]])), r"2 members are of type 0, but axis 0 of the table counts to 0"),
    (lambda: u.Typed([0.0, 1.0], [[0.0, 1.0]]), r"types must be integers, 0, 1, \.\.; got float64"),
    (lambda: u.Typed([0, 1], np.zeros((5, 3)), (2, 2)), r"table must be \[..., 4\] for lengths \(2, 2\); got \(5, 3\)"),
    (lambda: u.Typed([0, 1], np.zeros(4), (2, 0)), r"each of lengths must be a whole number >= 1; got 0"),
    (lambda: u.Typed.of_counts([0.5], lambda n: 0.0), r"types must be integers 0 .. T-1; got an array of float64"),
    (lambda: u.MNLShare([1.0, 0.0]), r"weights must be above 0; found 0.0 at \[1\]"),
    (lambda: u.WeightedVoting([1.5, 2.0], 2), r"weights must be integers \(round real weights to a grid.*got float64"),
    (lambda: u.WeightedVoting.majority([2, 0]), r"correct must be booleans or all 0 and 1; found 2"),
    (lambda: sc.set_shapley(u.SaturatedSum([10**6, 10**6], 3)), r"weights that sum to 2,000,000 are too many to count"),
    (lambda: u.LStatistic.quantile([1.0], 1.5), r"q must be in \[0, 1\]; got 1.5"),
    (lambda: u.LStatistic.trimmed_mean([1.0], 0.5), r"cut must be in \[0, 1/2\); got 0.5"),
    (lambda: u.LStatistic.of_sizes([1.0, 2.0], lambda size: [1.0]).weights, r"column\(2\) must hold 2 weights; got 1"),
    (lambda: u.DCG.rbp([1.0], 1.0), r"persistence must be in \[0, 1\); got 1.0"),
    (lambda: u.DCG.knn([1.0], [1.0], 0), r"neighbors must be a whole number >= 1; got 0"),
    (lambda: u.DCG.knn([1.0], [NAN], 1), r"distances must be finite; found nan"),
    # k and the kind of utility
    (
        lambda: sc.set_shapley(u.Max([1.0, 2.0]), 3),
        r"k = 3 was asked for, but the utility has k = 2 members: Max\(scores=float64\[2\]",
    ),
    (lambda: sc.set_shapley([0.0, 1.0], 2), r"k = 2 was asked for, but the utility has k = 1"),
    (lambda: sc.set_shapley(u.Max([1.0]), 1.0), r"k must be a whole number of members >= 1; got 1.0"),  # type: ignore[arg-type]
    (lambda: sc.set_shapley(u.Max([1.0]), 0), r"k must be a whole number of members >= 1; got 0"),
    (lambda: sc.set_shapley(u.Max), r"Max is a class; make a utility of it first, Max\(...\)"),
    (lambda: sc.set_shapley(len), r"k is required with a function: set_shapley\(function, k\)"),
    (lambda: sc.set_shapley(len, 21), r"k = 21 members needs 2,097,152 evaluations, .* are refused. Use a structured utility"),
    # sums and coalitions
    (lambda: u.Max([1.0]) + u.Max([1.0, 2.0]), r"utilities of 1 and 2 members can't be added"),
    (lambda: u.Max(np.zeros((2, 3))) + u.Max(np.zeros((4, 3))), r"leading axes of the terms do not broadcast"),
    (lambda: np.zeros(3) * u.Max(np.zeros((2, 3))), r"leading axes of the terms do not broadcast"),
    (lambda: u.Max([1.0, 2.0]).value((0, 2)), r"members in 0 .. 1 or a bool array of shape \(2,\); got \(0, 2\)"),
    (lambda: u.Max([1.0, 2.0]).value((-1,)), r"members in 0 .. 1"),
    (lambda: u.Max([1.0, 2.0]).value((0.5,)), r"members in 0 .. 1"),
]


@pytest.mark.parametrize(("make", "message"), BAD_DATA, ids=range(len(BAD_DATA)))
def test_bad_data_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        make()


def test_a_vote_of_many_classes_on_a_tree_is_refused_before_it_starts() -> None:
    with pytest.raises(sc.InputError, match=r"40 classes on a coalition tree has 1,099,511,627,776 vectors of counts"):
        sc.owen(u.Plurality(np.arange(40)), np.arange(40) // 8)


def test_a_utility_is_added_only_to_utilities() -> None:
    best: Any = u.Max([1.0])
    operations: list[Callable[[], Any]] = [lambda: best + 1, lambda: 1 - best, lambda: best * best, lambda: best / best]
    for operation in operations:
        with pytest.raises(TypeError, match="unsupported operand"):
            operation()


def values_by_size(coalition: tuple[int, ...]) -> float:
    return float(len(coalition))


BAD_ANSWERS: list[tuple[Any, str]] = [
    (NAN, r"the utility returned nan for coalition \(0, 2\)"),
    (-INF, r"the utility returned -inf for coalition \(0, 2\)"),
    (None, r"must return one number; got None for coalition \(0, 2\)"),
    ("3", r"must return one number; got '3'"),
    (1j, r"must return one number; got 1j"),
    (np.zeros(1), r"must return one number; got array\(\[0.\]\)"),
    ([[1.0], [1.0, 2.0]], r"returned junk: the value must be a rectangular array.* for coalition \(0, 2\)"),
]


@pytest.mark.parametrize(("answer", "message"), BAD_ANSWERS, ids=range(len(BAD_ANSWERS)))
def test_junk_from_a_function_is_refused_and_nothing_is_lost(answer: Any, message: str) -> None:
    asked: list[tuple[int, ...]] = []

    def utility(coalition: tuple[int, ...]) -> Any:
        asked.append(coalition)
        return answer if coalition == (0, 2) else float(len(coalition))

    with pytest.raises(sc.EvaluationError, match=message) as caught:
        sc.set_shapley(utility, 3)
    error = caught.value
    assert asked == [(), (0,), (1,), (0, 1), (2,), (0, 2)]
    assert error.coalition == (0, 2)
    assert error.values[:5].tolist() == [0, 1, 1, 2, 1]
    assert np.isnan(error.values[5:]).all()
    missing = np.flatnonzero(np.isnan(error.values))
    error.values[missing] = [float(int(code).bit_count()) for code in missing]
    assert sc.set_shapley(error.values, 3).tolist() == [1, 1, 1]


def test_an_exception_of_a_function_is_kept_as_the_cause() -> None:
    def utility(coalition: tuple[int, ...]) -> float:
        return 1 / (len(coalition) - 2)

    with pytest.raises(sc.EvaluationError, match=r"raised ZeroDivisionError for coalition \(0, 1\)") as caught:
        sc.set_shapley(utility, 3)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.values[:3].tolist() == [-0.5, -1.0, -1.0]


BAD_BATCHES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda c: c.sum(axis=1)[:-1], r"must return 8 numbers, shape \(8,\); got int64 of shape \(7,\)"),
    (lambda c: c.sum(axis=1)[:, None], r"got int64 of shape \(8, 1\)"),
    (lambda c: None, r"must return 8 numbers.*got None"),
    (lambda c: np.where(c.sum(axis=1) == 2, NAN, 1.0), r"returned nan for coalition \(0, 1\)"),
    (lambda c: c.no_such_method(), r"the batched utility raised AttributeError"),
]


@pytest.mark.parametrize(("function", "message"), BAD_BATCHES, ids=range(len(BAD_BATCHES)))
def test_junk_from_a_batched_function_is_refused(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(sc.EvaluationError, match=message):
        sc.set_shapley(sc.batched(function), 3)


def test_batched_failure_keeps_the_blocks_before_it() -> None:
    calls = []

    def utility(coalitions: Any) -> Any:
        calls.append(len(coalitions))
        if len(calls) == 2:
            raise OSError("the reward model is gone")
        return coalitions.sum(axis=1)

    with pytest.raises(sc.EvaluationError, match="OSError: the reward model is gone") as caught:
        sc.set_shapley(sc.batched(utility), 16)
    assert calls == [1 << 14, 1 << 14]
    assert np.isfinite(caught.value.values[: 1 << 14]).all()
    assert np.isnan(caught.value.values[1 << 14 :]).all()


def test_batched_needs_a_function() -> None:
    with pytest.raises(TypeError, match=r"batched\(\) needs a function"):
        sc.batched(3)  # type: ignore[arg-type]


def test_errors_travel_between_processes() -> None:
    error = sc.EvaluationError("message", (1,), np.arange(2), np.zeros(2))
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.coalition, copy.values.tolist()) == ("message", (1,), [0, 0])


def test_an_absent_role_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    dispatch.kernel.cache_clear()
    try:
        with pytest.raises(sc.MissingExtraError, match=r"pip install '\.\[cpu\]'"):
            dispatch.kernel("table", "solve", "cpu")
    finally:
        dispatch.kernel.cache_clear()
