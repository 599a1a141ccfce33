"""Numba kernels of the thresholds form.

    phi_(q) = c_q,  c_q = sum_{p<=q} (a_p - a_{p-1}) / (K - p + 1),  a ascending heights, a_0 = 0.

Eight games at a time, one a lane: a sorting network over the K vectors of a tile keeps the mask of every exchange, c takes the
place of a, and the exchanges undone from the last to the first bring each c to its member. No branch, no index, equal heights
in any order. Tiles are groups for `airport`, elements of a group for `facility`.

Above MASKS_LIMIT `airport` sorts keys instead, integers of 32 bits that hold the leading bits of a height and its member, so
that an exchange is a minimum and a maximum and nothing needs undoing. Where heights agree in these bits their order is put
right afterwards. Above NETWORK_LIMIT it sorts group by group.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import memory, parallel
from shapley_kernels.jit import jit
from shapley_kernels.lanes import (
    Lanes,
    choose,
    exceeds,
    least,
    load,
    maximum,
    minimum,
    multiply_add,
    packed,
    splat,
    store,
    total,
)
from shapley_kernels.limits import NotFiniteError
from shapley_kernels.networks import RUN, comparators
from shapley_kernels.thresholds.eight import airport_8
from shapley_kernels.tiles import sort_rows, tile, turn

Array = NDArray[Any]

MASKS_LIMIT = 16
NETWORK_LIMIT = 2048
# Heights out of order move one place at a time, up to so many moves in a tile for each of its K rows.
MOVES = 8


@jit
def _shares(heights: Array) -> None:
    """Ascending heights [K, 8] to c, in place."""
    members = heights.shape[0]
    real = heights.dtype.type
    before = load(heights, 0)
    share = before * splat(real(1 / members))
    store(heights, 0, share)
    for q in range(1, members):
        height = load(heights, 8 * q)
        share = share + (height - before) * splat(real(1 / (members - q)))
        store(heights, 8 * q, share)
        before = height


@jit
def _solve_tile(scores: Array, floor: Lanes, pairs: Array, exchanged: Array, nothing: Lanes) -> Lanes:
    """Scores [K, 8] to credits, in place; `nothing` plus 0 times their heights. exchanged [C]: scratch for the masks."""
    members = scores.shape[0]
    zero = splat(scores.dtype.type(0))
    for i in range(members):
        height = load(scores, 8 * i) - floor
        nothing = multiply_add(height, zero, nothing)
        store(scores, 8 * i, maximum(height, zero))
    for q in range(pairs.shape[0]):
        low, high = 8 * pairs[q, 0], 8 * pairs[q, 1]
        x, y = load(scores, low), load(scores, high)
        mask = exceeds(x, y)
        exchanged[q] = mask
        store(scores, low, choose(mask, y, x))
        store(scores, high, choose(mask, x, y))
    _shares(scores)
    for q in range(pairs.shape[0] - 1, -1, -1):
        low, high = 8 * pairs[q, 0], 8 * pairs[q, 1]
        x, y = load(scores, low), load(scores, high)
        mask = exchanged[q]
        store(scores, low, choose(mask, y, x))
        store(scores, high, choose(mask, x, y))
    return nothing


@jit
def _airport_tiled(scores: Array, base: Array, credit: Array, pairs: Array, low: int, high: int) -> bool:
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    b_tile = np.zeros((members, 8), scores.dtype)
    b_floor = np.zeros(8, scores.dtype)
    exchanged = np.empty(pairs.shape[0], np.uint8)
    nothing = splat(scores.dtype.type(0))
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
        turn(scores, first * members, members, lanes, members, b_tile, 0, 8)
        nothing = _solve_tile(b_tile, load(b_floor, 0), pairs, exchanged, nothing)
        turn(b_tile, 0, 8, members, lanes, credit, first * members, members)
    return bool(total(nothing) == 0)


@jit
def _lowest(scores: Array, o: int, members: int, floor: float) -> tuple[float, Lanes]:
    """The lowest of K > 8 scores, or the floor if that is higher, and the sum of 0 times their heights above the floor."""
    lowest, lanes, zero = load(scores, o), splat(floor), splat(scores.dtype.type(0))
    nothing = zero
    for i in range(0, members, 8):
        score = load(scores, o + min(i, members - 8))
        nothing = multiply_add(score - lanes, zero, nothing)
        lowest = minimum(lowest, score)
    return max(floor, least(lowest)), nothing


@jit
def _keys(scores: Array, o: int, members: int, lowest: float, bits: int, keys: Array, p: int) -> None:
    """The keys of K > 8 heights above the lowest, to keys[p:]."""
    lanes, zero = splat(lowest), splat(scores.dtype.type(0))
    for first in range(0, members, 8):
        i = min(first, members - 8)
        store(keys, p + i, packed(maximum(load(scores, o + i) - lanes, zero), bits, i))


@jit
def _lower(heights: Array, keys: Array, q: int, lane: int) -> int:
    """Move the q-th height of a lane down to its place among those before it; the number of places."""
    height, key, place = heights[q, lane], keys[q, lane], q
    while place > 0 and heights[place - 1, lane] > height:
        heights[place, lane], keys[place, lane] = heights[place - 1, lane], keys[place - 1, lane]
        place -= 1
    heights[place, lane], keys[place, lane] = height, key
    return q - place


@jit
def _put_right(heights: Array, keys: Array, floor: Lanes) -> None:
    """Scores [K, 8] in the order of their keys to heights above the floor in ascending order, and the keys with them."""
    members = len(heights)
    zero = splat(heights.dtype.type(0))
    before, moves, unsorted = zero, 0, 0
    for q in range(members):
        height = maximum(load(heights, 8 * q) - floor, zero)
        store(heights, 8 * q, height)
        wrong = exceeds(before, height)
        if wrong and moves <= MOVES * members:
            for lane in range(8):
                moves += _lower(heights, keys, q, lane) if wrong >> lane & 1 else 0
            height = load(heights, 8 * q)
        elif wrong:
            unsorted |= wrong
        before = height
    for lane in range(8):
        if unsorted >> lane & 1:
            order = np.argsort(heights[:, lane])
            heights[:, lane], keys[:members, lane] = heights[:, lane][order], keys[:members, lane][order]


@jit
def _airport_keyed(scores: Array, base: Array, credit: Array, bits: int, low: int, high: int) -> bool:
    members = scores.shape[1]
    wide = (members + 7) // 8 * 8
    s_base = 0 if base.shape[0] == 1 else 1
    b_floor, b_lowest = np.zeros(8, scores.dtype), np.zeros(8, scores.dtype)
    runs = (members + RUN - 1) // RUN * RUN
    rows, keys, heights = tile(8, wide, np.uint32), tile(runs, 8, np.uint32), tile(members, 8, scores.dtype)
    keys[members:] = np.uint32(0xFFFFFFFF)  # above all others
    member = np.uint32((1 << bits) - 1)
    nothing = splat(scores.dtype.type(0))
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
            b_lowest[lane], more = _lowest(scores, (first + lane) * members, members, b_floor[lane])
            nothing = nothing + more
        for lane in range(lanes):
            _keys(scores, (first + lane) * members, members, b_lowest[lane], bits, rows, lane * wide)
        turn(rows, 0, wide, 8, members, keys, 0, 8)
        sort_rows(keys)
        for lane in range(lanes):
            row = scores[first + lane]
            for q in range(members):
                heights[q, lane] = row[np.uint64(keys[q, lane] & member)]
        _put_right(heights, keys, load(b_floor, 0))
        _shares(heights)
        for lane in range(lanes):
            row = credit[first + lane]
            for q in range(members):
                row[np.uint64(keys[q, lane] & member)] = heights[q, lane]
    return bool(total(nothing) == 0)


@jit
def _airport_sorted(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """c by rank, looked up by value."""
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    real = scores.dtype.type
    height, cumulated = np.empty(members, scores.dtype), np.empty(members, scores.dtype)
    nothing = real(0)
    for group in range(low, high):
        for i in range(members):
            height[i] = scores[group, i] - base[group * s_base]
            nothing += height[i] * real(0)
            height[i] = max(height[i], real(0))
        ascending = np.sort(height)
        running = ascending[0] * real(1 / members)
        cumulated[0] = running
        for q in range(1, members):
            running += (ascending[q] - ascending[q - 1]) * real(1 / (members - q))
            cumulated[q] = running
        for i in range(members):
            credit[group, i] = cumulated[np.searchsorted(ascending, height[i])]
    return bool(nothing == 0)


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
            _solve_tile(b_tile, splat(zero), pairs, exchanged, splat(zero))
            weight = load(b_weight, 0)
            for i in range(members):
                store(b_total, 8 * i, load(b_total, 8 * i) + load(b_tile, 8 * i) * weight)
        for i in range(members):
            credit[group, i] = total(load(b_total, 8 * i))


def airport(scores: Array, base: Array) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K]. Raises NotFiniteError."""
    groups, members = scores.shape
    credit = memory.empty(scores.shape, scores.dtype)
    if members == 8:
        finite = parallel.rows(airport_8, groups, 8, scores, base, credit)
    elif members <= MASKS_LIMIT:
        pairs = comparators(members)
        finite = parallel.rows(_airport_tiled, groups, 0.4 * len(pairs) + members, scores, base, credit, pairs)
    elif members <= NETWORK_LIMIT:
        bits = (members - 1).bit_length()
        finite = parallel.rows(_airport_keyed, groups, (1.5 + 0.05 * bits**2) * members, scores, base, credit, bits)
    else:
        finite = parallel.rows(_airport_sorted, groups, 60 * members, scores, base, credit)
    if not finite:
        raise NotFiniteError
    return credit


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]."""
    groups, members, elements = scores.shape
    credit, pairs = np.empty((groups, members), scores.dtype), comparators(members)
    cost = (0.4 * len(pairs) + members) * elements
    parallel.rows(_facility_tiled, groups, cost, scores, weights, credit, pairs)
    return credit
