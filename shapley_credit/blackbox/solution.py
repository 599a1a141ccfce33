"""What every method returns, and how wide an interval must be."""

from __future__ import annotations

from math import atan, cos, inf, pi, sin, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class Solution(NamedTuple):
    """Credits and standard errors [B, k], and the degrees of freedom of the latter, infinite where they come from a model."""

    credit: Array
    stderr: Array
    freedom: float = inf


def quantile(level: float, freedom: float) -> float:
    """How many standard errors an interval of the given level reaches to each side: Student's t, by bisection of its integral.

    A finite sum for whole degrees of freedom (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4), normal above 200.
    """
    if freedom > 200:
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
