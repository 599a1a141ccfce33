"""The arrays of a kernel with their members in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arguments import Argument, arguments
from shapley_kernels.arrays import beside, namespace

Array = Any


Orders = NDArray[np.int64]


def in_order(form: str, game: str, arrays: Sequence[Any], orders: NDArray[Any]) -> list[Any]:
    """The arguments of a kernel with their members in these orders [B or 1, K]."""
    described = arguments(form, game).values()
    return [ordered(array, argument, orders) for array, argument in zip(arrays, described, strict=True)]


def ordered(array: Any, argument: Argument, orders: NDArray[Any]) -> Any:
    """One argument of a kernel with its members in these orders."""
    if argument.kind == "key":
        return keys_along(array, orders)
    for axis, name in enumerate(argument.axes, start=1):
        if name == "K":
            array = along(array, orders, axis)
    return array


def keys_along(keys: Array, orders: NDArray[Any]) -> Array:
    """Keys [B or 1, K] in these orders. The members' own places break ties first, since another order would lose them."""
    xp = namespace(keys)
    rank = xp.argsort(xp.argsort(-keys, axis=1, stable=True), axis=1, stable=True)
    return along(-xp.astype(rank, xp.float64), orders)


def along(array: Array, orders: NDArray[Any], axis: int = 1) -> Array:
    """An array [B or 1, ..] with one axis in these orders [B or 1, K]."""
    xp = namespace(array)
    if len(orders) == 1:
        # Distinct places that ascend are all in their own place.
        same = (orders[0, 1:] > orders[0, :-1]).all()
        return array if same else xp.take(array, beside(orders[0], array), axis=axis)
    index = np.expand_dims(orders, [i for i in range(1, array.ndim) if i != axis])
    shape = (len(orders), *array.shape[1:])
    return xp.take_along_axis(xp.broadcast_to(array, shape), xp.broadcast_to(beside(index, array), shape), axis=axis)
