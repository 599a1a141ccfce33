"""Arrays of any library in, arrays of the same library on the same device out.

An array library is recognised by the DLPack protocol, never imported. Arrays in the memory of the host come in by `__dlpack__`
as NumPy views without a copy, and go out by their library's own `from_dlpack`. Arrays on a device stay what and where they are:
the mathematics runs on them in the functions of the array API standard, or in kernels of the device.

On a device nothing waits for a value: shapes and dtypes are checked, values are not. An entry outside its domain (a probability
above 1) counts as NaN, and NaN shows in the credits of its group, and of no other group; check with isfinite of the array's
library. Flags count as true unless 0, and a matrix that ought to be symmetric is taken as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.errors import InputError, MissingExtraError, install
from shapley_kernels.arrays import dtype_of, namespace

# A NumPy array, or an array of another library on its device.
Array = Any

# DLPack's types of memory that the host can read: its own, and memory pinned for CUDA and for ROCm.
_HOST = (1, 3, 11)
NUMPY = (np.ndarray, np.generic)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Library(NamedTuple):
    """The array library that an input came from, and the way back to it.

    device: None for the memory of the host. home: what the library calls its memory there, None if unsaid.
    """

    name: str
    from_dlpack: Callable[[Any], Any]
    device: Any = None
    home: Any = None


def to_array(data: Any, name: str) -> tuple[Array, Library | None]:
    """View `data` as a NumPy array, or keep it on its device; the library is None for NumPy, Python numbers and nested lists.

    Shares memory wherever the library allows it (bfloat16, which NumPy lacks, is copied to float32); no gradient flows through.
    A data frame is read as rows by columns. Raises InputError for masked arrays, ragged lists, arrays that are not dense, and
    arrays without values, as they are inside a function that is traced or mapped.
    """
    if type(data) is np.ndarray:
        return data, None
    if isinstance(data, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array, whose mask would be lost; pass {name}.data and mask=~{name}.mask.")
    if hasattr(data, "__dlpack__") and not isinstance(data, NUMPY):
        return _of_library(data, name)
    try:
        array = np.asarray(data)
    except Exception as error:  # the caller's objects may raise anything while they are read
        if not isinstance(data, list | tuple) or _holds_no_values(data):
            raise _unreadable(data, name, error) from error
        raise InputError(
            f"{name} must be a rectangular array of numbers; {_first_line(error)}. Pad ragged groups to one length and mark "
            "the absent candidates with mask=."
        ) from error
    if array.ndim > 1 and _holds_masked(data, array.ndim):
        raise InputError(f"{name} holds masked arrays, whose masks would be lost; pass their data, and a mask of its own.")
    return array, None


def _holds_masked(data: Any, depth: int) -> bool:
    """Whether lists hold masked arrays, of one axis or more."""
    if not isinstance(data, list | tuple):
        return isinstance(data, np.ma.MaskedArray)
    return depth > 1 and any(_holds_masked(row, depth - 1) for row in data)


def to_numpy(data: Any, name: str) -> tuple[np.ndarray[Any, Any], Library | None]:
    """As `to_array`, for what is read on the host. Raises InputError for arrays on a device."""
    array, library = to_array(data, name)
    if library is not None and library.device is not None:
        raise InputError(f"{name} is on device {library.device}, but is read on the host; move it first, {name}.cpu().")
    return array, library


def to_host(data: Any, name: str) -> np.ndarray[Any, Any]:
    """As `to_numpy`, for small arrays that are worth waiting for: a torch tensor is copied from its device."""
    kind = getattr(getattr(data, "device", None), "type", "cpu")
    if kind == "meta":
        raise InputError(f"{name} is on device meta, which holds no values to read on the host; pass a tensor with values.")
    return to_numpy(data.detach().cpu() if kind != "cpu" and hasattr(data, "cpu") else data, name)[0]


def _of_library(data: Any, name: str) -> tuple[Array, Library]:
    try:
        return _read(data, name)
    except (InputError, MissingExtraError):
        raise
    except Exception as error:  # arrays that are traced, mapped or sharded raise errors of their own
        raise _unreadable(data, name, error) from error


def _read(data: Any, name: str) -> tuple[Array, Library]:
    device = None if _device_type(data) in _HOST else data.device
    library = _library_of(data, name, device)
    if hasattr(data, "detach"):  # credit is data for the learner; no gradient flows through it
        data = data.detach()
    for resolve in ("resolve_conj", "resolve_neg"):  # lazy views of torch: their memory holds the values before that step
        if hasattr(data, resolve):
            data = getattr(data, resolve)()
    if "bfloat16" in str(data.dtype):
        data = data.float() if hasattr(data, "float") else data.astype("float32")
    if device is not None:
        return _on_device(data, name), library
    if hasattr(data, "data_ptr") and not _has_memory(data):
        raise ValueError("it has no memory of its own")
    return np.from_dlpack(data), library


def _unreadable(data: Any, name: str, error: Exception) -> InputError:
    way = _holds_no_values(data)
    if way:
        return InputError(f"{name} can't be read as a dense array: {way} (docs/arrays.md).")
    return InputError(
        f"{name} of type {type(data).__name__} can't be read as a dense array: {_first_line(error)}. Pass dense numbers "
        "(.to_dense(), .dequantize())."
    )


_TRACED_BY_JAX = (
    "JAX traces the function that it is an argument of (jax.jit, jax.vmap, jax.grad), so it has no values yet. Replace "
    "sc.set_shapley(utility_fn(scores)) by sc.jax_callback(utility_fn)(scores), or compute credit before that function"
)
_MAPPED_BY_TORCH = (
    "torch traces, maps or differentiates the function that it is an argument of (torch.vmap, torch.func.grad), so it has no "
    "values of its own. Compute the credit of the whole batch before, leading axes are groups, or make it an operator with "
    "torch.library.custom_op and register_vmap"
)


def _holds_no_values(data: Any, depth: int = 2) -> str:
    """What to do about an array, or lists of such, that a library traces or maps; "" for every other."""
    if isinstance(data, list | tuple):
        return next((way for each in data if (way := _holds_no_values(each, depth - 1))), "") if depth else ""
    if hasattr(data, "aval") and not hasattr(data, "__dlpack_device__"):  # an abstract value of JAX that no memory backs
        return _TRACED_BY_JAX
    strided = str(getattr(data, "layout", "")).endswith("strided")
    return _MAPPED_BY_TORCH if strided and hasattr(data, "data_ptr") and not _has_memory(data) else ""


def _has_memory(tensor: Any) -> bool:
    """Whether a tensor of torch is at an address: its entries would otherwise be read at a null pointer."""
    try:
        return not tensor.numel() or bool(tensor.data_ptr())
    except Exception:  # noqa: BLE001 - tensors that are mapped raise errors of several types, and traced ones warn
        return False


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".:;")


def _device_type(data: Any) -> int | None:
    """The DLPack device type; None for a device that DLPack does not know."""
    try:
        return int(data.__dlpack_device__()[0])
    except ValueError:
        return None


def _on_device(data: Any, name: str) -> Any:
    """`data`, after checks that its library has the array API and that NumPy knows its dtype."""
    check_dense(data, name)
    try:
        dtype_of(data)
    except TypeError as error:
        raise InputError(f"{name} has dtype {data.dtype}, which NumPy does not know; convert it to float32 first.") from error
    try:
        namespace(data)
    except ImportError as error:
        raise MissingExtraError(
            f"arrays on device {data.device} need array-api-compat, which is not installed; {install('gpu')}"
        ) from error
    return data


def check_dense(data: Any, name: str) -> None:
    """Raise InputError for tensors on a device that are sparse, quantized or nested."""
    dense = str(getattr(data, "layout", "strided")).endswith("strided")
    if not dense or getattr(data, "is_nested", False) or getattr(data, "is_quantized", False):
        raise InputError(
            f"{name} can't be read as a dense array: it is a tensor of {data.dtype}, {data.layout}. Pass dense numbers "
            "(.to_dense(), .dequantize(), rows that are padded)."
        )


def _library_of(data: Any, name: str, device: Any) -> Library:
    if hasattr(data, "__array_namespace__"):
        xp = data.__array_namespace__()
        return Library(xp.__name__, xp.from_dlpack, device, getattr(data, "device", None) if device is None else None)
    for base in type(data).__mro__:
        module = sys.modules.get(base.__module__.partition(".")[0])
        if module is not None and hasattr(module, "from_dlpack"):
            return Library(module.__name__, module.from_dlpack, device)
    raise InputError(
        f"{name} of type {type(data).__name__} exports DLPack, but its library has no from_dlpack to return the "
        f"credits with; pass numpy.from_dlpack({name})."
    )


def computing_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for 16- and 32-bit floats, float64 for everything else."""
    return _FLOAT32 if dtype.kind == "f" and dtype.itemsize <= 4 else _FLOAT64


