"""Drawing without replacement, one draw after the other, for kernels."""

from __future__ import annotations

from typing import Any

from shapley_kernels.jit import jit


@jit
def nothing_drawn(chance: Any) -> None:
    """chance[x] = Pr[x special ones among none drawn]."""
    chance[:] = 0.0
    chance[0] = 1.0


@jit
def draw_one(chance: Any, s: int, among: int, special: int) -> None:
    """chance[x] = Pr[x of the special ones among s drawn] to that among s + 1 drawn, for x = 0 .. special."""
    for x in range(min(s + 1, special), 0, -1):
        common = max(among - special - (s - x), 0)
        chance[x] = (chance[x] * common + chance[x - 1] * (special - x + 1)) / (among - s)
    chance[0] *= max(among - special - s, 0) / (among - s)
