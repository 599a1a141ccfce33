"""Groups too large for tiles: their heights are sorted one problem at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.radix_sort import INDEX, ascending, room_for_order
from shapley_kernels.compiled.tiles import tile, turn

Array = NDArray[Any]


@jit
def _shares(heights: Array, scratch: Array, counts: Array, credit: Array) -> None:
    """The c of each height [K] to its member, credit [K]; heights, scratch and counts are from `room_for_order`."""
    members, real = heights.shape[0], credit.dtype.type
    order = ascending(heights, scratch, counts)
    before = share = real(0)
    for q in range(members):
        member = order[q] & INDEX
        height = real(heights[member])
        share += (height - before) * real(1 / (members - q))
        credit[member] = share
        before = height


@jit
def airport_many(scores: Array, base: Array, credit: Array, low: int, high: int) -> bool:
    """scores, credit [B, K], base [B or 1]; whether all heights are finite."""
    members, s_base = scores.shape[1], 0 if base.shape[0] == 1 else 1
    real = scores.dtype.type
    heights, scratch, counts = room_for_order(members)
    nothing = real(0)  # the sum of 0 times each height, NaN if one is not finite
    for group in range(low, high):
        floor = base[group * s_base]
        for i in range(members):
            height = scores[group, i] - floor
            nothing += height * real(0)
            heights[i] = height
        _shares(heights, scratch, counts, credit[group])
    return bool(nothing == 0)


@jit
def facility_many(scores: Array, weights: Array, credit: Array, low: int, high: int) -> None:
    """scores [B, K, E], weights [B or 1, E], credit [B, K]."""
    members, elements = scores.shape[1], scores.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    real = scores.dtype.type
    heights, scratch, counts = room_for_order(members)
    rows, b_share = tile(8, members, scores.dtype), np.empty(members, scores.dtype)
    for group in range(low, high):
        for i in range(members):
            credit[group, i] = 0
        for first in range(0, elements, 8):
            width = min(8, elements - first)
            turn(scores, group * members * elements + first, elements, members, width, rows, 0, members)
            for j in range(width):
                for i in range(members):
                    heights[i] = max(rows[j, i], real(0))
                _shares(heights, scratch, counts, b_share)
                weight = weights[group * s_weights, first + j]
                for i in range(members):
                    credit[group, i] += b_share[i] * weight
