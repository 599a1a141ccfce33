"""`airport` of groups too large for tiles: one group at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.jit import jit

Array = NDArray[Any]


@jit
def airport_sorted(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """scores, credit [B, K], base [B or 1]; c by rank, looked up by value. Whether all heights are finite."""
    members = scores.shape[1]
    s_base = 0 if base.shape[0] == 1 else 1
    real = scores.dtype.type
    height, cumulated = np.empty(members, scores.dtype), np.empty(members, scores.dtype)
    nothing = real(0)
    for group in range(low, high):
        for i in range(members):
            height[i] = scores[group, i] - base[group * s_base]
            nothing += height[i] * real(0)
            height[i] = max(height[i], real(0))
        ascending = np.sort(height)
        running = ascending[0] * real(1 / members)
        cumulated[0] = running
        for q in range(1, members):
            running += (ascending[q] - ascending[q - 1]) * real(1 / (members - q))
            cumulated[q] = running
        for i in range(members):
            credit[group, i] = cumulated[np.searchsorted(ascending, height[i])]
    return bool(nothing == 0)
