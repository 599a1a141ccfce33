"""The table form on a coalition tree: only coalitions with at most one partial child along a path to the root are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Mix, Node, coalitions

Array = NDArray[Any]


def solve(values: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """values [B, 2^K] -> [B, K]. O(coalitions that matter times depth) a group; 2^K K on the flat tree."""
    credit = np.zeros((len(values), values.shape[1].bit_length() - 1))
    for i, codes, chances in coalitions(root, mixes):
        steps = values[:, codes | (1 << i)].astype(np.float64) - values[:, codes]
        credit[:, i] = np.ascontiguousarray(steps * chances).sum(axis=1)
    return credit
