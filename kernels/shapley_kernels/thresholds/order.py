"""The thresholds form in an order: by how much each member raises the best so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, namespace
from shapley_kernels.earlier_members import rises, running

Array = Any


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def airport(scores: Array, base: Array) -> Array:
    """v(S) = max(base, max_S scores). scores [B, K], base [B or 1] -> [B, K], NaN for what is not finite. O(K) a group."""
    floor = base[:, None]
    best = running("maximum", namespace(scores).maximum(scores, floor))
    return rises(best, floor) + 0 * (scores - floor)


def facility(scores: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(E K) a group."""
    xp = namespace(scores)
    best = running("maximum", at_least(scores, 0))
    return xp.sum(rises(best) * weights[:, None, :], axis=2, dtype=xp.float64)
