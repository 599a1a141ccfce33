"""Memory of large results, kept for the next one.

Fresh memory costs more than most kernels: the system clears every page that is touched for the first time. A block that came
from here is used again when no array lives in it any more, as allocators of devices do it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of blocks of at least LARGE bytes the KEPT last freed ones are kept here; the C library keeps smaller ones.
LARGE = 1 << 22
KEPT = 2

_free: list[NDArray[np.uint8]] = []


class _Lease:
    """The base of the arrays in a block, which gives the block back when the last of them is gone."""

    def __init__(self, block: NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.block = block
        address = block.__array_interface__["data"]
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": dtype.str, "data": address}

    def __del__(self, free: list[NDArray[np.uint8]] = _free, kept: int = KEPT) -> None:
        free.append(self.block)  # both are defaults, since the names of the module may be gone by now
        del free[:-kept]


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """As np.empty, in a block that was used before if there is one of that size."""
    fresh = np.empty(shape, dtype)  # touches no page
    if fresh.nbytes < LARGE:
        return fresh
    return np.asarray(_Lease(_block(fresh.nbytes), shape, dtype))


def _block(size: int) -> NDArray[np.uint8]:
    for _ in range(len(_free)):
        try:
            block = _free.pop()  # another thread may have been faster
        except IndexError:
            break
        # A block that is much larger would waste its memory.
        if size <= block.nbytes <= 2 * size:
            return block
        _free.insert(0, block)
    return np.empty(size, np.uint8)