def computed(array: Array) -> Array:
    """The array in the dtype to compute in."""
    xp = namespace(array)
    return xp.astype(array, getattr(xp, computing_dtype(dtype_of(array)).name), copy=False)


def from_numpy(array: Array, library: Library | None) -> Any:
    """Return `array` to the library that the input came from, sharing memory; an array on a device never left its library."""
    if library is None or not isinstance(array, np.ndarray):
        return array
    back = library.from_dlpack(array)
    return back if library.home is None or back.device == library.home else back.to_device(library.home)


def common_library(first: Library | None, second: Library | None) -> Library | None:
    """The one library and device that two inputs agree on; NumPy and lists agree with everything."""
    if first is not None and second is not None:
        if first.name != second.name:
            raise InputError(f"arrays of {first.name} and {second.name} are mixed; convert all of them to one library.")
        if (first.device, first.home) != (second.device, second.home):
            places = " and ".join(str(library.device or library.home or "the host") for library in (first, second))
            raise InputError(f"arrays on {places} are mixed; move all of them to one device.")
    return first or second


def summary(array: Array) -> str:
    """An array in a few words: its value if it is one number on the host, else its dtype and shape."""
    if isinstance(array, np.ndarray) and not array.ndim:
        return f"{array.item():g}"
    return f"{array.dtype}{list(array.shape)}"
