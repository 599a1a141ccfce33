"""What stands before each member, in arrays [B, K, ..] whose axis 1 holds the members in the order in which they arrive."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import beside, namespace, unsorted

Array = Any


def before(array: Array, first: Any = 0) -> Array:
    """What stands one place earlier. The first member gets `first`, a number or an array [B or 1, 1, ..]."""
    xp = namespace(array)
    return xp.concat([xp.zeros_like(array[:, :1, ...]) + first, array[:, :-1, ...]], axis=1)


def sums_before(array: Array) -> Array:
    """The sums of all that stand earlier, 0 for the first member."""
    return namespace(array).cumulative_sum(array, axis=1, include_initial=True)[:, :-1, ...]


def counted(flags: Array) -> Array:
    """How many flags are set up to each place, itself included, int64."""
    xp = namespace(flags)
    return xp.cumulative_sum(xp.astype(flags, xp.int64), axis=1)


def running(operation: str, array: Array) -> Array:
    """The result of an associative operation, "maximum" say, on all up to each place, itself included.

    O(K); by doubling, O(K log K), in an array library that has no such function.
    """
    xp = namespace(array)
    if isinstance(array, np.ndarray):
        accumulated: Array = getattr(np, operation).accumulate(array, axis=1)
        return accumulated
    join, span = getattr(xp, operation), 1
    while span < array.shape[1]:
        array = xp.concat([array[:, :span, ...], join(array[:, span:, ...], array[:, :-span, ...])], axis=1)
        span *= 2
    return array


def looked_up(table: Array, places: Array) -> Array:
    """table[b, place] for rows [B or 1, L] and places [B or 1, ..] -> [B, ..]."""
    xp, shape = namespace(table), places.shape[1:]
    (rows,) = np.broadcast_shapes(table.shape[:1], places.shape[:1])
    flat = xp.reshape(places, (places.shape[0], int(np.prod(shape))))
    wide = (xp.broadcast_to(array, (rows, array.shape[1])) for array in (table, flat))
    return xp.reshape(xp.take_along_axis(*wide, axis=1), (rows, *shape))


def earlier_alike(labels: Array, present: Array) -> Array:
    """How many present members of its class stand before each, [B, K]. labels [B, K], present [B or 1, K]. O(K log K)."""
    xp = namespace(labels)
    order = xp.argsort(labels, axis=1, stable=True)
    label, here = (xp.take_along_axis(xp.broadcast_to(array, labels.shape), order, axis=1) for array in (labels, present))
    count = sums_before(xp.astype(here, xp.int64))
    starts = label != before(label)  # at the first place, of whatever class, the count is 0
    return unsorted(order, count - running("maximum", xp.where(starts, count, 0)))


def arrived(members: int, array: Array) -> Array:
    """Whether member l arrives no later than member j, [j, l]."""
    return beside(np.tri(members, dtype=np.bool_), array)


def rises(levels: Array, first: Any = 0) -> Array:
    """How far each of the levels [B, K, ..] stands above the one before it, and the first above `first`."""
    return levels - before(levels, first)


def ranking_before(keys: Array, present: Array) -> Array:
    """Whether i is present and ranks before l, [b, i, l], by differing keys [b, K], largest first; present [b or 1, K]."""
    return (keys[:, :, None] > keys[:, None, :]) & present[:, :, None]


def of_rows(array: Array, rows: slice) -> Array:
    """Some rows of an array [B, ..], or the only one of an array [1, ..]."""
    return array if array.shape[0] == 1 else array[rows, ...]
