"""Drawing without replacement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import at_least, beside, namespace

Array = Any


def in_turn(pool: Array, special: Array, steps: int) -> Iterator[Array]:
    """Pr[x of the special ones among s drawn from the pool], float64 [.., steps + 1] by x, for s = 0 .. steps - 1.

    pool, special: integers [..], one game each; 0 where s exceeds the pool. One draw after the other: positive terms only,
    where ratios of binomial coefficients would overflow. O(steps^2) a game.
    """
    xp = namespace(pool)
    pool, special = xp.broadcast_arrays(pool, special)
    pool, special = (xp.astype(count, xp.float64)[..., None] for count in (pool, special))
    x = beside(np.arange(steps + 1.0), pool)
    marked = at_least(special - x, 0)
    chance = xp.where((x == 0) & (pool >= 0), 1.0, xp.zeros_like(marked))
    for s in range(steps):
        yield chance
        left = pool - s
        plain = at_least(left - (special - x), 0)
        taken = (chance * marked)[..., :-1]
        chance = (chance * plain + xp.concat([xp.zeros_like(taken[..., :1]), taken], axis=-1)) / at_least(left, 1)


def uniform_chances(present: Array) -> Array:
    """Shapley's distribution of the number of others, 1/n for s = 0 .. n - 1: present [B or 1, K] -> float64 [B or 1, K]."""
    xp = namespace(present)
    n = xp.count_nonzero(present, axis=1)[:, None]
    s = beside(np.arange(present.shape[1]), present)
    return xp.where(s < n, 1 / xp.astype(at_least(n, 1), xp.float64), 0.0)


def chances_of(mix: Callable[[int], NDArray[Any]], present: Array) -> Array:
    """The distribution mix(n) of the number of others among n members, by group: present [B or 1, K] -> float64 [B or 1, K]."""
    xp = namespace(present)
    return xp.take(beside(by_number(mix, present), present), xp.count_nonzero(present, axis=1), axis=0)


def by_number(mix: Callable[[int], NDArray[Any]], present: Array) -> NDArray[np.float64]:
    """mix(n) for every number n of members that occurs, [K + 1, K], NaN elsewhere; on a device for every n that mix knows."""
    members = present.shape[1]
    chances = np.full((members + 1, members), np.nan)
    chances[0] = 0
    on_host = isinstance(present, np.ndarray)
    for n in set(present.sum(axis=1).tolist()) - {0} if on_host else range(1, members + 1):
        # A device is not asked which n occur, so that an n without a distribution is no error there, except for K itself.
        try:
            chances[n] = np.append(mix(n), np.zeros(members - n))
        except ValueError:
            if on_host or n == members:
                raise
    return chances
