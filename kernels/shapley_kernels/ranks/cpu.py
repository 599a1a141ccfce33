"""Numba kernels of the ranks form.

Per group: ranks by insertion (K <= 32) or merge sort, one pass down for gain_i m_{r_i}, one pass up for the running sum
sum_{j after i} gain_j c_{r_j}. The rank constants m_r and c_r are computed once a discount row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit
from shapley_kernels.ranks import ref

Array = NDArray[Any]

INSERTION_LIMIT = 32


@jit
def _order(keys: Array, order: NDArray[np.int64]) -> None:
    """Members by key, descending, equal keys by lower index."""
    members = keys.shape[0]
    if members > INSERTION_LIMIT:
        order[:] = np.argsort(-keys, kind="mergesort")
        return
    for i in range(members):
        place = i
        while place > 0 and keys[order[place - 1]] < keys[i]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i


@jit
def _discounted(gains: Array, keys: Array, means: Array, shift: Array, credit: Array, low: int, high: int) -> None:
    members = gains.shape[1]
    s_keys = 0 if keys.shape[0] == 1 else 1
    s_discounts = 0 if means.shape[0] == 1 else 1
    order = np.empty(members, np.int64)
    for group in range(low, high):
        gain, mean, change = gains[group], means[group * s_discounts], shift[group * s_discounts]
        _order(keys[group * s_keys], order)
        tail = gains.dtype.type(0)
        for rank in range(members - 1, -1, -1):
            i = order[rank]
            credit[group, i] = gain[i] * mean[rank] + tail
            tail += gain[i] * change[rank]


def discounted(gains: Array, keys: Array, discounts: Array) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]."""
    groups, members = gains.shape
    ranks = np.arange(1, members + 1, dtype=discounts.dtype)
    means = np.cumsum(discounts, axis=1) / ranks
    shift = np.zeros_like(discounts)
    shift[:, 1:] = (discounts[:, 1:] - means[:, :-1]) / ranks[1:]
    credit = np.empty_like(gains)
    parallel.rows(
        lambda low, high: _discounted(gains, keys, means, shift, credit, low, high), groups, 12 * members + members**1.5
    )
    return credit


def sized(gains: Array, keys: Array, present: Array, weights: Array) -> Array:
    """gains [B, K], keys, present [B or 1, K], weights [B or 1, K, K] -> [B, K] float64; the vectorised specification."""
    return ref.sized(gains, keys, present, weights)
