"""`airport` of groups too large for tiles: NumPy sorts them, one at a time on each thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.jit import jit

Array = NDArray[Any]


@jit
def _cumulate(scores: Array, floor: float, order: Array, credit: Array) -> bool:
    """c by rank to its member; whether all heights are finite. scores, order, credit [K]."""
    members = scores.shape[0]
    real = scores.dtype.type
    before = running = nothing = real(0)  # 0 x is NaN for what is not finite
    for q in range(members):
        member = order[q]
        height = scores[member] - floor
        nothing += height * real(0)
        height = max(height, real(0))
        running += (height - before) * real(1 / (members - q))
        credit[member] = running
        before = height
    return bool(nothing == 0)


def airport_sorted(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """scores, credit [B, K], base [B or 1]; whether all heights are finite."""
    finite = True
    for group in range(low, high):
        order = np.argsort(scores[group])  # of equal heights any order: they get the same
        finite &= _cumulate(scores[group], base[group if len(base) > 1 else 0], order, credit[group])
    return finite
