"""Integral over score thresholds of OR games.

max(0, max_S x) = integral_0^inf [S has a score >= theta] d theta, and an OR game over K(theta) members gives each 1 / K(theta):
phi_(j) = sum_{l<=j} (x_(l) - x_(l-1)) / (K - l + 1) over ascending x, x_(0) = 0        (Littlechild & Owen 1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def airport(scores: Array, base: Array) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K]. O(K log K) a group."""
    height: Array = np.maximum(scores - base[:, None], 0)  # [B, K]
    members = scores.shape[1]
    order = np.argsort(height, axis=1, kind="stable")
    ascending = np.take_along_axis(height, order, axis=1)
    gaps = np.diff(ascending, axis=1, prepend=height.dtype.type(0))
    credit: Array = np.empty_like(height)
    shares = np.cumsum(gaps / np.arange(members, 0, -1, dtype=height.dtype), axis=1)
    np.put_along_axis(credit, order, shares, axis=1)
    return credit


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(E K log K)."""
    groups, members, elements = scores.shape
    columns = np.ascontiguousarray(np.swapaxes(scores, 1, 2)).reshape(groups * elements, members)
    shares = airport(columns, np.zeros(1, scores.dtype)).reshape(groups, elements, members)
    credit: Array = (shares * weights[:, :, None]).sum(axis=1)
    return credit
