"""What the specification needs to run on arrays of any library, on the device where they are.

Specifications are written in the functions of the array API standard (data-apis.org), which NumPy has and array-api-compat
adds to torch. They change no array in place, read no value, and build constants with NumPy: `beside` takes those to the device,
where they stay for the next call, so that no call after the first waits for the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = Any

# The largest constant that stays on a device, in bytes, and how many of them do.
LARGEST_KEPT = 1 << 18
KEPT = 256

_NAMESPACES: dict[type, Any] = {np.ndarray: np}

# Arrays that hold data, as (module, name) of their type: tracers and fakes of these libraries must not outlive their trace.
_CONCRETE = {("torch", "Tensor"), ("cupy", "ndarray")}


def namespace(array: Any) -> Any:
    """The functions of the array API standard for the library of `array`; NumPy itself for its arrays.

    Raises ImportError where the library needs array-api-compat and it is not installed, TypeError for what is no array.
    """
    known = _NAMESPACES.get(type(array))
    if known is None:
        known = _NAMESPACES[type(array)] = _namespace_of(array)
    return known


def _namespace_of(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return np
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    from array_api_compat import array_namespace

    return array_namespace(array)


def beside(values: NDArray[Any], array: Any) -> Any:
    """The constant `values` in the library and on the device of `array`; for NumPy the constant itself.

    A copy on a device is kept by content: it must not be written to.
    """
    if isinstance(array, np.ndarray):
        return values
    xp = namespace(array)
    dtype = values.dtype.name
    if not values.ndim:
        return xp.full((), values.item(), dtype=getattr(xp, dtype), device=array.device)
    kind = type(array)
    if values.nbytes > LARGEST_KEPT or (kind.__module__, kind.__name__) not in _CONCRETE:
        return _copied(xp, values, array.device)
    return _kept(xp, values.tobytes(), dtype, values.shape, array.device)


@lru_cache(maxsize=KEPT)
def _kept(xp: Any, content: bytes, dtype: str, shape: tuple[int, ...], device: Any) -> Any:
    return _copied(xp, np.frombuffer(content, dtype).reshape(shape), device)


def _copied(xp: Any, values: NDArray[Any], device: Any) -> Any:
    # A copy of its own: libraries that share memory with NumPy would warn of memory that is read-only.
    return xp.asarray(values.copy(), dtype=getattr(xp, values.dtype.name), device=device)


def counting(n: int, array: Any) -> Any:
    """0 .. n - 1, made on the device of `array`: for ranges too long to copy, or whose lengths change too often to be kept."""
    if isinstance(array, np.ndarray):
        return np.arange(n)
    xp = namespace(array)
    return xp.arange(n, dtype=xp.int64, device=array.device)


def like(values: NDArray[Any], array: Any) -> Any:
    """The constant `values` beside `array` and in its dtype."""
    return beside(values.astype(dtype_of(array), copy=False), array)


def dtype_of(array: Any) -> np.dtype[Any]:
    """The NumPy dtype of the same name as that of `array`."""
    dtype = array.dtype
    return dtype if isinstance(dtype, np.dtype) else np.dtype(str(dtype).rpartition(".")[2])


def laid_out(array: Any, shape: tuple[int, ...]) -> Any:
    """The array in another shape, its rows one after the other in memory, copied only if they are not.

    A library may add the terms of a sum in the order of their layout. This layout makes that order independent of the number of
    groups.
    """
    if isinstance(array, np.ndarray):
        return np.ascontiguousarray(array.reshape(shape))
    array = namespace(array).reshape(array, shape)
    return array.contiguous() if hasattr(array, "contiguous") else array


def at_least(array: Any, low: float) -> Any:
    """The larger of every entry and a number, NaN for NaN.

    This replaces xp.maximum, for which array-api-compat would copy the number to the device and wait for it.
    """
    if isinstance(array, np.ndarray):
        return np.maximum(array, low)
    return namespace(array).where(array < low, low, array)


def at_most(array: Any, high: float) -> Any:
    """The smaller of every entry and a number, NaN for NaN."""
    if isinstance(array, np.ndarray):
        return np.minimum(array, high)
    return namespace(array).where(array > high, high, array)


def unsorted(order: Any, values: Any) -> Any:
    """Row by row, values[order[q]] = values_sorted[q]: the inverse of take_along_axis(.., order, axis=1)."""
    xp = namespace(values)
    return xp.take_along_axis(values, xp.argsort(order, axis=1), axis=1)


def exclusive_products(factors: Any) -> Any:
    """The products along axis 1 of all other factors [B, K, ..]: prefixes times suffixes, no division."""
    return products_before(factors) * products_after(factors)


def products_before(factors: Any) -> Any:
    """The products along axis 1 of all factors before each [B, K, ..], 1 for the first."""
    return namespace(factors).cumulative_prod(factors[:, :-1, ...], axis=1, include_initial=True)


def products_after(factors: Any) -> Any:
    """The products along axis 1 of all factors after each [B, K, ..], 1 for the last."""
    xp = namespace(factors)
    return xp.flip(products_before(xp.flip(factors, axis=1)), axis=1)


@lru_cache(maxsize=64)
def everybody(members: int) -> NDArray[np.bool_]:
    """Flags of members that are all present, [1, K], read-only."""
    present = np.ones((1, members), np.bool_)
    present.flags.writeable = False
    return present


# How many numbers, roughly, an engine holds in one array: on the host what stays in cache, on a device what it has room for.
CELLS = 1 << 17
DEVICE_CELLS = 1 << 25


def chunks(rows: int, cells: int, array: Array) -> Iterator[slice]:
    """Slices of the rows of games, each of which takes so many cells, for the library of an array; one at least."""
    step = max(1, (CELLS if isinstance(array, np.ndarray) else DEVICE_CELLS) // max(cells, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, max(rows, 1), step))


def joined(parts: Iterable[Array], axis: int = 0) -> Array:
    """The parts as one array, not copied if there is but one."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=axis)


def placed(array: Array, order: NDArray[Any], axis: int) -> Array:
    """The array with entry j along an axis moved to place order[j]."""
    return namespace(array).take(array, beside(np.argsort(order), array), axis=axis)
