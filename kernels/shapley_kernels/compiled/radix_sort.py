"""The order of numbers too many for a network: a radix sort from the last digit on (Knuth 1973, section 5.2.5).

A number's 32 leading bits, made to rise with it, stand above its index in one integer, and these are sorted 8 bits a pass.
Numbers that agree in these bits are compared in full and moved, or, where that takes too many moves, sorted by the other 32
bits first. Equal numbers keep the order of their indices. O(K), whatever the numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit

Array = NDArray[Any]

INDEX = np.uint64(0xFFFFFFFF)  # the bits of an entry of an order that hold an index
SIGN = np.uint64(1 << 63)
HALF = np.uint64(32)
DIGIT = np.uint64(8)
VALUES = 256
PASSES = 4

# Numbers that agree in their leading bits move one place at a time, up to so many moves for each of K.
MOVES = 8


@jit
def room_for_order(members: int) -> tuple[Array, Array, Array]:
    """Numbers [K], to be filled in, and scratch for `ascending`."""
    return np.empty(members), np.empty((2, members), np.uint64), np.empty((PASSES, VALUES), np.uint32)


@jit
def _rising(pattern: Any) -> Any:
    """Bits of a float64 as an integer in the same order."""
    return ~pattern if pattern >= SIGN else pattern | SIGN


@jit
def _sort(entries: Array, others: Array, counts: Array) -> tuple[Array, Array]:
    """Entries [K] by their 32 leading bits, equal ones as they stand; they end in one of the two arrays, given first."""
    members = entries.shape[0]
    for digit in range(PASSES):
        for value in range(VALUES):
            counts[digit, value] = 0
    for i in range(members):
        bits = entries[i] >> HALF
        for digit in range(PASSES):
            counts[digit, bits & np.uint64(VALUES - 1)] += np.uint32(1)
            bits >>= DIGIT
    for digit in range(PASSES):
        shift, starts = HALF + np.uint64(digit) * DIGIT, counts[digit]
        # All entries have the same digit, so that this pass would change nothing.
        if starts[(entries[0] >> shift) & np.uint64(VALUES - 1)] == members:
            continue
        start = np.uint32(0)
        for value in range(VALUES):
            count = starts[value]
            starts[value] = start
            start += count
        for i in range(members):
            entry = entries[i]
            value = (entry >> shift) & np.uint64(VALUES - 1)
            others[np.uint64(starts[value])] = entry
            starts[value] += np.uint32(1)
        entries, others = others, entries
    return entries, others


@jit
def _put_right(numbers: Array, order: Array) -> bool:
    """Move each entry down past larger numbers; False if that is too much work."""
    members, moves = order.shape[0], 0
    for q in range(1, members):
        entry, place = order[q], q
        number = numbers[entry & INDEX]
        while place > 0 and numbers[order[place - 1] & INDEX] > number:
            order[place] = order[place - 1]
            place -= 1
        order[place] = entry
        moves += q - place
        if moves > MOVES * members:
            return False
    return True


@jit
def ascending(numbers: Array, scratch: Array, counts: Array) -> Array:
    """The order of numbers [K] float64: entry q holds the index of the q-th smallest in the bits INDEX."""
    entries, others = scratch[0], scratch[1]
    for i in range(numbers.shape[0]):
        numbers[i] += 0.0  # -0 is 0
    patterns = numbers.view(np.uint64)
    for i in range(numbers.shape[0]):
        entries[i] = _rising(patterns[i]) & ~INDEX | np.uint64(i)
    entries, others = _sort(entries, others, counts)
    # Too many moves: sort by the lower 32 bits, then by the upper ones, which keeps the order of equal entries.
    if not _put_right(numbers, entries):
        for i in range(numbers.shape[0]):
            entries[i] = _rising(patterns[i]) << HALF | np.uint64(i)
        entries, others = _sort(entries, others, counts)
        for q in range(numbers.shape[0]):
            i = entries[q] & INDEX
            entries[q] = _rising(patterns[i]) & ~INDEX | i
        entries, others = _sort(entries, others, counts)
    return entries
