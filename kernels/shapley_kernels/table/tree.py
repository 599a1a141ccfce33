"""The table form on a coalition tree: only coalitions with at most one partial child along a path to the root are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapley_kernels.arrays import counting, laid_out, namespace
from shapley_kernels.trees.by_coalitions import coalitions
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.shapes import Mix

Array = Any

# The most members of a game that on a tree is solved by the values of all sets, for want of a better way.
MAX_MEMBERS = 20


def solve(values: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """values [B, 2^K] -> [B, K]. O(coalitions that matter times depth) a group; 2^K K on the flat tree."""
    xp = namespace(values)
    shares = {}
    for i, codes, chances in coalitions(root, mixes, values):
        steps = xp.astype(xp.take(values, codes | (1 << i), axis=1), xp.float64) - xp.take(values, codes, axis=1)
        terms = steps * chances
        shares[i] = xp.sum(laid_out(terms, terms.shape), axis=1)
    return xp.stack([shares[i] for i in range(len(shares))], axis=1)


def flags_of(members: int, array: Array) -> Array:
    """float64 [K, 2^K]: 1 where bit i of a bit mask is set, beside an array."""
    bits = counting(1 << members, array)[None, :] >> counting(members, array)[:, None]
    return namespace(array).astype(bits & 1, namespace(array).float64)
