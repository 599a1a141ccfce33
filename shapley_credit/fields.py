"""What a utility is made of: named arrays with named axes, and scalar parameters.

One table a family (`Utility.fields`) is the single home of shapes and domains: it drives the checks and their messages, the
selection of one group, and the random instances of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from shapley_credit import dispatch
from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.symmetry import check_symmetric, is_symmetric
from shapley_kernels.arrays import namespace

MEMBERS = "k"

# The types of a whole number; a union of types takes longer to make than to look up.
WHOLE = (int, np.integer)
_FLOAT64 = np.dtype(np.float64)


class Length(NamedTuple):
    """How long an axis is: in words, and the number of members it implies, None if there is no such number."""

    spelled: str
    members: Callable[[int], int | None]


# Axes whose length follows from k; an axis of any other name is free.
LENGTHS = {
    MEMBERS: Length("k", lambda length: length),
    "ranks": Length("k", lambda length: length),
    "line": Length("k", lambda length: length),  # places in a fixed order, which members can't exchange
    "sizes": Length("k + 1", lambda length: length - 1),
    "coalitions": Length("2**k", lambda length: length.bit_length() - 1 if length.bit_count() == 1 else None),
}


class Field(NamedTuple):
    """An array of a utility: its trailing axes by name, and the domain of its entries.

    deferred: entries are checked only when the credits come out not finite, for data so large that a pass over it is the cost
    of the solution; its kernel must carry every NaN and infinity into the credits.
    """

    domain: str
    axes: tuple[str, ...] = ()
    deferred: bool = False


class Parameter(NamedTuple):
    """What all groups of a utility share: a whole number >= 1, one of the choices, or several numbers; None if optional."""

    choices: tuple[Any, ...] = ()
    several: bool = False
    optional: bool = False


def real(*axes: str, deferred: bool = False) -> Field:
    """Finite numbers."""
    return Field("real", axes, deferred)


def key(*axes: str) -> Field:
    """Finite numbers that only order the members."""
    return Field("key", axes)


def probability(*axes: str) -> Field:
    """Numbers in [0, 1]."""
    return Field("probability", axes)


def positive(*axes: str) -> Field:
    """Finite numbers above 0."""
    return Field("positive", axes)


def whole(*axes: str) -> Field:
    """Integers of either sign."""
    return Field("whole", axes)


def membership(*axes: str) -> Field:
    """Flags that say who belongs to what; those of absent members are kept, so that a set that needs them stays incomplete."""
    return Field("membership", axes)


def label(*axes: str) -> Field:
    """Integers that name classes."""
    return Field("label", axes)


def index(*axes: str) -> Field:
    """Integers 0, 1, .. that number something."""
    return Field("index", axes)


def flag(*axes: str) -> Field:
    """Booleans, or numbers that are all 0 or 1."""
    return Field("flag", axes)


def symmetric(*axes: str) -> Field:
    """Finite numbers, equal up to rounding under exchange of the two last axes; the diagonal is not used."""
    return Field("symmetric", axes)


# Domains whose floating type decides the type of the result.
REAL_VALUED = frozenset(("real", "probability", "positive", "symmetric"))


def read_parameter(value: Any, parameter: Parameter, name: str) -> Any:
    """Check a parameter and return it as a plain Python value."""
    if parameter.optional and value is None:
        return None
    if parameter.several:
        return tuple(read_parameter(number, Parameter(), f"each of {name}") for number in value)
    if parameter.choices:
        if value not in parameter.choices:
            raise InputError(f"{name} must be one of {', '.join(map(repr, parameter.choices))}; got {value!r}.")
        return value
    if isinstance(value, bool) or not isinstance(value, WHOLE) or value < 1:
        raise InputError(f"{name} must be a whole number >= 1; got {value!r}.")
    return int(value)


_WHOLE = {
    "label": " that name classes (numpy.unique(..., return_inverse=True) makes them of any values)",
    "index": ", 0, 1, ..",
    "whole": " (round real weights to a grid: the cost grows with their sum, and without a grid the problem is #P-hard)",
}


def check_dtype(dtype: np.dtype[Any], field: Field, name: str) -> None:
    """Refuse what are no real numbers of at most 64 bits, and fractions where integers are needed."""
    if dtype is _FLOAT64 and field.domain in REAL_VALUED:
        return
    if dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers; got an array of {dtype}.")
    if dtype.itemsize > 8:
        raise InputError(f"{name} has dtype {dtype}; the library computes in float64 at most. Convert it first.")
    if field.domain in _WHOLE and dtype.kind == "f":
        raise InputError(f"{name} must be integers{_WHOLE[field.domain]}; got {dtype}.")


def read_field(array: Array, field: Field, name: str, present: Array | None) -> Array:
    """Check the domain of `array`; entries of absent members are exempt and come back as 0 (as 1 where 0 is no entry).

    `present` is None or broadcasts against `array`.
    """
    check_dtype(array.dtype, field, name)
    domain = field.domain
    if present is not None and domain != "membership":
        array = np.where(present, array, np.array(domain == "positive", array.dtype))
    if domain in _BOUNDS and array.size and _is_within(array, *_BOUNDS[domain]):
        return array
    if domain == "symmetric" and _is_scanned(array) and is_symmetric(array):
        return array
    if array.dtype.kind == "f" and not field.deferred:
        check_finite(array, name)
    if domain == "real":
        return array
    if domain == "probability":
        _refuse(array, (array < 0) | (array > 1), name, "probabilities in [0, 1]", "")
    elif domain == "positive":
        _refuse(array, array <= 0, name, "above 0", "")
    elif domain in ("flag", "membership") and array.dtype.kind != "b":
        _refuse(array, (array != 0) & (array != 1), name, "booleans or all 0 and 1", "")
        return array.astype(np.bool_)
    elif domain == "symmetric":
        check_symmetric(array, name)
    return array


def read_on_device(array: Array, field: Field, present: Array | None) -> Array:
    """As `read_field` without reading a value: entries that are outside their domain come back as NaN, flags as booleans."""
    xp = namespace(array)
    domain = field.domain
    if domain in ("flag", "membership"):
        flags = array if xp.isdtype(array.dtype, "bool") else array != 0
        return flags & present if present is not None and domain == "flag" else flags
    if present is not None:
        array = xp.where(present, array, 1 if domain == "positive" else 0)
    if domain == "probability":
        array = xp.where((array >= 0) & (array <= 1), array, float("nan"))
    elif domain == "positive":
        array = xp.where(array > 0, array, float("nan"))
    return array


def check_finite(array: Array, name: str) -> None:
    """Refuse NaN and infinity."""
    if not is_finite(array):
        _refuse(array, ~np.isfinite(array), name, "finite", "Mask absent candidates with mask= instead.")


def is_finite(array: Array) -> bool:
    """Whether all entries are finite: one pass and no copy as a rule."""
    if array.size <= _FEW:
        return all(map(isfinite, array.ravel().tolist()))
    in_one_pass = array.size >= _LARGE and _is_within(array, -np.inf, np.inf)
    return in_one_pass or np.count_nonzero(np.isfinite(array)) == array.size


_FEW, _LARGE = 16, 4096
_BOUNDS: dict[str, tuple[float, float]] = {"probability": (0.0, 1.0), "positive": (1e-45, 3e38)}


def _is_within(array: Array, lowest: float, highest: float) -> bool:
    """Whether all entries are finite and within bounds, in one pass; sometimes False where a slower look says yes."""
    if _is_scanned(array):
        from shapley_kernels.scan import within

        return within(array, lowest, highest)
    with np.errstate(all="ignore"):
        return isfinite(array.sum()) if np.isinf(lowest) else bool(array.min() >= lowest and array.max() <= highest)


def _is_scanned(array: Array) -> bool:
    """Whether compiled checks, which use all threads, are worth it."""
    known = array.dtype.char in "fd" and array.dtype.isnative and array.flags.c_contiguous
    return known and array.size >= _LARGE and dispatch.role() == "cpu"


def _refuse(array: Array, bad: Array, name: str, need: str, remedy: str) -> None:
    if bad.any():
        index = tuple(np.argwhere(bad)[0].tolist())
        where = f" at {list(index)} of shape {array.shape}" if index else ""
        raise InputError(f"{name} must be {need}; found {array[index]}{where}. {remedy}".rstrip())
