"""`airport` of groups of at most eight: eight groups at a time, everything in registers.

Members that a smaller group lacks are below all others when heights are sorted, and then have height 0: they come first, where
c is 0, and change no other credit. Rows are still read and written eight numbers wide: the surplus belongs to the next row,
which is written later. The last rows have no next one, and go through a tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import (
    Lanes,
    choose,
    load,
    multiply_add,
    restored_eight,
    sorted_eight,
    splat,
    total,
    transpose,
)
from shapley_kernels.compiled.tiles import columns, reach, store_eight, tile

Array = NDArray[Any]


@jit
def _only(present: bool, height: Lanes, other: Lanes) -> Lanes:
    """The heights of a member that is present, else others."""
    return choose(np.uint8(255 if present else 0), height, other)


@jit
def _solve(scores: Array, o: int, step: int, members: int, floor: Lanes, credit: Array, nothing: Lanes) -> Lanes:
    """Credits of the eight groups that start at element o, `step` apart; `nothing` plus 0 times their heights."""
    real = scores.dtype.type
    zero, below = splat(real(0)), splat(real(-np.inf))
    w_8, w_7, w_6, w_5 = splat(real(1 / 8)), splat(real(1 / 7)), splat(real(1 / 6)), splat(real(1 / 5))
    w_4, w_3, w_2 = splat(real(1 / 4)), splat(real(1 / 3)), splat(real(1 / 2))
    a, b, c, d, e, f, g, h = columns(scores, o, step)
    a, b, c, d, e, f, g, h = a - floor, b - floor, c - floor, d - floor, e - floor, f - floor, g - floor, h - floor
    if members < 8:
        b, c, d = _only(members > 1, b, zero), _only(members > 2, c, zero), _only(members > 3, d, zero)
        e, f, g, h = _only(members > 4, e, zero), _only(members > 5, f, zero), _only(members > 6, g, zero), zero
    nothing = multiply_add(a, zero, multiply_add(b, zero, multiply_add(c, zero, multiply_add(d, zero, nothing))))
    nothing = multiply_add(e, zero, multiply_add(f, zero, multiply_add(g, zero, multiply_add(h, zero, nothing))))
    if members < 8:
        b, c, d = _only(members > 1, b, below), _only(members > 2, c, below), _only(members > 3, d, below)
        e, f, g, h = _only(members > 4, e, below), _only(members > 5, f, below), _only(members > 6, g, below), below
    (a, b, c, d, e, f, g, h), masks = sorted_eight((a, b, c, d, e, f, g, h))
    if members < 8:
        a, b, c, d = zero, _only(members > 6, b, zero), _only(members > 5, c, zero), _only(members > 4, d, zero)
        e, f, g = _only(members > 3, e, zero), _only(members > 2, f, zero), _only(members > 1, g, zero)
    c_0 = a * w_8
    c_1 = c_0 + (b - a) * w_7
    c_2 = c_1 + (c - b) * w_6
    c_3 = c_2 + (d - c) * w_5
    c_4 = c_3 + (e - d) * w_4
    c_5 = c_4 + (f - e) * w_3
    c_6 = c_5 + (g - f) * w_2
    c_7 = c_6 + (h - g)
    c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7 = restored_eight((c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7), masks)
    a, b, c, d, e, f, g, h = transpose(c_0, c_1, c_2, c_3, c_4, c_5, c_6, c_7)
    store_eight(credit, o, step, a, b, c, d, e, f, g, h)
    return nothing


@jit
def airport_8(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """scores, credit [B, K], base [B or 1], K <= 8; whether all heights are finite."""
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    b_floor = np.zeros(8, scores.dtype)
    b_scores, b_credit = tile(8, 8, scores.dtype), tile(8, 8, scores.dtype)
    nothing = splat(scores.dtype.type(0))  # sums of 0 times each height, NaN if one is not finite
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
        if lanes == 8 and reach(members, first, high) == 8:
            nothing = _solve(scores, first * members, members, members, load(b_floor, 0), credit, nothing)
        else:
            for lane in range(lanes):  # not by slices: for these numba compiles error messages, which takes seconds
                for i in range(members):
                    b_scores[lane, i] = scores[first + lane, i]
            nothing = _solve(b_scores, 0, 8, members, load(b_floor, 0), b_credit, nothing)
            for lane in range(lanes):
                for i in range(members):
                    credit[first + lane, i] = b_credit[lane, i]
    return bool(total(nothing) == 0)
