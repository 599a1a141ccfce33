"""What every method returns, and how wide an interval must be."""

from __future__ import annotations

from math import atan, cos, inf, pi, sin, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Solution(NamedTuple):
    """Credits and standard errors [B, k], and the degrees of freedom of the latter, infinite where they come from a model."""

    credit: Array
    stderr: Array
    freedom: float = inf


def of_replicates(each: Array) -> Solution:
    """The mean of independent replicates [B, R, k], and its standard error.

    Variances are half a member's own, half the mean over members: few replicates may never show a rare large contribution, of a
    voter who is seldom decisive, say, and its own variance would then be far too small (moderated variances, Smyth 2004).
    Degrees of freedom by Satterthwaite's rule for that sum, own and mean having R - 1 and k (R - 1) under equal variances.
    """
    replicates, k = each.shape[1:]
    own = each.var(axis=1, ddof=1) / replicates
    variance = (own + own.mean(axis=1, keepdims=True)) / 2
    return Solution(each.mean(axis=1), np.sqrt(variance), 4 * (replicates - 1) * k // (k + 3))


def quantile(level: float, freedom: float) -> float:
    """How many standard errors an interval of the given level reaches to each side: Student's t, by bisection of its integral.

    A finite sum for whole degrees of freedom (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4), normal above 200.
    """
    if freedom > 200:
        from statistics import NormalDist  # slow to import, and seldom needed

        return NormalDist().inv_cdf((1 + level) / 2)
    low, high = 0.0, 1e6
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, int(freedom)) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Pr[|T| <= t]."""
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term, total = (cos(angle), 0.0) if odd else (1.0, 0.0)
    for j in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cos(angle) ** 2 * ((j - 1) / j)
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
