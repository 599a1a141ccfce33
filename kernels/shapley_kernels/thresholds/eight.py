"""`airport` of groups of at most eight: eight groups at a time, everything in registers.

Members that a smaller group lacks have height 0: they come first, where c is 0, and change no other credit. Eight numbers are
read and written a row all the same: behind a row lies the next one, written later. The last rows take a tile of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.jit import jit
from shapley_kernels.lanes import Lanes, choose, exceeds, load, maximum, multiply_add, splat, total, transpose
from shapley_kernels.tiles import columns, reach, store_eight, tile

Array = NDArray[Any]


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
def _only(present: bool, height: Lanes, zero: Lanes) -> Lanes:
    """The heights of a member who is present, else 0."""
    return choose(np.uint8(255 if present else 0), height, zero)


@jit
def _solve(scores: Array, o: int, step: int, members: int, floor: Lanes, credit: Array, nothing: Lanes) -> Lanes:
    """Credits of the eight groups that start at element o, `step` apart; `nothing` plus 0 times their heights."""
    real = scores.dtype.type
    zero = splat(real(0))
    w_8, w_7, w_6, w_5 = splat(real(1 / 8)), splat(real(1 / 7)), splat(real(1 / 6)), splat(real(1 / 5))
    w_4, w_3, w_2 = splat(real(1 / 4)), splat(real(1 / 3)), splat(real(1 / 2))
    a, b, c, d, e, f, g, h = columns(scores, o, step)
    a, b, c, d, e, f, g, h = a - floor, b - floor, c - floor, d - floor, e - floor, f - floor, g - floor, h - floor
    if members < 8:
        b, c, d = _only(members > 1, b, zero), _only(members > 2, c, zero), _only(members > 3, d, zero)
        e, f, g, h = _only(members > 4, e, zero), _only(members > 5, f, zero), _only(members > 6, g, zero), zero
    nothing = multiply_add(a, zero, multiply_add(b, zero, multiply_add(c, zero, multiply_add(d, zero, nothing))))
    nothing = multiply_add(e, zero, multiply_add(f, zero, multiply_add(g, zero, multiply_add(h, zero, nothing))))
    a, b, c, d = maximum(a, zero), maximum(b, zero), maximum(c, zero), maximum(d, zero)
    e, f, g, h = maximum(e, zero), maximum(f, zero), maximum(g, zero), maximum(h, zero)
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
    store_eight(credit, o, step, a, b, c, d, e, f, g, h)
    return nothing


@jit
def airport_8(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """scores, credit [B, K], base [B or 1], K <= 8; whether all heights are finite."""
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    b_floor = np.zeros(8, scores.dtype)
    b_scores, b_credit = tile(8, 8, scores.dtype), tile(8, 8, scores.dtype)
    nothing = splat(scores.dtype.type(0))  # 0 x is NaN for what is not finite
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        for lane in range(lanes):
            b_floor[lane] = base[(first + lane) * s_base]
        if lanes == 8 and reach(members, first, high) == 8:
            nothing = _solve(scores, first * members, members, members, load(b_floor, 0), credit, nothing)
        else:
            for lane in range(lanes):  # number by number: for slices numba compiles messages, which takes seconds
                for i in range(members):
                    b_scores[lane, i] = scores[first + lane, i]
            nothing = _solve(b_scores, 0, 8, members, load(b_floor, 0), b_credit, nothing)
            for lane in range(lanes):
                for i in range(members):
                    credit[first + lane, i] = b_credit[lane, i]
    return bool(total(nothing) == 0)
