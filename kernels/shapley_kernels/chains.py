"""Orders in which a set grows on a line as one connected interval."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def connected(values: Array, nothing: Array | float) -> Array:
    """Mean marginal contributions over the 2^(n-1) orders whose beginnings are all intervals. O(n^2).

    The first L of n members are a .. b with probability C(n - L, a) / 2^(n-L), and the last to join them was a or b, as likely
    (both the same for L = 1). values [.., n, n], those of a .. b at [a, b], a <= b; nothing [..], that of no member -> [.., n].
    """
    n = values.shape[-1]
    worth = np.zeros((*values.shape[:-2], n + 1, n + 1))
    worth[..., :-1, 1:] = np.triu(values)  # at [a, b + 1]
    worth[..., np.arange(n + 1), np.arange(n + 1)] = np.asarray(nothing)[..., None]
    upper = np.triu(np.ones((n, n), np.bool_))
    from_left = np.where(upper, worth[..., :-1, 1:] - worth[..., 1:, 1:], 0)
    from_right = np.where(upper, worth[..., :-1, 1:] - worth[..., :-1, :-1], 0)
    half = chances(n) / 2
    credit: Array = (half * from_left).sum(axis=-1) + (half * from_right).sum(axis=-2)
    return credit


@lru_cache(maxsize=64)
def chances(n: int) -> NDArray[np.float64]:
    """C(n - L, a) / 2^(n-L) at [a, a + L - 1], [n, n], read-only."""
    chance = np.zeros((n, n))
    places = np.arange(n)
    missing = np.ones(1)
    for length in range(n, 0, -1):
        chance[places[: n - length + 1], places[: n - length + 1] + length - 1] = missing
        missing = (np.append(missing, 0) + np.append(0, missing)) / 2
    chance.flags.writeable = False
    return chance
