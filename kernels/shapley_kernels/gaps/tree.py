"""The gaps form on a coalition tree: by all values, since unions of points can conflict like the nodes of any graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapley_kernels.arrays import chunks, counting, joined, namespace
from shapley_kernels.gaps.ref import min_gap_shares, size_weights
from shapley_kernels.kernel_errors import LimitError
from shapley_kernels.table.tree import MAX_MEMBERS, solve
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.shapes import Mix, is_flat

Array = Any


def min_gap(points: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = min over i < j in S of |x_i - x_j|, 0 if |S| < 2. points [B, K], present [B or 1, K] -> [B, K].

    Flat: O(K^4), as in ref.py. Else O(2^K K) a group. Raises LimitError above 20 members on a tree.
    """
    groups, members = points.shape
    if is_flat(root):
        return min_gap_shares(points, present, size_weights(present, mixes[root.depth]))
    if members > MAX_MEMBERS:
        raise LimitError(
            f"the smallest gap of {members} points in unions is solved by the values of all sets, for at most "
            f"{MAX_MEMBERS} points; use set_shapley or set_semivalue, which need no table, or estimate it."
        )
    here = namespace(points).broadcast_to(present, points.shape)
    tables = (_gaps(points[rows, :], here[rows, :]) for rows in chunks(groups, 1 << members, points))
    return joined(solve(table, root, mixes) for table in tables)


def _gaps(points: Array, present: Array) -> Array:
    """Smallest gaps of all subsets of the present members [B, K], [B, 2^K], one point after the other from the left."""
    xp = namespace(points)
    members = points.shape[1]
    order = xp.argsort(points, axis=1, stable=True)
    x, there = xp.take_along_axis(points, order, axis=1), xp.take_along_axis(present, order, axis=1)
    gap = xp.full_like(points[:, :1], float("inf"))
    last = -gap
    # By doubling: all sets without a point, then the same sets with it.
    for j in range(members):
        here, point = there[:, j : j + 1], xp.broadcast_to(x[:, j : j + 1], last.shape)
        gap = xp.concat([gap, xp.where(here, xp.minimum(gap, point - last), gap)], axis=1)
        last = xp.concat([last, xp.where(here, point, last)], axis=1)
    # Bits of the sets stood for ranks so far; members take their places.
    rank, sets = xp.argsort(order, axis=1, stable=True), counting(1 << members, points)[None, :]
    places = xp.zeros_like(gap, dtype=xp.int64)
    for i in range(members):
        places = places + (((sets >> i) & 1) << rank[:, i : i + 1])
    return xp.take_along_axis(xp.where(xp.isinf(gap), 0.0, gap), places, axis=1)
