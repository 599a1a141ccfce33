"""Heights in ascending order, eight games side by side: the last steps to their order, and what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.jit import jit
from shapley_kernels.lanes import Lanes, exceeds, load, maximum, splat, store

Array = NDArray[Any]

# Heights out of order move one place at a time, up to so many moves in a tile for each of its K rows.
MOVES = 8


@jit
def shares(heights: Array) -> None:
    """Ascending heights [K, 8] to c, in place."""
    members = heights.shape[0]
    real = heights.dtype.type
    before = load(heights, 0)
    share = before * splat(real(1 / members))
    store(heights, 0, share)
    for q in range(1, members):
        height = load(heights, 8 * q)
        share = share + (height - before) * splat(real(1 / (members - q)))
        store(heights, 8 * q, share)
        before = height


@jit
def _lower(heights: Array, keys: Array, q: int, lane: int) -> int:
    """Move the q-th height of a lane down to its place among those before it; the number of places."""
    height, key, place = heights[q, lane], keys[q, lane], q
    while place > 0 and heights[place - 1, lane] > height:
        heights[place, lane], keys[place, lane] = heights[place - 1, lane], keys[place - 1, lane]
        place -= 1
    heights[place, lane], keys[place, lane] = height, key
    return q - place


@jit
def put_right(heights: Array, keys: Array, floor: Lanes) -> None:
    """Scores [K, 8] in the order of their keys to heights above the floor in ascending order, and the keys with them."""
    members = len(heights)
    zero = splat(heights.dtype.type(0))
    before, moves, unsorted = zero, 0, 0
    for q in range(members):
        height = maximum(load(heights, 8 * q) - floor, zero)
        store(heights, 8 * q, height)
        wrong = exceeds(before, height)
        if wrong and moves <= MOVES * members:
            for lane in range(8):
                moves += _lower(heights, keys, q, lane) if wrong >> lane & 1 else 0
            height = load(heights, 8 * q)
        elif wrong:
            unsorted |= wrong
        before = height
    for lane in range(8):
        if unsorted >> lane & 1:
            order = np.argsort(heights[:, lane])
            heights[:, lane], keys[:members, lane] = heights[:, lane][order], keys[:members, lane][order]
