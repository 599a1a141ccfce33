"""Numba kernel of the pairs form: row sums of large symmetric matrices, which are read once in the order of memory.

A matrix is compared with its mirror image by a vector y of fixed random weights (Freivalds 1977). If A is symmetric then
A y = A^T y. If A and A^T differ in one pair of entries by g, then two entries of A y and A^T y differ by |g| at least. Several
pairs hide from y only if the differences in every row cancel under these weights. No two weights are alike, so that even three
equal differences around a triangle do not. Each row gives its sum and its entry of A y, and is added to A^T y. Sums are float64
whatever the entries are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import Lanes, choose, load, multiply_add, prefetch, splat, store, total, widen

Array = NDArray[Any]

Four = tuple[Lanes, Lanes, Lanes, Lanes]
Eight = tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]


@jit
def _four(distances: Array, o: int, members: int) -> Four:
    """Eight columns of four rows."""
    a, b = widen(load(distances, o)), widen(load(distances, o + members))
    o += 2 * members
    return a, b, widen(load(distances, o)), widen(load(distances, o + members))


@jit
def _columns(distances: Array, o: int, low: int, high: int, y: Array, apart: Array, rows: Four, seen: Eight) -> Eight:
    """Add columns low .. high - 1 of the four rows from o on to the sums of rows, plain and by weight, and take them off apart.

    rows: the weights of the four rows. What lies eight rows on is asked for.
    """
    members = y.shape[0]
    a, b, c, d, e, f, g, h = seen
    for j in range(low, high, 8):
        for row in range(8, 12):
            prefetch(distances, o + row * members + j)
        p, q, r, s = _four(distances, o + j, members)
        weight = load(y, j)
        a, b, c, d = a + p, b + q, c + r, d + s
        e, f = multiply_add(p, weight, e), multiply_add(q, weight, f)
        g, h = multiply_add(r, weight, g), multiply_add(s, weight, h)
        store(apart, j, load(apart, j) - _weighted(p, q, r, s, rows))
    return a, b, c, d, e, f, g, h


@jit
def _weighted(p: Lanes, q: Lanes, r: Lanes, s: Lanes, rows: Four) -> Lanes:
    return multiply_add(p, rows[0], q * rows[1]) + multiply_add(r, rows[2], s * rows[3])


@jit
def _beside_diagonal(distances: Array, o: int, i: int, y: Array, apart: Array, rows: Four, seen: Eight) -> Eight:
    """As _columns, for the eight that cross the diagonal in rows i .. i + 3, whose own entries count as 0 times themselves."""
    members, column = y.shape[0], i - i % 8
    zero, first = splat(0.0), i % 8
    a, b, c, d, e, f, g, h = seen
    p, q, r, s = _four(distances, o + column, members)
    p, q = choose(np.uint8(1 << first), zero * p, p), choose(np.uint8(2 << first), zero * q, q)
    r, s = choose(np.uint8(4 << first), zero * r, r), choose(np.uint8(8 << first), zero * s, s)
    weight = load(y, column)
    a, b, c, d = a + p, b + q, c + r, d + s
    e, f, g, h = multiply_add(p, weight, e), multiply_add(q, weight, f), multiply_add(r, weight, g), multiply_add(s, weight, h)
    store(apart, column, load(apart, column) - _weighted(p, q, r, s, rows))
    return a, b, c, d, e, f, g, h


@jit
def _four_rows(distances: Array, group: int, i: int, y: Array, apart: Array, sums: Array) -> None:
    """Rows i .. i + 3, up to the last whole block of columns: their sums, their entries of A y, their part of A^T y."""
    members = y.shape[0]
    o, column, zero = (group * members + i) * members, i - i % 8, splat(0.0)
    rows = splat(y[i]), splat(y[i + 1]), splat(y[i + 2]), splat(y[i + 3])
    seen = _columns(distances, o, 0, column, y, apart, rows, (zero, zero, zero, zero, zero, zero, zero, zero))
    seen = _beside_diagonal(distances, o, i, y, apart, rows, seen)
    a, b, c, d, e, f, g, h = _columns(distances, o, column + 8, members - members % 8, y, apart, rows, seen)
    sums[group, i], sums[group, i + 1] = total(a), total(b)
    sums[group, i + 2], sums[group, i + 3] = total(c), total(d)
    apart[i] += total(e)
    apart[i + 1] += total(f)
    apart[i + 2] += total(g)
    apart[i + 3] += total(h)


@jit
def _entries(distances: Array, group: int, i: int, low: int, y: Array, apart: Array, sums: Array) -> None:
    """The same for one row and one entry after the other, from column `low` on."""
    for j in range(low, y.shape[0]):
        entry = np.float64(distances[group, i, j])
        if i == j:
            entry *= 0.0  # NaN if it is not finite
        sums[group, i] += entry
        apart[i] += y[j] * entry
        apart[j] -= y[i] * entry


@jit
def _row_sums(distances: Array, y: Array, sums: Array, seen: Array, low: int, high: int) -> None:
    """seen[low] = the most that A y and A^T y differ by, NaN if an entry is not finite."""
    members = distances.shape[1]
    whole = members - members % 8
    apart, differ = np.empty(members), 0.0
    for group in range(low, high):
        apart[:] = 0
        for i in range(0, whole, 4):
            _four_rows(distances, group, i, y, apart, sums)
        for i in range(members):
            _entries(distances, group, i, whole if i < whole else 0, y, apart, sums)
        nothing = 0.0
        for i in range(members):
            differ = max(differ, abs(apart[i]))
            nothing += 0 * apart[i]
        differ += nothing
    seen[low] = differ


@lru_cache(maxsize=64)
def _weights(members: int) -> Array:
    """Weights of either sign in random order, the same at every call, from 1 to 1024 and as far apart as they can be."""
    random = np.random.default_rng(members)
    weights: Array = random.choice((-1.0, 1.0), members) * random.permutation(np.linspace(1.0, 1024.0, members))
    return weights


def row_sums(distances: Array) -> tuple[Array, float]:
    """distances [B, K, K] -> sums of their rows without the diagonal, float64 [B, K], and what A y and A^T y differ by at most,
    NaN if an entry is not finite.
    """
    groups, members = distances.shape[:2]
    sums, seen = np.zeros((groups, members)), np.zeros(groups)
    threads.rows(_row_sums, groups, 0.3 * members**2, distances, _weights(members), sums, seen)
    return sums, float(seen.max(initial=0))
