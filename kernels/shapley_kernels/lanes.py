"""Eight numbers in a vector register, for kernels that must not depend on what a compiler vectorises.

In a kernel what `load` gives is one vector (two or four registers on narrower machines), and +, -, * and the functions below
are an instruction or two each. Outside of a kernel they do the same to NumPy arrays of eight numbers. Arrays are contiguous,
and an index counts the elements of the flattened array. A mask is one byte, a bit a lane.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from numba.extending import overload

from shapley_kernels import exchanges, vectors
from shapley_kernels.networks import RUN, comparators
from shapley_kernels.vectors import WIDTH

# Vectors of numbers in a kernel, arrays of eight outside.
Lanes = Any


def load(array: Any, index: int) -> Lanes:
    """The eight elements from `index` on."""
    return array.reshape(-1)[index : index + WIDTH].copy()


def store(array: Any, index: int, value: Lanes) -> None:
    """Write the eight elements from `index` on."""
    array.reshape(-1)[index : index + WIDTH] = value


def prefetch(array: Any, index: int) -> None:
    """Ask for the line of memory of an element, which need not exist, to be in the second cache soon."""


def prefetch_to_write(array: Any, index: int) -> None:
    """As prefetch, for a line that is written, whole or in part."""


def splat(number: Any) -> Lanes:
    """One number in all lanes."""
    return np.full(WIDTH, number)


def minimum(x: Lanes, y: Lanes) -> Lanes:
    """The smaller of two numbers."""
    return np.minimum(x, y)


def maximum(x: Lanes, y: Lanes) -> Lanes:
    """The larger of two numbers."""
    return np.maximum(x, y)


def exceeds(x: Lanes, y: Lanes) -> Any:
    """The mask of x > y."""
    return np.packbits(x > y, bitorder="little")[0]


def choose(mask: Any, x: Lanes, y: Lanes) -> Lanes:
    """x where the mask is set, else y."""
    return np.where(np.unpackbits(np.uint8(mask), bitorder="little").astype(np.bool_), x, y)


def multiply_add(x: Lanes, y: Lanes, z: Lanes) -> Lanes:
    """x y + z, rounded once where the machine can."""
    return x * y + z


def expand(array: Any, index: int, mask: Any) -> Lanes:
    """The elements from `index` on, one after the other, in the lanes of the mask; 0 in the others."""
    lanes = np.zeros(WIDTH, array.dtype)
    chosen = np.unpackbits(np.uint8(mask), bitorder="little").astype(np.bool_)
    lanes[chosen] = array.reshape(-1)[index : index + np.count_nonzero(chosen)]
    return lanes


def bits(flags: Any, index: int) -> Any:
    """64 booleans from `index` on as one integer, the first in the lowest bit."""
    return np.packbits(flags.reshape(-1)[index : index + 64], bitorder="little").view("<u8")[0]


def ones(number: Any) -> Any:
    """How many bits of 64 are set."""
    return int(np.bitwise_count(number))


def widen(x: Lanes) -> Lanes:
    """The same numbers in float64."""
    return x.astype(np.float64)


def sort_run(array: Any, index: int) -> None:
    """Put RUN vectors from `index` on in ascending order, each lane on its own."""
    array.reshape(-1)[index : index + RUN * WIDTH].reshape(RUN, WIDTH).sort(axis=0)


def merge_run(array: Any, index: int) -> None:
    """As sort_run, for lanes that rise and then fall, or fall and then rise."""
    array.reshape(-1)[index : index + RUN * WIDTH].reshape(RUN, WIDTH).sort(axis=0)


def sort(array: Any, masks: Any) -> None:
    """Put vectors [8 or 16, 8] in ascending order, each lane on its own; masks [C]: where `comparators` change places."""
    for q, (i, j) in enumerate(comparators(len(array))):
        masks[q] = exceeds(array[i], array[j])
        _exchange(array, i, j, masks[q])


def rank(array: Any, masks: Any) -> None:
    """As sort, in descending order, equal numbers in the order in which they stand."""
    places = np.broadcast_to(np.arange(len(array))[:, None], array.shape).copy()
    for q, (i, j) in enumerate(comparators(len(array))):
        masks[q] = exceeds(array[j], array[i]) | (exceeds(places[i], places[j]) & ~exceeds(array[i], array[j]))
        _exchange(array, i, j, masks[q])
        _exchange(places, i, j, masks[q])


def repeat(array: Any, masks: Any) -> None:
    """Exchange vectors [8 or 16, 8] where others were exchanged."""
    for q, (i, j) in enumerate(comparators(len(array))):
        _exchange(array, i, j, masks[q])


def restore(array: Any, masks: Any) -> None:
    """Undo the exchanges of vectors [8 or 16, 8], from the last to the first."""
    for q, (i, j) in reversed(list(enumerate(comparators(len(array))))):
        _exchange(array, i, j, masks[q])


def _exchange(array: Any, i: int, j: int, mask: Any) -> None:
    array[i], array[j] = choose(mask, array[j], array[i]), choose(mask, array[i], array[j])


def packed(x: Lanes, bits: int, places: Lanes) -> Lanes:
    """Numbers that are not negative as integers of 32 bits in the same order: leading bits of float32, then places < 2^bits.

    Numbers whose leading bits agree stand in the order of their places.
    """
    leading = x.astype(np.float32).view(np.uint32) << np.uint32(1) >> np.uint32(bits) << np.uint32(bits)
    return leading | places


def total(x: Lanes) -> Any:
    """The sum of the lanes, by halves: always the same bits."""
    x = x[:4] + x[4:]
    x = x[:2] + x[2:]
    return x[0] + x[1]


def least(x: Lanes) -> Any:
    """The smallest of the lanes."""
    return x.min()


def transpose(
    a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes
) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Rows to columns: lane j of result i is lane i of argument j."""
    return tuple(np.stack([a, b, c, d, e, f, g, h], axis=1))


