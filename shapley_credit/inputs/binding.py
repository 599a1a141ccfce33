"""From the arguments of a utility to checked arrays that agree on k, groups, dtype, library and device."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.convert import NUMPY, Array, common_library, computing_dtype, to_array
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import (
    FLAGS,
    LENGTHS,
    MEMBERS,
    REAL_VALUED,
    Field,
    Parameter,
    Reading,
    flag,
    read,
    read_on_device,
    read_parameter,
    reading,
    refuse_none,
)
from shapley_credit.inputs.labels import is_coded, may_be_names, with_codes
from shapley_kernels.arrays import beside, dtype_of, namespace

_MASK = flag(MEMBERS)
_FLOAT64 = np.dtype(np.float64)

# The name, shape and dtype of every array of a utility, and whether its dtype counts: that of Python numbers and lists doesn't.
Kinds = tuple[tuple[str, tuple[int, ...], np.dtype[Any], bool], ...]


class Binding(NamedTuple):
    """What follows from the kinds of the arrays alone: what they agree on, and how each is read."""

    k: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    mask: Reading | None
    readings: tuple[Reading, ...]


def bind_fields(family: Any, given: dict[str, Any], found: dict[str, Any]) -> None:
    """Find the attributes of a utility in what was given, by name: arrays and parameters, checked, and what they agree on.

    See `Utility.bind`.
    """
    if len(given) != len(family.fields) + 1:
        _refuse_names(family, given)
    try:
        if not _bind(family, given, found):
            _bind(family, _coded(family, given, found), found)
    except InputError:
        _refuse_missing(family, given, found)
        raise


def _bind(family: Any, given: dict[str, Any], found: dict[str, Any]) -> bool:
    """False, and nothing is bound, for labels that are no arrays of integers yet."""
    kinds: list[Any] = []
    library = None
    for name, data in given.items():
        if type(data) is np.ndarray:
            found[name] = data
            kinds.append((name, data.shape, data.dtype, True))
        elif type(spec := family.fields.get(name, _MASK)) is Parameter:
            found[name] = read_parameter(data, spec, name)
        elif type(data) is float:
            found[name] = np.asarray(data)
            kinds.append((name, (), _FLOAT64, False))
        elif spec.domain == "label" and may_be_names(data):
            return False
        elif data is None:
            if name in _required(family):
                raise InputError(f"{name} of {family.__name__} is None; it needs an array {_spell(spec.axes)}.")
            found[name] = None
        else:
            array, origin = to_array(data, name)
            found[name] = array
            library = common_library(library, origin)
            kinds.append((name, tuple(array.shape), dtype_of(array), origin is not None or isinstance(data, NUMPY)))
    binding = _binding(family, tuple(kinds))
    if binding is None:
        return False
    found["k"], found["shape"], found["dtype"], of_mask, readings = binding
    anchor = found[readings[0].name]
    read_one: Callable[[Array, Reading, Array | None], Array] = read
    if library is not None and library.device is not None:
        anchor = next(found[name] for name, *_ in kinds if not isinstance(found[name], np.ndarray))
        read_one = _device_reader(anchor)
    mask = None if of_mask is None else read_one(found["mask"], of_mask, None)
    if mask is not None:
        # A sum can tell only whether masks on a device are one object, so the caller's own array is kept, not a view of it.
        found["mask"] = given["mask"] if mask is found["mask"] and not isinstance(mask, np.ndarray) else mask
    for how in readings:
        name = how.name
        found[name] = read_one(found[name], how, None if mask is None else _present_along(how.field, mask))
    found["library"], found["anchor"] = library, anchor
    return True


def _coded(family: Any, given: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The arguments with labels as integers."""
    coded, missing = with_codes(given, family.fields)
    if missing:
        found["has_missing"] = True
    return coded


def _refuse_missing(family: Any, given: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise InputError that names a None in the data: NumPy would only speak of objects, or of ragged lists."""
    for name, data in given.items():
        spec = family.fields.get(name, _MASK)
        if data is None or isinstance(spec, Parameter) or spec.domain == "label":
            continue
        need = "booleans" if spec.domain in FLAGS else "real numbers"
        if name == "mask":
            remedy = "False says that a member is absent"
        elif MEMBERS in spec.axes:
            remedy = "Give an absent candidate any number, and say with mask= that it is absent"
        else:
            remedy = "Give every entry a number"
        refuse_none(data if isinstance(data, list | tuple) else found.get(name, 0), name, remedy, need)


def _refuse_names(family: Any, given: dict[str, Any]) -> None:
    """Raise InputError for a name that is no field, and for a field that was left out and that the family does not make."""
    fields = ", ".join(family.fields)
    for name in given.keys() - family.fields.keys() - {"mask"}:
        raise InputError(f"bind was given {name}, which is no field of {family.__name__}; its fields are {fields}.")
    for name in family.fields.keys() - given.keys():
        if not hasattr(family, name):
            raise InputError(f"bind was not given {name}, a field of {family.__name__}; it must be given all of {fields}.")


@lru_cache(maxsize=64)
def _required(family: Any) -> frozenset[str]:
    """The arrays that a family can't do without: those whose default is not None."""
    parameters = signature(family.__init__).parameters.values()
    needed = (each.name for each in parameters if each.default is not None)
    return frozenset(name for name in needed if name in family.fields)


@lru_cache(maxsize=1024)
def _binding(family: Any, kinds: Kinds) -> Binding | None:
    """How arrays of these kinds are bound: worked out at the first call, looked up from then on; None for names of classes."""
    fields: dict[str, Field] = {"mask": _MASK, **family.fields}
    for name, *_ in kinds:
        if name not in fields:
            raise InputError(
                f"bind was given {name}, which is no field of {family.__name__}; its fields are {', '.join(family.fields)}."
            )
    if any(fields[name].domain == "label" and not is_coded(given) for name, _, given, _ in kinds):
        return None
    axes = tuple((name, fields[name].axes, shape) for name, shape, _, _ in kinds)
    k, shape = _members_of(axes), _groups(axes)
    if family.max_members is not None and k > family.max_members:
        raise InputError(f"{family.__name__} holds a value for every set, at most {family.max_members} members; got k = {k}.")
    real_valued = [(given, counts) for name, _, given, counts in kinds if fields[name].domain in REAL_VALUED]
    counted = [computing_dtype(given) for given, counts in real_valued if counts]
    dtype = max(counted, default=_FLOAT64) if real_valued else None
    readings = {name: reading(name, fields[name], given, dtype) for name, _, given, _ in kinds}
    mask = readings.pop("mask", None)
    return Binding(k, shape, dtype, mask, tuple(readings.values()))


def _device_reader(anchor: Array) -> Callable[[Array, Reading, Array | None], Array]:
    """As `read`, for arrays on a device and for host data, which are moved beside them."""
    xp = namespace(anchor)

    def read_beside(array: Array, how: Reading, present: Array | None) -> Array:
        given, flags = dtype_of(array), how.field.domain in FLAGS
        if isinstance(array, np.ndarray):
            if present is None and given.kind in "iu" and not flags:  # with a mask, absent entries may be anything
                array = read(array, how)
            array = beside(array.astype(given.newbyteorder("=") if flags else how.dtype), anchor)
        elif given != how.dtype and not flags:
            array = xp.astype(array, getattr(xp, how.dtype.name))
        return read_on_device(array, how.field, present)

    return read_beside


# The name, axes and shape of every array of a utility.
Shapes = tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...]


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
    if spec.axes == (MEMBERS,):
        return mask
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
