"""The axioms of the Shapley value, for every utility, role and dtype."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import FAMILIES, Array, instances
from shapley_credit.testing.random_games import symmetrised

from errors_seen import tolerance
from family_games import close, every_dtype, every_family, without_mask
from roles import ROLES, using
from strategies import DROPPABLE, EXCHANGEABLE

every_exchangeable_family = pytest.mark.parametrize("family", EXCHANGEABLE, ids=lambda family: family.__name__)
every_role = pytest.mark.parametrize("role", ROLES)


@every_family
@every_role
@every_dtype
@given(data=st.data())
def test_equals_the_average_over_all_orderings(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    utility = data.draw(instances(family, dtype, data.draw(st.integers(1, 5)))).utility
    table = table_of(utility)
    truth = [float(credit) for credit in oracle.shapley(game_of(table), utility.k)]
    with using(role):
        assert close(sc.set_shapley(utility, utility.k), truth, np.abs(table).max(), dtype)


@every_family
@every_role
@every_dtype
@given(data=st.data())
def test_efficiency(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    k = data.draw(st.integers(6, 8 if family.max_members else 24))
    utility = data.draw(instances(family, dtype, k)).utility
    with using(role):
        credit = sc.set_shapley(utility)
    whole, nothing = utility.value(range(k)), utility.value(())
    assert close(credit.sum(dtype=np.float64), whole - nothing, np.abs(credit).sum() + abs(nothing), dtype)


@every_exchangeable_family
@every_role
@every_dtype
@given(data=st.data())
def test_symmetry(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    """Twins earn the same, wherever they stand."""
    instance = data.draw(instances(family, dtype, 5))
    first, second = data.draw(st.permutations(range(5)))[:2]
    if family is u.Table:
        utility: Utility = u.Table(symmetrised(table_of(instance.utility), first, second))
    else:
        utility = instance.along_members([first if i == second else i for i in range(5)]).utility
    with using(role):
        credit = sc.set_shapley(utility)
    assert close(credit[first], credit[second], np.abs(table_of(utility)).max(), dtype)


@every_family
@every_role
@every_dtype
@given(data=st.data())
def test_null_members(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    """A member whose marginal contributions are all zero earns nothing; an absent one exactly 0, and moves nobody."""
    instance = data.draw(instances(family, dtype, 5))
    utility = instance.utility
    table = table_of(utility)
    scale = np.abs(table).max()
    with using(role):
        credit = sc.set_shapley(utility)
        for i in range(5):
            if not any(oracle.marginals(game_of(table), 5, i)):
                assert close(credit[i], 0.0, scale, dtype)
        if instance.mask is not None:
            present = np.flatnonzero(instance.mask)
            assert np.all(credit[~instance.mask] == 0)
            if len(present) and family in DROPPABLE:
                assert close(credit[present], sc.set_shapley(without_mask(instance, present)), scale, dtype)


@every_family
@every_role
@every_dtype
@given(data=st.data())
def test_linearity_across_families(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    """Credits of 2 v - w / 2 + w' by brute force over its own definition, and as the combination of credits."""
    one = data.draw(instances(family, dtype, 4)).utility
    two = data.draw(instances(data.draw(st.sampled_from(FAMILIES)), dtype, 4)).absent_as(one.mask).utility
    three = u.Additive(np.arange(4, dtype=dtype), mask=one.mask)
    mixed = 2 * one - two / 2 + three
    table = 2 * table_of(one) - table_of(two) / 2 + table_of(three)
    scale = np.abs(table_of(one)).max() * 2 + np.abs(table_of(two)).max() + 6
    assert close(table_of(mixed), table, scale, dtype)
    with using(role):
        credit = sc.set_shapley(mixed, 4)
        parts = 2.0 * sc.set_shapley(one) - 0.5 * sc.set_shapley(two) + sc.set_shapley(three)
    assert close(credit, [float(c) for c in oracle.shapley(game_of(table), 4)], scale, dtype)
    assert close(credit, parts, scale, dtype)


MONOTONE = [
    lambda x, mask: u.Max(x, mask=mask),
    lambda x, mask: u.NoisyOr(x / 8, mask=mask),
    lambda x, mask: u.FacilityLocation(x[:, None], mask=mask),
    lambda x, mask: u.Coverage(x[:, None] > 4, mask=mask),
]


