"""Games given by all their values, index = bit mask, bit i = member i.

phi_i = (v(N) - v(0)) / n + A_i - mean(A),  A_i = sum_{S contains i} u(|S|) (v(S) - v(0)),
u(s) = 1 / ((n - 1) C(n-2, s-1)) for 0 < s < n, else 0.

All A_i come from folding the top bit again and again, 2^n additions in all, and credits add up to v(N) - v(0) by
construction. Subtracting v(0) first keeps the digits of tables with a large offset.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@lru_cache(maxsize=64)
def size_weights(n: int) -> NDArray[np.float64]:
    """u(0) .. u(n) for n >= 2, read-only."""
    inner = [1 / ((n - 1) * comb(n - 2, s - 1)) for s in range(1, n)]
    weights = np.array([0.0, *inner, 0.0])
    weights.flags.writeable = False
    return weights


@np.errstate(over="ignore", invalid="ignore")  # shows as credits that are not finite, which callers explain
def solve(values: Array) -> Array:
    """values [B, 2^n] -> [B, n] in the dtype of values, computed in float64. O(2^n) a game."""
    n = values.shape[1].bit_length() - 1
    spread: Array = (values[:, -1:].astype(np.float64) - values[:, :1]) / n
    if n == 1:
        return spread.astype(values.dtype)
    sizes = np.bitwise_count(np.arange(values.shape[1], dtype=np.uint32))
    folded = size_weights(n)[sizes] * (values - values[:, :1].astype(np.float64))
    sums = np.empty((len(values), n))
    for i in reversed(range(n)):
        lower, upper = folded[:, : 1 << i], folded[:, 1 << i :]
        sums[:, i] = upper.sum(axis=1)
        folded = lower + upper
    credit: Array = (spread + (sums - sums.mean(axis=1, keepdims=True))).astype(values.dtype)
    return credit
