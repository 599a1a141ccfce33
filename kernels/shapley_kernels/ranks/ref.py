"""Sum of gain times discount of the rank.

v(S) = sum_r d_r gain_(r), S sorted by key, descending, equal keys by lower index. With m_r = mean(d_1 .. d_r) and r_i the
rank of i among all members,

phi_i = gain_i m_{r_i} + sum_{j after i} gain_j c_{r_j},   c_r = (d_r - m_{r-1}) / r,  c_1 = 0:

j's gain times its discount is a game that is symmetric in the members before j, each of which earns c_{r_j}.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, like, namespace, unsorted
from shapley_kernels.chances import in_turn, uniform_chances

Array = Any


def discounted(gains: Array, keys: Array, discounts: Array) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]. O(K log K) a group."""
    xp = namespace(gains)
    ranks = like(np.arange(1, gains.shape[1] + 1), discounts)
    means = xp.cumulative_sum(discounts, axis=1) / ranks  # [B or 1, K]
    shift = (discounts[:, 1:] - means[:, :-1]) / ranks[1:]  # c_2 .. c_K
    order = xp.broadcast_to(xp.argsort(-keys, axis=1, stable=True), gains.shape)
    sorted_gains = xp.take_along_axis(gains, order, axis=1)
    shares = sorted_gains * means + _after(sorted_gains[:, 1:] * shift)
    return unsorted(order, shares)


def _after(shares: Array) -> Array:
    """What each of K members gets from those after it, whose shares are [B, K - 1]: sums from the end, 0 for the last."""
    xp = namespace(shares)
    return xp.flip(xp.cumulative_sum(xp.flip(shares, axis=1), axis=1, include_initial=True), axis=1)


def sized(gains: Array, keys: Array, present: Array, weights: Array) -> Array:
    """v(S) = sum_r D[r, |S|] gain_(r), S sorted by key: L-statistics and their kin, v(empty) = 0.

    j's gain is a game of two counts, the members of S before j and those after j. gains [B, K], keys, present [B or 1, K],
    weights D [B or 1, K, K] (row = rank, column = size, both from 1) -> [B, K] float64. O(K^3) a group.
    """
    return sized_by(gains, keys, present, weights, uniform_chances(present))


def sized_by(gains: Array, keys: Array, present: Array, weights: Array, chances: Array) -> Array:
    """`sized` for any semivalue: chances [B or 1, K] is the distribution of the number of others present."""
    xp = namespace(gains)
    here = xp.broadcast_to(present, gains.shape)
    order = xp.argsort(xp.where(present, -keys, float("inf")), axis=1, stable=True)  # absent members last
    order = xp.broadcast_to(order, gains.shape)
    gains = xp.take_along_axis(xp.astype(xp.where(here, gains, 0), xp.float64), order, axis=1)
    own, before, after = _sized_shares(xp.astype(weights, xp.float64), xp.count_nonzero(present, axis=1), chances)
    left = xp.cumulative_sum((after * gains)[:, :-1], axis=1, include_initial=True)
    credit = own * gains + _after((before * gains)[:, 1:]) + left
    return xp.where(here, unsorted(order, credit), 0)


def _sized_shares(weights: Array, size: Array, chances: Array) -> tuple[Array, Array, Array]:
    """Of one unit of gain on rank r among n = size members: the shares of its owner, a better one, a worse one, [B, K] each.

    Before b better members of s others the unit is worth D[b, s]; how many of them are better is a matter of chance.
    """
    xp = namespace(weights)
    members = weights.shape[1]
    n, better = size[:, None], like(np.arange(members), size)[None, :]
    own = before = after = xp.zeros_like(weights[:, 0, :])
    pairs = xp.astype(at_least(n - 1, 1), xp.float64)
    draws = (in_turn(n - 1, better, members), in_turn(n - 2, better - 1, members), in_turn(n - 2, better, members))
    for s, (all_others, without_better, without_worse) in enumerate(zip(*draws, strict=True)):
        now = weights[:, None, :, s]
        own = own + chances[:, s : s + 1] * xp.sum(all_others[..., :-1] * now, axis=2)
        if s + 1 < members:  # s others of a pair, and with one of the pair s + 1
            chance, then = chances[:, s + 1 : s + 2] * (s + 1) / pairs, weights[:, None, :, s + 1]
            drop = then[..., 1:] - now[..., :-1]
            before = before + chance * xp.sum(without_better[..., :-2] * drop, axis=2)
            after = after + chance * xp.sum(without_worse[..., :-1] * (then - now), axis=2)
    return own, before, after
