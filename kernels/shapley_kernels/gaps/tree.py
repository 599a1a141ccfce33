"""The gaps form on a coalition tree: by all values, as unions of points can stand in each other's way as any graph does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.gaps.ref import min_gap_shares, size_weights
from shapley_kernels.limits import LimitError
from shapley_kernels.table.tree import solve
from shapley_kernels.trees import Mix, Node, is_flat

Array = NDArray[Any]

MAX_MEMBERS = 20


def min_gap(points: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = min over i < j in S of |x_i - x_j|, 0 if |S| < 2. points [B, K], present [B or 1, K] -> [B, K].

    Flat: O(K^4), as in ref.py. Else O(2^K) a group. Raises LimitError above 20 members on a tree.
    """
    if is_flat(root):
        credit: Array = min_gap_shares(points, present, size_weights(present, mixes[root.depth]))
        return credit
    if points.shape[1] > MAX_MEMBERS:
        raise LimitError(
            f"the smallest gap of {points.shape[1]} points in unions is solved by the values of all sets, for at most "
            f"{MAX_MEMBERS} points; use set_shapley or set_semivalue, which need no table, or estimate it."
        )
    here = np.broadcast_to(present, points.shape)
    tables = np.array([_gaps(row, there) for row, there in zip(points, here, strict=True)])
    return solve(tables.reshape(len(points), 1 << points.shape[1]), root, mixes)


def _gaps(points: Array, present: Array) -> Array:
    """Smallest gaps of all subsets of the present members, [2^K], one point after the other from the left."""
    gap, last = np.full(1, np.inf), np.full(1, -np.inf)
    codes = np.zeros(1, np.int64)
    for i in np.argsort(points, kind="stable"):
        joined = (np.minimum(gap, points[i] - last), np.full_like(last, points[i])) if present[i] else (gap, last)
        gap, last = np.concatenate([gap, joined[0]]), np.concatenate([last, joined[1]])
        codes = np.concatenate([codes, codes | 1 << i])
    table = np.empty(1 << len(points))
    table[codes] = np.where(np.isfinite(gap), gap, 0)
    return table
