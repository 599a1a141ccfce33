"""How the arrays of a case lie in memory, and of what library they are; entries stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from shapley_credit.testing.instances import Array

Dress = Callable[[Array], Any]


def plain(array: Array) -> Any:
    return np.ascontiguousarray(array) if array.ndim else array


def listed(array: Array) -> Any:
    return array.tolist() if array.size else array


def fortran(array: Array) -> Any:
    return np.asfortranarray(array) if array.ndim else array


def strided(array: Array) -> Any:
    return np.repeat(array, 2, -1)[..., ::2] if array.ndim else array


def reversed_(array: Array) -> Any:
    return np.flip(np.flip(array).copy())


def broadcast(array: Array) -> Any:
    """Groups that are alike share their memory."""
    alike = array.ndim > 1 and len(array) and (array == array[:1]).all()
    return np.broadcast_to(array[:1], array.shape) if alike else np.broadcast_to(array, (2, *array.shape))[1]


def read_only(array: Array) -> Any:
    frozen = array.copy()
    frozen.flags.writeable = False
    return frozen


def swapped(array: Array) -> Any:
    """In the byte order that is not the machine's."""
    return array.astype(array.dtype.newbyteorder())


def unaligned(array: Array) -> Any:
    """One byte off its place."""
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    memory[:] = np.frombuffer(array.tobytes(), np.uint8)
    return memory.view(array.dtype).reshape(array.shape)


def tensor(array: Array) -> Any:
    import torch

    return torch.from_numpy(np.array(array))


def transposed_tensor(array: Array) -> Any:
    return tensor(np.ascontiguousarray(array.T)).permute(tuple(reversed(range(array.ndim)))) if array.ndim else tensor(array)


def strided_tensor(array: Array) -> Any:
    return tensor(np.repeat(array, 3, -1))[..., 1::3] if array.ndim else tensor(array)


def expanded_tensor(array: Array) -> Any:
    return tensor(array)[None].expand(2, *array.shape)[1]


def negative_tensor(array: Array) -> Any:
    """A view that negates lazily, of the opposite."""
    import torch

    if array.dtype not in (np.float32, np.float64):
        return tensor(array)
    return torch.complex(tensor(array), tensor(-array)).conj().imag


def grown_tensor(array: Array) -> Any:
    """A result of a computation that keeps track of gradients."""
    grown = tensor(array)
    return grown.requires_grad_() * 1 if grown.is_floating_point() else grown


def bfloat16_tensor(array: Array) -> Any:
    grown = tensor(array)
    return grown.bfloat16() if grown.is_floating_point() else grown


def strict(array: Array) -> Any:
    import array_api_strict

    return array_api_strict.asarray(array)


# By the kind of what comes back.
NUMPY: tuple[Dress, ...] = (plain, fortran, strided, reversed_, broadcast, read_only, swapped, unaligned)
TORCH: tuple[Dress, ...] = (tensor, transposed_tensor, strided_tensor, expanded_tensor, negative_tensor, grown_tensor)
LIBRARIES: dict[str, tuple[Dress, ...]] = {
    "numpy": NUMPY,
    "list": (listed,),
    "torch": TORCH,
    "bfloat16": (bfloat16_tensor,),
    "strict": (strict,),
}
