"""Reading large arrays once, on all threads, to check them or to count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit
from shapley_kernels.lanes import Lanes, bits, exceeds, load, maximum, minimum, ones, splat, store, total
from shapley_kernels.tiles import columns, tile

Array = NDArray[Any]
Ends = tuple[Lanes, Lanes, Lanes, Lanes, Lanes]

BLOCK = 4096


@jit
def _outside(values: Array, lowest: Any, highest: Any, found: Array, low: int, high: int) -> None:
    """found[low] = whether blocks low .. high-1 hold an entry that is not finite, or outside the bounds."""
    end = min(high * BLOCK, values.shape[0])
    whole = low * BLOCK + (end - low * BLOCK) // 32 * 32
    zero = splat(values.dtype.type(0))
    a, b, c, d = zero, zero, zero, zero  # 0 x is NaN for what is not finite
    least = most = splat(lowest)
    for o in range(low * BLOCK, whole, 32):
        w, x, y, z = load(values, o), load(values, o + 8), load(values, o + 16), load(values, o + 24)
        a, b, c, d = a + w * zero, b + x * zero, c + y * zero, d + z * zero
        least = minimum(least, minimum(minimum(w, x), minimum(y, z)))
        most = maximum(most, maximum(maximum(w, x), maximum(y, z)))
    nothing = total((a + b) + (c + d))
    bad = np.isnan(nothing) or exceeds(splat(lowest), least) != 0 or exceeds(most, splat(highest)) != 0
    for o in range(whole, end):
        bad |= not lowest <= values[o] <= highest or not np.isfinite(values[o])
    found[low] = bad


def within(values: Array, lowest: float = -np.inf, highest: float = np.inf) -> bool:
    """Whether all entries of a contiguous array are finite and lowest <= entry <= highest."""
    flat = values.reshape(-1)
    blocks = -(-len(flat) // BLOCK)
    found = np.zeros(blocks, np.bool_)
    bounds = values.dtype.type(lowest), values.dtype.type(highest)
    parallel.rows(_outside, blocks, 0.1 * BLOCK, flat, *bounds, found)
    return not np.count_nonzero(found)


@jit
def _seen(x: Lanes, y: Lanes, zero: Lanes, ends: Ends) -> Ends:
    """The least and the largest x - y and x so far, and a sum of 0 (x - y), which is NaN for what is not finite."""
    below, above, least, most, nothing = ends
    gap = x - y
    return minimum(below, gap), maximum(above, gap), minimum(least, x), maximum(most, x), nothing + gap * zero


@jit
def _asymmetry(matrices: Array, found: Array, low: int, high: int) -> None:
    """found[group] = the largest |a_ij - a_ji| and the largest |a_ij| up to that, NaN where an entry is not finite."""
    members = matrices.shape[1]
    whole = members - members % 8
    zero = splat(matrices.dtype.type(0))
    b_ends = tile(4, 8, matrices.dtype)
    for group in range(low, high):
        ends = zero, zero, zero, zero, zero
        for i in range(0, whole, 8):
            for j in range(0, i + 8, 8):
                o = (group * members + j) * members + i
                a, b, c, d, e, f, g, h = columns(matrices, (group * members + i) * members + j, members)
                ends = _seen(a, load(matrices, o), zero, ends)
                ends = _seen(b, load(matrices, o + members), zero, ends)
                ends = _seen(c, load(matrices, o + 2 * members), zero, ends)
                ends = _seen(d, load(matrices, o + 3 * members), zero, ends)
                o += 4 * members
                ends = _seen(e, load(matrices, o), zero, ends)
                ends = _seen(f, load(matrices, o + members), zero, ends)
                ends = _seen(g, load(matrices, o + 2 * members), zero, ends)
                ends = _seen(h, load(matrices, o + 3 * members), zero, ends)
        for row in range(4):
            store(b_ends, 8 * row, ends[row])
        gap = max(-b_ends[0].min(), b_ends[1].max())
        most = max(-b_ends[2].min(), b_ends[3].max())
        finite = total(ends[4]) == 0
        for i in range(members):
            for j in range(whole if i < whole else 0, members):
                p, q = matrices[group, i, j], matrices[group, j, i]
                gap, most = max(gap, abs(p - q)), max(most, abs(p))
                finite &= np.isfinite(p) and np.isfinite(q)
        found[group, 0], found[group, 1] = gap, most
        if not finite:
            found[group] = np.nan


def asymmetry(matrices: Array) -> tuple[float, float]:
    """The largest |a_ij - a_ji| and the largest |a_ij|, up to that, of contiguous matrices [B, K, K].

    NaN if an entry is not finite, or so large that a difference overflows.
    """
    found = np.zeros((len(matrices), 2), matrices.dtype)
    parallel.rows(_asymmetry, len(matrices), 0.3 * matrices.shape[1] ** 2, matrices, found)
    gap, largest = found.max(axis=0, initial=0)
    return float(gap), float(largest)


@jit
def _flags(numbers: Array, flags: Array, low: int, high: int) -> None:
    """Blocks low .. high-1 of `numbers`, as whether they are not 0."""
    b_numbers, b_flags = numbers[low * BLOCK : high * BLOCK], flags[low * BLOCK : high * BLOCK]
    for i in range(b_numbers.shape[0]):  # from 0 on: only then are these vectors
        b_flags[i] = b_numbers[i] != 0


def flags(numbers: Array) -> NDArray[np.bool_]:
    """Whether the entries of a contiguous array are not 0; the array itself if it holds booleans."""
    if numbers.dtype == np.bool_:
        return numbers
    found = np.empty(numbers.shape, np.bool_)
    parallel.rows(_flags, -(-numbers.size // BLOCK), 0.1 * BLOCK, numbers.reshape(-1), found.reshape(-1))
    return found


@jit
def _row_counts(mask: Array, counts: Array, low: int, high: int) -> None:
    tokens = mask.shape[1]
    whole = tokens - tokens % 64
    for row in range(low, high):
        count = 0
        for i in range(0, whole, 64):
            count += ones(bits(mask, row * tokens + i))
        for i in range(whole, tokens):
            count += mask[row, i]
        counts[row] = count


def row_counts(mask: Array) -> NDArray[np.int64]:
    """How many entries are set in each row of booleans [B, T]."""
    counts = np.empty(len(mask), np.int64)
    parallel.rows(_row_counts, len(mask), 0.02 * mask.shape[1], mask, counts)
    return counts
