"""The gaps form in an order: how near a point comes to those before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import beside, chunks, joined, namespace
from shapley_kernels.earlier_members import of_rows, rises, running

Array = Any


def min_gap(points: Array, present: Array) -> Array:
    """v(S) = min over i < j in S of |x_i - x_j|, 0 if |S| < 2. points [B, K], present [B or 1, K] -> [B, K]. O(K^2) a group."""
    xp = namespace(points)
    groups, members = points.shape
    earlier = beside(np.tri(members, k=-1, dtype=np.bool_), points)

    def solve(rows: slice) -> Array:
        x, here = xp.astype(of_rows(points, rows), xp.float64), of_rows(present, rows)
        pairs = earlier & here[:, :, None] & here[:, None, :]
        nearest = xp.min(xp.where(pairs, xp.abs(x[:, :, None] - x[:, None, :]), float("inf")), axis=2)
        gap = running("minimum", nearest)
        return rises(xp.where(xp.isinf(gap), 0.0, gap))

    return joined(map(solve, chunks(groups, members**2, points)))
