"""The pairs form on a coalition tree.

Flat: every pair is alike, phi_i = own D_i + rest (D - D_i) with means of f over the sizes that the semivalue weighs. Constant
f: AND games of two members, by flow. Else for each j the game [j in S] f(|S|) sum_{l in S} d_jl / 2, of a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.reduction import Members, credits
from shapley_kernels.trees import Mix, Node, and_shares, chunks, flow, is_flat

Array = NDArray[Any]


def pair_sums(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_{i<j in S} d_ij. distances [B, K, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    O(K^2) a group on the flat tree, O(nodes K^2) for constant f, else O(K) games of counts.
    """
    groups, members = distances.shape[:2]
    present = np.broadcast_to(present, (groups, members))
    factors = np.broadcast_to(f.astype(np.float64), (groups, members + 1))
    credit = np.zeros((groups, members))
    if members < 2:
        return credit
    beyond = np.arange(2, members + 1) > present.sum(axis=1, keepdims=True)  # sizes that no set has
    constant = (beyond | (factors[:, 2:] == factors[:, 2:3])).all(axis=1)
    for rows in chunks(groups, members**2):
        apart = ~np.eye(members, dtype=bool) & present[rows, None, :] & present[rows, :, None]
        d = np.where(apart, distances[rows], 0).astype(np.float64)
        if is_flat(root):
            credit[rows] = _flat(d, present[rows], factors[rows], mixes[root.depth])
            continue
        for alike, solve in ((constant[rows], _constant), (~constant[rows], _sized)):
            credit[rows][alike] = solve(d[alike], present[rows][alike], factors[rows][alike], root, mixes)
    return credit


def _flat(distances: Array, present: Array, f: Array, mix: Mix) -> Array:
    """own D_i + rest (D - D_i): f(s + 1) if one other is there, its change if both are."""
    sizes = present.sum(axis=1)
    credit, row = np.zeros(present.shape), np.add.accumulate(distances, axis=2)[:, :, -1]
    total = np.add.accumulate(row, axis=1)[:, -1:]
    for n in set(sizes.tolist()) - {0, 1}:
        where, q, s = sizes == n, mix(n), np.arange(n)
        own = np.add.accumulate(q * s / (n - 1) * f[where, 1 : n + 1], axis=1)[:, -1:]
        change = f[where, 1 : n + 1] - f[where, :n]
        rest = np.add.accumulate(q * s * (s - 1) / ((n - 1) * max(n - 2, 1)) * change, axis=1)[:, -1:]
        credit[where] = np.where(present[where], own * row[where] + rest * (total[where] / 2 - row[where]), 0)
    return credit


def _constant(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    members = present.shape[1]
    left, right = np.triu_indices(members, 1)
    pairs = (np.arange(members)[:, None] == left) | (np.arange(members)[:, None] == right)
    share = np.zeros((members, members))  # of what i and j have together, that of i
    share[left, right], share[right, left] = (
        flow(pairs, root, mixes, and_shares)[end, np.arange(len(left))] for end in (left, right)
    )
    credit: Array = f[:, 2:3] * np.add.accumulate(distances * share, axis=2)[:, :, -1]
    return credit


def _sized(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    groups, members = present.shape
    group, owner = np.nonzero(present)
    games = np.arange(len(group))
    outside = np.ones((members, len(group)))
    outside[owner, games] = 0
    gains = np.where(present[group], distances[group, owner], 0).T / 2
    gains[owner, games] = 0
    parts = Members(steps=present[group].T[None].astype(np.int64), gains=gains, outside=outside, delta=1 - outside)
    slope = f[group]
    shares = credits(np.zeros_like(slope), parts, root, mixes, slope)
    credit = np.zeros((groups, members))
    np.add.at(credit, group, shares)
    return credit