@every_family
@every_role
@every_dtype
@given(data=st.data())
def test_strong_monotonicity(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    """Whose marginal contributions all grow earns no less (Young 1985), and never less than the smallest of them."""
    utility = data.draw(instances(family, dtype, 4)).utility
    scores = np.array(data.draw(st.lists(st.integers(0, 8), min_size=4, max_size=4)), dtype)
    grown = utility + data.draw(st.sampled_from(MONOTONE))(scores, utility.mask)
    table, more = table_of(utility), table_of(grown)
    slack = tolerance(dtype) * max(np.abs(table).max() + np.abs(more).max(), 1 / 8)
    with using(role):
        low, high = sc.set_shapley(utility), sc.set_shapley(grown)
    for i in range(4):
        before, after = oracle.marginals(game_of(table), 4, i), oracle.marginals(game_of(more), 4, i)
        assert all(b <= a + Fraction(float(slack)) for b, a in zip(before, after, strict=True))
        assert low[i] <= high[i] + slack
        assert float(min(before)) - slack <= low[i] <= float(max(before)) + slack


@every_exchangeable_family
@every_role
@every_dtype
@given(data=st.data())
def test_order_of_members_does_not_matter(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    k = data.draw(st.integers(2, 9))
    instance = data.draw(instances(family, dtype, k))
    order = data.draw(st.permutations(range(k)))
    with using(role):
        credit = sc.set_shapley(instance.utility)
        moved = sc.set_shapley(instance.along_members(order).utility)
    assert close(moved, credit[order], np.abs(credit).sum() + 1e-3, dtype)


@every_family
@every_role
@every_dtype
@given(data=st.data())
def test_layout_of_the_batch_does_not_matter(family: type[Utility], role: str, dtype: Any, data: st.DataObject) -> None:
    """The same bits for a group on its own, in a batch of any shape, in slices, and in strided or read-only memory."""
    k = data.draw(st.integers(1, 6 if family.max_members else 9))
    batch = data.draw(instances(family, dtype, k, (2, 3)))
    with using(role):
        credit = sc.set_shapley(batch.utility)
        assert credit.shape == (2, 3, k)
        one_by_one = [sc.set_shapley(batch.utility[index]) for index in np.ndindex(2, 3)]
        flat = sc.set_shapley(batch.shaped(lambda a, tail: a.reshape(6, *a.shape[a.ndim - tail :])).utility)
        strided = sc.set_shapley(batch.shaped(lambda a, tail: np.repeat(a, 2, axis=0)[::2]).utility)
        fortran = sc.set_shapley(batch.shaped(lambda a, tail: np.asfortranarray(a)).utility)
        frozen = sc.set_shapley(batch.shaped(read_only).utility)
    for other in (np.array(one_by_one), flat, strided, fortran, frozen):
        assert np.array_equal(other.reshape(credit.shape), credit)


def read_only(array: Array, tail: int) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def test_the_layout_of_a_batch_changes_no_bit_of_a_sum() -> None:
    """Sums of eight numbers and more are cut where they lie side by side in memory."""
    weights = np.random.default_rng(1).normal(size=(5, 19, 19))
    for array in (
        np.asfortranarray(weights),
        np.repeat(weights, 2, axis=2)[:, :, ::2],
        weights.transpose(1, 2, 0).copy().transpose(2, 0, 1),
    ):
        assert np.array_equal(sc.set_shapley(u.Cut(array)), sc.set_shapley(u.Cut(weights)))
        assert np.array_equal(sc.marginal_vector(u.Cut(array)), sc.marginal_vector(u.Cut(weights)))


@every_role
def test_how_many_groups_there_are_moves_no_bit_of_a_gap(role: str) -> None:
    """Thresholds are taken in blocks, as many as fit beside all groups."""
    points = np.random.default_rng(2).normal(size=(40, 33))
    with using(role):
        many = sc.set_shapley(u.MinGap(points))
        assert np.array_equal(many[7], sc.set_shapley(u.MinGap(points[7])))
        assert np.array_equal(many[7:9], sc.set_shapley(u.MinGap(points[7:9])))
