"""Integral over score thresholds of OR games.

max(0, max_S x) = integral_0^inf [S has a score >= theta] d theta, and an OR game over K(theta) members gives each 1 / K(theta):
phi_(j) = sum_{l<=j} (x_(l) - x_(l-1)) / (K - l + 1) over ascending x, x_(0) = 0        (Littlechild & Owen 1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, laid_out, like, namespace, unsorted

Array = Any


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def heights(scores: Array, base: Array) -> Array:
    """How far scores [B, K] rise above the base [B or 1], NaN for what is not finite."""
    rises = scores - base[:, None]
    return at_least(rises, 0) + 0 * rises


def airport(scores: Array, base: Array) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K]. O(K log K) a group."""
    xp = namespace(scores)
    height = heights(scores, base)
    members = scores.shape[1]
    order = xp.argsort(height, axis=1, stable=True)
    ascending = xp.take_along_axis(height, order, axis=1)
    gaps = xp.concat([ascending[:, :1], ascending[:, 1:] - ascending[:, :-1]], axis=1)
    shares = xp.cumulative_sum(gaps / like(np.arange(members, 0, -1), height), axis=1)
    return unsorted(order, shares)


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(E K log K)."""
    xp = namespace(scores)
    groups, members, elements = scores.shape
    columns = laid_out(xp.matrix_transpose(scores), (groups * elements, members))
    shares = xp.reshape(airport(columns, like(np.zeros(1), scores)), (groups, elements, members))
    return xp.sum(shares * weights[:, :, None], axis=1)
