"""The table form in an order: the values of the coalitions that grow member by member."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import namespace
from shapley_kernels.earlier_members import looked_up, rises

Array = Any


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def solve(values: Array, orders: Array) -> Array:
    """values [B or 1, 2^K], index = bit mask, orders [B or 1, K] -> [B, K] float64 by place. O(K) a group.

    On the host all values are checked, and a group with one that is not finite gets NaN.
    """
    xp = namespace(values)
    codes = xp.cumulative_sum(xp.ones_like(orders) << orders, axis=1)
    steps = rises(xp.astype(looked_up(values, codes), xp.float64), xp.astype(values[:, :1], xp.float64))
    if isinstance(values, np.ndarray):
        steps = np.where(np.isfinite(values).all(axis=1, keepdims=True), steps, np.nan)
    return steps
