"""Numba kernels of the thresholds form.

    phi_(q) = c_q,  c_q = sum_{p<=q} (a_p - a_{p-1}) / (K - p + 1),  a ascending heights of either sign, a_0 = 0.

Eight games at a time, one a lane: groups for `airport`, elements of a group for `facility`. Up to NETWORK_LIMIT members a
sorting network in registers keeps the mask of every exchange, c takes the place of a, and the exchanges undone from the last to
the first bring each c to its member. No branch, no index, equal heights in any order; rows that fill the network up are sorted
below all others and then have height 0, where c is 0.

Above, keys are sorted, integers of 32 bits that hold the leading bits of a height and its member, so that an exchange is a
minimum and a maximum and nothing needs undoing. Where heights agree in these bits their order is put right afterwards. Above
KEYS_LIMIT one group, or element, at a time is sorted by digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import memory, threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import (
    Lanes,
    least,
    load,
    maximum,
    minimum,
    multiply_add,
    packed,
    prefetch_to_write,
    restore,
    sort,
    splat,
    store,
    total,
)
from shapley_kernels.compiled.sorted_heights import put_right, shares
from shapley_kernels.compiled.sorting_networks import comparators
from shapley_kernels.compiled.tiles import keys_above, room_for_keys, sort_rows, tile, turn
from shapley_kernels.kernel_errors import NotFiniteError
from shapley_kernels.thresholds.above_4096 import airport_many, facility_many
from shapley_kernels.thresholds.absent_members import lower, raise_present
from shapley_kernels.thresholds.up_to_eight import airport_8

Array = NDArray[Any]

NETWORK_LIMIT = 16
KEYS_LIMIT = 4096
MASKS = len(comparators(NETWORK_LIMIT))


@jit
def _solve_tile(heights: Array, masks: Array, members: int) -> None:
    """Heights of K members in [8 or 16, 8] to credits, in place. masks [C]: scratch."""
    rows, real = len(heights), heights.dtype.type
    for i in range(members, rows):
        store(heights, 8 * i, splat(real(-np.inf)))
    sort(heights, masks)
    for i in range(rows - members):
        store(heights, 8 * i, splat(real(0)))
    shares(heights)
    restore(heights, masks)


@jit
def _airport_tiled(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    b_tile = tile(NETWORK_LIMIT, 8, scores.dtype)
    b_floor = np.zeros(8, scores.dtype)
    masks = np.empty(MASKS, np.uint8)
    zero = splat(scores.dtype.type(0))
    nothing = zero  # sums of 0 times each height, NaN if one is not finite
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
        floor = load(b_floor, 0)
        turn(scores, first * members, members, lanes, members, b_tile, 0, 8)
        for i in range(members):
            height = load(b_tile, 8 * i) - floor
            nothing = multiply_add(height, zero, nothing)
            store(b_tile, 8 * i, height)
        _solve_tile(b_tile, masks, members)
        turn(b_tile, 0, 8, members, lanes, credit, first * members, members)
    return bool(total(nothing) == 0)


@jit
def _lowest(scores: Array, o: int, members: int, floor: float) -> tuple[float, Lanes]:
    """The lowest of K > 8 scores, and the sum of 0 times their heights above the floor."""
    lowest, lanes, zero = load(scores, o), splat(floor), splat(scores.dtype.type(0))
    nothing = zero
    for i in range(0, members, 8):
        score = load(scores, o + min(i, members - 8))
        nothing = multiply_add(score - lanes, zero, nothing)
        lowest = minimum(lowest, score)
    return least(lowest), nothing


@jit
def _airport_keyed(scores: Array, base: Array, credit: Array, bits: int, low: int, high: int) -> bool:
    members = scores.shape[1]
    wide = (members + 7) // 8 * 8
    s_base = 0 if base.shape[0] == 1 else 1
    b_floor, b_lowest = np.zeros(8, scores.dtype), np.zeros(8, scores.dtype)
    rows, keys, heights = tile(8, wide, np.uint32), room_for_keys(members), tile(members, 8, scores.dtype)
    places = np.arange(members).astype(np.uint32)
    member = np.uint32((1 << bits) - 1)
    asked = members if credit.itemsize == 8 else 0  # float32 has half as many lines, and is faster without
    nothing = splat(scores.dtype.type(0))
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
            b_lowest[lane], more = _lowest(scores, (first + lane) * members, members, b_floor[lane])
            nothing = nothing + more
        for lane in range(lanes):
            keys_above(scores, (first + lane) * members, members, b_lowest[lane], bits, places, rows, lane * wide)
        turn(rows, 0, wide, 8, members, keys, 0, 8)
        sort_rows(keys)
        for lane in range(lanes):
            for i in range(0, asked, 8):  # lines that are soon written in no order
                prefetch_to_write(credit, (first + lane) * members + i)
            row = scores[first + lane]
            for q in range(members):
                heights[q, lane] = row[np.uint64(keys[q, lane] & member)]
        put_right(heights, keys, load(b_floor, 0))
        shares(heights)
        for lane in range(lanes):
            row = credit[first + lane]
            for q in range(members):
                row[np.uint64(keys[q, lane] & member)] = heights[q, lane]
    return bool(total(nothing) == 0)


@jit
def _heights(scores: Array, group: int, first: int, heights: Array) -> None:
    """Heights of the eight elements of a group from `first` on, 0 where there are no more, to heights [K or more, 8]."""
    members, elements = scores.shape[1], scores.shape[2]
    zero = scores.dtype.type(0)
    o = group * members * elements + first
    if first + 8 <= elements:
        for i in range(members):
            store(heights, 8 * i, maximum(load(scores, o + i * elements), splat(zero)))
    else:
        for i in range(members):
            for lane in range(8):
                heights[i, lane] = max(scores[group, i, first + lane], zero) if first + lane < elements else zero


@jit
def _weight(weights: Array, row: int, first: int, b_weight: Array) -> Lanes:
    """Weights of eight elements from `first` on, any where there are no more. b_weight [8]: scratch."""
    if first + 8 <= weights.shape[1]:
        return load(weights, row * weights.shape[1] + first)
    for lane in range(weights.shape[1] - first):
        b_weight[lane] = weights[row, first + lane]
    return load(b_weight, 0)


@jit
def _facility_tiled(scores: Array, weights: Array, credit: Array, low: int, high: int) -> None:
    members, elements = scores.shape[1], scores.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    b_tile = tile(8 if members <= 8 else NETWORK_LIMIT, 8, scores.dtype)
    b_total = tile(members, 8, scores.dtype)
    b_weight = np.zeros(8, scores.dtype)
    masks = np.empty(MASKS, np.uint8)
    for group in range(low, high):
        b_total[:] = 0
        for first in range(0, elements, 8):
            _heights(scores, group, first, b_tile)
            _solve_tile(b_tile, masks, members)
            weight = _weight(weights, group * s_weights, first, b_weight)
            for i in range(members):
                store(b_total, 8 * i, load(b_total, 8 * i) + load(b_tile, 8 * i) * weight)
        for i in range(members):
            credit[group, i] = total(load(b_total, 8 * i))


@jit
def _facility_keyed(scores: Array, weights: Array, credit: Array, bits: int, low: int, high: int) -> None:
    members, elements = scores.shape[1], scores.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    b_heights, b_sorted = tile(members, 8, scores.dtype), tile(members, 8, scores.dtype)
    b_total = tile(members, 8, scores.dtype)
    keys = room_for_keys(members)
    b_weight = np.zeros(8, scores.dtype)
    member = np.uint32((1 << bits) - 1)
    zero = splat(scores.dtype.type(0))
    for group in range(low, high):
        b_total[:] = 0
        for first in range(0, elements, 8):
            _heights(scores, group, first, b_heights)
            lowest = load(b_heights, 0)
            for i in range(1, members):
                lowest = minimum(lowest, load(b_heights, 8 * i))
            for i in range(members):
                store(keys, 8 * i, packed(load(b_heights, 8 * i) - lowest, bits, splat(np.uint32(i))))
            sort_rows(keys)
            for q in range(members):
                for lane in range(8):
                    b_sorted[q, lane] = b_heights[np.uint64(keys[q, lane] & member), lane]
            put_right(b_sorted, keys, zero)
            shares(b_sorted)
            store(b_weight, 0, _weight(weights, group * s_weights, first, b_weight))
            for q in range(members):
                for lane in range(8):
                    b_total[np.uint64(keys[q, lane] & member), lane] += b_sorted[q, lane] * b_weight[lane]
        for i in range(members):
            credit[group, i] = total(load(b_total, 8 * i))


def _of_keys(members: int) -> tuple[int, float]:
    """Bits of a key that hold its member, and nanoseconds a game."""
    bits = (members - 1).bit_length()
    return bits, (1.5 + 0.05 * bits**2) * members


def airport(scores: Array, base: Array, present: Array) -> Array:
    """v(S) = max of the scores of the present members of S, base if there are none. Raises NotFiniteError.

    scores [B, K], base [B or 1], present [B or 1, K] -> [B, K], 0 for absent members.
    """
    if np.count_nonzero(present) == present.size:
        return _airport(scores, base)
    groups, members = scores.shape
    lowered, floor = memory.empty(scores.shape, scores.dtype), np.empty(groups, scores.dtype)
    first = np.empty(groups, scores.dtype)
    threads.rows(lower, groups, 2 * members, scores, base, present, lowered, floor, first)
    credit = _airport(lowered, floor)
    threads.rows(raise_present, groups, 2 * members, first, present, credit)
    return credit


def _airport(scores: Array, base: Array) -> Array:
    """`airport` of groups that are all present."""
    groups, members = scores.shape
    credit = memory.empty(scores.shape, scores.dtype)
    if members <= 8:
        finite = threads.rows(airport_8, groups, 8, scores, base, credit)
    elif members <= NETWORK_LIMIT:
        finite = threads.rows(_airport_tiled, groups, 20, scores, base, credit)
    elif members <= KEYS_LIMIT:
        bits, cost = _of_keys(members)
        finite = threads.rows(_airport_keyed, groups, cost, scores, base, credit, bits)
    else:
        finite = threads.rows(airport_many, groups, 8 * members, scores, base, credit)
    if not finite:
        raise NotFiniteError
    return credit


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]."""
    groups, members, elements = scores.shape
    credit = np.empty((groups, members), scores.dtype)
    if members <= NETWORK_LIMIT:
        threads.rows(_facility_tiled, groups, 20 * elements, scores, weights, credit)
    elif members <= KEYS_LIMIT:
        bits, cost = _of_keys(members)
        threads.rows(_facility_keyed, groups, cost * elements, scores, weights, credit, bits)
    else:
        threads.rows(facility_many, groups, 8 * members * elements, scores, weights, credit)
    return credit
