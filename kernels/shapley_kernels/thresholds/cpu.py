"""Numba kernels of the thresholds form.

    phi_i = c_q for the last a_q <= x_i,  c_q = sum_{p<=q} (a_p - a_{p-1}) / (K - p + 1),  a ascending heights, a_0 = 0:

equal heights have equal c, so no index of who was where is needed. K = 8 (the common group): straight-line code. K <= 64: tiles
of BL lanes (groups for `airport`, elements for `facility`), a sorting network over the K rows of the tile, then clipped gaps.
K > 64: sort values, binary search.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit

Array = NDArray[Any]

BL = 32  # lanes of a tile: K = 64 rows of f64 fill 16 KB of L1
NETWORK_LIMIT = 64


@lru_cache(maxsize=NETWORK_LIMIT)
def network(members: int) -> NDArray[np.int64]:
    """Comparators [C, 2] of Batcher's odd-even merge sort, O(K log^2 K) of them."""
    pairs = []
    p = 1
    while p < members:
        k = p
        while k >= 1:
            for j in range(k % p, members - k, 2 * k):
                ends = [(i + j, i + j + k) for i in range(min(k, members - j - k))]
                pairs += [(low, high) for low, high in ends if low // (2 * p) == high // (2 * p)]
            k //= 2
        p *= 2
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@jit
def _sort_tile(b_sorted: Array, comparators: NDArray[np.int64]) -> None:
    """Sort the rows of a tile [K, BL], every lane on its own."""
    for i_comparator in range(comparators.shape[0]):
        low = b_sorted[comparators[i_comparator, 0]]
        high = b_sorted[comparators[i_comparator, 1]]
        for lane in range(BL):
            x, y = low[lane], high[lane]
            low[lane] = x if x < y else y
            high[lane] = y if x < y else x


@jit
def _shares(b_height: Array, b_sorted: Array, b_share: Array) -> None:
    """Shares [K, BL] of the heights [K, BL]: c_q up to x_i as a sum of clipped gaps, which needs no branch and no index."""
    members = b_height.shape[0]
    one = b_height.dtype.type(1)
    weight = one / members
    for i in range(members):
        for lane in range(BL):
            b_share[i, lane] = b_sorted[0, lane] * weight
    for q in range(1, members):
        weight = one / (members - q)
        low = b_sorted[q - 1]
        high = b_sorted[q]
        for i in range(members):
            height = b_height[i]
            share = b_share[i]
            for lane in range(BL):
                x = height[lane]
                upper = x if x < high[lane] else high[lane]
                lower = x if x < low[lane] else low[lane]
                share[lane] += (upper - lower) * weight


@jit
def _select(
    x: Any,
    a_1: Any,
    a_2: Any,
    a_3: Any,
    a_4: Any,
    a_5: Any,
    a_6: Any,
    a_7: Any,
    c_0: Any,
    c_1: Any,
    c_2: Any,
    c_3: Any,
    c_4: Any,
    c_5: Any,
    c_6: Any,
    c_7: Any,
) -> Any:
    """c_q of the last a_q <= x."""
    share = c_0
    share = c_1 if a_1 <= x else share
    share = c_2 if a_2 <= x else share
    share = c_3 if a_3 <= x else share
    share = c_4 if a_4 <= x else share
    share = c_5 if a_5 <= x else share
    share = c_6 if a_6 <= x else share
    share = c_7 if a_7 <= x else share
    return share


@jit
def _airport_8(scores: Array, base: Array, credit: Array, low: int, high: int) -> None:
    """K = 8: a network of 19 comparators and 7 selections a member, in registers, vectorised over the lanes of a tile."""
    s_base = 0 if base.shape[0] == 1 else 1
    b_height = np.zeros((8, BL), scores.dtype)
    b_share = np.zeros((8, BL), scores.dtype)
    one, zero = scores.dtype.type(1), scores.dtype.type(0)
    w_8, w_7, w_6, w_5, w_4, w_3, w_2 = one / 8, one / 7, one / 6, one / 5, one / 4, one / 3, one / 2
    for start in range(low, high, BL):
        lanes = min(BL, high - start)
        for lane in range(lanes):
            floor = base[(start + lane) * s_base]
            for i in range(8):
                b_height[i, lane] = max(scores[start + lane, i] - floor, zero)
        for lane in range(BL):
            x_0, x_1, x_2, x_3 = b_height[0, lane], b_height[1, lane], b_height[2, lane], b_height[3, lane]
            x_4, x_5, x_6, x_7 = b_height[4, lane], b_height[5, lane], b_height[6, lane], b_height[7, lane]
            a_0, a_1 = min(x_0, x_1), max(x_0, x_1)
            a_2, a_3 = min(x_2, x_3), max(x_2, x_3)
            a_4, a_5 = min(x_4, x_5), max(x_4, x_5)
            a_6, a_7 = min(x_6, x_7), max(x_6, x_7)
            a_0, a_2 = min(a_0, a_2), max(a_0, a_2)
            a_1, a_3 = min(a_1, a_3), max(a_1, a_3)
            a_4, a_6 = min(a_4, a_6), max(a_4, a_6)
            a_5, a_7 = min(a_5, a_7), max(a_5, a_7)
            a_1, a_2 = min(a_1, a_2), max(a_1, a_2)
            a_5, a_6 = min(a_5, a_6), max(a_5, a_6)
            a_0, a_4 = min(a_0, a_4), max(a_0, a_4)
            a_1, a_5 = min(a_1, a_5), max(a_1, a_5)
            a_2, a_6 = min(a_2, a_6), max(a_2, a_6)
            a_3, a_7 = min(a_3, a_7), max(a_3, a_7)
            a_2, a_4 = min(a_2, a_4), max(a_2, a_4)
            a_3, a_5 = min(a_3, a_5), max(a_3, a_5)
            a_1, a_2 = min(a_1, a_2), max(a_1, a_2)
            a_3, a_4 = min(a_3, a_4), max(a_3, a_4)
            a_5, a_6 = min(a_5, a_6), max(a_5, a_6)
            c_0 = a_0 * w_8
            c_1 = c_0 + (a_1 - a_0) * w_7
            c_2 = c_1 + (a_2 - a_1) * w_6
            c_3 = c_2 + (a_3 - a_2) * w_5
            c_4 = c_3 + (a_4 - a_3) * w_4
            c_5 = c_4 + (a_5 - a_4) * w_3
            c_6 = c_5 + (a_6 - a_5) * w_2
            c_7 = c_6 + (a_7 - a_6)
            b_share[0, lane] = _select(x_0, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[1, lane] = _select(x_1, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[2, lane] = _select(x_2, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[3, lane] = _select(x_3, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[4, lane] = _select(x_4, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[5, lane] = _select(x_5, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[6, lane] = _select(x_6, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
            b_share[7, lane] = _select(x_7, a_1, a_2, a_3, a_4, a_5, a_6, a_7, c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
        for lane in range(lanes):
            for i in range(8):
                credit[start + lane, i] = b_share[i, lane]


@jit
def _airport_tiled(scores: Array, base: Array, credit: Array, comparators: Array, low: int, high: int) -> None:
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    b_height = np.zeros((members, BL), scores.dtype)
    b_sorted = np.zeros((members, BL), scores.dtype)
    b_share = np.zeros((members, BL), scores.dtype)
    zero = scores.dtype.type(0)
    for start in range(low, high, BL):
        lanes = min(BL, high - start)
        for lane in range(lanes):
            floor = base[(start + lane) * s_base]
            for i in range(members):
                b_height[i, lane] = max(scores[start + lane, i] - floor, zero)
        b_sorted[:] = b_height
        _sort_tile(b_sorted, comparators)
        _shares(b_height, b_sorted, b_share)
        for lane in range(lanes):
            for i in range(members):
                credit[start + lane, i] = b_share[i, lane]


@jit
def _sorted_shares(height: Array, cumulated: Array, share: Array) -> None:
    """Shares [K] of the heights [K] by a sort and binary searches; cumulated [K] is scratch."""
    members = height.shape[0]
    one = height.dtype.type(1)
    ascending = np.sort(height)
    running = ascending[0] * (one / members)
    cumulated[0] = running
    for q in range(1, members):
        running += (ascending[q] - ascending[q - 1]) * (one / (members - q))
        cumulated[q] = running
    for i in range(members):
        share[i] = cumulated[np.searchsorted(ascending, height[i])]


@jit
def _airport_sorted(scores: Array, base: Array, credit: Array, low: int, high: int) -> None:
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    height = np.empty(members, scores.dtype)
    cumulated = np.empty(members, scores.dtype)
    for group in range(low, high):
        for i in range(members):
            height[i] = max(scores[group, i] - base[group * s_base], scores.dtype.type(0))
        _sorted_shares(height, cumulated, credit[group])


@jit
def _facility_tiled(scores: Array, weights: Array, credit: Array, comparators: Array, low: int, high: int) -> None:
    members, elements = scores.shape[1], scores.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    b_height = np.zeros((members, BL), scores.dtype)
    b_sorted = np.zeros((members, BL), scores.dtype)
    b_share = np.zeros((members, BL), scores.dtype)
    zero = scores.dtype.type(0)
    for group in range(low, high):
        credit[group] = 0
        for start in range(0, elements, BL):
            lanes = min(BL, elements - start)
            for i in range(members):
                for lane in range(lanes):
                    b_height[i, lane] = max(scores[group, i, start + lane], zero)
            b_sorted[:] = b_height
            _sort_tile(b_sorted, comparators)
            _shares(b_height, b_sorted, b_share)
            for i in range(members):
                total = zero
                for lane in range(lanes):
                    total += b_share[i, lane] * weights[group * s_weights, start + lane]
                credit[group, i] += total


@jit
def _facility_sorted(scores: Array, weights: Array, credit: Array, low: int, high: int) -> None:
    members, elements = scores.shape[1], scores.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    height = np.empty(members, scores.dtype)
    cumulated = np.empty(members, scores.dtype)
    share = np.empty(members, scores.dtype)
    for group in range(low, high):
        credit[group] = 0
        for element in range(elements):
            for i in range(members):
                height[i] = max(scores[group, i, element], scores.dtype.type(0))
            _sorted_shares(height, cumulated, share)
            for i in range(members):
                credit[group, i] += weights[group * s_weights, element] * share[i]


def airport(scores: Array, base: Array) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K]."""
    credit = np.empty_like(scores)
    groups, members = scores.shape
    if members == 8:
        parallel.rows(lambda low, high: _airport_8(scores, base, credit, low, high), groups, 25)
    elif members <= NETWORK_LIMIT:
        comparators = network(members)
        parallel.rows(lambda low, high: _airport_tiled(scores, base, credit, comparators, low, high), groups, members**2)
    else:
        parallel.rows(lambda low, high: _airport_sorted(scores, base, credit, low, high), groups, 60 * members)
    return credit


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]."""
    groups, members, elements = scores.shape
    credit = np.empty((groups, members), scores.dtype)
    if members <= NETWORK_LIMIT:
        comparators = network(members)
        parallel.rows(
            lambda low, high: _facility_tiled(scores, weights, credit, comparators, low, high),
            groups,
            members**2 * elements,
        )
    else:
        parallel.rows(lambda low, high: _facility_sorted(scores, weights, credit, low, high), groups, 60 * members * elements)
    return credit
