"""Numba kernels of the table form: A_i = sum_{S contains i} u(|S|) (v(S) - v(0)) in one pass over the values, in their order.

n <= 5: weigh into a scratch of 2^n doubles and fold it. Above: S = (row h, block b, place m, lane l), 3 bits each for m and l,
at most 3 for b. A block is 64 values in eight registers, weighed by u(|h| + |b| + |m| + |l|), 4 registers: the sums over the
places with each bit of m run on in registers, the sum over all places goes to a scratch of the blocks of a row; those give the
bits of b, the total of the row over all h those of l, and the sum of its lanes, r[h], those of h by a fold. No value is read
twice, only r is written, and memory sees one stream. From n = 17 on a game is cut into CHUNKS runs of rows with sums of their
own, added in order: the same bits on any number of threads.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.jit import jit, targets
from shapley_kernels.compiled.lanes import Lanes, load, multiply_add, prefetch, splat, store, total, widen
from shapley_kernels.kernel_errors import NotFiniteError
from shapley_kernels.table.ref import NULL, size_weights

Array = NDArray[Any]

FOLD_LIMIT = 5
ONE_ROW_LIMIT = 8
ROW_BITS = 9
CHUNK_LIMIT = 16
CHUNKS = 8
SUMS = 7 * 8  # vectors of a chunk: bits of m, bits of b, total
# Bytes from a block to what is asked for, and lines of a block that are. Caches follow a stream by themselves, but only to the
# end of a page. On Zen 4 one line keeps them going, and more of them, or into the first cache, get in the way of the loads. On
# Zen 3 one line costs a quarter of the speed that memory has when nothing is asked for, and all of them add a quarter to it.
AHEAD, LINES = (6144, 1) if targets("avx512f") else (1024, 8)
NS_A_VALUE = 0.15  # on one thread


@jit
def _fold(weighted: Array, bits: int, sums: Array, first: int) -> None:
    """sums[first + i] = sum of the entries with bit i, destroying `weighted` [2^bits]."""
    for i in range(bits - 1, -1, -1):
        half = 1 << i
        total = 0.0
        for s in range(half):
            total += weighted[half + s]
            weighted[s] += weighted[half + s]
        sums[first + i] = total


@jit
def _finish(sums: Array, values: Array, credit: Array, game: int) -> bool:
    """credit = (v(N) - v(0)) / n + A - mean(A). Returns False if it is not finite, as with any value that is not."""
    # A - mean(A) adds up to 0, so that credits add up to v(N) - v(0).
    spread = (np.float64(values[game, values.shape[1] - 1]) - np.float64(values[game, 0])) / sums.shape[0]
    mean = 0.0
    for i in range(sums.shape[0]):
        mean += sums[i]
    mean /= sums.shape[0]
    nothing, least, most = 0.0, np.inf, 0.0  # the sum of 0 times each credit, NaN if one is not finite
    for i in range(sums.shape[0]):
        exact = spread + (sums[i] - mean)
        credit[game, i] = exact
        nothing += np.float64(credit[game, i]) * 0.0
        least, most = min(least, abs(exact)), max(most, abs(sums[i]))
    if least <= NULL * (most + abs(spread)):
        _clear_null_players(values, credit, game, NULL * (most + abs(spread)))
    return nothing == 0.0


@jit
def _clear_null_players(values: Array, credit: Array, game: int, rounding: float) -> None:
    """Exactly 0 for members whose credit may be rounding alone, and that add nothing to any coalition."""
    for i in range(credit.shape[1]):
        if 0.0 < abs(credit[game, i]) <= rounding:
            bit = 1 << i
            s = 0
            while s < values.shape[1] and values[game, s] == values[game, s | bit]:
                s += 1
            if s >= values.shape[1]:
                credit[game, i] = 0.0


@jit
def _solve_small(values: Array, weights: Array, credit: Array, low: int, high: int) -> bool:
    """weights [2^n] = u(|S|)."""
    size, n = values.shape[1], credit.shape[1]
    weighted = np.empty(size)
    sums = np.empty(n)
    finite = True
    for game in range(low, high):
        empty = np.float64(values[game, 0])
        for s in range(size):
            weighted[s] = weights[s] * (values[game, s] - empty)
        _fold(weighted, n, sums, 0)
        finite &= _finish(sums, values, credit, game)
    return finite


@jit
def _size(row: int) -> int:
    """Number of bits that are set, below 2^32."""
    row = row - ((row >> 1) & 0x55555555)
    row = (row & 0x33333333) + ((row >> 2) & 0x33333333)
    row = (row + (row >> 4)) & 0x0F0F0F0F
    row = row + (row >> 8)
    return (row + (row >> 16)) & 0x3F


@jit
def _size_of_block(b: int) -> int:
    """Number of bits that are set in 0 .. 7, four bits each; `_size` takes a tenth of the time of a block."""
    return (0x32212110 >> (4 * b)) & 3


@jit
def _block(
    values: Array, start: int, minus: Lanes, weights: Array, size: int, a_0: Lanes, a_1: Lanes, a_2: Lanes, all_3: Lanes
) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Add 64 values to the sums of the places with bit 0, 1, 2 (place 7, which has all, to all_3); return their total too.

    minus: -v(0); a sum takes one of its terms from memory, a difference what is subtracted only.
    """
    x_0, x_1 = widen(load(values, start)) + minus, widen(load(values, start + 8)) + minus
    x_2, x_3 = widen(load(values, start + 16)) + minus, widen(load(values, start + 24)) + minus
    x_4, x_5 = widen(load(values, start + 32)) + minus, widen(load(values, start + 40)) + minus
    x_6, x_7 = widen(load(values, start + 48)) + minus, widen(load(values, start + 56)) + minus
    u_0, u_1 = load(weights, 8 * size), load(weights, 8 * size + 8)
    u_2, y_7 = load(weights, 8 * size + 16), load(weights, 8 * size + 24) * x_7
    x_35 = x_3 + x_5
    a_0 = multiply_add(u_1, x_1, multiply_add(u_2, x_35, a_0))
    a_1 = multiply_add(u_1, x_2, multiply_add(u_2, x_3 + x_6, a_1))
    a_2 = multiply_add(u_1, x_4, multiply_add(u_2, x_5 + x_6, a_2))
    whole = multiply_add(u_0, x_0, multiply_add(u_1, (x_2 + x_4) + x_1, multiply_add(u_2, x_35 + x_6, y_7)))
    return a_0, a_1, a_2, all_3 + y_7, whole


