"""Marginal contributions in an order: by definition for every family, to the last digit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import permutations
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import Utility, dispatch
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import Field
from shapley_credit.inputs.problems import Problem
from shapley_credit.testing.by_definition import table_of
from shapley_credit.testing.instances import FAMILIES, Array, Instance, instances

from errors_seen import tolerance
from family_games import close, every_dtype, every_family, without_mask
from kernel_inputs import GAMES, inputs
from marginals import Draw, by_definition, check, check_of_every_kernel, equals_the_definition, orders_of
from strategies import DROPPABLE

# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])


@every_family
@every_dtype
@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_equals_the_rises_of_the_definition(family: type[Utility], dtype: Any, data: Draw) -> None:
    equals_the_definition(family, dtype, data)


@every_family
@few
@given(data=st.data())
def test_the_mean_over_all_orders_is_the_shapley_value(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(1, 4))
    utility = data.draw(instances(family, np.float64, k)).utility
    credit = sc.marginal_vector(utility, order=list(permutations(range(k))))
    assert close(credit.mean(axis=0), sc.set_shapley(utility), np.abs(table_of(utility)).max(), np.float64)


@every_family
@few
@given(data=st.data())
def test_contributions_of_many_members_add_up(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(7, 9 if family.max_members else 30))
    utility = data.draw(instances(family, np.float64, k)).utility
    order = orders_of(data, (), k)
    check(utility, order, np.float64)
    whole, nothing = utility.value(range(k)), utility.value(())
    largest = by_definition(utility, order)[1]
    assert close(sc.marginal_vector(utility, order=order).sum(), whole - nothing, largest, np.float64)


@every_family
@few
@given(data=st.data())
def test_absent_members_are_as_good_as_gone(family: type[Utility], data: Draw) -> None:
    instance = data.draw(instances(family, np.float64, 6))
    present = [i for i in range(6) if instance.mask is None or instance.mask[i]]
    order = orders_of(data, (), 6)
    if not present or family not in DROPPABLE:
        return
    renamed = [present.index(i) for i in order if i in present]
    credit, left = sc.marginal_vector(instance.utility, order=order), without_mask(instance, np.array(present))
    alone = sc.marginal_vector(left, order=renamed)
    assert close(credit[present], alone, by_definition(left, np.array(renamed))[1], np.float64)


@every_family
@few
@given(data=st.data())
def test_by_default_members_come_as_they_stand(family: type[Utility], data: Draw) -> None:
    utility = data.draw(instances(family, np.float64, 5, (2,))).utility
    assert np.array_equal(sc.marginal_vector(utility), sc.marginal_vector(utility, 5, order=range(5)))


@every_family
@few
@given(data=st.data())
def test_groups_do_not_see_each_other(family: type[Utility], data: Draw) -> None:
    """The same bits for a group on its own, in any batch, and however a batch is cut."""
    k = data.draw(st.integers(1, 8))
    batch, orders = data.draw(instances(family, np.float64, k, (2, 3))), orders_of(data, (2, 3), k)
    credit = sc.marginal_vector(batch.utility, order=orders)
    for index in np.ndindex(2, 3):
        assert np.array_equal(credit[index], sc.marginal_vector(batch.utility[index], order=orders[index]))
    strided = batch.shaped(lambda a, tail: np.repeat(a, 2, axis=0)[::2]).utility
    assert np.array_equal(sc.marginal_vector(strided, order=np.asfortranarray(orders)), credit)
    with mock.patch("shapley_kernels.arrays.CELLS", 100):
        assert np.array_equal(sc.marginal_vector(batch.utility, order=orders), credit)


@every_family
@few
@given(data=st.data())
def test_many_orders_of_one_group(family: type[Utility], data: Draw) -> None:
    utility, orders = data.draw(instances(family, np.float64, 5)).utility, orders_of(data, (3, 2), 5)
    credit = sc.marginal_vector(utility, order=orders)
    assert credit.shape == (3, 2, 5)
    for index in np.ndindex(3, 2):
        assert np.array_equal(credit[index], sc.marginal_vector(utility, order=orders[index]))


@every_family
@few
@given(data=st.data())
def test_data_that_groups_share(family: type[Utility], data: Draw) -> None:
    """Any of the arrays may be one for all groups, be it the scores and not the mask: the same as a copy for each."""
    instance, lead = data.draw(instances(family, np.float64, 4, (3,))), data.draw(st.sampled_from([(), (3,)]))
    fields = [name for name, spec in family.fields.items() if isinstance(spec, Field) and instance.data[name] is not None]
    shared = {name: instance.data[name][0] for name in fields if data.draw(st.booleans())}
    copied = {name: np.broadcast_to(array, (3, *array.shape)) for name, array in shared.items()}
    alike, order = [{**instance.data, **some} for some in (shared, copied)], orders_of(data, lead, 4)
    one, other = (Instance(family, 4, arrays, instance.mask).utility for arrays in alike)
    found, truth = sc.marginal_vector(one, order=order), sc.marginal_vector(other, order=order)
    assert np.array_equal(np.broadcast_to(found, truth.shape), truth)


@every_family
@few
@given(data=st.data())
def test_linearity_across_families(family: type[Utility], data: Draw) -> None:
    """A combination with coefficients by group, and the same combination of contributions."""
    k, shape = data.draw(st.integers(1, 5)), (3,)
    two = data.draw(instances(data.draw(st.sampled_from(FAMILIES)), np.float64, k)).utility
    one = data.draw(instances(family, np.float64, k, shape)).absent_as(two.mask).utility
    three = u.Additive(np.arange(k), mask=two.mask)
    weights, order = np.array([0.5, -2.0, 3.0]), orders_of(data, data.draw(st.sampled_from([(), (3,), (2, 1)])), k)
    mixed = weights * one - two / 2 + three
    check(mixed, order, np.float64)
    parts = [sc.marginal_vector(utility, order=order) for utility in (one, two, three)]
    combined = weights[:, None] * parts[0] - parts[1].reshape(*parts[1].shape[:-1], k) / 2 + parts[2]
    assert np.allclose(sc.marginal_vector(mixed, order=order), combined, rtol=tolerance(np.float64), atol=1e-12)


def test_every_game_has_a_kernel_for_orders() -> None:
    """With the name and the arguments of the specification; that of tables has the orders behind them."""
    for form, game in {(form, game) for form, game in GAMES if form != "tokens"}:
        names = [list(inspect.signature(dispatch.kernel(form, game, role)).parameters) for role in ("ref", "order")]
        assert names[1] == names[0] + ["orders"] * (form == "table")
        arguments = inputs(form, game, np.random.default_rng(2), 3, 4, np.float64)
        orders = [np.tile(np.arange(4), (3, 1))] * (form == "table")
        assert dispatch.kernel(form, game, "order")(*arguments, *orders).shape == (3, 4)


def test_the_mean_of_every_kernel_over_all_orders_is_its_specification() -> None:
    check_of_every_kernel()


class Best(Utility):
    """A family that says nothing of orders, v(S) = max_{i in S} s_i, v(empty) = 0, s above 0."""

    fields = u.Additive.fields

    def __init__(self, scores: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores)

    def definition(self, members: Array) -> float:
        return float(self.scores[members].max(initial=0.0))  # type: ignore[attr-defined]

    def reduce(self) -> list[Problem]:
        return [Problem("thresholds", "airport", (self.rows("scores", full=True), np.zeros(1), self.present()))]


def test_a_family_of_ones_own_needs_nothing_more() -> None:
    scores = np.array([[2.0, 1.0, 4.0, 4.5], [0.5, 3.0, 1.0, 7.0]])
    for utility in (Best(scores), Best(scores, mask=[[1, 0, 1, 1], [1, 1, 1, 0]])):
        check(utility, np.array([[1, 0, 3, 2], [3, 2, 1, 0]]), np.float64)


# Digits.


def test_no_digit_is_lost_to_members_who_come_later() -> None:
    far = np.array([1.0, 3.0, 2.0, -1e17])
    for utility, truth in (
        (u.Max(far), [1.0, 2.0, 0.0, 0.0]),
        (u.Min(far), [1.0, 0.0, 0.0, -1e17]),
        (u.Range(far), [0.0, 2.0, 0.0, 1e17]),
        (u.TopM(far, 1), [1.0, 2.0, 0.0, 0.0]),
        (u.MinGap(far), [0.0, 2.0, -1.0, 0.0]),
        (u.NoisyOr([1e-18, 1e-18, 0.5, 1.0]), [1e-18, 1e-18, 0.5, 0.5]),
        (u.LogSum([1e-18, 3.0, 1e-18, 1e300]), [1e-18, np.log(4.0), 2.5e-19, np.log(1e300) - np.log(4.0)]),
        (u.LogSum([1e308, 1e308, 1e308]), [np.log(1e308), np.log(2.0), np.log(1.5)]),
        (u.LogSum([1.25e-311]), [1.25e-311]),
        (u.SqrtSum([1.25e-311]), [np.sqrt(1.25e-311)]),
        (u.SqrtSum([1e308, 1e308, 1e308, 1e308]), 1e154 * np.diff(np.sqrt(np.arange(5)))),
        (u.MNLShare([1e-18, 1.0, 1e18, 1e18], 1.0), [1e-18, 0.5, 0.5, 0.5e-18]),
        (u.MNLShare([1e308, 1e308], 1e308), [1 / 2, 1 / 6]),
        (u.MNLRevenue([1e299, 1e299], [4e299, 0.0], 0.125), [4e299, -2e299]),
        (u.SoftmaxMean([1e299, 1e-200], [4e299, 1e299], 2e299), [2e299, 0.0]),
        (u.LogSumExp([0.0, -800.0, -740.0, 5.0]), [0.0, 0.0, np.exp(-740.0), np.logaddexp(0.0, 5.0)]),
        (u.LogSumExp([-2000.0, -1000.0, 1e5], -2000.0), [0.0, 1000.0, 101000.0]),
    ):
        assert sc.marginal_vector(utility) == pytest.approx(np.array(truth), rel=1e-14, abs=1e-320), repr(utility)


def test_float32_is_computed_in_float64() -> None:
    """Sums over many members lose no digits on the way."""
    scores = np.random.default_rng(4).random(20_000).astype(np.float32)
    order = np.random.default_rng(5).permutation(20_000)
    factors = np.arange(20_001, dtype=np.float32) / 20_000
    makers: list[Callable[[Array], Utility]] = [u.Mean, u.GroupVariance, u.NoisyOr, u.LogSum, u.GeometricMean]
    makers.append(lambda scores: u.SizedSum(scores, factors))
    for make in makers:
        exact, rounded = make(scores.astype(np.float64)), make(scores)
        truth, credit = sc.marginal_vector(exact, order=order), sc.marginal_vector(rounded, order=order)
        assert np.abs(credit - truth).max() <= 3e-7 * np.abs(truth).max()


LARGE: list[Callable[[np.random.Generator], Utility]] = [
    lambda rng: u.Max(rng.normal(size=3000)),
    lambda rng: u.Plurality(rng.integers(0, 20, 3000), ties="shared"),
    lambda rng: u.DistinctCount(rng.integers(0, 900, 3000)),
    lambda rng: u.PassAtK(rng.random(3000) < 0.01, 40),
    lambda rng: u.Entropy(rng.integers(0, 30, 600)),
    lambda rng: u.LStatistic.median(rng.normal(size=400)),
    lambda rng: u.DCG(rng.random(600)),
    lambda rng: u.ERR(rng.random(600)),
    lambda rng: u.MinGap(rng.random(1500)),
    lambda rng: u.MyersonPath(rng.normal(size=(300, 300))),
    lambda rng: u.Determinant(rng.normal(size=(300, 4)) / 8),
    lambda rng: u.SoftmaxMean(10.0 ** rng.uniform(-8, 8, 1000), rng.normal(size=1000)),
    lambda rng: u.WeightedVoting(rng.integers(-40, 60, 3000), 900),
]


@pytest.mark.parametrize("make", LARGE, ids=range(len(LARGE)))
def test_a_sample_of_places_of_many_members(make: Callable[[np.random.Generator], Utility]) -> None:
    rng = np.random.default_rng(17)
    utility = make(rng)
    order = rng.permutation(utility.k)
    credit = sc.marginal_vector(utility, order=order)
    whole, nothing = utility.value(range(utility.k)), utility.value(())
    assert credit.sum() == pytest.approx(whole - nothing, abs=1e-11 * max(abs(whole), 1))
    for place in (0, 1, 2, 37, utility.k // 2, utility.k - 1):
        rise = utility.value(order[: place + 1]) - utility.value(order[:place])
        assert credit[order[place]] == pytest.approx(rise, abs=1e-11 * max(abs(whole), 1))


def test_instances_with_masks_are_among_those_drawn() -> None:
    """The checks above would be worth less without absent members."""
    seen: list[bool] = []

    @settings(max_examples=15, phases=[Phase.generate], database=None)
    @given(data=st.data())
    def draw(data: Draw) -> None:
        instance: Instance = data.draw(instances(u.Max, np.float64, 4, (3,)))
        seen.append(instance.mask is not None and bool((~instance.mask).any()))

    draw()
    assert any(seen)
