"""Reading large arrays once, on all threads, to check them or to count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import Lanes, bits, exceeds, least, load, maximum, minimum, multiply_add, ones, splat, total
from shapley_kernels.compiled.tiles import columns

Array = NDArray[Any]

BLOCK = 4096


@jit
def _outside(values: Array, lowest: Any, highest: Any, found: Array, low: int, high: int) -> None:
    """found[low] = whether blocks low .. high-1 hold an entry that is not finite, or outside the bounds."""
    end = min(high * BLOCK, values.shape[0])
    whole = low * BLOCK + (end - low * BLOCK) // 32 * 32
    zero = splat(values.dtype.type(0))
    a, b, c, d = zero, zero, zero, zero  # sums of 0 times each entry, NaN if one is not finite
    smallest = largest = splat(lowest)
    for o in range(low * BLOCK, whole, 32):
        w, x, y, z = load(values, o), load(values, o + 8), load(values, o + 16), load(values, o + 24)
        a, b, c, d = a + w * zero, b + x * zero, c + y * zero, d + z * zero
        smallest = minimum(smallest, minimum(minimum(w, x), minimum(y, z)))
        largest = maximum(largest, maximum(maximum(w, x), maximum(y, z)))
    nothing = total((a + b) + (c + d))
    bad = np.isnan(nothing) or exceeds(splat(lowest), smallest) != 0 or exceeds(largest, splat(highest)) != 0
    for o in range(whole, end):
        bad |= not lowest <= values[o] <= highest or not np.isfinite(values[o])
    found[low] = bad


def within(values: Array, lowest: float = -np.inf, highest: float = np.inf) -> bool:
    """Whether all entries of a contiguous array are finite and lowest <= entry <= highest."""
    flat = values.reshape(-1)
    blocks = -(-len(flat) // BLOCK)
    found = np.zeros(blocks, np.bool_)
    bounds = values.dtype.type(lowest), values.dtype.type(highest)
    threads.rows(_outside, blocks, 0.1 * BLOCK, flat, *bounds, found)
    return not np.count_nonzero(found)


@jit
def _smallest(a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes) -> Lanes:
    return minimum(minimum(minimum(a, b), minimum(c, d)), minimum(minimum(e, f), minimum(g, h)))


@jit
def _largest(a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes) -> Lanes:
    return maximum(maximum(maximum(a, b), maximum(c, d)), maximum(maximum(e, f), maximum(g, h)))


@jit
def _asymmetry(matrices: Array, found: Array, low: int, high: int) -> None:
    """found[:, low] = the largest |a_ij - a_ji| and the largest |a_ij|, up to that, NaN where an entry is not finite."""
    members = matrices.shape[1]
    last = members - 8
    zero = splat(matrices.dtype.type(0))
    below, above, smallest, largest = zero, zero, zero, zero  # of a_ij - a_ji and of a_ij
    nothing = zero  # the sum of 0 times each difference, NaN if one is not finite
    gap = most = matrices.dtype.type(0)
    finite = True
    for group in range(low, high):
        first = group * members * members
        for row in range(0, members if last >= 0 else 0, 8):
            # Blocks of 8 x 8 on and below the diagonal, each against its mirror image; the last overlap those before them.
            for column in range(0, row + 8, 8):
                i, j = min(row, last), min(column, last)
                a, b, c, d, e, f, g, h = columns(matrices, first + i * members + j, members)
                smallest = minimum(smallest, _smallest(a, b, c, d, e, f, g, h))
                largest = maximum(largest, _largest(a, b, c, d, e, f, g, h))
                o = first + j * members + i
                a, b = a - load(matrices, o), b - load(matrices, o + members)
                c, d = c - load(matrices, o + 2 * members), d - load(matrices, o + 3 * members)
                o += 4 * members
                e, f = e - load(matrices, o), f - load(matrices, o + members)
                g, h = g - load(matrices, o + 2 * members), h - load(matrices, o + 3 * members)
                below = minimum(below, _smallest(a, b, c, d, e, f, g, h))
                above = maximum(above, _largest(a, b, c, d, e, f, g, h))
                nothing = multiply_add(((a + b) + (c + d)) + ((e + f) + (g + h)), zero, nothing)
        for i in range(members if last < 0 else 0):
            for j in range(members):
                entry = matrices[group, i, j]
                gap, most = max(gap, abs(entry - matrices[group, j, i])), max(most, abs(entry))
                finite &= np.isfinite(entry)
    if finite and total(nothing) == 0:
        found[0, low] = max(gap, -least(below), -least(zero - above))
        found[1, low] = max(most, -least(smallest), -least(zero - largest))
    else:
        found[0, low] = found[1, low] = np.nan


def asymmetry(matrices: Array) -> tuple[float, float]:
    """The largest |a_ij - a_ji| and the largest |a_ij|, up to that, of contiguous matrices [B, K, K].

    NaN if an entry is not finite, or so large that a difference overflows.
    """
    found = np.zeros((2, len(matrices)), matrices.dtype)
    threads.rows(_asymmetry, len(matrices), 0.3 * matrices.shape[1] ** 2, matrices, found)
    gap, largest = found.max(axis=1, initial=0)
    return float(gap), float(largest)


@jit
def _flags(numbers: Array, flags: Array, low: int, high: int) -> None:
    """Blocks low .. high-1 of `numbers`, as whether they are not 0."""
    b_numbers, b_flags = numbers[low * BLOCK : high * BLOCK], flags[low * BLOCK : high * BLOCK]
    for i in range(b_numbers.shape[0]):  # the compiler makes vectors of a loop from 0 on only
        b_flags[i] = b_numbers[i] != 0


def flags(numbers: Array) -> NDArray[np.bool_]:
    """Whether the entries of a contiguous array are not 0; the array itself if it holds booleans."""
    if numbers.dtype == np.bool_:
        return numbers
    found = np.empty(numbers.shape, np.bool_)
    threads.rows(_flags, -(-numbers.size // BLOCK), 0.1 * BLOCK, numbers.reshape(-1), found.reshape(-1))
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
    threads.rows(_row_counts, len(mask), 0.02 * mask.shape[1], mask, counts)
    return counts