def _in_kernels(function: Callable[..., Any], implementation: Any, applies: Callable[..., bool] = lambda *types: True) -> None:
    """Let kernels call `implementation` where they call `function`, under a name of its own.

    A kernel on disk holds what it calls and is linked by names of functions and types: of two implementations of one name that
    were compiled in different processes, the second to be loaded would be taken for the first.
    """

    def chosen(*types: Any) -> Any:
        return implementation if applies(*types) else None

    implementation.__name__ = implementation.__qualname__ = f"{function.__name__}_in_kernels"
    chosen.__signature__ = signature(implementation)  # type: ignore[attr-defined]
    overload(function)(chosen)


def _of_two(function: Callable[..., Any], operation: Any) -> None:
    """Make `function` of two vectors that operation in kernels."""
    _in_kernels(function, lambda x, y: operation(x, y), lambda x, y: isinstance(x, vectors.LanesType) and x == y)


_of_two(operator.add, vectors.arithmetic("fadd"))
_of_two(operator.sub, vectors.arithmetic("fsub"))
_of_two(operator.mul, vectors.arithmetic("fmul"))
_of_two(minimum, vectors.selection("<"))
_of_two(maximum, vectors.selection(">"))
_of_two(exceeds, vectors.exceeds)
_in_kernels(load, lambda array, index: vectors.load(array, index))
_in_kernels(store, lambda array, index, value: vectors.store(array, index, value))
_in_kernels(sort_run, lambda array, index: exchanges.sort_run(array, index))
_in_kernels(merge_run, lambda array, index: exchanges.merge_run(array, index))
_in_kernels(sort, lambda array, masks: exchanges.sort(array, masks))
_in_kernels(rank, lambda array, masks: exchanges.rank(array, masks))
_in_kernels(repeat, lambda array, masks: exchanges.repeat(array, masks))
_in_kernels(restore, lambda array, masks: exchanges.restore(array, masks))
_in_kernels(expand, lambda array, index, mask: vectors.expand(array, index, mask))
_in_kernels(bits, lambda flags, index: vectors.bits(flags, index))
_in_kernels(ones, lambda number: vectors.ones(number))
_in_kernels(prefetch, lambda array, index: vectors.prefetch(array, index))
_in_kernels(prefetch_to_write, lambda array, index: vectors.prefetch_to_write(array, index))
_in_kernels(splat, lambda number: vectors.splat(number))
_in_kernels(widen, lambda x: vectors.widen(x))
_in_kernels(multiply_add, lambda x, y, z: vectors.multiply_add(x, y, z))
_in_kernels(packed, lambda x, bits, places: vectors.packed(x, bits, places))
_in_kernels(least, lambda x: vectors.least(x))
_in_kernels(total, lambda x: vectors.total(x))
_in_kernels(choose, lambda mask, x, y: vectors.choose(mask, x, y))
_in_kernels(transpose, lambda a, b, c, d, e, f, g, h: vectors.transpose(a, b, c, d, e, f, g, h))