@jit
def _stream(values: Array, game: int, weights: Array, sums: Array, chunk: int, r: Array, low: int, high: int) -> None:
    """sums [chunks, SUMS] and r [rows] of the rows low .. high-1 of a game. weights [(n - 2) 8] = u(c + |l|)."""
    minus = splat(-np.float64(values[game, 0]))
    ahead = AHEAD // values.itemsize
    b_blocks = np.empty(64)
    a_0 = a_1 = a_2 = a_3 = a_4 = a_5 = a_6 = all_3 = splat(0.0)
    for h in range(low, high):
        start = game * values.shape[1] + (h << ROW_BITS)
        size = _size(h)
        for b in range(8):
            for line in range(min(LINES, values.itemsize)):
                prefetch(values, start + 64 * b + ahead + line * (64 // values.itemsize))
            a_0, a_1, a_2, all_3, whole = _block(
                values, start + 64 * b, minus, weights, size + _size_of_block(b), a_0, a_1, a_2, all_3
            )
            store(b_blocks, 8 * b, whole)
        t_1, t_2, t_3, t_4 = load(b_blocks, 8), load(b_blocks, 16), load(b_blocks, 24), load(b_blocks, 32)
        t_5, t_6, t_7 = load(b_blocks, 40), load(b_blocks, 48), load(b_blocks, 56)
        t_13, t_46, t_57 = t_1 + t_3, t_4 + t_6, t_5 + t_7
        a_3 = a_3 + (t_13 + t_57)
        a_4 = a_4 + ((t_2 + t_6) + (t_3 + t_7))
        a_5 = a_5 + (t_46 + t_57)
        whole = ((load(b_blocks, 0) + t_2) + t_13) + (t_46 + t_57)
        a_6 = a_6 + whole
        r[h] = total(whole)
    store(sums, chunk * SUMS, a_0 + all_3)
    store(sums, chunk * SUMS + 8, a_1 + all_3)
    store(sums, chunk * SUMS + 16, a_2 + all_3)
    store(sums, chunk * SUMS + 24, a_3)
    store(sums, chunk * SUMS + 32, a_4)
    store(sums, chunk * SUMS + 40, a_5)
    store(sums, chunk * SUMS + 48, a_6)


@jit
def _solve_one_row(values: Array, weights: Array, credit: Array, low: int, high: int) -> bool:
    """n = 6, 7, 8: one row of 1, 2 or 4 blocks a game, whose wholes are folded over the bits of l and b together."""
    size, n = values.shape[1], credit.shape[1]
    a, folded, b_blocks = np.empty(n), np.empty(5), np.empty(32)
    finite = True
    for game in range(low, high):
        start = game * size
        minus = splat(-np.float64(values[game, 0]))
        a_0 = a_1 = a_2 = all_3 = splat(0.0)
        for b in range(size >> 6):
            a_0, a_1, a_2, all_3, whole = _block(
                values, start + 64 * b, minus, weights, _size_of_block(b), a_0, a_1, a_2, all_3
            )
            store(b_blocks, 8 * b, whole)
        _fold(b_blocks, n - 3, folded, 0)
        for i in range(3):
            a[i] = folded[i]
        a[3], a[4], a[5] = total(a_0 + all_3), total(a_1 + all_3), total(a_2 + all_3)
        for i in range(6, n):
            a[i] = folded[i - 3]
        finite &= _finish(a, values, credit, game)
    return finite


@jit
def _gather(sums: Array, r: Array, values: Array, credit: Array, game: int) -> bool:
    """Credits of one game, and whether they are finite, from sums [chunks, SUMS] and r [2^(n - 9)], destroying both."""
    for chunk in range(1, sums.shape[0]):
        for lane in range(SUMS):
            sums[0, lane] += sums[chunk, lane]
    a = np.empty(credit.shape[1])
    for bit in range(6):
        a[3 + bit] = total(load(sums, 8 * bit))
    _fold(sums[0, 48:], 3, a, 0)
    _fold(r, a.shape[0] - ROW_BITS, a, ROW_BITS)
    return _finish(a, values, credit, game)


@jit
def _solve_medium(values: Array, weights: Array, credit: Array, low: int, high: int) -> bool:
    rows = values.shape[1] >> ROW_BITS
    sums, r = np.empty((1, SUMS)), np.empty(rows)
    finite = True
    for game in range(low, high):
        _stream(values, game, weights, sums, 0, r, 0, rows)
        finite &= _gather(sums, r, values, credit, game)
    return finite


def _solve_large(values: Array, game: int, weights: Array, credit: Array) -> bool:
    rows = values.shape[1] >> ROW_BITS
    sums, r = np.empty((CHUNKS, SUMS)), np.empty(rows)

    def run(first: int, last: int) -> None:
        for chunk in range(first, last):
            _stream(values, game, weights, sums, chunk, r, rows * chunk // CHUNKS, rows * (chunk + 1) // CHUNKS)

    threads.rows(run, CHUNKS, NS_A_VALUE * values.shape[1] / CHUNKS)
    return bool(_gather(sums, r, values, credit, game))


@lru_cache(maxsize=64)
def lane_weights(n: int) -> NDArray[np.float64]:
    """u(|S|) for all S [2^n] up to FOLD_LIMIT, above u(c + |l|) for c = 0 .. n - 3 and the lanes l, [(n - 2) 8]."""
    if n <= FOLD_LIMIT:
        return size_weights(n)[np.bitwise_count(np.arange(1 << n, dtype=np.uint32))]
    lanes = np.bitwise_count(np.arange(8, dtype=np.uint32))
    return size_weights(n)[np.arange(n - 2)[:, None] + lanes].ravel()


@lru_cache(maxsize=64)
def _way(n: int) -> tuple[Any, NDArray[np.float64], float]:
    """The kernel for games of n <= CHUNK_LIMIT members, its weights, and its time for a game."""
    kernel = _solve_small if n <= FOLD_LIMIT else _solve_one_row if n <= ONE_ROW_LIMIT else _solve_medium
    return kernel, lane_weights(n), 2 * NS_A_VALUE * 2**n


def solve(values: Array) -> Array:
    """values [B, 2^n] -> [B, n] in the dtype of values, computed in float64. Raises NotFiniteError."""
    games, size = values.shape
    n = size.bit_length() - 1
    credit = np.empty((games, n), values.dtype)
    if n == 1:
        with np.errstate(over="ignore", invalid="ignore"):
            credit[:, 0] = values[:, 1] - values[:, 0]
        finite = bool(np.isfinite(credit).all())
    elif n <= CHUNK_LIMIT:
        kernel, weights, cost = _way(n)
        finite = threads.rows(kernel, games, cost, values, weights, credit)
    else:
        finite = all(_solve_large(values, game, lane_weights(n), credit) for game in range(games))
    if not finite:
        raise NotFiniteError
    return credit
