"""Numba kernels of the thresholds form.

    phi_(q) = c_q,  c_q = sum_{p<=q} (a_p - a_{p-1}) / (K - p + 1),  a ascending heights, a_0 = 0.

Eight games at a time, one a lane: a sorting network over the K vectors of a tile keeps the mask of every exchange, c takes the
place of a, and the exchanges undone from the last to the first bring each c to its member. No branch, no index, equal heights
in any order. Tiles are groups for `airport`, elements of a group for `facility`. Above NETWORK_LIMIT `airport` sorts group by
group.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import memory, parallel
from shapley_kernels.jit import jit
from shapley_kernels.lanes import Lanes, choose, exceeds, load, maximum, splat, store, total, transpose
from shapley_kernels.networks import comparators
from shapley_kernels.tiles import columns, store_eight, turn

Array = NDArray[Any]

NETWORK_LIMIT = 2048


@jit
def _solve_tile(tile: Array, floor: Lanes, pairs: Array, exchanged: Array) -> None:
    """Scores [K, 8] to credits, in place. exchanged [C]: scratch for the masks."""
    members = tile.shape[0]
    real = tile.dtype.type
    for i in range(members):
        store(tile, 8 * i, maximum(load(tile, 8 * i) - floor, splat(real(0))))
    for q in range(pairs.shape[0]):
        low, high = 8 * pairs[q, 0], 8 * pairs[q, 1]
        x, y = load(tile, low), load(tile, high)
        mask = exceeds(x, y)
        exchanged[q] = mask
        store(tile, low, choose(mask, y, x))
        store(tile, high, choose(mask, x, y))
    before = load(tile, 0)
    share = before * splat(real(1 / members))
    store(tile, 0, share)
    for q in range(1, members):
        height = load(tile, 8 * q)
        share = share + (height - before) * splat(real(1 / (members - q)))
        store(tile, 8 * q, share)
        before = height
    for q in range(pairs.shape[0] - 1, -1, -1):
        low, high = 8 * pairs[q, 0], 8 * pairs[q, 1]
        x, y = load(tile, low), load(tile, high)
        mask = exchanged[q]
        store(tile, low, choose(mask, y, x))
        store(tile, high, choose(mask, x, y))


@jit
def _exchange(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes, int]:
    """The smaller, the larger, and where they changed places."""
    mask = exceeds(x, y)
    return choose(mask, y, x), choose(mask, x, y), mask


@jit
def _restore(x: Lanes, y: Lanes, mask: int) -> tuple[Lanes, Lanes]:
    """The exchange undone."""
    return choose(mask, y, x), choose(mask, x, y)


@jit
def _airport_8(scores: Array, base: Array, credit: Array, low: int, high: int) -> None:
    """K = 8, whole tiles of groups: everything in registers."""
    s_base = 0 if base.shape[0] == 1 else 1
    real = scores.dtype.type
    zero = splat(real(0))
    w_8, w_7, w_6, w_5 = splat(real(1 / 8)), splat(real(1 / 7)), splat(real(1 / 6)), splat(real(1 / 5))
    w_4, w_3, w_2 = splat(real(1 / 4)), splat(real(1 / 3)), splat(real(1 / 2))
    b_floor = np.zeros(8, scores.dtype)
    for first in range(low, high, 8):
        for lane in range(8):
            b_floor[lane] = base[(first + lane) * s_base]
        floor = load(b_floor, 0)
        a, b, c, d, e, f, g, h = columns(scores, 8 * first, 8)
        a, b, c, d = maximum(a - floor, zero), maximum(b - floor, zero), maximum(c - floor, zero), maximum(d - floor, zero)
        e, f, g, h = maximum(e - floor, zero), maximum(f - floor, zero), maximum(g - floor, zero), maximum(h - floor, zero)
        a, b, m_0 = _exchange(a, b)
        c, d, m_1 = _exchange(c, d)
        e, f, m_2 = _exchange(e, f)
        g, h, m_3 = _exchange(g, h)
        a, c, m_4 = _exchange(a, c)
        b, d, m_5 = _exchange(b, d)
        e, g, m_6 = _exchange(e, g)
        f, h, m_7 = _exchange(f, h)
        b, c, m_8 = _exchange(b, c)
        f, g, m_9 = _exchange(f, g)
        a, e, m_10 = _exchange(a, e)
        b, f, m_11 = _exchange(b, f)
        c, g, m_12 = _exchange(c, g)
        d, h, m_13 = _exchange(d, h)
        c, e, m_14 = _exchange(c, e)
        d, f, m_15 = _exchange(d, f)
        b, c, m_16 = _exchange(b, c)
        d, e, m_17 = _exchange(d, e)
        f, g, m_18 = _exchange(f, g)
        c_0 = a * w_8
        c_1 = c_0 + (b - a) * w_7
        c_2 = c_1 + (c - b) * w_6
        c_3 = c_2 + (d - c) * w_5
        c_4 = c_3 + (e - d) * w_4
        c_5 = c_4 + (f - e) * w_3
        c_6 = c_5 + (g - f) * w_2
        c_7 = c_6 + (h - g)
        c_5, c_6 = _restore(c_5, c_6, m_18)
        c_3, c_4 = _restore(c_3, c_4, m_17)
        c_1, c_2 = _restore(c_1, c_2, m_16)
        c_3, c_5 = _restore(c_3, c_5, m_15)
        c_2, c_4 = _restore(c_2, c_4, m_14)
        c_3, c_7 = _restore(c_3, c_7, m_13)
        c_2, c_6 = _restore(c_2, c_6, m_12)
        c_1, c_5 = _restore(c_1, c_5, m_11)
        c_0, c_4 = _restore(c_0, c_4, m_10)
        c_5, c_6 = _restore(c_5, c_6, m_9)
        c_1, c_2 = _restore(c_1, c_2, m_8)
        c_5, c_7 = _restore(c_5, c_7, m_7)
        c_4, c_6 = _restore(c_4, c_6, m_6)
        c_1, c_3 = _restore(c_1, c_3, m_5)
        c_0, c_2 = _restore(c_0, c_2, m_4)
        c_6, c_7 = _restore(c_6, c_7, m_3)
        c_4, c_5 = _restore(c_4, c_5, m_2)
        c_2, c_3 = _restore(c_2, c_3, m_1)
        c_0, c_1 = _restore(c_0, c_1, m_0)
        a, b, c, d, e, f, g, h = transpose(c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
        store_eight(credit, 8 * first, 8, a, b, c, d, e, f, g, h)


@jit
def _airport_tiled(scores: Array, base: Array, credit: Array, pairs: Array, low: int, high: int) -> None:
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    if members == 8:
        whole = low + (high - low) // 8 * 8
        _airport_8(scores, base, credit, low, whole)
        low = whole
    b_tile = np.zeros((members, 8), scores.dtype)
    b_floor = np.zeros(8, scores.dtype)
    exchanged = np.empty(pairs.shape[0], np.uint8)
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
        turn(scores, first * members, members, lanes, members, b_tile, 0, 8)
        _solve_tile(b_tile, load(b_floor, 0), pairs, exchanged)
        turn(b_tile, 0, 8, members, lanes, credit, first * members, members)


@jit
def _airport_sorted(scores: Array, base: Array, credit: Array, low: int, high: int) -> None:
    """c by rank, looked up by value."""
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    real = scores.dtype.type
    height, cumulated = np.empty(members, scores.dtype), np.empty(members, scores.dtype)
    for group in range(low, high):
        for i in range(members):
            height[i] = max(scores[group, i] - base[group * s_base], real(0))
        ascending = np.sort(height)
        running = ascending[0] * real(1 / members)
        cumulated[0] = running
        for q in range(1, members):
            running += (ascending[q] - ascending[q - 1]) * real(1 / (members - q))
            cumulated[q] = running
        for i in range(members):
            credit[group, i] = cumulated[np.searchsorted(ascending, height[i])]


@jit
def _facility_tiled(scores: Array, weights: Array, credit: Array, pairs: Array, low: int, high: int) -> None:
    members, elements = scores.shape[1], scores.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    b_tile = np.zeros((members, 8), scores.dtype)
    b_total = np.zeros((members, 8), scores.dtype)
    b_weight = np.zeros(8, scores.dtype)
    exchanged = np.empty(pairs.shape[0], np.uint8)
    zero = scores.dtype.type(0)
    for group in range(low, high):
        b_total[:] = 0
        for first in range(0, elements, 8):
            lanes = min(8, elements - first)
            b_weight[:] = 0
            for lane in range(lanes):
                b_weight[lane] = weights[group * s_weights, first + lane]
            o = group * members * elements + first
            for i in range(members):
                if lanes == 8:
                    store(b_tile, 8 * i, load(scores, o + i * elements))
                else:
                    for lane in range(8):
                        b_tile[i, lane] = scores[group, i, first + lane] if lane < lanes else zero
            _solve_tile(b_tile, splat(zero), pairs, exchanged)
            weight = load(b_weight, 0)
            for i in range(members):
                store(b_total, 8 * i, load(b_total, 8 * i) + load(b_tile, 8 * i) * weight)
        for i in range(members):
            credit[group, i] = total(load(b_total, 8 * i))


def airport(scores: Array, base: Array) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K]."""
    groups, members = scores.shape
    credit = memory.empty(scores.shape, scores.dtype)
    if members <= NETWORK_LIMIT:
        pairs = comparators(members)
        parallel.rows(_airport_tiled, groups, 0.4 * len(pairs) + members, scores, base, credit, pairs)
    else:
        parallel.rows(_airport_sorted, groups, 60 * members, scores, base, credit)
    return credit


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]."""
    groups, members, elements = scores.shape
    credit, pairs = np.empty((groups, members), scores.dtype), comparators(members)
    cost = (0.4 * len(pairs) + members) * elements
    parallel.rows(_facility_tiled, groups, cost, scores, weights, credit, pairs)
    return credit
