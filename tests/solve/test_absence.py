"""Absence is of a member, in all terms of a sum alike; and None, which is neither a number nor absence."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import InputError, Utility
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import FLAGS, MEMBERS, Field
from shapley_credit.testing.instances import FAMILIES, instances

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
few = settings(max_examples=10)
HERE = [True, False, True, True]
SCORES, LABELS = np.array([3.0, 9.0, 5.0, 1.0]), np.array([1, 2, 1, 2])

# Sums.


@every_family
@few
@given(data=st.data())
def test_a_sum_with_one_mask_is_the_sum_of_its_terms(family: type[Utility], data: st.DataObject) -> None:
    """Whoever is absent gets nothing of any term, and is missed by nobody."""
    drawn = data.draw(instances(family, np.float64, 4, (2,)))
    assume(drawn.mask is not None)
    one, sizes, mask = drawn.utility, np.arange(5.0) ** 2, drawn.mask
    credit = sc.set_shapley(2 * one + u.Cardinality(sizes, mask=mask))
    assert_allclose(credit, 2 * sc.set_shapley(one) + sc.set_shapley(u.Cardinality(sizes, mask=mask)), rtol=1e-12, atol=1e-12)
    assert mask is not None
    assert not credit[~mask].any()


@every_family
@few
@given(data=st.data())
def test_a_mask_on_one_term_only_is_refused(family: type[Utility], data: st.DataObject) -> None:
    drawn = data.draw(instances(family, np.float64, 4, (2,)))
    assume(drawn.mask is not None)
    one, every = drawn.utility, u.Cardinality(np.arange(5.0))
    assert drawn.mask is not None
    if drawn.mask.all():
        assert_allclose(sc.set_shapley(one + every), sc.set_shapley(one) + 1.0, rtol=1e-12, atol=1e-12)
        return
    group, member = np.argwhere(~drawn.mask)[0]
    place = rf"member \[{group}, {member}\] is absent from term"
    with pytest.raises(
        InputError, match=rf"{place} 0, {family.__name__}, and not from term 1, Cardinality, but absence is of a"
    ):
        _ = one + every
    with pytest.raises(InputError, match=rf"{place} 1, {family.__name__}, and not from term 0, Cardinality,"):
        _ = every - 3.0 * one


def test_the_padding_of_a_group_is_paid_nothing() -> None:
    padded = sc.set_shapley(u.Max(SCORES, mask=HERE) + u.Mean(SCORES, mask=HERE) - 2 * u.DistinctCount(LABELS, mask=HERE))
    alone = sc.set_shapley(u.Max(SCORES[HERE]) + u.Mean(SCORES[HERE]) - 2 * u.DistinctCount(LABELS[HERE]))
    assert_allclose(padded[HERE], alone, rtol=1e-15)
    assert padded[1] == 0.0


def test_who_is_there_and_worth_nothing_to_a_term() -> None:
    """What a term shall not see is said by its data."""
    seen = sc.set_shapley(u.Max(SCORES) + u.DistinctCount(LABELS))
    paid = sc.set_shapley(u.Max(np.where(HERE, SCORES, 0.0)) + u.DistinctCount(LABELS))
    assert_allclose(paid - seen, sc.set_shapley(u.Max(np.where(HERE, SCORES, 0.0))) - sc.set_shapley(u.Max(SCORES)))


def masked(mask: Any, scores: Any = SCORES) -> Utility:
    return u.Max(scores, mask=mask)


ALIKE: dict[str, tuple[Utility, Utility]] = {
    "lists": (masked(HERE), masked(list(HERE))),
    "numbers and flags": (masked([1, 0, 1, 1]), masked(np.array(HERE))),
    "of one group and of several": (masked(HERE), masked([HERE, HERE, HERE])),
    "across axes": (masked([[HERE], [HERE]]), masked([HERE, HERE, HERE])),
    "all of them and none": (masked([True] * 4), masked(None)),
    "none and all of several groups": (masked(None), masked([[True] * 4] * 3)),
    "no groups": (masked(np.zeros((0, 4), bool)), masked(np.ones((0, 4), bool))),
    "in sums": (2 * masked(HERE) - masked(HERE), masked(HERE) / 2),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=list(ALIKE))
def test_masks_are_compared_by_what_they_say(one: Utility, other: Utility) -> None:
    both = one + other
    assert_array_equal(sc.set_shapley(both), sc.set_shapley(one) + sc.set_shapley(other))
    assert_array_equal(sc.set_shapley(pickle.loads(pickle.dumps(both))), sc.set_shapley(both))


DIFFERENT: dict[str, tuple[Callable[[], Utility], str]] = {
    "of one member": (
        lambda: masked(HERE) + masked([True] * 4),
        r"member \[1\] is absent from term 0, Max, and not from term 1",
    ),
    "of another": (lambda: masked(HERE) + masked([True] * 3 + [False]), r"member \[1\] is absent from term 0, .* term 1, Max"),
    "the other way": (lambda: masked([True] * 4) - masked(HERE), r"member \[1\] is absent from term 1, .* term 0"),
    "of the third term": (lambda: masked(HERE) + masked(HERE) + u.Mean(SCORES), r"term 0, Max, and not from term 2, Mean"),
    "of sums": (lambda: 2 * masked(HERE) - (u.Mean(SCORES) + u.Mean(SCORES)), r"term 0, Max, and not from term 1, Mean"),
    "of one group": (lambda: masked(HERE) + masked([HERE, [True] * 4]), r"member \[1, 1\] is absent from term 0"),
    "by sum()": (lambda: sum([masked(HERE), u.Mean(SCORES)], 0.0 * masked(HERE)), r"0, Max, and not from term 2, Mean"),
}


@pytest.mark.parametrize(("make", "match"), DIFFERENT.values(), ids=list(DIFFERENT))
def test_masks_that_differ_are_refused(make: Callable[[], Utility], match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        make()
    assert "Give every term the same mask=" in str(caught.value)


def test_a_group_of_a_masked_sum() -> None:
    """Groups of whom others are absent; the sum says who is."""
    mask = np.array([[True, True, False], [False, True, True]])
    scores = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    both = u.Max(scores, mask=mask) + u.Mean(scores[0], mask=mask.tolist())
    assert_array_equal(both.mask, mask)
    for group in (0, 1):
        assert_array_equal(both[group].mask, mask[group])
        assert_array_equal(sc.set_shapley(both[group]), sc.set_shapley(both)[group])
        assert both[group].value(range(3)) == both.value(range(3))[group]
    again = both[1:] + both[1:]
    assert_array_equal(sc.set_shapley(again), 2 * sc.set_shapley(both)[1:])
    unmasked = (u.Max(scores) + u.Mean(scores, mask=mask | True))[0]
    assert_array_equal(sc.set_shapley(unmasked), sc.set_shapley(u.Max(scores[0]) + u.Mean(scores[0])))


@pytest.mark.torch
@mock.patch("shapley_credit.convert._device_type", mock.Mock(return_value=None))  # all but NumPy is on a device
def test_on_a_device_masks_are_one_array_or_none() -> None:
    """Nothing is read: tensors of meta have no values, and the strict device refuses to be read by NumPy."""
    import array_api_strict
    import torch

    device = array_api_strict.Device("device1")

    def strict(values: Any) -> Any:
        return array_api_strict.asarray(values, device=device)

    def meta(values: Any) -> Any:
        return torch.as_tensor(values).to("meta")

    for move in (strict, meta):
        scores, mask, same = move(SCORES), move(HERE), move(HERE)
        both = u.Max(scores, mask=mask) + u.Mean(scores, mask=mask)
        assert both.mask is mask
        both = 2 * both + u.DistinctCount(move(LABELS), mask=mask)
        for other in (same, None, move([1, 0, 1, 1]), [True] * 4):
            with pytest.raises(InputError, match=r"term 0, Max, and term 1, Mean, do not share one mask array"):
                _ = u.Max(scores, mask=mask) + u.Mean(scores, mask=other)
        with pytest.raises(InputError, match=r"term 0, Mean, and term 1, Max, do not share one mask array"):
            _ = u.Mean(SCORES, mask=[True] * 4) + u.Max(scores, mask=mask)
        assert (u.Max(scores) + u.Mean(SCORES, mask=[True] * 4)).k == 4
    wide = strict([HERE, [True] * 4])
    groups = u.Max(strict([SCORES, SCORES]), mask=wide) + u.Mean(strict(SCORES), mask=wide)
    there = np.from_dlpack(sc.set_shapley(groups[0, ...]).to_device(array_api_strict.Device("CPU_DEVICE")))
    assert_allclose(there, sc.set_shapley(u.Max(SCORES, mask=HERE) + u.Mean(SCORES, mask=HERE)), rtol=1e-12)


# None.


def with_none(array: Any, place: tuple[int, ...]) -> Any:
    holed = np.array(array, object)
    holed[place] = None
    return holed


@every_family
@few
@given(data=st.data())
def test_none_among_numbers_is_named(family: type[Utility], data: st.DataObject) -> None:
    """In every array of every family but labels, which may be missing; in lists, tuples and arrays of objects."""
    make: Any = family
    drawn = data.draw(instances(family, np.float64, 3, (2,)))
    for name, spec in family.fields.items():
        array = drawn.data[name]
        if not isinstance(spec, Field) or spec.domain == "label" or array is None or not array.size:
            continue
        place = tuple(int(at) for at in np.argwhere(np.ones(array.shape))[data.draw(st.integers(0, array.size - 1))])
        holed = with_none(array, place)
        need = "booleans" if spec.domain in FLAGS else "real numbers"
        remedy = "say with mask= that it is absent" if MEMBERS in spec.axes else "Give every entry a number"
        match = rf"{name} must hold {need}; found None at \[{', '.join(map(str, place))}\]\. .*{remedy}"
        for given_as in (holed, holed.tolist(), tuple(holed.tolist())):
            with pytest.raises(InputError, match=match):
                make(**{**drawn.data, name: given_as}, mask=drawn.mask)
    with pytest.raises(InputError, match=r"mask must hold booleans; found None at \[1\]\. False says that a member is absent"):
        make(**drawn.data, mask=[True, None, False])


@every_family
@few
@given(data=st.data())
def test_an_array_that_a_family_needs(family: type[Utility], data: st.DataObject) -> None:
    make: Any = family
    drawn = data.draw(instances(family, np.float64, 3))
    for name, parameter in inspect.signature(family).parameters.items():
        if isinstance(family.fields.get(name), Field) and parameter.default is not None:
            with pytest.raises(InputError, match=rf"{name} of {family.__name__} is None; it needs an array \[\.\.\."):
                make(**{**drawn.data, name: None})


class Column:
    """What NumPy makes an array of objects of, and is no list."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, None], object)


