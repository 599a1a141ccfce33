"""The ranks form on a coalition tree: for each j the game gain_j d(1 + number of members before j) [j in S]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.ranks.ref import sized_by
from shapley_kernels.trees import Element, Mix, Node, is_flat, solve

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


def sized(gains: Array, keys: Array, present: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_r D[r, |S|] gain_(r). gains [B, K], keys, present [B or 1, K], weights [B or 1, K, K] -> [B, K].

    O(K) games of two counts, members before j and members in all; on the flat tree means over draws, O(K^3).
    """
    if is_flat(root):
        return sized_by(gains, keys, present, weights, mixes[root.depth])
    credit = np.zeros(gains.shape)
    members = gains.shape[1]
    keys, present = np.broadcast_to(keys, gains.shape), np.broadcast_to(present, gains.shape)
    tables = np.broadcast_to(weights, (len(gains), members, members))
    absent: Element = {(0, 0): 1.0}
    for row, here in enumerate(present):
        order = np.argsort(-keys[row], kind="stable")
        order = order[here[order]]
        for rank, j in enumerate(order):
            inside: list[Element] = [{(0, 1): 1.0} if there else absent for there in here]
            outside: list[Element] = [absent] * members
            for i in order[:rank]:
                inside[i] = {(1, 1): 1.0}
            inside[j], outside[j] = {(0, 0): 1.0}, {}
            functional = tables[row][: rank + 1, : len(order)]
            credit[row] += gains[row, j] * solve(inside, outside, functional, root, mixes)
    return credit
