"""Numba kernel of the gaps form; the formulas are in ref.py.

Two arrays of polynomials serve all thresholds of all groups, each cut at the size of the largest set at the threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.gaps.ref import size_weights
from shapley_kernels.trees.shapes import uniform

Array = NDArray[Any]


@jit
def _neighbours(x: Array, n: int, theta: float, before: Array, after: Array) -> int:
    """before: how many points are far enough to the left; after: the first one far enough to the right. Returns the size of the
    largest set.
    """
    low, high = 0, 0
    for j in range(n):
        while x[j] - x[low] >= theta:
            low += 1
        before[j] = low
        while high < n and x[high] - x[j] < theta:
            high += 1
        after[j] = high
    # Each next point as far to the left as it can be: no set is larger.
    size, j = 0, 0
    while j < n:
        size, j = size + 1, after[j]
    return size


@jit
def _add_spaced(
    n: int, size: int, before: Array, after: Array, p: Array, gap: float, sets: Array, worth: Array, share: Array
) -> None:
    """share += gap times the credits of [no two points of S are closer than theta]."""
    sets[0, : size + 1] = 0.0
    sets[0, 0] = 1.0
    for j in range(n):
        sets[j + 1, 0] = 1.0
        for s in range(1, size + 1):
            sets[j + 1, s] = sets[j, s] + sets[before[j], s - 1]
    for s in range(size + 1):
        worth[n, s] = p[s] + p[s + 1] if s < n else 0.0
    for j in range(n - 1, -1, -1):
        worth[j, size] = worth[j + 1, size]
        for s in range(size):
            worth[j, s] = worth[j + 1, s] + worth[after[j], s + 1]
    total = 0.0
    for s in range(size + 1):
        total += sets[n, s] * p[s]
    for j in range(n):
        with_j = 0.0
        for s in range(size + 1):
            with_j += sets[before[j], s] * worth[after[j], s]
        share[j] += gap * (with_j - total)


@jit
def _min_gap(points: Array, present: Array, weights: Array, credit: Array, low: int, high: int) -> None:
    members = points.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    here = np.empty(members, np.int64)
    before, after = np.empty(members, np.int64), np.empty(members, np.int64)
    sets, worth = np.empty((members + 1, members + 1)), np.empty((members + 1, members + 1))
    share = np.empty(members)
    for group in range(low, high):
        credit[group] = 0.0
        n = 0
        for i in range(members):
            if present[group * s_present, i]:
                here[n] = i
                n += 1
        if n < 2:
            continue
        chosen = points[group].astype(np.float64)[here[:n]]
        order = np.argsort(chosen, kind="mergesort")
        x = chosen[order]
        distances = np.empty(n * (n - 1) // 2)
        pair = 0
        for j in range(n):
            for i in range(j):
                distances[pair] = x[j] - x[i]
                pair += 1
        distances.sort()
        share[:n] = distances[-1] * weights[n, 1] * (n - 1)
        below = 0.0
        for theta in distances:
            if theta > below:
                size = _neighbours(x, n, theta, before, after)
                _add_spaced(n, size, before, after, weights[n], theta - below, sets, worth, share)
                below = theta
        for j in range(n):
            credit[group, here[order[j]]] = share[j]


def min_gap(points: Array, present: Array) -> Array:
    """v(S) = min over i < j in S of |x_i - x_j|, 0 if |S| < 2. points [B, K], present [B or 1, K] -> [B, K] float64."""
    groups, members = points.shape
    weights = size_weights(present, uniform)
    credit = np.empty((groups, members))
    threads.rows(lambda low, high: _min_gap(points, present, weights, credit, low, high), groups, members**3)
    return credit
