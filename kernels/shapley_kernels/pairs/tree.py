"""The pairs form on a coalition tree: for each j the game [j in S] f(|S|) sum_{l in S} d_jl / 2, with numbers z (1 + eps d)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Element, Mix, Node, solve

Array = NDArray[Any]


def pair_sums(distances: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_{i<j in S} d_ij. distances [B, K, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    O(K) dual-number count games a group.
    """
    groups, members = distances.shape[:2]
    credit = np.zeros((groups, members))
    present, f = np.broadcast_to(present, (groups, members)), np.broadcast_to(f, (groups, members + 1))
    absent: Element = {(0, 0): 1.0}
    for row in range(groups):
        functional = np.stack([np.zeros(members + 1), f[row]], axis=1)  # the eps part, by size
        for j in np.flatnonzero(present[row]):
            inside: list[Element] = [
                {(1, 0): 1.0, (1, 1): float(distances[row, j, i]) / 2} if here else absent
                for i, here in enumerate(present[row])
            ]
            outside: list[Element] = [absent] * members
            inside[j], outside[j] = {(1, 0): 1.0}, {}
            credit[row] += solve(inside, outside, functional, root, mixes)
    return credit
