"""Drawing without replacement, one draw after the other, for kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.compiled.jit import jit, jit_reassociated

SMALLEST = 1e-290  # of chances: smaller ones count as 0, for arithmetic with subnormal numbers is slow


@jit
def nothing_drawn(chance: Any) -> None:
    """chance[0, x] = Pr[x special ones among none drawn]; chance [2, special + 2 or more]."""
    chance[:] = 0.0
    chance[0, 0] = 1.0


@jit
def draw_one(chance: Any, s: int, among: int, special: int) -> None:
    """From chance[s % 2, x] = Pr[x of the special ones among s drawn] to chance[(s + 1) % 2] of s + 1 drawn.

    The result goes to the other row, so that the loop runs in vectors.
    """
    before, after = chance[s & 1], chance[1 - (s & 1)]
    none = before[0] * max(among - special - s, 0) / (among - s)
    after[0] = none if none > SMALLEST else 0.0
    for x in range(1, min(s + 1, special) + 1):
        drawn = (before[x] * max(among - special - (s - x), 0) + before[x - 1] * (special - x + 1)) / (among - s)
        after[x] = drawn if drawn > SMALLEST else 0.0


@jit_reassociated
def mean(chance: Any, values: Any, count: int) -> float:
    """sum_x chance[x] values[x], x < count."""
    total = 0.0
    for x in range(count):
        total += chance[x] * values[x]
    return total


@jit_reassociated
def mean_change(chance: Any, now: Any, then: Any, count: int) -> float:
    """sum_x chance[x] (then[x] - now[x]), x < count."""
    total = 0.0
    for x in range(count):
        total += chance[x] * (np.float64(then[x]) - np.float64(now[x]))
    return total
