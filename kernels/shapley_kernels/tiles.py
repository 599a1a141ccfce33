"""Turning rows of groups into lanes and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.jit import jit
from shapley_kernels.lanes import Lanes, load, store, transpose


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
def turn(source: Any, o: int, step: int, height: int, width: int, target: Any, p: int, stride: int) -> None:
    """target[p + stride j + i] = source[o + step i + j] for i < height, j < width, in the flattened arrays."""
    whole_i, whole_j = height - height % 8, width - width % 8
    for i in range(0, whole_i, 8):
        for j in range(0, whole_j, 8):
            a, b, c, d, e, f, g, h = columns(source, o + step * i + j, step)
            store_eight(target, p + stride * j + i, stride, a, b, c, d, e, f, g, h)
    if whole_i < height or whole_j < width:
        flat, turned = source.reshape(-1), target.reshape(-1)
        for i in range(height):
            for j in range(whole_j if i < whole_i else 0, width):
                turned[p + stride * j + i] = flat[o + step * i + j]
