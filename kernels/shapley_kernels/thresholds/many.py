"""`airport` of groups too large for tiles: their heights are sorted one group at a time."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from shapley_kernels.jit import jit
from shapley_kernels.radix import INDEX, ascending, room_for_order

Array = NDArray[Any]


@jit
def airport_many(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """scores, credit [B, K], base [B or 1]; whether all heights are finite."""
    members, s_base = scores.shape[1], 0 if base.shape[0] == 1 else 1
    real = scores.dtype.type
    heights, scratch, counts = room_for_order(members)
    nothing = real(0)  # 0 x is NaN for what is not finite
    for group in range(low, high):
        floor = base[group * s_base]
        for i in range(members):
            height = scores[group, i] - floor
            nothing += height * real(0)
            heights[i] = max(height, real(0))
        order = ascending(heights, scratch, counts)
        before = share = real(0)
        for q in range(members):
            member = order[q] & INDEX
            height = real(heights[member])
            share += (height - before) * real(1 / (members - q))
            credit[group, member] = share
            before = height
    return bool(nothing == 0)
