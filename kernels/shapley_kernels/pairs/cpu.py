"""Numba kernel of the pairs form: phi_i = own D_i + rest (D - D_i), one pass over the matrix for its row sums D_i.

The same pass sees whether the matrix is symmetric. It reads blocks of 8 x 8 on and below the diagonal, each with its mirror
image. A block below the diagonal gives the sums of both: those of its rows to its rows, those of its columns to the rows of the
mirror image; members beyond the last whole block are added one by one. Blocks are taken in tiles of TILE x TILE. The rows of
a tile lie far apart in memory, so that lines of the next tile and its mirror image are asked for, as many with each block as
a block has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.array_scans import asymmetry
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import (
    Lanes,
    choose,
    least,
    load,
    maximum,
    multiply_add,
    prefetch,
    splat,
    store,
    total,
    transpose,
)
from shapley_kernels.kernel_errors import NotSymmetricError
from shapley_kernels.pairs import ASYMMETRY

Array = NDArray[Any]

Eight = tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]

TILE = 128


@jit
def _pair_rates(f: Array, row: int, n: int) -> tuple[float, float]:
    """own and rest for n members; the formulas are in ref.py."""
    total = 0.0
    for s in range(2, n + 1):
        total += (s - 1) * f[row, s]
    own = total / max(n * (n - 1), 1)
    return own, (f[row, n] - 2 * own) / max(n - 2, 1)


@jit
def _block(distances: Array, o: int, members: int) -> Eight:
    """The rows of the block at o."""
    a, b = load(distances, o), load(distances, o + members)
    c, d = load(distances, o + 2 * members), load(distances, o + 3 * members)
    o += 4 * members
    e, f = load(distances, o), load(distances, o + members)
    g, h = load(distances, o + 2 * members), load(distances, o + 3 * members)
    return a, b, c, d, e, f, g, h


@jit
def _sum(a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes) -> Lanes:
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@jit
def _apart(a: Lanes, b: Lanes, x: Lanes, y: Lanes, squares: Lanes) -> Lanes:
    """squares + (a - x)^2 + (b - y)^2."""
    return multiply_add(a - x, a - x, multiply_add(b - y, b - y, squares))


@jit
def _mirrored(distances: Array, p: int, o: int, members: int, squares: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """Sums of the columns and rows of the block at p; the squares of what it differs by from its mirror image at o."""
    a, b, c, d, e, f, g, h = _block(distances, p, members)
    columns = _sum(a, b, c, d, e, f, g, h)
    a, b, c, d, e, f, g, h = transpose(a, b, c, d, e, f, g, h)
    q, r, s, t, u, v, w, x = _block(distances, o, members)
    zero = splat(distances.dtype.type(0))
    even, odd = _apart(c, d, s, t, _apart(a, b, q, r, squares)), _apart(g, h, w, x, _apart(e, f, u, v, zero))
    return columns, _sum(a, b, c, d, e, f, g, h), even + odd


@jit
def _off_diagonal(distances: Array, o: int, members: int) -> Lanes:
    """Sums of the columns of a block on the diagonal, whose own entries count as 0."""
    a, b, c, d, e, f, g, h = _block(distances, o, members)
    zero = splat(distances.dtype.type(0))
    a, b = choose(np.uint8(1), zero, a), choose(np.uint8(2), zero, b)
    c, d = choose(np.uint8(4), zero, c), choose(np.uint8(8), zero, d)
    e, f = choose(np.uint8(16), zero, e), choose(np.uint8(32), zero, f)
    g, h = choose(np.uint8(64), zero, g), choose(np.uint8(128), zero, h)
    return _sum(a, b, c, d, e, f, g, h)


@jit
def _ask(distances: Array, o: int, members: int, place: int) -> None:
    """Ask for 64 entries of the tile at o, of which the tile has place = 0, 1, .., row by row."""
    for entry in range(64 * place, 64 * place + 64, 64 // distances.itemsize):
        prefetch(distances, o + entry // TILE * members + entry % TILE)


@jit
def _tile(distances: Array, sums: Array, group: int, row: int, column: int) -> Lanes:
    """Add the rows of a tile, and of its mirror image, to their sums; the squares of what the two differ by."""
    members = distances.shape[1]
    first, own, whole = group * members * members, group * members, members - members % 8
    row_next, column_next = (row, column + TILE) if column < row else (row + TILE, 0)
    p_next, o_next = first + row_next * members + column_next, first + column_next * members + row_next
    # A tile on the diagonal has half as many blocks.
    asked, place = 0 if whole <= TILE else 2 if row == column else 1, 0
    squares = splat(distances.dtype.type(0))
    for i in range(row, min(row + TILE, whole), 8):
        rows = load(sums, own + i)
        for j in range(column, min(column + TILE, i), 8):
            for _ in range(asked):
                _ask(distances, p_next, members, place)
                _ask(distances, o_next, members, place)
                place += 1
            p, o = first + i * members + j, first + j * members + i
            of_columns, of_rows, squares = _mirrored(distances, p, o, members, squares)
            store(sums, own + j, load(sums, own + j) + of_columns)
            rows = rows + of_rows
        if row == column:
            o = first + i * members + i
            _, _, squares = _mirrored(distances, o, o, members, squares)
            rows = rows + _off_diagonal(distances, o, members)
        store(sums, own + i, rows)
    return squares


@jit
def _beyond_blocks(distances: Array, sums: Array, group: int) -> Any:
    """Add the members that no block holds; the squares of what their distances differ by from the mirrored ones."""
    members = distances.shape[1]
    squares = sums.dtype.type(0)
    for i in range(members - members % 8, members):
        for j in range(i):
            distance = distances[group, i, j]
            sums[group, i] += distance
            sums[group, j] += distance
            squares += (distance - distances[group, j, i]) * (distance - distances[group, j, i])
        squares += (distances[group, i, i] - distances[group, i, i]) * sums.dtype.type(0)  # NaN if it is not finite
    return squares


@jit
def _row_sums(distances: Array, sums: Array, group: int, seen: tuple[Lanes, Lanes]) -> tuple[Lanes, Lanes]:
    """The sums of the rows of a group. seen: the most squares of a tile, and 0 times all, NaN if an entry is not finite."""
    members = distances.shape[1]
    most, nothing = seen
    zero = splat(sums.dtype.type(0))
    for i in range(members):
        sums[group, i] = 0
    for row in range(0, members - members % 8, TILE):
        for column in range(0, row + 1, TILE):
            squares = _tile(distances, sums, group, row, column)
            most, nothing = maximum(most, squares), multiply_add(squares, zero, nothing)
    if members % 8:
        squares = splat(_beyond_blocks(distances, sums, group))
        most, nothing = maximum(most, squares), multiply_add(squares, zero, nothing)
    return most, nothing


@jit
def _total(sums: Array, group: int, largest: Lanes) -> tuple[float, Lanes]:
    """The sum of the sums of all rows, and the largest of them, in the lanes of `largest`."""
    members = sums.shape[1]
    whole = members - members % 8
    zero = splat(sums.dtype.type(0))
    lanes = zero
    for i in range(0, whole, 8):
        rows = load(sums, group * members + i)
        lanes, largest = lanes + rows, maximum(largest, maximum(rows, zero - rows))
    all_rows = total(lanes)
    for i in range(whole, members):
        all_rows += sums[group, i]
        largest = maximum(largest, splat(abs(sums[group, i])))
    return all_rows, largest


@jit
def _pair_sums(distances: Array, present: Array, f: Array, credit: Array, seen: Array, low: int, high: int) -> None:
    """seen[:, low]: squares of what a distance and its mirror image differ by, at most, NaN if one is not finite, and the
    largest sum of a row.
    """
    members, real = distances.shape[1], distances.dtype.type
    s_present, s_f = 0 if present.shape[0] == 1 else 1, 0 if f.shape[0] == 1 else 1
    zero, zeros = real(0), splat(real(0))
    own, rest, known, size = zero, zero, -1, 0
    differ, largest = (zeros, zeros), zeros
    for group in range(low, high):
        differ = _row_sums(distances, credit, group, differ)
        all_rows, largest = _total(credit, group, largest)
        if s_present or group == low:
            size = 0
            for i in range(members):
                size += present[group * s_present, i]
        if s_f or size != known:
            rates, known = _pair_rates(f, group * s_f, size), size
            own, rest = real(rates[0]), real(rates[1])
        for i in range(members):
            row = credit[group, i]
            share = own * row + rest * (all_rows * real(0.5) - row)
            credit[group, i] = share if present[group * s_present, i] else zero
    seen[0, low] = total(differ[1]) - least(zeros - differ[0])
    seen[1, low] = -least(zeros - largest)


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K]. Raises NotSymmetricError.
    """
    groups, members = distances.shape[:2]
    credit = np.empty((groups, members), distances.dtype)
    seen = np.zeros((2, groups), distances.dtype)
    threads.rows(_pair_sums, groups, 0.3 * members**2, distances, present, f, credit, seen)
    if not _is_symmetric(distances, *seen.max(axis=1, initial=0).tolist()):
        raise NotSymmetricError
    return credit


def _is_symmetric(distances: Array, squares: float, row: float) -> bool:
    """Whether distances are symmetric, by bounds: the squares of what they differ by, and the largest sum of a row.

    The mean of a row is at most its largest distance. Only where that does not settle it the matrices are read once more.
    """
    limits = np.finfo(distances.dtype)
    lost = 2 * float(limits.tiny) ** 0.5  # the largest difference whose square may count as 0
    if squares**0.5 + lost <= ASYMMETRY * min(row, float(limits.max)) / max(distances.shape[1], 2):
        return True
    gap, largest = asymmetry(distances)
    return gap <= 1.001 * ASYMMETRY * largest  # whatever fails by more than rounding here fails in NumPy too
