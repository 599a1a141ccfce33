"""From the arguments of a utility to checked arrays that agree on k, groups, dtype and library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.convert import Array, Library, common_library, computing_dtype, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.fields import LENGTHS, MEMBERS, Field, Parameter, flag, is_real_valued, read_field, read_parameter

Fields = Mapping[str, Field | Parameter]

_MASK = flag(MEMBERS)
_NUMPY = (np.ndarray, np.generic)
_FLOAT64 = np.dtype(np.float64)


class Bound(NamedTuple):
    """The common facts of a utility's data, and its arrays and parameters by name."""

    k: int
    shape: tuple[int, ...]
    mask: Array | None
    dtype: np.dtype[Any] | None
    library: Library | None
    values: dict[str, Any]


def bind_fields(fields: Fields, mask: Any, given: Mapping[str, Any]) -> Bound:
    """Check what was given against `fields`; see `Utility.bind`."""
    values: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    specs: dict[str, Field] = {}
    library = None
    strong = []  # dtypes of real-valued arrays; Python numbers and lists follow them
    real_valued = False
    for name, data in (*given.items(), ("mask", mask)):
        spec = _MASK if name == "mask" else fields[name]
        if isinstance(spec, Parameter):
            values[name] = read_parameter(data, spec, name)
        elif data is None:
            values[name] = None
        else:
            arrays[name], origin = to_numpy(data, name)
            specs[name] = spec
            library = common_library(library, origin)
            if is_real_valued(spec):
                real_valued = True
                if origin is not None or isinstance(data, _NUMPY):
                    strong.append(computing_dtype(arrays[name].dtype))
    k = _members_of(arrays, specs)
    shape = _groups(arrays, specs)
    dtype = max(strong) if strong else _FLOAT64 if real_valued else None
    checked_mask = read_field(arrays["mask"], _MASK, "mask", None) if mask is not None else None
    for name, array in arrays.items():
        if name != "mask":
            spec = specs[name]
            values[name] = _cast(read_field(array, spec, name, _present_along(spec, checked_mask)), spec, dtype)
    values.pop("mask", None)
    return Bound(k, shape, checked_mask, dtype, library, values)


def _members_of(arrays: Mapping[str, Array], specs: Mapping[str, Field]) -> int:
    """The number k on which the named axes of all arrays agree."""
    sizes: dict[str, tuple[int, str]] = {}
    for name, array in arrays.items():
        axes = specs[name].axes
        if array.ndim < len(axes):
            raise InputError(f"{name} needs shape {_spell(axes)}; got {array.shape}.")
        for axis, length in zip(axes, array.shape[array.ndim - len(axes) :], strict=True):
            known = MEMBERS if axis in LENGTHS else axis
            count = LENGTHS[axis].members(length) if axis in LENGTHS else length
            if count is None:
                raise InputError(f"{name} of shape {array.shape} must be {_spell(axes)}; {length} is no such length.")
            size, first = sizes.setdefault(known, (count, name))
            if size != count:
                raise InputError(
                    f"{name} of shape {array.shape} must be {_spell(axes)} with {known} = {size}, as {first} of shape "
                    f"{arrays[first].shape} has."
                )
    k, first = sizes[MEMBERS]
    if k < 1:
        raise InputError(f"{first} of shape {arrays[first].shape} has no candidates; a set needs at least one.")
    return k


def _present_along(spec: Field, mask: Array | None) -> Array | None:
    """The mask, shaped to broadcast against a field: an entry is present if every member on its axes is."""
    if mask is None or MEMBERS not in spec.axes:
        return None
    present = np.ones((), np.bool_)
    for place, axis in enumerate(spec.axes):
        if axis == MEMBERS:
            tail = [1] * len(spec.axes)
            tail[place] = mask.shape[-1]
            present = present & mask.reshape((*mask.shape[:-1], *tail))
    return present


def _cast(array: Array, spec: Field, dtype: np.dtype[Any] | None) -> Array:
    if is_real_valued(spec):
        return array.astype(dtype, copy=False)
    if spec.domain == "key":  # keys order at their own precision
        return array.astype(computing_dtype(array.dtype), copy=False)
    return array.astype(np.int64 if spec.domain in ("label", "index", "whole") else np.bool_, copy=False)


def _groups(arrays: Mapping[str, Array], specs: Mapping[str, Field]) -> tuple[int, ...]:
    leads = {name: array.shape[: array.ndim - len(specs[name].axes)] for name, array in arrays.items()}
    distinct = set(leads.values()) - {()}
    if len(distinct) <= 1:
        return distinct.pop() if distinct else ()
    try:
        return np.broadcast_shapes(*distinct)
    except ValueError as error:
        listed = ", ".join(f"{name} {lead}" for name, lead in leads.items())
        raise InputError(f"the leading axes do not broadcast: {listed}.") from error


def _spell(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(['...', *(LENGTHS[axis].spelled if axis in LENGTHS else axis for axis in axes)])}]"
