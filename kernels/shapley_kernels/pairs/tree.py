"""The pairs form on a coalition tree.

Flat: every pair is alike, phi_i = own D_i + rest (D - D_i) with means of f over the sizes that the semivalue weighs. Constant
f: AND games of two members, by flow. Else for each j the game [j in S] f(|S|) sum_{l in S} d_jl / 2, with dual numbers
z (1 + eps d).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Element, Mix, Node, and_shares, flow, is_flat, solve

Array = NDArray[Any]


def pair_sums(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_{i<j in S} d_ij. distances [B, K, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    O(K^2) a group on the flat tree, O(nodes K^2) for constant f, else O(K) dual-number count games.
    """
    groups, members = distances.shape[:2]
    credit = np.zeros((groups, members))
    present, f = np.broadcast_to(present, (groups, members)), np.broadcast_to(f, (groups, members + 1))
    for row in range(groups):
        where = np.flatnonzero(present[row])
        factors = f[row, : len(where) + 1].astype(np.float64)
        if len(where) < 2:
            continue
        if is_flat(root):
            credit[row, where] = _flat(distances[row][np.ix_(where, where)], factors, mixes[root.depth](len(where)))
        elif (factors[2:] == factors[2]).all():
            credit[row] = factors[2] * _constant(distances[row], present[row], root, mixes)
        else:
            credit[row] = _sized(distances[row], present[row], factors, root, mixes)
    return credit


def _flat(distances: Array, f: Array, q: Array) -> Array:
    n = len(distances)
    s = np.arange(n)
    row = distances.sum(axis=1) - np.diagonal(distances)
    own = (q * s / (n - 1) * f[1:]).sum()
    rest = (q * s * (s - 1) / ((n - 1) * max(n - 2, 1)) * (f[1:] - f[:-1])).sum()
    credit: Array = own * row + rest * (row.sum() / 2 - row)
    return credit


def _constant(distances: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    left, right = np.triu_indices(len(distances), 1)
    member = np.arange(len(distances))[:, None]
    shares = flow((member == left) | (member == right), root, mixes, and_shares)
    credit: Array = shares @ np.where(present[left] & present[right], distances[left, right], 0)
    return credit


def _sized(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    credit = np.zeros(len(distances))
    functional = np.stack([np.zeros(len(f)), f], axis=1)  # the eps part, by size
    absent: Element = {(0, 0): 1.0}
    for j in np.flatnonzero(present):
        inside: list[Element] = [
            {(1, 0): 1.0, (1, 1): float(distances[j, i]) / 2} if here else absent for i, here in enumerate(present)
        ]
        outside: list[Element] = [absent] * len(present)
        inside[j], outside[j] = {(1, 0): 1.0}, {}
        credit += solve(inside, outside, functional, root, mixes)
    return credit
