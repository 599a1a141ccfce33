"""Numba kernels of the table form: A_i = sum_{S contains i} u(|S|) (v(S) - v(0)) in one pass over the values.

n <= 12: weigh into a scratch of 2^n doubles and fold it, in cache. Above: S = (high bits h, low bits l). Rows of 2^BITS values
stream by, four a step; row h adds v to Z[popcount(h)][l] and sum_l u v to R[h]. In the end the low bits come from sum_c u(c +
|l|) Z[c][l], the high bits from R, each by a fold. A game is cut into CHUNKS runs of rows with accumulators of their own, added
in order: the same bits on any number of threads.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit, jit_reassociated
from shapley_kernels.table.ref import size_weights

Array = NDArray[Any]

FOLD_LIMIT = 12
BITS = 11
CHUNKS = 8
NS_A_VALUE = 0.5  # on one thread


@jit
def _fold(weighted: Array, bits: int, sums: Array) -> None:
    """sums[i] = sum of the entries with bit i, destroying `weighted` [2^bits]."""
    for i in range(bits - 1, -1, -1):
        half = 1 << i
        total = 0.0
        for s in range(half):
            total += weighted[half + s]
            weighted[s] += weighted[half + s]
        sums[i] = total


@jit
def _finish(sums: Array, spread: float, credit: Array) -> None:
    """credit = (v(N) - v(0)) / n + A - mean(A)."""
    mean = 0.0
    for i in range(sums.shape[0]):
        mean += sums[i]
    mean /= sums.shape[0]
    for i in range(sums.shape[0]):
        credit[i] = spread + (sums[i] - mean)


@jit
def _solve_small(values: Array, weights: Array, credit: Array, low: int, high: int) -> None:
    """weights [2^n] = u(|S|)."""
    size, n = values.shape[1], credit.shape[1]
    weighted = np.empty(size)
    sums = np.empty(n)
    for game in range(low, high):
        row = values[game]
        empty = np.float64(row[0])
        for s in range(size):
            weighted[s] = weights[s] * (row[s] - empty)
        _fold(weighted, n, sums)
        _finish(sums, (np.float64(row[size - 1]) - empty) / n, credit[game])


@jit_reassociated
def _stream(row: Array, weights: Array, classes: Array, z: Array, r: Array, low: int, high: int) -> None:
    """Accumulate rows low .. high-1, four at a time, whose classes are c, c + 1, c + 1, c + 2.

    weights [C, 2^BITS] = u(c + |l|), classes [rows] = |h|, z [C, 2^BITS], r [rows].
    """
    width = z.shape[1]
    empty = np.float64(row[0])
    for h in range(low, high, 4):
        c = classes[h]
        v_0, v_1 = row[h * width : (h + 1) * width], row[(h + 1) * width : (h + 2) * width]
        v_2, v_3 = row[(h + 2) * width : (h + 3) * width], row[(h + 3) * width : (h + 4) * width]
        u_0, u_1, u_2 = weights[c], weights[c + 1], weights[c + 2]
        z_0, z_1, z_2 = z[c], z[c + 1], z[c + 2]
        r_0 = r_1 = r_2 = r_3 = 0.0
        for lane in range(width):
            x_0, x_1, x_2, x_3 = v_0[lane] - empty, v_1[lane] - empty, v_2[lane] - empty, v_3[lane] - empty
            z_0[lane] += x_0
            z_1[lane] += x_1 + x_2
            z_2[lane] += x_3
            r_0 += u_0[lane] * x_0
            r_1 += u_1[lane] * x_1
            r_2 += u_1[lane] * x_2
            r_3 += u_2[lane] * x_3
        r[h], r[h + 1], r[h + 2], r[h + 3] = r_0, r_1, r_2, r_3


def _solve_large(row: Array, n: int, credit: Array) -> None:
    high_bits = n - BITS
    rows = 1 << high_bits
    classes = np.bitwise_count(np.arange(rows, dtype=np.uint64)).astype(np.int64)
    low_classes = np.bitwise_count(np.arange(1 << BITS, dtype=np.uint64))
    weights = size_weights(n)[np.arange(high_bits + 1)[:, None] + low_classes[None, :]]
    chunks = min(CHUNKS, rows // 4)
    z = np.zeros((chunks, high_bits + 1, 1 << BITS))
    r = np.empty(rows)

    def run(first: int, last: int) -> None:
        for chunk in range(first, last):
            _stream(row, weights, classes, z[chunk], r, rows * chunk // chunks, rows * (chunk + 1) // chunks)

    parallel.rows(run, chunks, NS_A_VALUE * len(row) / chunks)
    sums = np.empty(n)
    _fold((weights * z.sum(axis=0)).sum(axis=0), BITS, sums[:BITS])
    _fold(r, high_bits, sums[BITS:])
    _finish(sums, (float(row[-1]) - float(row[0])) / n, credit)


@lru_cache(maxsize=FOLD_LIMIT)
def coalition_weights(n: int) -> NDArray[np.float64]:
    """u(|S|) for all S, [2^n]."""
    return size_weights(n)[np.bitwise_count(np.arange(1 << n, dtype=np.uint32))]


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def solve(values: Array) -> Array:
    """values [B, 2^n] -> [B, n] in the dtype of values, computed in float64."""
    games, size = values.shape
    n = size.bit_length() - 1
    credit = np.empty((games, n), values.dtype)
    if n == 1:
        credit[:, 0] = values[:, 1] - values[:, 0]
    elif n <= FOLD_LIMIT:
        weights = coalition_weights(n)
        parallel.rows(lambda low, high: _solve_small(values, weights, credit, low, high), games, 2 * NS_A_VALUE * size)
    else:
        for game in range(games):
            _solve_large(values[game], n, credit[game])
    return credit
