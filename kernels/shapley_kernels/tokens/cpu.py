"""Numba kernels of the tokens form.

`scatter` and `spread`: count the mask of every row, add up where each row's values start, then one pass over the blocks of
each row, which walks along the packed values or segments: whole vectors where a block is of one kind, else token by token.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit

Array = NDArray[Any]

NS_A_TOKEN = 0.3
BLOCK = 64


@jit
def _count(mask: Array) -> int:
    count = 0
    for i in range(mask.shape[0]):
        count += mask[i]
    return count


@jit
def _fill(out: Array, mask: Array, value: float) -> None:
    zero = out.dtype.type(0)
    for i in range(out.shape[0]):
        out[i] = value if mask[i] else zero


@jit
def _scatter(values: Array, mask: Array, starts: Array, out: Array, low: int, high: int) -> None:
    tokens = mask.shape[1]
    zero = values.dtype.type(0)
    for row in range(low, high):
        j = starts[row]
        for i_block in range(0, tokens, BLOCK):
            b_mask = mask[row, i_block : i_block + BLOCK]
            b_out = out[row, i_block : i_block + BLOCK]
            count = _count(b_mask)
            if count == 0:
                b_out[:] = zero
            elif count == b_mask.shape[0]:
                b_out[:] = values[j : j + count]
                j += count
            else:
                for i in range(b_mask.shape[0]):
                    b_out[i] = zero
                    if b_mask[i]:
                        b_out[i] = values[j]
                        j += 1


@jit
def _spread(credit: Array, ends: Array, mask: Array, starts: Array, out: Array, low: int, high: int) -> None:
    """ends [S]: number of packed tokens up to the end of each segment."""
    tokens = mask.shape[1]
    zero = credit.dtype.type(0)
    for row in range(low, high):
        j = starts[row]
        segment = np.searchsorted(ends, j, side="right")
        for i_block in range(0, tokens, BLOCK):
            b_mask = mask[row, i_block : i_block + BLOCK]
            b_out = out[row, i_block : i_block + BLOCK]
            count = _count(b_mask)
            if count == 0:
                b_out[:] = zero
            elif j + count <= ends[segment]:
                _fill(b_out, b_mask, credit[segment])
                j += count
            else:
                for i in range(b_mask.shape[0]):
                    b_out[i] = zero
                    if b_mask[i]:
                        while ends[segment] <= j:
                            segment += 1
                        b_out[i] = credit[segment]
                        j += 1


def _starts(mask: Array, given: int, what: str) -> NDArray[np.int64]:
    """Index of the first packed token of every row; the kernels trust that there are as many as the mask has."""
    counts = mask.sum(axis=1, dtype=np.int32)
    ends = np.cumsum(counts)
    if given != counts.sum():
        raise ValueError(f"{given} {what} for a mask of {counts.sum()} tokens")
    starts: NDArray[np.int64] = ends - counts
    return starts


def scatter(values: Array, mask: Array) -> Array:
    """out[mask] = values, 0 elsewhere. values [N], mask [B, T] -> [B, T]."""
    out = np.empty(mask.shape, values.dtype)
    starts = _starts(mask, len(values), "values")
    parallel.rows(lambda low, high: _scatter(values, mask, starts, out, low, high), len(mask), NS_A_TOKEN * mask.shape[1])
    return out


def spread(credit: Array, lengths: Array, mask: Array) -> Array:
    """Every token gets the credit of its segment. credit, lengths [S], mask [B, T] -> [B, T]."""
    out = np.empty(mask.shape, credit.dtype)
    ends = np.cumsum(lengths)
    starts = _starts(mask, int(lengths.sum()), "tokens in segments")
    parallel.rows(lambda low, high: _spread(credit, ends, mask, starts, out, low, high), len(mask), NS_A_TOKEN * mask.shape[1])
    return out
