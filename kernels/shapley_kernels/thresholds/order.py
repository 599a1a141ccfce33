"""The thresholds form in an order: by how much each member raises the best so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, namespace
from shapley_kernels.earlier_members import counted, rises, running

Array = Any


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def airport(scores: Array, base: Array, present: Array) -> Array:
    """v(S) = max of the scores of the present members of S, base if there are none. O(K) a group.

    The first score is the start of the others, so that none of them loses a digit to a base that is far away.
    scores [B, K], base [B or 1], present [B or 1, K] -> [B, K], NaN for what is not finite.
    """
    xp = namespace(scores)
    height = scores - base[:, None]
    first = present & (counted(present) == 1)
    start = xp.sum(xp.where(first, scores, 0), axis=1, keepdims=True)
    best = running("maximum", xp.where(present, scores, start))
    return rises(best, start) + xp.where(first, height, 0) + xp.where(present, 0 * height, 0)


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(E K) a group."""
    xp = namespace(scores)
    best = running("maximum", at_least(scores, 0))
    return xp.sum(rises(best) * weights[:, None, :], axis=2, dtype=xp.float64)
