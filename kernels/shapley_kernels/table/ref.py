"""Games given by all their values, index = bit mask, bit i = member i.

phi_i = (v(N) - v(0)) / n + A_i - mean(A),  A_i = sum_{S contains i} u(|S|) (v(S) - v(0)),
u(s) = 1 / ((n - 1) C(n-2, s-1)) for 0 < s < n, else 0.

All A_i come from folding the top bit again and again, 2^n additions in all, and credits add up to v(N) - v(0) by
construction. Subtracting v(0) first keeps the digits of tables with a large offset. A member that adds nothing to any coalition
has exactly 0, not what rounding leaves; on a device, where no value is read, it has the latter.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import beside, namespace

Array = Any

# A credit may be rounding alone if it is at most this share of what it is the difference of.
NULL = 1e-10


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
    xp = namespace(values)
    n = values.shape[1].bit_length() - 1
    lifted = xp.astype(values, xp.float64) - xp.astype(values[:, :1], xp.float64)
    spread = lifted[:, -1:] / n
    if n == 1:
        return xp.astype(spread, values.dtype)
    sizes = beside(np.zeros(1, np.int64), values)
    for _ in range(n):  # members of the coalitions 0 .. 2^n - 1
        sizes = xp.concat([sizes, sizes + 1])
    folded = xp.take(beside(size_weights(n), values), sizes) * lifted
    sums = []
    for i in reversed(range(n)):
        lower, upper = folded[:, : 1 << i], folded[:, 1 << i :]
        sums.append(xp.sum(upper, axis=1))
        folded = lower + upper
    shares = xp.stack(sums[::-1], axis=1)
    credit = spread + (shares - xp.mean(shares, axis=1, keepdims=True))
    if isinstance(credit, np.ndarray):
        _clear_null_players(values, credit, NULL * (np.abs(shares).max(axis=1) + np.abs(spread[:, 0])))
    return xp.astype(credit, values.dtype)


def _clear_null_players(values: Array, credit: Array, rounding: Array) -> None:
    for game, i in np.argwhere((credit != 0) & (np.abs(credit) <= rounding[:, None])):
        pairs = values[game].reshape(-1, 2, 1 << i)
        if (pairs[:, 0] == pairs[:, 1]).all():
            credit[game, i] = 0.0
