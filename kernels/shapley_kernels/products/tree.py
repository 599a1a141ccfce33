"""The products form on a coalition tree: a product of one mean a level, all groups that share the tree at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Mix, Node, products

Array = NDArray[Any]


def product(inside: Array, outside: Array, delta: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K] -> [B, K]. O(sum over nodes of c^3) a group."""
    outside = np.broadcast_to(outside, inside.shape)
    credit: Array = delta * products(inside.T.astype(np.float64), outside.T.astype(np.float64), root, mixes).T
    return credit


def mixture(inside: Array, outside: Array, delta: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix. [B, K, X] each, weights [B or 1, X] -> [B, K]."""
    credit = np.zeros(inside.shape[:2])
    for row, (a, b, d) in enumerate(zip(inside, outside, delta, strict=True)):
        terms = d * products(a, b, root, mixes) * weights[row % len(weights)]
        if terms.shape[1]:  # one after the other, so that games of weight 0, which fill up a batch, change no bit
            credit[row] = np.add.accumulate(terms, axis=1)[:, -1]
    return credit