NONES: dict[str, tuple[Callable[[], Any], str]] = {
    "a table": (lambda: sc.set_shapley([1.0, None, 2.0, 3.0], 2), r"values must hold real numbers; found None at \[1\]"),
    "a table of connected": (lambda: sc.connected_shapley([None] * 4, 2), r"values must hold .* None at \[0\]"),
    "a ragged list": (lambda: u.Max([[1.0, 2.0], None]), r"scores must hold .* None at \[1\]\. .*mask="),
    "a column": (lambda: u.Max(Column()), r"scores must hold .* None at \[1\]\. .*mask="),
    "beside nothing": (lambda: u.Max([[None, 1.0], [None, None]]), r"scores must hold .* None at \[0, 0\]"),
    "base": (lambda: u.Max([[1.0, 2.0]], [None]), r"base must hold .* None at \[0\]"),
    "a coefficient": (lambda: u.Max(SCORES) * None, r"coefficient must hold real numbers; found None\."),
    "coefficients": (lambda: u.Max([SCORES, SCORES]) * [1.0, None], r"coefficient must hold .* None at \[1\]"),
    "a coefficient in an array": (lambda: np.array([None]) * u.Max([SCORES]), r"coefficient must hold .* None at \[0\]"),
}


@pytest.mark.parametrize(("call", "match"), NONES.values(), ids=list(NONES))
def test_none_wherever_numbers_are_read(call: Callable[[], Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        call()


def test_other_objects_are_told_apart_from_none() -> None:
    endless: list[Any] = [1.0]
    endless += [endless, endless]
    with pytest.raises(InputError, match="scores must"):
        u.Max(endless)
    with pytest.raises(InputError, match="scores must hold real numbers; got an array of object"):
        u.Max(np.array([1.0, object()], object))
    assert u.Coverage([[1, 1], [0, 1]], None).value((1,)) == 1.0  # what a family can do without
