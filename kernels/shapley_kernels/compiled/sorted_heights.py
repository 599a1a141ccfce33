"""Heights in ascending order, eight games side by side: the last steps of sorting them, and the credits that they give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import Lanes, exceeds, load, splat, store

Array = NDArray[Any]

# Heights out of order move one place at a time, up to so many moves in a tile for each of its K rows.
MOVES = 8


@jit
def shares(heights: Array) -> None:
    """Ascending heights [K, 8] to credits c of the thresholds form, in place."""
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
def _lower(heights: Array, keys: Array, q: int, lane: int, step: int) -> int:
    """Move the q-th height of a lane down to its place among those `step`, 2 `step`, .. before it; the number of moves.

    Equal heights stand in the order of their keys.
    """
    height, key, place = heights[q, lane], keys[q, lane], q
    while place >= step and heights[place - step, lane] >= height:
        if heights[place - step, lane] == height and keys[place - step, lane] < key:
            break
        heights[place, lane], keys[place, lane] = heights[place - step, lane], keys[place - step, lane]
        place -= step
    heights[place, lane], keys[place, lane] = height, key
    return (q - place) // step


@jit
def _sort_lane(heights: Array, keys: Array, lane: int) -> None:
    """Heights of a lane in ascending order, and the keys with them, by steps 1, 4, 13, .. (Shell 1959, Knuth 1973)."""
    members, step = heights.shape[0], 1
    while 3 * step + 1 < members:
        step = 3 * step + 1
    while step > 0:
        for q in range(step, members):
            _lower(heights, keys, q, lane, step)
        step //= 3


@jit
def put_right(heights: Array, keys: Array, floor: Lanes) -> None:
    """Scores [K, 8] in the order of their keys to heights above the floor in ascending order, and the keys with them."""
    members = len(heights)
    # Lanes that take too many moves are marked in the bits of `unsorted`, and sorted on their own at the end.
    before, moves, unsorted = splat(heights.dtype.type(-np.inf)), 0, 0
    for q in range(members):
        height = load(heights, 8 * q) - floor
        store(heights, 8 * q, height)
        wrong = exceeds(before, height)
        if wrong and moves <= MOVES * members:
            for lane in range(8):
                moves += _lower(heights, keys, q, lane, 1) if wrong >> lane & 1 else 0
            height = load(heights, 8 * q)
        elif wrong:
            unsorted |= wrong
        before = height
    for lane in range(8):
        if unsorted >> lane & 1:
            _sort_lane(heights, keys, lane)
