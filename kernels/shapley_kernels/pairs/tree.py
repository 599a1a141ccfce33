"""The pairs form on a coalition tree.

Flat: every pair is alike, phi_i = own D_i + rest (D - D_i) with means of f over the sizes that the semivalue weighs. Constant
f: AND games of two members, by flow. Else for each j the game [j in S] f(|S|) sum_{l in S} d_jl / 2, of a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, beside, chunks, counting, joined, laid_out, namespace
from shapley_kernels.chances import chances_of
from shapley_kernels.trees.games_by_class import by_group
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.or_and_flow import and_shares, flow
from shapley_kernels.trees.reduction import Members, credits
from shapley_kernels.trees.shapes import Mix, is_flat

Array = Any


def pair_sums(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_{i<j in S} d_ij. distances [B, K, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    O(K^2) a group on the flat tree, O(nodes K^2) for constant f, else O(K) games of counts. On a device every f
    is taken for one that is not constant.
    """
    xp = namespace(distances)
    groups, members = distances.shape[:2]
    present = xp.broadcast_to(present, (groups, members))
    factors = xp.broadcast_to(xp.astype(f, xp.float64), (groups, members + 1))
    others = beside(~np.eye(members, dtype=np.bool_), distances)

    def solve(rows: slice) -> Array:
        here, factor = present[rows, :], factors[rows, :]
        apart = others & here[:, None, :] & here[:, :, None]
        d = xp.astype(xp.where(apart, distances[rows, ...], 0), xp.float64)
        if is_flat(root):
            return _flat(d, here, factor, mixes[root.depth])
        if not isinstance(d, np.ndarray):
            return _sized(d, here, factor, root, mixes)
        beyond = np.arange(2, members + 1) > here.sum(axis=1, keepdims=True)  # sizes that no set has
        constant = (beyond | (factor[:, 2:] == factor[:, 2:3])).all(axis=1)
        credit = np.empty(here.shape)
        for alike, solve_alike in ((constant, _constant), (~constant, _sized)):
            if alike.any():
                credit[alike] = solve_alike(d[alike], here[alike], factor[alike], root, mixes)
        return credit

    return joined(map(solve, chunks(groups, members**2, distances)))


def _flat(distances: Array, present: Array, f: Array, mix: Mix) -> Array:
    """own D_i + rest (D - D_i): own from f(s + 1) where the partner of a pair is there, rest from its change where both are."""
    xp = namespace(distances)
    q, n = chances_of(mix, present), xp.count_nonzero(present, axis=1)[:, None]
    one, two = (xp.astype(at_least(n - less, 1), xp.float64) for less in (1, 2))
    s = xp.astype(counting(present.shape[1], f), xp.float64)
    row = xp.cumulative_sum(distances, axis=2)[:, :, -1]
    total = xp.cumulative_sum(row, axis=1)[:, -1:]
    own = xp.cumulative_sum(q * s / one * f[:, 1:], axis=1)[:, -1:]
    rest = xp.cumulative_sum(q * s * (s - 1) / (one * two) * (f[:, 1:] - f[:, :-1]), axis=1)[:, -1:]
    return xp.where(present, own * row + rest * (total / 2 - row), 0.0)


def _constant(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    members = present.shape[1]
    left, right = np.triu_indices(members, 1)
    pairs = (np.arange(members)[:, None] == left) | (np.arange(members)[:, None] == right)
    share = np.zeros((members, members))  # the share of i in the pair of i and j
    both = flow(pairs, root, mixes, and_shares)
    share[left, right], share[right, left] = (both[end, np.arange(len(left))] for end in (left, right))
    credit: Array = f[:, 2:3] * np.add.accumulate(distances * share, axis=2)[:, :, -1]
    return credit


def _sized(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """One game for every member; on a device for absent ones too, which have no distances."""
    xp = namespace(distances)
    groups, members = present.shape
    games: Any = np.flatnonzero(present) if isinstance(present, np.ndarray) else slice(None)

    def each(array: Array) -> Array:
        """[B, K or 1, ..] as a row for every game: one for each group and each member that has one."""
        return laid_out(xp.broadcast_to(array, (groups, members, array.shape[2])), (groups * members, array.shape[2]))[games, :]

    outside = each(beside(1 - np.eye(members), distances)[None, ...]).T
    steps = xp.astype(each(present[:, None, :]).T[None, ...], xp.int64)
    parts = Members(steps, gains=each(distances).T / 2, outside=outside, delta=1 - outside)
    slope = each(f[:, None, :])
    group = np.repeat(np.arange(groups), members)[games]
    return by_group(credits(xp.zeros_like(slope), parts, root, mixes, slope), group, groups)
