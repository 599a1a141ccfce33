"""From the arguments of a utility to checked arrays that agree on k, groups, dtype, library and device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from shapley_credit.convert import NUMPY, Array, common_library, computing_dtype, to_array
from shapley_credit.errors import InputError
from shapley_credit.fields import (
    LENGTHS,
    MEMBERS,
    REAL_VALUED,
    Field,
    Parameter,
    check_dtype,
    flag,
    read_field,
    read_on_device,
    read_parameter,
)
from shapley_kernels.arrays import beside, dtype_of, namespace

Fields = Mapping[str, Field | Parameter]

_MASK = flag(MEMBERS)
_FLOAT64 = np.dtype(np.float64)

# The name, axes and shape of every array of a utility.
Shapes = tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...]


def bind_fields(fields: Fields, mask: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a utility, by name: its arrays and parameters, checked, and what they agree on; see `Utility.bind`."""
    found: dict[str, Any] = dict(given)
    arrays: list[tuple[str, Field, Array]] = []
    library = dtype = None
    real_valued = False
    for name, data in given.items() if mask is None else (*given.items(), ("mask", mask)):
        spec = _MASK if name == "mask" else fields[name]
        if isinstance(spec, Parameter):
            found[name] = read_parameter(data, spec, name)
        elif data is not None:
            array, origin = (data, None) if type(data) is np.ndarray else to_array(data, name)
            arrays.append((name, spec, array))
            if origin is not None:
                library = common_library(library, origin)
            if spec.domain in REAL_VALUED:
                real_valued = True
                if array is data or origin is not None or isinstance(data, NUMPY):
                    own = computing_dtype(dtype_of(array))  # Python numbers and lists follow the dtypes of arrays
                    dtype = own if dtype is None else max(dtype, own)
    k, shape = _agree(tuple([(name, spec.axes, tuple(array.shape)) for name, spec, array in arrays]))
    if real_valued and dtype is None:
        dtype = _FLOAT64
    anchor = arrays[0][2]
    read: Callable[..., Array] = _read_array
    if library is not None and library.device is not None:
        anchor = next(array for _, _, array in arrays if not isinstance(array, np.ndarray))
        read = _device_reader(anchor)
    if mask is not None:
        mask = read(arrays.pop()[2], _MASK, "mask", None, dtype)
    for name, spec, array in arrays:
        found[name] = read(array, spec, name, mask, dtype)
    found.update(k=k, shape=shape, mask=mask, dtype=dtype, library=library, anchor=anchor)
    return found


def _read_array(array: Array, spec: Field, name: str, mask: Array | None, dtype: np.dtype[Any] | None) -> Array:
    """A NumPy array, checked, in the dtype to compute in."""
    array = read_field(array, spec, name, None if mask is None else _present_along(spec, mask))
    wanted = dtype if spec.domain in REAL_VALUED else _stored_dtype(spec, array.dtype)
    return array if array.dtype == wanted else array.astype(wanted)


def _device_reader(anchor: Array) -> Callable[..., Array]:
    """As `_read_array` for arrays on a device, and for host data, which go beside them."""
    xp = namespace(anchor)

    def read(array: Array, spec: Field, name: str, mask: Array | None, dtype: np.dtype[Any] | None) -> Array:
        given = dtype_of(array)
        check_dtype(given, spec, name)
        wanted = dtype if dtype is not None and spec.domain in REAL_VALUED else _stored_dtype(spec, given)
        if isinstance(array, np.ndarray):
            array = beside(array.astype(given.newbyteorder("=") if spec.domain in _FLAGS else wanted), anchor)
        elif given != wanted and spec.domain not in _FLAGS:
            array = xp.astype(array, getattr(xp, wanted.name))
        return read_on_device(array, spec, None if mask is None else _present_along(spec, mask))

    return read


_FLAGS = ("flag", "membership")  # which become booleans by comparison with 0


def _stored_dtype(spec: Field, given: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of what is not real-valued."""
    if spec.domain == "key":  # keys order at their own precision
        return computing_dtype(given)
    return np.dtype(np.int64 if spec.domain in ("label", "index", "whole") else np.bool_)


@lru_cache(maxsize=1024)
def _agree(arrays: Shapes) -> tuple[int, tuple[int, ...]]:
    """The number k and the leading axes on which the shapes of all arrays agree."""
    return _members_of(arrays), _groups(arrays)


def _members_of(arrays: Shapes) -> int:
    """The number k on which the named axes of all arrays agree."""
    sizes: dict[str, tuple[int, str, tuple[int, ...]]] = {}
    for name, axes, shape in arrays:
        if len(shape) < len(axes):
            raise InputError(f"{name} needs shape {_spell(axes)}; got {shape}.")
        for axis, length in zip(axes, shape[len(shape) - len(axes) :], strict=True):
            known = MEMBERS if axis in LENGTHS else axis
            count = LENGTHS[axis].members(length) if axis in LENGTHS else length
            if count is None:
                raise InputError(f"{name} of shape {shape} must be {_spell(axes)}; {length} is no such length.")
            size, first, other = sizes.setdefault(known, (count, name, shape))
            if size != count:
                raise InputError(
                    f"{name} of shape {shape} must be {_spell(axes)} with {known} = {size}, as {first} of shape {other} has."
                )
    k, first, shape = sizes[MEMBERS]
    if k < 1:
        raise InputError(f"{first} of shape {shape} has no candidates; a set needs at least one.")
    return k


def _groups(arrays: Shapes) -> tuple[int, ...]:
    leads = {name: shape[: len(shape) - len(axes)] for name, axes, shape in arrays}
    try:
        return np.broadcast_shapes(*leads.values())
    except ValueError as error:
        listed = ", ".join(f"{name} {lead}" for name, lead in leads.items())
        raise InputError(f"the leading axes do not broadcast: {listed}.") from error


def _present_along(spec: Field, mask: Array) -> Array | None:
    """The mask, shaped to broadcast against a field: an entry is present if every member on its axes is."""
    if MEMBERS not in spec.axes:
        return None
    present = None
    for place, axis in enumerate(spec.axes):
        if axis == MEMBERS:
            tail = [1] * len(spec.axes)
            tail[place] = mask.shape[-1]
            along = namespace(mask).reshape(mask, (*mask.shape[:-1], *tail))
            present = along if present is None else present & along
    return present


def _spell(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(['...', *(LENGTHS[axis].spelled if axis in LENGTHS else axis for axis in axes)])}]"
