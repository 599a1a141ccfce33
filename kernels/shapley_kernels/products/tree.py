"""The products form on a coalition tree: every group and every product is a game of its own, solved side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.reduction import Members, credits
from shapley_kernels.trees import Mix, Node, chunks

Array = NDArray[Any]


def product(inside: Array, outside: Array, delta: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K] -> [B, K]. O(sum over nodes of c^2) a group."""
    a, b, change = (x.astype(np.float64).T for x in (inside, np.broadcast_to(outside, inside.shape), delta))
    return _products(a, b, change, root, mixes)


def _products(inside: Array, outside: Array, delta: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """[K, N] each -> [N, K]."""
    nothing = np.zeros((0, *inside.shape), np.int64)
    return credits(np.ones(1), Members(nothing, inside=inside, outside=outside, delta=delta), root, mixes)


def mixture(inside: Array, outside: Array, delta: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix. [B, K, X] each, weights [B or 1, X] -> [B, K]."""
    groups, members, games = inside.shape
    credit = np.zeros((groups, members))
    for rows in chunks(groups, members * games):
        weight = np.broadcast_to(weights, (groups, games))[rows, :, None]
        flat = (members, len(weight) * games)
        a, b, d = (np.swapaxes(x[rows], 0, 1).reshape(flat).astype(np.float64) for x in (inside, outside, delta))
        terms = _products(a, b, d, root, mixes).reshape(len(weight), games, members) * weight
        if games:  # one after the other, so that games of weight 0, which fill up a batch, change no bit
            credit[rows] = np.add.accumulate(terms, axis=1)[:, -1]
    return credit


def noisy_or(chances: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i). chances p [B, K] -> [B, K]. O(sum over nodes of c^2) a group."""
    return -product(1 - chances, np.ones_like(chances), -chances, root, mixes)
