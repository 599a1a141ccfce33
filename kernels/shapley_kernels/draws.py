"""Drawing without replacement."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=1024)
def draws(n: int, special: int) -> NDArray[np.float64]:
    """Pr[x of the special ones among s drawn from n], [n + 1, special + 1] by s and x, read-only.

    One draw after the other: positive terms only, where ratios of binomial coefficients would overflow. O(n special), cached.
    """
    chance = np.zeros((n + 1, special + 1))
    chance[0, 0] = 1.0
    x = np.arange(special + 1)
    for s in range(n):
        common = np.maximum(n - special - (s - x), 0) / (n - s)
        chance[s + 1] = chance[s] * common
        chance[s + 1, 1:] += chance[s, :-1] * (special - x[:-1]) / (n - s)
    chance.flags.writeable = False
    return chance
