"""Numba kernel of the pairs form: phi_i = own D_i + rest (D - D_i), one pass over the matrix for its row sums D_i.

The same pass sees whether the matrix is symmetric. A matrix of at most CACHED members stays in the second cache, where its
parts can be read in any order. It is read by blocks of 8 x 8 on and below the diagonal, each with its mirror image. A block
below the diagonal gives the sums of both: those of its rows to its rows, those of its columns to the rows of the mirror image.
Members beyond the last whole block are added one by one. How larger matrices are read is in streamed.py.
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
    splat,
    store,
    total,
    transpose,
)
from shapley_kernels.kernel_errors import NotSymmetricError
from shapley_kernels.pairs import ASYMMETRY
from shapley_kernels.pairs.streamed import row_sums

Array = NDArray[Any]

Eight = tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]

CACHED = 128


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
    """The sums of the rows of a group. seen: the most squares of a group, and 0 times all, NaN if an entry is not finite."""
    members = distances.shape[1]
    first, own = group * members * members, group * members
    squares = zero = splat(distances.dtype.type(0))
    for i in range(members):
        sums[group, i] = 0
    for i in range(0, members - members % 8, 8):
        rows = load(sums, own + i)
        for j in range(0, i, 8):
            p, o = first + i * members + j, first + j * members + i
            of_columns, of_rows, squares = _mirrored(distances, p, o, members, squares)
            store(sums, own + j, load(sums, own + j) + of_columns)
            rows = rows + of_rows
        o = first + i * members + i
        _, _, squares = _mirrored(distances, o, o, members, squares)
        store(sums, own + i, rows + _off_diagonal(distances, o, members))
    if members % 8:
        squares = squares + splat(_beyond_blocks(distances, sums, group))
    most, nothing = seen
    return maximum(most, squares), multiply_add(squares, zero, nothing)


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
def _pay(
    sums: Array, group: int, all_rows: float, present: Array, f: Array, credit: Array, known: tuple[float, float, int]
) -> tuple[float, float, int]:
    """Credit of a group by the sums of its rows. known: own and rest for a number of members, of the group before."""
    own, rest, size = known
    row, real = group if present.shape[0] > 1 else 0, credit.dtype.type
    if row or size < 0:
        size = 0
        for i in range(present.shape[1]):
            size += present[row, i]
    if f.shape[0] > 1 or size != known[2]:
        own, rest = _pair_rates(f, group if f.shape[0] > 1 else 0, size)
    for i in range(present.shape[1]):
        share = real(own) * sums[group, i] + real(rest) * (all_rows * real(0.5) - sums[group, i])
        credit[group, i] = share if present[row, i] else real(0)
    return own, rest, size


@jit
def _pair_sums(distances: Array, present: Array, f: Array, credit: Array, seen: Array, low: int, high: int) -> None:
    """seen[:, low]: squares of what a distance and its mirror image differ by, at most, NaN if one is not finite, and the
    largest sum of a row.
    """
    zeros = splat(distances.dtype.type(0))
    differ, largest, known = (zeros, zeros), zeros, (0.0, 0.0, -1)
    for group in range(low, high):
        differ = _row_sums(distances, credit, group, differ)
        all_rows, largest = _total(credit, group, largest)
        known = _pay(credit, group, all_rows, present, f, credit, known)
    seen[0, low] = total(differ[1]) - least(zeros - differ[0])
    seen[1, low] = -least(zeros - largest)


@jit
def _paid(sums: Array, present: Array, f: Array, credit: Array) -> None:
    known = 0.0, 0.0, -1
    for group in range(sums.shape[0]):
        known = _pay(sums, group, sums[group].sum(), present, f, credit, known)


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K]. Raises NotSymmetricError.
    """
    groups, members = distances.shape[:2]
    credit = np.empty((groups, members), distances.dtype)
    if members <= CACHED:
        seen = np.zeros((2, groups), distances.dtype)
        threads.rows(_pair_sums, groups, 0.3 * members**2, distances, present, f, credit, seen)
        squares, row = seen.max(axis=1, initial=0).tolist()
        differ = squares**0.5 + 2 * float(np.finfo(distances.dtype).tiny) ** 0.5  # the largest whose square may count as 0
    else:
        sums, differ = row_sums(distances)
        _paid(sums, present, f, credit)
        row = max(float(sums.max(initial=0)), -float(sums.min(initial=0)))
    if not _is_symmetric(distances, differ, row):
        raise NotSymmetricError
    return credit


def _is_symmetric(distances: Array, differ: float, row: float) -> bool:
    """Whether distances are symmetric, by bounds: what they differ by at most, and the largest sum of a row.

    The mean of a row is at most its largest distance. Only where that does not settle it the matrices are read once more.
    """
    if differ <= ASYMMETRY * min(row, float(np.finfo(distances.dtype).max)) / max(distances.shape[1], 2):
        return True
    gap, largest = asymmetry(distances)
    return gap <= 1.001 * ASYMMETRY * largest  # whatever fails by more than rounding here fails in NumPy too
