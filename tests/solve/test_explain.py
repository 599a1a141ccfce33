"""Explanations against brute force, of every family, masked and batched: terms, sizes of coalitions, presence of others."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from shapley_credit import Explanation, Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import Array, instances

from device_checks import moved, on_host
from errors_seen import tolerance
from family_games import close, every_dtype, every_family
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_meta, to_strict, to_torch
from pages import run_sessions

# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])
MASK = [[True, False, True, True], [False, False, True, False]]
SQUARE = np.arange(9.0).reshape(3, 3)
SCORES, LABELS = np.array([[3.0, 9.0, 5.0, 1.0], [4.0, 2.0, 2.0, 8.0]]), np.array([1, 2, 1, 2])


# Brute force.


def shapley(v: oracle.Game, k: int) -> list[Fraction]:
    return oracle.semivalue(v, k, oracle.shapley_weights(k))


def by_presence(v: oracle.Game, k: int) -> Array:
    """phi_i(N) - phi_i(N without j) at [i, j], of the game of the sets without j."""
    whole = shapley(v, k)
    less = [shapley(lambda members, j=j: v(tuple(i for i in members if i != j)), k) for j in range(k)]  # type: ignore[misc]
    return np.array([[float(whole[i] - less[j][i]) for j in range(k)] for i in range(k)])


def by_size(v: oracle.Game, k: int, present: Array) -> Array:
    """The mean over all sets of s other present members at [i, s], 0 for absent members, NaN beyond the number present."""
    here = [int(i) for i in np.flatnonzero(present)]
    means = np.full((k, k), np.nan)
    means[:, : len(here)] = 0.0
    for i in here:
        others = [j for j in here if j != i]
        for s in range(len(here)):
            steps = [v(tuple(sorted((*before, i)))) - v(before) for before in combinations(others, s)]
            means[i, s] = float(sum(steps, Fraction(0)) / len(steps))
    return means


def check_group(found: Explanation, one: Utility, present: Array, dtype: Any) -> None:
    table = table_of(one)
    v, scale, k = game_of(table), float(np.abs(table).max()), one.k
    assert close(found.credit, [float(credit) for credit in shapley(v, k)], scale, dtype)
    sizes = by_size(v, k, present)
    assert_array_equal(np.isnan(found.by_size), np.isnan(sizes))
    assert close(np.nan_to_num(found.by_size), np.nan_to_num(sizes), scale, dtype)
    if present.any():
        assert close(np.nanmean(found.by_size, axis=1), found.credit, scale, dtype)
    assert close(found.without, by_presence(v, k), scale, dtype)
    assert close(found.without, found.without.T, scale, dtype)
    assert_array_equal(np.diag(found.without), found.credit)
    assert not found.without[~present].any()
    assert not found.without[:, ~present].any()


@every_family
@every_dtype
@few
@given(data=st.data())
def test_every_family_is_what_brute_force_says(family: type[Utility], dtype: Any, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 6))
    shape = data.draw(st.sampled_from([(), (2,)])) if k < 6 else ()
    drawn = data.draw(instances(family, dtype, k, shape))
    utility = drawn.utility
    found = sc.explain(utility, k)
    present = np.ones((*shape, k), np.bool_) if drawn.mask is None else drawn.mask
    assert_array_equal(found.present, present)
    assert_array_equal(found.credit, sc.set_shapley(utility))
    (part,) = found.terms
    assert (part.name, part.coefficient) == (family.__name__, 1.0)
    assert_array_equal(part.credit, found.credit)
    for array, axes in ((found.credit, (k,)), (found.by_size, (k, k)), (found.without, (k, k))):
        assert array.shape == (*shape, *axes)
        assert array.dtype == found.credit.dtype == (utility.dtype or np.float64)
    for index in np.ndindex(shape):
        check_group(found[index] if shape else found, utility[index] if shape else utility, present[index], dtype)


@every_family
@few
@given(data=st.data())
def test_terms_add_up_bit_by_bit(family: type[Utility], data: st.DataObject) -> None:
    """Of several types and shapes, masked alike, with a coefficient for each group."""
    drawn = data.draw(instances(family, data.draw(st.sampled_from([np.float32, np.float64])), 4, (2,)))
    factors, of_labels = np.array([[0.5], [-3.0], [0.1]]), u.UniqueFraction if family is u.DistinctCount else u.DistinctCount
    utility = factors * drawn.utility - 0.25 * of_labels(LABELS, mask=drawn.mask) + 3.0 * drawn.utility
    found = sc.explain(utility)
    assert_array_equal(found.credit, sc.set_shapley(utility))
    assert_array_equal(sum(part.credit for part in found.terms), found.credit)
    assert [part.name for part in found.terms] == [family.__name__, of_labels.__name__, f"{family.__name__} 2"]
    first, *others = [part.coefficient for part in found.terms]
    assert isinstance(first, np.ndarray)
    assert_array_equal(first, np.broadcast_to(factors, (3, 2)))
    assert others == [-0.25, 3.0]
    first[:] = 0.0  # no memory of the utility
    assert_array_equal(sc.set_shapley(utility), found.credit)
    assert {part.credit.shape for part in found.terms} == {(3, 2, 4)}
    alone = [sc.explain(drawn.utility), sc.explain(of_labels(LABELS, mask=drawn.mask))]
    weights, rounding = np.broadcast_to(factors + 3.0, (3, 2)), 8 * tolerance(drawn.utility.dtype or np.float64)
    for name, axes in (("credit", 1), ("by_size", 2), ("without", 2), ("interactions", 2)):
        one, other = (getattr(part, name) for part in alone)
        truth = weights.reshape(3, 2, *[1] * axes) * one - 0.25 * other
        difference = np.nan_to_num(getattr(found, name)) - np.nan_to_num(truth)
        assert np.abs(difference).max() <= rounding * max(np.nanmax(np.abs(one), initial=1), 1)


@given(values=st.lists(st.integers(-8, 8), min_size=16, max_size=16))
def test_functions_are_asked_once_for_each_coalition(values: list[int]) -> None:
    asked: list[tuple[int, ...]] = []
    table = np.array(values, np.float64)

    def utility(coalition: tuple[int, ...]) -> float:
        asked.append(coalition)
        return float(table[sum(1 << i for i in coalition)])

    found = sc.explain(utility, 4)
    assert len(asked) == len(set(asked)) == 16
    assert found == sc.explain(table, 4) == sc.explain(u.Table(table))
    assert found == sc.explain(sc.batched(lambda coalitions: table[coalitions @ (1 << np.arange(4))]), 4)
    check_group(found, u.Table(table), np.ones(4, np.bool_), np.float64)


def test_labels_that_are_missing_stay_missing() -> None:
    """Members are made absent in the utility as it was read, in which labels are numbers already."""
    found = sc.explain(u.DistinctCount(["a", None, "a", float("nan")]))
    assert found.without.tolist() == [[0.5, 0, -0.5, 0], [0, 0, 0, 0], [-0.5, 0, 0.5, 0], [0, 0, 0, 0]]


def test_a_member_that_stands_outside_is_there() -> None:
    """A present member outside a set counts for a cut and a product, and makes no one absent."""
    symmetric = np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 3.0], [5.0, 0.0, 0.0]])
    for utility in (u.Cut(symmetric), u.Product([2.0, 3.0, 4.0], [0.5, 1.0, 2.0])):
        check_group(sc.explain(utility), utility, np.ones(3, np.bool_), np.float64)
        apart = sc.explain(u.Cut(symmetric) + utility).without
        assert np.abs(apart - sc.explain(u.Cut(symmetric)).without - sc.explain(utility).without).max() < 1e-12


def test_groups_without_members_and_no_groups() -> None:
    none = sc.explain(u.Max(SCORES[0], mask=[False] * 4))
    assert np.isnan(none.by_size).all()
    assert not none.without.any()
    assert sc.explain(u.Max(np.ones((0, 3)))).by_size.shape == (0, 3, 3)
    assert sc.explain(u.Max([2.0])).by_size.tolist() == [[2.0]]


# Groups, copies, frames.


def test_groups_are_indexed_and_nothing_else_is() -> None:
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    found = sc.explain(weights * u.Max(np.arange(24.0).reshape(2, 3, 4), mask=[True, True, True, False]))
    for index in ((1, 2), (..., 2), (1,), 1, slice(0, 1), np.array([1, 0]), (slice(None), 2), ...):
        part = found[index]
        assert_array_equal(part.credit, found.credit.reshape(6, 4)[np.arange(6).reshape(2, 3)[index]])
        assert_array_equal(part.terms[0].coefficient, weights[index])
        lead = np.arange(6).reshape(2, 3)[index].shape
        assert part.present.shape == (*lead, 4)
        assert part.by_size.shape == part.without.shape == part.interactions.shape == (*lead, 4, 4)
    for bad in (2, (0, 3), (0, 0, 0), "a"):
        with pytest.raises(IndexError):
            found[bad]
    with pytest.raises(IndexError):
        found[0, 0][0]


def test_copies_are_equal_and_others_are_not() -> None:
    utility = np.array([0.5, 2.0]) * u.Max(SCORES, mask=MASK) + u.Mean(SCORES, mask=MASK)
    found = sc.explain(utility, names=list("abcd"))
    for other in (
        pickle.loads(pickle.dumps(found)),
        copy.deepcopy(found),
        copy.copy(found),
        sc.explain(utility, names=list("abcd")),
    ):
        assert other == found
        assert hash(other) == hash(found)
    for unlike in (found[:1], sc.explain(utility), sc.explain(2 * utility, names=list("abcd")), 1):
        assert unlike != found


@pytest.mark.parametrize("backend", ["pyarrow", "pandas", "polars"])
def test_frames(backend: str) -> None:
    utility = u.Max(SCORES, mask=MASK) + 2 * u.Max(SCORES, mask=MASK)
    names = ["a", "b", "\ud800", "d"]
    for found in (sc.explain(utility, names=names), sc.explain(utility[1], names=names)):
        frame = found.to_frame(backend)
        assert type(frame).__module__.partition(".")[0] == backend
        columns = {name: np.asarray(frame[name]).tolist() for name in (getattr(frame, "column_names", None) or frame.columns)}
        groups = found.credit.size // 4
        assert columns.pop("group", [0] * 4) == [group for group in range(groups) for _ in range(4)]
        assert columns.pop("member") == [0, 1, 2, 3] * groups
        assert columns.pop("name") == ["a", "b", "\\ud800", "d"] * groups
        credits = [found.credit, *(part.credit for part in found.terms)]
        assert columns == dict(zip(["credit", "Max", "Max 2"], [credit.ravel().tolist() for credit in credits], strict=True))


def test_what_a_frame_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sc.explain(u.Max([1.0, 2.0]))
    with pytest.raises(sc.InputError, match=r"backend must be one of pyarrow, pandas, polars, modin; got 'duckdb'"):
        found.to_frame("duckdb")
    monkeypatch.setitem(sys.modules, "modin.pandas", None)
    with pytest.raises(sc.MissingExtraError, match=r"the backend needs modin; run: pip install modin"):
        found.to_frame("modin")
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(sc.MissingExtraError, match=r"pip install '\.\[frames\]'"):
        found.to_frame()


# Libraries and devices.


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_torch_tensors_come_back_as_tensors(dtype: Any) -> None:
    import torch

    scores, mask = SCORES.astype(dtype), np.array(MASK)
    factor = np.array([-0.5], dtype)
    here = sc.explain(factor * u.Max(scores, mask=mask) + u.DistinctCount(LABELS, mask=mask))
    tensors = to_torch(factor) * u.Max(to_torch(scores), mask=to_torch(mask)) + u.DistinctCount(to_torch(LABELS), mask=mask)
    there = sc.explain(tensors)
    arrays = [there.credit, there.by_size, there.without, there.terms[0].coefficient, *(part.credit for part in there.terms)]
    assert all(isinstance(array, torch.Tensor) for array in arrays)
    assert there.by_size.dtype == getattr(torch, np.dtype(dtype).name)
    assert there == here
    assert there[0].why(0) == here[0].why(0)
    assert str(there[0]) == str(here[0])
    assert there.to_frame("pandas").equals(here.to_frame("pandas"))


@pytest.mark.torch
@every_family
@few
@given(data=st.data())
def test_no_value_is_read_on_a_device(family: type[Utility], data: st.DataObject) -> None:
    """On tensors that have no values; with a mask, which would have to be read, it is refused."""
    import torch

    k, shape = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([(), (2, 1)]))
    drawn = data.draw(instances(family, np.float64, k, shape))
    there = moved(drawn.utility, to_meta)
    if drawn.mask is not None:
        with pytest.raises(sc.InputError, match=r"a mask on a device is not read; make the utility of arrays moved"):
            sc.explain(there)
        there = moved(drawn.absent_as(None).utility, to_meta)
    found = sc.explain(there + u.Additive(np.ones(k)))
    assert {part.credit.device for part in found.terms} == {torch.device("meta")}
    for array, axes in ((found.credit, (k,)), (found.by_size, (k, k)), (found.interactions, (k, k)), (found.without, (k, k))):
        assert array.device == torch.device("meta")
        assert array.shape == (*shape, *axes)
    assert found[(0,) * len(shape)].credit.shape == (k,)
    with pytest.raises(sc.InputError, match=r"credit is on device meta, which holds no values"):
        found[(0,) * len(shape)].why(0)


def check_device(utility: Utility, move: Callable[[Array], Any]) -> None:
    """With a term of the host and an array of coefficients."""
    factor, scores = np.array([0.5, -2.0, 1.0]), np.arange(utility.k) + 0.5
    here = sc.explain(utility * factor + u.Additive(scores))
    there = sc.explain(moved(utility, move) * move(factor) + u.Additive(scores))
    for name in ("credit", "by_size", "without", "interactions"):
        mine = getattr(here, name)
        assert type(getattr(there, name)).__module__ != "numpy"
        assert np.abs(on_host(getattr(there, name)) - mine).max() <= 64 * tolerance(np.float64) * max(np.abs(mine).max(), 1)
    assert type(there.terms[1].credit).__module__ != "numpy"


@pytest.mark.torch
@taken_for_a_device
@every_family
@few
@given(data=st.data())
def test_on_a_device_as_on_the_host(family: type[Utility], data: st.DataObject) -> None:
    check_device(data.draw(instances(family, np.float64, data.draw(st.integers(1, 4)), (3,))).absent_as(None).utility, to_torch)


@pytest.mark.torch
@taken_for_a_device
@pytest.mark.parametrize(
    "utility",
    [u.Max(SQUARE), u.Cut(np.stack([SQUARE] * 3)), u.DistinctCount(SQUARE.astype(np.int64) % 2), u.NoisyOr(SQUARE / 8)],
    ids=lambda utility: type(utility).__name__,
)
def test_in_the_array_api_alone(utility: Utility) -> None:
    check_device(utility, to_strict)


# What can't be explained.

ESTIMATE = sc.estimate(lambda coalition: float(len(coalition)), 9, budget=40)
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "estimate": (
        lambda: sc.explain(ESTIMATE),
        r"an Estimate holds the credits .* Explain the function itself, explain\(function, k\)",
    ),
    "no k": (lambda: sc.explain(len), r"k is required with a function"),
    "another k": (lambda: sc.explain(u.Max([1.0]), 2), r"k = 2 was asked for, but the utility has k = 1"),
    "no game": (lambda: sc.explain("abc", 3), r"the utility must be one of shapley_credit.utilities"),
    "few names": (lambda: sc.explain(u.Max([1.0, 2.0]), names=["a"]), r"names must be 2 strings, one a member; got 1"),
    "text": (lambda: sc.explain(u.Max([1.0, 2.0]), names="ab"), r"names must be a list of 2 strings, one a member; got 'ab'"),
    "numbers": (lambda: sc.explain(u.Max([1.0, 2.0]), names=["a", 2]), r"name 1 of names must be a string; got 2 of type int"),  # type: ignore[list-item]
    "too many": (lambda: sc.explain(len, 21), r"needs 2,097,152 evaluations"),
    "no member": (lambda: sc.explain(u.Max([1.0, 2.0])).why(2), r"the member of why must be in 0 .. 1; got 2"),
    "negative": (lambda: sc.explain(u.Max([1.0, 2.0])).why(-1), r"the member of why must be a whole number >= 0; got -1"),
    "groups": (lambda: sc.explain(u.Max(SCORES)).why(0), r"of groups \(2,\), and why is of one; ask explanation\[g\].why\(i\)"),
}


@pytest.mark.parametrize(("call", "match"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(call: Callable[[], Any], match: str) -> None:
    with pytest.raises(sc.InputError, match=match):
        call()


def test_a_function_is_not_asked_for_names_that_do_not_fit() -> None:
    def utility(coalition: tuple[int, ...]) -> float:
        raise AssertionError("asked")

    with pytest.raises(sc.InputError, match="names must be 3 strings"):
        sc.explain(utility, 3, names=["a"])


@pytest.mark.checkout
def test_the_page_runs_as_printed() -> None:
    assert run_sessions("explain.md")
