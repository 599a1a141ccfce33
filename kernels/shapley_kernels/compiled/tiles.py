"""Turning rows of groups into lanes and back, and sorting lanes."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import Lanes, load, maximum, merge_run, minimum, packed, sort_run, splat, store, transpose
from shapley_kernels.compiled.sorting_networks import RUN


@jit
def tile(rows: int, width: int, dtype: Any) -> Any:
    """Zeros [rows, width], aligned to the lines of the cache, which vectors then do not cross."""
    size = rows * width
    memory = np.zeros(size + 16, dtype)
    start = (-memory.ctypes.data % 64) // memory.itemsize
    return memory[start : start + size].reshape(rows, width)


@jit
def columns(rows: Any, o: int, step: int) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Eight elements of each of eight rows that are `step` apart, from element `o` on, with the rows as lanes."""
    a, b, c, d = load(rows, o), load(rows, o + step), load(rows, o + 2 * step), load(rows, o + 3 * step)
    o += 4 * step
    e, f, g, h = load(rows, o), load(rows, o + step), load(rows, o + 2 * step), load(rows, o + 3 * step)
    return transpose(a, b, c, d, e, f, g, h)


@jit
def store_eight(
    target: Any, o: int, step: int, a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes
) -> None:
    """Eight vectors to places that are `step` apart."""
    store(target, o, a)
    store(target, o + step, b)
    store(target, o + 2 * step, c)
    store(target, o + 3 * step, d)
    o += 4 * step
    store(target, o, e)
    store(target, o + step, f)
    store(target, o + 2 * step, g)
    store(target, o + 3 * step, h)


@jit
def reach(members: int, first: int, high: int) -> int:
    """How many elements from the start of each of the rows first .. first + 7 on a kernel of rows up to `high` may touch.

    Rows of K < 8 are read and written eight wide where others follow. Rows must be written in order: each one writes over the
    surplus of the one before.
    """
    return 8 if members < 8 and (high - first - 7) * members >= 8 else members


@jit
def turn(source: Any, o: int, step: int, height: int, width: int, target: Any, p: int, stride: int) -> None:
    """target[p + stride j + i] = source[o + step i + j] for i < height, j < width, in the flattened arrays."""
    if height < 8 or width < 8:
        flat, turned = source.reshape(-1), target.reshape(-1)
        for i in range(height):
            for j in range(width):
                turned[p + stride * j + i] = flat[o + step * i + j]
        return
    # The last block of 8 overlaps the one before it.
    for row in range(0, height, 8):
        i = min(row, height - 8)
        for column in range(0, width, 8):
            j = min(column, width - 8)
            a, b, c, d, e, f, g, h = columns(source, o + step * i + j, step)
            store_eight(target, p + stride * j + i, stride, a, b, c, d, e, f, g, h)


@jit
def room_for_keys(members: int) -> Any:
    """Keys [K or more, 8] for `sort_rows`: those beyond K are above all others."""
    keys = tile((members + RUN - 1) // RUN * RUN, 8, np.uint32)
    keys[members:] = np.uint32(0xFFFFFFFF)
    return keys


@jit
def keys_above(numbers: Any, o: int, members: int, lowest: float, bits: int, places: Any, keys: Any, p: int) -> None:
    """The keys of K > 8 numbers from o on, by their heights above the lowest, to keys[p:]. places [K]: 0 .. K-1."""
    # Above the lowest, numbers are smaller, and their leading bits tell more of them apart.
    lanes = splat(lowest)
    for first in range(0, members, 8):
        i = min(first, members - 8)
        store(keys, p + i, packed(load(numbers, o + i) - lanes, bits, load(places, i)))


@jit
def _order(keys: Any, small: int, large: int) -> None:
    """Put the smaller of two rows of keys first, lane by lane."""
    x, y = load(keys, 8 * small), load(keys, 8 * large)
    store(keys, 8 * small, minimum(x, y))
    store(keys, 8 * large, maximum(x, y))


@jit
def sort_rows(keys: Any) -> None:
    """The lanes of keys [runs RUN, 8] in ascending order: runs in registers, then pairs of runs, of those, and so on.

    A run and the next one backwards rise and then fall, and so do the halves that the smaller and the larger ones make up.
    Rows beyond the last count as larger than any.
    """
    rows = len(keys)
    for i in range(0, rows, RUN):
        sort_run(keys, 8 * i)
    span = RUN
    while span < rows:
        for first in range(0, rows - span, 2 * span):
            for i in range(max(0, first + 2 * span - rows), span):
                _order(keys, first + i, first + 2 * span - 1 - i)
        half = span // 2
        while half >= RUN:
            for first in range(0, rows - half, 2 * half):
                for i in range(first, min(first + half, rows - half)):
                    _order(keys, i, i + half)
            half //= 2
        for i in range(0, rows, RUN):
            merge_run(keys, 8 * i)
        span *= 2
