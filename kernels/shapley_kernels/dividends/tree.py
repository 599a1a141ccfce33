"""The dividends form on a coalition tree: one unit of every OR game flows down and splits at every node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Mix, Node, and_shares, flow, or_shares

Array = NDArray[Any]


def additive(scores: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_S scores, whatever the structure. scores [B, K] -> [B, K]."""
    return scores.copy()


def coverage(hits: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e [some i in S hits e]. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(nodes E) a group."""
    shares = [flow(group, root, mixes, or_shares) for group in hits]
    credit: Array = (np.array(shares).reshape(hits.shape) * weights[:, None, :]).sum(axis=2)
    return credit


def distinct(labels: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = number of classes in S. labels [B, K] int, present [B or 1, K] bool -> [B, K]. O(nodes C) a group."""
    credit = np.zeros(labels.shape)
    for row, here in enumerate(np.broadcast_to(present, labels.shape)):
        sets = (labels[row][:, None] == np.unique(labels[row])) & here[:, None]
        credit[row] = flow(sets, root, mixes, or_shares).sum(axis=1)
    return credit


def unanimity(sets: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e [A_e within S]. sets [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(nodes E) a group."""
    shares = [flow(group, root, mixes, and_shares) for group in sets]
    credit: Array = (np.array(shares).reshape(sets.shape) * weights[:, None, :]).sum(axis=2)
    return credit
