"""The thresholds form on a coalition tree: gaps between thresholds times the flow of their OR games."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Mix, Node, chunks, flow, or_shares

Array = NDArray[Any]


def airport(scores: Array, base: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K]. O(nodes K) a group."""
    heights: Array = np.maximum(scores - base[:, None], 0)
    return _columns(heights.T, root, mixes).T


def facility(scores: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e max(0, max_S scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(nodes K E) a group."""
    groups, members, elements = scores.shape
    heights = np.swapaxes(np.maximum(scores, 0), 0, 1).reshape(members, groups * elements)
    shares = _columns(heights, root, mixes).reshape(members, groups, elements)
    credit: Array = (np.swapaxes(shares, 0, 1) * weights[:, None, :]).sum(axis=2)
    return credit


def _columns(heights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """Credits [K, E] of the airport games with heights [K, E]."""
    members = len(heights)
    credit = np.empty(heights.shape)
    for games in chunks(heights.shape[1], members**2):
        height = heights[:, games]
        levels = np.sort(height, axis=0)
        gaps = np.diff(levels, axis=0, prepend=0)  # [K, E]
        sets = height[:, None, :] >= levels[None, :, :]  # [K, K, E]
        shares = flow(sets.reshape(members, -1), root, mixes, or_shares).reshape(sets.shape)
        credit[:, games] = np.add.accumulate(shares * gaps, axis=1)[:, -1]
    return credit
