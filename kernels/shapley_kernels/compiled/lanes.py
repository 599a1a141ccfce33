"""Eight numbers in a vector register, for kernels that must not depend on what a compiler vectorises.

In a kernel what `load` gives is one vector (two or four registers on narrower machines), and +, -, * and the functions below
are an instruction or two each. Outside of a kernel they do the same to NumPy arrays of eight numbers; `becomes` says which
instruction takes their place in a kernel. Arrays are contiguous, and an index counts the elements of the flattened array. A
mask is one byte, a bit a lane.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

import numpy as np
from numba.extending import overload

from shapley_kernels.compiled import lane_instructions, lane_sorting
from shapley_kernels.compiled.lane_instructions import WIDTH
from shapley_kernels.compiled.sorting_networks import RUN, comparators

F = TypeVar("F", bound=Callable[..., Any])

# Vectors of numbers in a kernel, arrays of eight outside.
Lanes = Any


def of_lanes(x: Any, y: Any) -> bool:
    """Whether these are the types of two vectors of one dtype, and not of numbers, which have such operators too."""
    return isinstance(x, lane_instructions.LanesType) and x == y


def becomes(instruction: Any, applies: Callable[..., bool] = lambda *types: True) -> Callable[[F], F]:
    """Let kernels run `instruction` where they call the decorated function, if it applies to the types.

    Each implementation has a name of its own. A kernel on disk holds what it calls, and is linked by names of functions and
    types: of two implementations of one name that were compiled in different processes, the second to be loaded would be taken
    for the first.
    """

    def decorate(function: F) -> F:
        given = ", ".join(signature(function).parameters)
        implementation = eval(f"lambda {given}: instruction({given})", {"instruction": instruction})
        implementation.__name__ = implementation.__qualname__ = f"{function.__name__}_in_kernels"

        def chosen(*types: Any) -> Any:
            return implementation if applies(*types) else None

        chosen.__signature__ = signature(implementation)  # type: ignore[attr-defined]
        overload(function)(chosen)
        return function

    return decorate


# The operators of two vectors.
becomes(lane_instructions.arithmetic("fadd"), of_lanes)(operator.add)
becomes(lane_instructions.arithmetic("fsub"), of_lanes)(operator.sub)
becomes(lane_instructions.arithmetic("fmul"), of_lanes)(operator.mul)


@becomes(lane_instructions.load)
def load(array: Any, index: int) -> Lanes:
    """The eight elements from `index` on."""
    return array.reshape(-1)[index : index + WIDTH].copy()


@becomes(lane_instructions.store)
def store(array: Any, index: int, value: Lanes) -> None:
    """Write the eight elements from `index` on."""
    array.reshape(-1)[index : index + WIDTH] = value


@becomes(lane_instructions.prefetch)
def prefetch(array: Any, index: int) -> None:
    """Ask for the line of memory of an element, which need not exist, to be in the second cache soon."""


@becomes(lane_instructions.prefetch_to_write)
def prefetch_to_write(array: Any, index: int) -> None:
    """As prefetch, for a line that is written, whole or in part."""


@becomes(lane_instructions.splat)
def splat(number: Any) -> Lanes:
    """One number in all lanes."""
    return np.full(WIDTH, number)


@becomes(lane_instructions.selection("<"), of_lanes)
def minimum(x: Lanes, y: Lanes) -> Lanes:
    """The smaller of two numbers."""
    return np.minimum(x, y)


@becomes(lane_instructions.selection(">"), of_lanes)
def maximum(x: Lanes, y: Lanes) -> Lanes:
    """The larger of two numbers."""
    return np.maximum(x, y)


@becomes(lane_instructions.exceeds, of_lanes)
def exceeds(x: Lanes, y: Lanes) -> Any:
    """The mask of x > y."""
    return np.packbits(x > y, bitorder="little")[0]


@becomes(lane_instructions.choose)
def choose(mask: Any, x: Lanes, y: Lanes) -> Lanes:
    """x where the mask is set, else y."""
    return np.where(np.unpackbits(np.uint8(mask), bitorder="little").astype(np.bool_), x, y)


@becomes(lane_instructions.multiply_add)
def multiply_add(x: Lanes, y: Lanes, z: Lanes) -> Lanes:
    """x y + z, rounded once where the machine can."""
    return x * y + z


@becomes(lane_instructions.expand)
def expand(array: Any, index: int, mask: Any) -> Lanes:
    """The elements from `index` on, one after the other, in the lanes of the mask; 0 in the others."""
    lanes = np.zeros(WIDTH, array.dtype)
    chosen = np.unpackbits(np.uint8(mask), bitorder="little").astype(np.bool_)
    lanes[chosen] = array.reshape(-1)[index : index + np.count_nonzero(chosen)]
    return lanes


@becomes(lane_instructions.bits)
def bits(flags: Any, index: int) -> Any:
    """64 booleans from `index` on as one integer, the first in the lowest bit."""
    return np.packbits(flags.reshape(-1)[index : index + 64], bitorder="little").view("<u8")[0]


@becomes(lane_instructions.ones)
def ones(number: Any) -> Any:
    """How many bits of 64 are set."""
    return int(np.bitwise_count(number))


@becomes(lane_instructions.widen)
def widen(x: Lanes) -> Lanes:
    """The same numbers in float64."""
    return x.astype(np.float64)


@becomes(lane_sorting.sort_run)
def sort_run(array: Any, index: int) -> None:
    """Put RUN vectors from `index` on in ascending order, each lane on its own."""
    array.reshape(-1)[index : index + RUN * WIDTH].reshape(RUN, WIDTH).sort(axis=0)


@becomes(lane_sorting.merge_run)
def merge_run(array: Any, index: int) -> None:
    """As sort_run, for lanes that rise and then fall, or fall and then rise."""
    array.reshape(-1)[index : index + RUN * WIDTH].reshape(RUN, WIDTH).sort(axis=0)


@becomes(lane_sorting.sort)
def sort(array: Any, masks: Any) -> None:
    """Put vectors [8 or 16, 8] in ascending order, each lane on its own; masks [C]: where `comparators` change places."""
    for q, (i, j) in enumerate(comparators(len(array))):
        masks[q] = exceeds(array[i], array[j])
        _exchange(array, i, j, masks[q])


@becomes(lane_sorting.rank)
def rank(array: Any, masks: Any) -> None:
    """As sort, in descending order, equal numbers in the order in which they stand."""
    places = np.broadcast_to(np.arange(len(array))[:, None], array.shape).copy()
    for q, (i, j) in enumerate(comparators(len(array))):
        masks[q] = exceeds(array[j], array[i]) | (exceeds(places[i], places[j]) & ~exceeds(array[i], array[j]))
        _exchange(array, i, j, masks[q])
        _exchange(places, i, j, masks[q])


@becomes(lane_sorting.repeat)
def repeat(array: Any, masks: Any) -> None:
    """Exchange vectors [8 or 16, 8] where others were exchanged."""
    for q, (i, j) in enumerate(comparators(len(array))):
        _exchange(array, i, j, masks[q])


@becomes(lane_sorting.restore)
def restore(array: Any, masks: Any) -> None:
    """Undo the exchanges of vectors [8 or 16, 8], from the last to the first."""
    for q, (i, j) in reversed(list(enumerate(comparators(len(array))))):
        _exchange(array, i, j, masks[q])


def _exchange(array: Any, i: int, j: int, mask: Any) -> None:
    array[i], array[j] = choose(mask, array[j], array[i]), choose(mask, array[i], array[j])


@becomes(lane_sorting.sorted_eight)
def sorted_eight(rows: tuple[Lanes, ...]) -> tuple[tuple[Lanes, ...], tuple[Any, ...]]:
    """Eight vectors in ascending order, each lane on its own, and the masks [19] of where `comparators(8)` change places."""
    array, masks = np.stack(rows), []
    for i, j in comparators(8):
        masks.append(exceeds(array[i], array[j]))
        _exchange(array, i, j, masks[-1])
    return tuple(array), tuple(masks)


@becomes(lane_sorting.restored_eight)
def restored_eight(rows: tuple[Lanes, ...], masks: tuple[Any, ...]) -> tuple[Lanes, ...]:
    """The exchanges of `sorted_eight` undone on other vectors, from the last to the first."""
    array = np.stack(rows)
    for (i, j), mask in reversed(list(zip(comparators(8), masks, strict=True))):
        _exchange(array, i, j, mask)
    return tuple(array)


@becomes(lane_instructions.packed)
def packed(x: Lanes, bits: int, places: Lanes) -> Lanes:
    """Numbers that are not negative as integers of 32 bits in the same order: leading bits of float32, then places < 2^bits.

    Numbers whose leading bits agree stand in the order of their places.
    """
    leading = x.astype(np.float32).view(np.uint32) << np.uint32(1) >> np.uint32(bits) << np.uint32(bits)
    return leading | places


@becomes(lane_instructions.total)
def total(x: Lanes) -> Any:
    """The sum of the lanes, by halves: always the same bits."""
    x = x[:4] + x[4:]
    x = x[:2] + x[2:]
    return x[0] + x[1]


@becomes(lane_instructions.least)
def least(x: Lanes) -> Any:
    """The smallest of the lanes."""
    return x.min()


@becomes(lane_instructions.transpose)
def transpose(
    a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes
) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Rows to columns: lane j of result i is lane i of argument j."""
    return tuple(np.stack([a, b, c, d, e, f, g, h], axis=1))
