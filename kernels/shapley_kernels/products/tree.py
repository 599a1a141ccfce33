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
