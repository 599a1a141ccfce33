"""The products form on a coalition tree: every group and every product is a game of its own, solved side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from shapley_kernels.arrays import beside, chunks, joined, namespace
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.reduction import Members, credits
from shapley_kernels.trees.shapes import Mix

Array = Any


def product(inside: Array, outside: Array, delta: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K] -> [B, K]. O(sum over nodes of c^2) a group."""
    xp = namespace(inside)
    arrays = (inside, xp.broadcast_to(outside, inside.shape), delta)
    return _products((xp.astype(array, xp.float64).T for array in arrays), root, mixes)


def _products(arrays: Iterable[Array], root: Node, mixes: Sequence[Mix]) -> Array:
    """inside, outside, delta [K, N] -> [N, K]."""
    inside, outside, delta = arrays
    nothing = np.zeros((0, *inside.shape), np.int64)
    members = Members(nothing, inside=inside, outside=outside, delta=delta)
    return credits(beside(np.ones(1), inside), members, root, mixes)


def mixture(inside: Array, outside: Array, delta: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix. [B, K, X] each, weights [B or 1, X] -> [B, K]."""
    xp = namespace(inside)
    groups, members, games = inside.shape
    weights = xp.broadcast_to(weights, (groups, games))
    if not games:
        return xp.sum(xp.zeros_like(inside, dtype=xp.float64), axis=2)

    def solve(rows: slice) -> Array:
        weight = weights[rows, :, None]
        arrays = (xp.permute_dims(array[rows, ...], (1, 0, 2)) for array in (inside, outside, delta))
        flat = (xp.astype(xp.reshape(array, (members, weight.shape[0] * games)), xp.float64) for array in arrays)
        terms = xp.reshape(_products(flat, root, mixes), (weight.shape[0], games, members)) * weight
        # One after the other, so that games of weight 0, which fill up a batch, change no bit.
        return xp.cumulative_sum(terms, axis=1)[:, -1, :]

    return joined(map(solve, chunks(groups, members * games, inside)))


def noisy_or(chances: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i). chances p [B, K] -> [B, K]. O(sum over nodes of c^2) a group."""
    return -product(1 - chances, namespace(chances).ones_like(chances), -chances, root, mixes)
