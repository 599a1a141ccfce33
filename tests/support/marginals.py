"""Marginal contributions by definition, and the checks that every kernel of the role `order` must pass."""

from __future__ import annotations

from itertools import permutations
from math import prod
from typing import Any

import numpy as np
import shapley_credit as sc
from hypothesis import strategies as st
from shapley_credit import Utility, dispatch
from shapley_credit.testing.instances import Array, instances

from errors_seen import tolerance
from family_games import close
from kernel_inputs import GAMES, inputs
from shapley_kernels.arguments import has_names
from shapley_kernels.member_axes import along, in_order

Draw = st.DataObject


def orders_of(data: Draw, lead: tuple[int, ...], k: int) -> Array:
    rows = [data.draw(st.permutations(range(k))) for _ in range(prod(lead))]
    return np.array(rows, np.int64).reshape(*lead, k)


def by_definition(utility: Utility, order: Array) -> tuple[Array, float]:
    """Values of prefixes, less those of the prefixes before, and the largest of them; groups of both broadcast."""
    shape = np.broadcast_shapes(utility.shape, order.shape[:-1])
    orders, wide = np.broadcast_to(order, (*shape, utility.k)), utility.over(shape)
    credit, largest = np.zeros((*shape, utility.k)), 0.0
    for index in np.ndindex(shape):
        one = wide[index] if shape else utility
        worth = np.array([float(one.value(orders[index][:size])) for size in range(utility.k + 1)])
        credit[index][orders[index]] = np.diff(worth)
        largest = max(largest, np.abs(worth).max())
    return credit, largest


def check(utility: Utility, order: Array, dtype: Any) -> None:
    credit = sc.marginal_vector(utility, utility.k, order=order)
    truth, largest = by_definition(utility, order)
    assert credit.shape == truth.shape
    assert credit.dtype == (utility.dtype or np.float64)
    assert close(credit, truth, largest, dtype), f"{credit} is not {truth}"
    if utility.mask is not None:
        assert np.all(credit[~np.broadcast_to(utility.mask, credit.shape)] == 0)


# The shapes of utilities and of orders: one for all, one each, and groups that only together are all of them.
LEADS = [((), ()), ((3,), ()), ((), (4,)), ((2, 2), (2, 2)), ((3,), (2, 1)), ((2, 1), (3,)), ((1, 1), (2,)), ((0, 2), ())]


def equals_the_definition(family: type[Utility], dtype: Any, data: Draw) -> None:
    k, (shape, lead) = data.draw(st.integers(1, 6)), data.draw(st.sampled_from(LEADS))
    check(data.draw(instances(family, dtype, k, shape)).utility, orders_of(data, lead, k), dtype)


def check_of_every_kernel() -> None:
    """The mean over all orders is what the specification gives, with arguments that no family may come up with."""
    rng = np.random.default_rng(6)
    for form, game in GAMES:
        if form == "tokens" or has_names(form, game):
            continue
        added, specification = (dispatch.kernel(form, game, role) for role in ("order", "ref"))
        for _ in range(4):
            given = inputs(form, game, rng, 3, 4, np.float64)
            total = np.zeros((3, 4))
            for order in permutations(range(4)):
                places = np.array([order])
                solved = added(*in_order(form, game, given, places))
                total += along(solved, np.argsort(places, axis=1))
            truth = specification(*given)
            assert np.abs(total / 24 - truth).max() <= tolerance(np.float64) * max(np.abs(truth).max(), 1), game
