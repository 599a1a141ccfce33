"""Arrays of any library in, NumPy views inside, arrays of the same library out.

An array library is recognised by the DLPack protocol, never imported: torch, JAX, CuPy and every other library that
follows the array API come in by `__dlpack__` without a copy and go out by their own `from_dlpack`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.errors import InputError

Array = NDArray[Any]

_DLPACK_CPU = 1
_NUMPY = (np.ndarray, np.generic)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Library(NamedTuple):
    """The array library that an input came from, and the way back to it."""

    name: str
    from_dlpack: Callable[[Any], Any]


def to_numpy(data: Any, name: str) -> tuple[Array, Library | None]:
    """View `data` as a NumPy array; the library is None for NumPy, Python numbers and nested lists.

    Shares memory wherever the library allows it (bfloat16, which NumPy lacks, is copied to float32).
    Raises InputError for arrays on another device, masked arrays and ragged lists.
    """
    if type(data) is np.ndarray:
        return data, None
    if isinstance(data, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array, whose mask would be lost; pass {name}.data and mask=~{name}.mask.")
    if hasattr(data, "__dlpack__") and not isinstance(data, _NUMPY):
        return _by_dlpack(data, name)
    try:
        array = np.asarray(data)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{name} must be a rectangular array of numbers; {error}. Pad ragged groups to one length and mark the "
            "absent candidates with mask=."
        ) from error
    return array, None


def _by_dlpack(data: Any, name: str) -> tuple[Array, Library]:
    library = _library_of(data, name)
    if _device_type(data) != _DLPACK_CPU:
        raise InputError(
            f"{name} is on device {getattr(data, 'device', 'unknown')}; this release has kernels for the CPU only. "
            f"Move it first, for example {name}.cpu()."
        )
    if hasattr(data, "detach"):  # credit is data for the learner; no gradient flows through it
        data = data.detach()
    if "bfloat16" in str(data.dtype):
        data = data.float() if hasattr(data, "float") else data.astype("float32")
    try:
        return np.from_dlpack(data), library
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{name} of type {type(data).__name__} can't be read as a dense array: {error}.") from error


def _device_type(data: Any) -> int | None:
    """The DLPack device type; None for a device that DLPack does not know."""
    try:
        return int(data.__dlpack_device__()[0])
    except ValueError:
        return None


def _library_of(data: Any, name: str) -> Library:
    if hasattr(data, "__array_namespace__"):
        namespace = data.__array_namespace__()
        return Library(namespace.__name__, namespace.from_dlpack)
    for base in type(data).__mro__:
        module = sys.modules.get(base.__module__.partition(".")[0])
        if module is not None and hasattr(module, "from_dlpack"):
            return Library(module.__name__, module.from_dlpack)
    raise InputError(
        f"{name} of type {type(data).__name__} exports DLPack, but its library has no from_dlpack to return the "
        f"credits with; pass numpy.from_dlpack({name})."
    )


def computing_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for 16- and 32-bit floats, float64 for everything else."""
    return _FLOAT32 if dtype.kind == "f" and dtype.itemsize <= 4 else _FLOAT64


def from_numpy(array: Array, library: Library | None) -> Any:
    """Return `array` to the library that the input came from, sharing memory."""
    return array if library is None else library.from_dlpack(array)


def common_library(first: Library | None, second: Library | None) -> Library | None:
    """The one library that two inputs agree on; NumPy and lists agree with everything."""
    if first is not None and second is not None and first.name != second.name:
        raise InputError(f"arrays of {first.name} and {second.name} are mixed; convert all of them to one library.")
    return first or second
