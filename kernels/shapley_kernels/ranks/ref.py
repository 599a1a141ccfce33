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

from shapley_kernels.draws import draws
from shapley_kernels.trees import Mix, uniform

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


def sized(gains: Array, keys: Array, present: Array, weights: Array) -> Array:
    """v(S) = sum_r D[r, |S|] gain_(r), S sorted by key: L-statistics and their kin, v(empty) = 0.

    j's gain is a game of two counts, the members of S before j and those after j. gains [B, K], keys, present [B or 1, K],
    weights D [B or 1, K, K] (row = rank, column = size, both from 1) -> [B, K] float64. O(K^3) a group.
    """
    return sized_by(gains, keys, present, weights, uniform)


def sized_by(gains: Array, keys: Array, present: Array, weights: Array, mix: Mix) -> Array:
    """`sized` for any semivalue: mix(n) [n] is the distribution of the number of others present."""
    credit = np.zeros(gains.shape)
    keys, present = np.broadcast_to(keys, gains.shape), np.broadcast_to(present, gains.shape)
    tables = np.broadcast_to(weights, (len(gains), *weights.shape[1:]))
    for row, here in enumerate(present):
        order = np.argsort(-keys[row], kind="stable")
        order = order[here[order]]
        for rank, j in enumerate(order):
            own, before, after = sized_shares(mix(len(order)), rank, tables[row])
            credit[row, j] += own * gains[row, j]
            credit[row, order[:rank]] += before * gains[row, j]
            credit[row, order[rank + 1 :]] += after * gains[row, j]
    return credit


def sized_shares(q: Array, better: int, weights: Array) -> tuple[float, float, float]:
    """Of one unit of gain with `better` members before it among n: its owner's, a better one's and a worse one's share."""
    n = len(q)
    own = float((q[:, None] * draws(n - 1, better) * _table(weights, better, n)).sum())
    if n == 1:
        return own, 0.0, 0.0
    s = np.arange(1, n)  # others present, the owner of the gain among them: s / (n - 1) of the time
    chance = q[1:] * s / (n - 1)
    before = after = 0.0
    if better > 0:
        drawn = draws(n - 2, better - 1)  # [n - 1, better]
        late, soon = _table(weights, better, n)[1:, 1:], _table(weights, better - 1, n)[:-1]
        before = float((chance[:, None] * drawn * (late - soon)).sum())
    if better < n - 1:
        drawn, table = draws(n - 2, better), _table(weights, better, n)
        after = float((chance[:, None] * drawn * (table[1:] - table[:-1])).sum())
    return own, before, after


def _table(weights: Array, better: int, n: int) -> Array:
    """D by size - 1 and number of better ones, [n, better + 1]."""
    return weights[: better + 1, :n].T
