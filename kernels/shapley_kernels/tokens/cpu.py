"""Numba kernels of the tokens form.

`scatter` and `spread`: count the mask of every row, add up where each row's values start, then one pass over the blocks of
each row, which walks along the packed values or segments. The mask of a block is one integer: its bits choose the lanes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import memory, threads
from shapley_kernels.compiled.array_scans import row_counts
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import bits, choose, expand, load, ones, splat, store

Array = NDArray[Any]

NS_A_TOKEN = 0.1
BLOCK = 64


@jit
def _scatter(values: Array, mask: Array, starts: Array, out: Array, low: int, high: int) -> None:
    tokens = mask.shape[1]
    whole = tokens - tokens % BLOCK
    zero = values.dtype.type(0)
    for row in range(low, high):
        j = starts[row]
        for i in range(row * tokens, row * tokens + whole, BLOCK):
            b_mask = bits(mask, i)
            if b_mask == np.uint64(0xFFFFFFFFFFFFFFFF):
                for lane in range(0, BLOCK, 8):
                    store(out, i + lane, load(values, j + lane))
                j += BLOCK
            else:
                for lane in range(0, BLOCK, 8):
                    eight = np.uint8(b_mask >> np.uint64(lane))
                    store(out, i + lane, expand(values, j, eight))
                    j += ones(np.uint64(eight))
        for i in range(whole, tokens):
            out[row, i] = zero
            if mask[row, i]:
                out[row, i] = values[j]
                j += 1


@jit
def _spread_some(
    credit: Array, ends: Array, mask: Array, out: Array, row: int, first: int, last: int, j: int, segment: int
) -> int:
    """Token by token: out[row, first:last] from the packed token j on; returns the segment it ends in."""
    for i in range(first, last):
        out[row, i] = credit.dtype.type(0)
        if mask[row, i]:
            while ends[segment] <= j:
                segment += 1
            out[row, i] = credit[segment]
            j += 1
    return segment


@jit
def _spread(credit: Array, ends: Array, mask: Array, starts: Array, out: Array, low: int, high: int) -> None:
    """ends [S]: number of packed tokens up to the end of each segment."""
    tokens = mask.shape[1]
    whole = tokens - tokens % BLOCK
    zero = splat(credit.dtype.type(0))
    for row in range(low, high):
        j = starts[row]
        segment = np.searchsorted(ends, j, side="right")
        for i_block in range(0, whole, BLOCK):
            b_mask = bits(mask, row * tokens + i_block)
            last = j + ones(b_mask)
            if last > j and last > ends[segment]:
                for i in range(i_block, i_block + BLOCK, 8):
                    eight = np.uint8(b_mask & np.uint64(255))
                    b_mask >>= np.uint64(8)
                    after = j + ones(np.uint64(eight))
                    if after <= ends[segment]:
                        store(out, row * tokens + i, choose(eight, splat(credit[segment]), zero))
                    elif eight == np.uint8(255) and after <= ends[segment + 1]:  # some lanes of one segment, then of the next
                        old = np.uint8((1 << (ends[segment] - j)) - 1)
                        store(out, row * tokens + i, choose(old, splat(credit[segment]), splat(credit[segment + 1])))
                        segment += 1
                    else:
                        segment = _spread_some(credit, ends, mask, out, row, i, i + 8, j, segment)
                    j = after
            else:
                value = splat(credit[segment]) if last > j else zero
                if last == j or last == j + BLOCK:  # all lanes are alike
                    for i in range(i_block, i_block + BLOCK, 8):
                        store(out, row * tokens + i, value)
                else:
                    for i in range(i_block, i_block + BLOCK, 8):
                        store(out, row * tokens + i, choose(np.uint8(b_mask & np.uint64(255)), value, zero))
                        b_mask >>= np.uint64(8)
            j = last
        _spread_some(credit, ends, mask, out, row, whole, tokens, j, segment)


def _starts(mask: Array, given: int, what: str) -> NDArray[np.int64]:
    """Index of the first packed token of every row. ValueError unless the mask has `given` tokens: kernels rely on it."""
    counts = row_counts(mask)
    ends = np.cumsum(counts)
    if given != counts.sum():
        raise ValueError(f"{given} {what} for a mask of {counts.sum()} tokens")
    starts: NDArray[np.int64] = ends - counts
    return starts


def scatter(values: Array, mask: Array) -> Array:
    """out[mask] = values, 0 elsewhere. values [N], mask [B, T] -> [B, T]."""
    out = memory.empty(mask.shape, values.dtype)
    starts = _starts(mask, len(values), "values")
    threads.rows(lambda low, high: _scatter(values, mask, starts, out, low, high), len(mask), NS_A_TOKEN * mask.shape[1])
    return out


def spread(credit: Array, lengths: Array, mask: Array) -> Array:
    """Every token gets the credit of its segment. credit, lengths [S], mask [B, T] -> [B, T]."""
    out = memory.empty(mask.shape, credit.dtype)
    ends = np.cumsum(lengths)
    starts = _starts(mask, int(lengths.sum()), "tokens in segments")
    threads.rows(lambda low, high: _spread(credit, ends, mask, starts, out, low, high), len(mask), NS_A_TOKEN * mask.shape[1])
    return out
