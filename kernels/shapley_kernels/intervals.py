"""Orders in which a set grows on a line as one connected interval."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import at_most, beside, counting, namespace

Array = Any


def connected(values: Array, nothing: Array, size: Array | None = None) -> Array:
    """Mean marginal contributions over the 2^(n-1) orders whose beginnings are all intervals. O(n^2).

    The first L of n members are a .. b with probability C(n - L, a) / 2^(n-L), and the last to join them was a or b, each
    with probability 1/2 (for L = 1 they are the same).

    values [.., k, k], those of a .. b at [a, b], a <= b; nothing [..], that of no member; size [B], n <= k where
    values are [B, k, k], n = k otherwise -> [.., k].
    """
    xp, k = namespace(values), values.shape[-1]
    upper = beside(np.triu(np.ones((k, k), np.bool_)), values)
    nothing = nothing[..., None, None]
    worth = xp.where(upper, values, nothing)
    without_a = xp.concat([worth[..., 1:, :], xp.zeros_like(worth[..., :1, :]) + nothing], axis=-2)
    without_b = xp.concat([xp.zeros_like(worth[..., :1]) + nothing, worth[..., :-1]], axis=-1)
    half = _chances_of(size, values) / 2
    from_left, from_right = (xp.where(upper, worth - rest, 0.0) for rest in (without_a, without_b))
    return xp.sum(half * from_left, axis=-1) + xp.sum(half * from_right, axis=-2)


def _chances_of(size: Array | None, values: Array) -> Array:
    """`chances` of lines of n members on k places: an interval is as likely as one longer by k - n is among k members."""
    k = values.shape[-1]
    chance = beside(chances(k), values)
    if size is None:
        return chance
    xp = namespace(values)
    place = counting(k, values) + (k - size)[:, None]
    chosen = xp.broadcast_to(at_most(place, k - 1)[:, None, :], values.shape)
    longer = xp.take_along_axis(xp.broadcast_to(chance, values.shape), chosen, axis=2)
    return xp.where((place < k)[:, None, :], longer, 0.0)


@lru_cache(maxsize=64)
def chances(n: int) -> NDArray[np.float64]:
    """C(n - L, a) / 2^(n-L) at [a, a + L - 1], [n, n], read-only."""
    chance = np.zeros((n, n))
    places = np.arange(n)
    missing = np.ones(1)
    for length in range(n, 0, -1):
        chance[places[: n - length + 1], places[: n - length + 1] + length - 1] = missing
        # Pascal's rule, halved at each step: no binomial coefficient grows large.
        missing = (np.append(missing, 0) + np.append(0, missing)) / 2
    chance.flags.writeable = False
    return chance
