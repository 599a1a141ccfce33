"""The ranks form on a coalition tree: for each j the game gain_j d(1 + number of members before j) [j in S]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Element, Mix, Node, solve

Array = NDArray[Any]

ONE: Element = {(0,): 1.0}
STEP: Element = {(1,): 1.0}
NOTHING: Element = {}


def discounted(gains: Array, keys: Array, discounts: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]. O(K) count games of two kinds of member a group."""
    credit = np.zeros(gains.shape)
    members = gains.shape[1]
    keys, discounts = np.broadcast_to(keys, gains.shape), np.broadcast_to(discounts, gains.shape)
    for row in range(len(gains)):
        order = np.argsort(-keys[row], kind="stable")
        for rank, j in enumerate(order):
            if gains[row, j] == 0:
                continue
            inside, outside = [ONE] * members, [ONE] * members
            for i in order[:rank]:
                inside[i] = STEP
            outside[j] = NOTHING
            credit[row] += gains[row, j] * solve(inside, outside, discounts[row, : rank + 1], root, mixes)
    return credit
