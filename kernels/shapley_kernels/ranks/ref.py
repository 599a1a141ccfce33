"""Sum of gain times discount of the rank.

v(S) = sum_r d_r gain_(r), S sorted by key, descending, equal keys by lower index. With m_r = mean(d_1 .. d_r) and r_i the
rank of i among all members,

phi_i = gain_i m_{r_i} + sum_{j after i} gain_j c_{r_j},   c_r = (d_r - m_{r-1}) / r,  c_1 = 0:

j's gain times its discount is a game that is symmetric in the members before j, each of whom earns c_{r_j}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def discounted(gains: Array, keys: Array, discounts: Array) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]. O(K log K) a group."""
    members = gains.shape[1]
    ranks = np.arange(1, members + 1, dtype=discounts.dtype)
    means = np.cumsum(discounts, axis=1) / ranks  # [B or 1, K]
    shift = (discounts[:, 1:] - means[:, :-1]) / ranks[1:]  # c_2 .. c_K
    order = np.broadcast_to(np.argsort(-keys, axis=1, kind="stable"), gains.shape)
    sorted_gains = np.take_along_axis(gains, order, axis=1)
    shares = sorted_gains * means
    tail = np.cumsum((sorted_gains[:, 1:] * shift)[:, ::-1], axis=1)[:, ::-1]
    shares[:, :-1] += tail
    credit = np.empty_like(shares)
    np.put_along_axis(credit, order, shares, axis=1)
    return credit
