"""Numbers of any library, on the host as NumPy views and on an accelerator as torch tensors."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from shapley_credit.convert import check_dense, to_numpy
from shapley_credit.errors import InputError


def library_of(data: Any) -> Any:
    """torch for a tensor on an accelerator, NumPy for everything that the host can see."""
    # No tensor exists before torch is imported, and the core does not import it.
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(data, torch.Tensor) and data.device.type != "cpu" else np


def numbers(data: Any, name: str, like: Any, dtype: str = "float64") -> Any:
    """`data` as real numbers of one dtype, none of them infinite, in the library and on the device of `like`.

    Raises InputError for infinite ones, and for what is wider than 64 bits, or no real number.
    """
    xp = library_of(like)
    if xp is not np and not isinstance(data, xp.Tensor):
        return xp.tensor(numbers(data, name, np.zeros(0), dtype), device=like.device)
    values: Any = to_numpy(data, name)[0] if xp is np else with_values(data, name).to(like.device)
    if (values.dtype.kind not in "biuf" or values.dtype.itemsize > 8) if xp is np else values.is_complex():
        raise InputError(f"{name} must hold real numbers; got {values.dtype}.")
    values = values.astype(dtype, copy=False) if xp is np else values.detach().to(getattr(xp, dtype))
    if xp.isinf(values).any():
        raise InputError(f"{name} must be finite; found an infinite number, which would spoil all that it is added to.")
    return values


def with_values(tensor: Any, name: str) -> Any:
    """The tensor, or InputError for one that is not dense, or that is on a device whose tensors hold no values."""
    check_dense(tensor, name)
    if tensor.device.type == "meta":
        raise InputError(f"{name} is on device meta, which holds no values; pass a tensor with values.")
    return tensor
