"""The dividends form on a coalition tree: one unit of every OR game flows down and splits at every node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Mix, Node, and_shares, chunks, classes, flow, or_shares

Array = NDArray[Any]


def additive(scores: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_S scores, whatever the structure. scores [B, K] -> [B, K]."""
    return scores.copy()


def coverage(hits: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e [some i in S hits e]. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(nodes E) a group."""
    return _weighted(hits, weights, root, mixes, or_shares)


def distinct(labels: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = number of classes in S. labels [B, K] int, present [B or 1, K] bool -> [B, K]. O(nodes C) a group."""
    credit = np.zeros(labels.shape)
    present = np.broadcast_to(present, labels.shape)
    for rows in chunks(len(labels), labels.shape[1] ** 2):
        group, sets = classes(labels[rows], present[rows])
        np.add.at(credit[rows], group, flow(sets.T, root, mixes, or_shares).T)
    return credit


def unanimity(sets: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e [A_e within S]. sets [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(nodes E) a group."""
    return _weighted(sets, weights, root, mixes, and_shares)


def _weighted(sets: Array, weights: Array, root: Node, mixes: Sequence[Mix], shares: Callable[[Array], Array]) -> Array:
    groups, members, elements = sets.shape
    credit = np.empty((groups, members))
    for rows in chunks(groups, members * elements):
        columns = np.swapaxes(sets[rows], 0, 1)
        flows = flow(columns.reshape(members, -1), root, mixes, shares).reshape(columns.shape)
        weight = np.broadcast_to(weights, (groups, elements))[rows]
        credit[rows] = np.ascontiguousarray(np.swapaxes(flows * weight, 0, 1)).sum(axis=2)
    return credit
