"""Integral over score thresholds of OR games.

max_S x = x_(1) [S is not empty] + integral_{x_(1)}^inf [S has a score >= theta] d theta, and an OR game over K(theta) members
gives each 1 / K(theta): phi_(j) = sum_{l<=j} (x_(l) - x_(l-1)) / (K - l + 1) over ascending x, x_(0) = 0 (Littlechild & Owen
1973). The first step x_(1) is that of the OR game over all members, of either sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, beside, everybody, laid_out, like, namespace, unsorted

Array = Any


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def heights(scores: Array, base: Array, present: Array) -> Array:
    """How far scores [B, K] of present members stand above the base [B or 1]; 0 for absent members."""
    return namespace(scores).where(present, scores - base[:, None], 0)


@np.errstate(over="ignore", invalid="ignore")
def airport(scores: Array, base: Array, present: Array) -> Array:
    """v(S) = max of the scores of the present members of S, base if there are none. O(K log K) a group.

    scores [B, K], base [B or 1], present [B or 1, K] -> [B, K], 0 for absent members.
    """
    xp = namespace(scores)
    height = heights(scores, base, present)
    members = scores.shape[1]
    # Absent members come first, where no step is taken yet and those that follow are all that are present.
    order = xp.argsort(xp.where(present, height, -float("inf")), axis=1, stable=True)
    ascending = xp.take_along_axis(height, order, axis=1)
    gaps = xp.concat([ascending[:, :1], ascending[:, 1:] - ascending[:, :-1]], axis=1)
    shares = xp.cumulative_sum(gaps / like(np.arange(members, 0, -1), height), axis=1)
    return unsorted(order, shares)


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(E K log K)."""
    xp = namespace(scores)
    groups, members, elements = scores.shape
    columns = at_least(laid_out(xp.matrix_transpose(scores), (groups * elements, members)), 0)
    shares = airport(columns, like(np.zeros(1), scores), beside(everybody(members), scores))
    shares = xp.reshape(shares, (groups, elements, members))
    return xp.sum(shares * weights[:, :, None], axis=1)
