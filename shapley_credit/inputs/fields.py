"""What a utility is made of: named arrays with named axes, and scalar parameters.

One table a family (`Utility.fields`) is the single home of shapes and domains: it drives the checks and their messages, the
selection of one group, and the random instances of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.convert import Array, computing_dtype
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import Look, check_entries, check_exact, first_look, is_exact
from shapley_kernels.arrays import namespace

MEMBERS = "k"

# The most axes of a NumPy array.
MAX_AXES = 64
# The types of a whole number; a union of types takes longer to make than to look up.
WHOLE = (int, np.integer)


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

    deferred: entries are checked only when credits are computed, for data over which one more pass costs as much as the
    solution. Kernels of `cpu` raise NotFiniteError; those of `ref` and `tree` carry every NaN and infinity into the credits.
    Of symmetric matrices the check of large ones is deferred: kernels of `cpu` raise NotSymmetricError, before all others the
    matrices are looked at (`Finite.check_symmetry`).
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


def nonnegative(*axes: str) -> Field:
    """Finite numbers of 0 or more."""
    return Field("nonnegative", axes)


def positive(*axes: str) -> Field:
    """Finite numbers above 0."""
    return Field("positive", axes)


def whole(*axes: str) -> Field:
    """Integers of either sign."""
    return Field("whole", axes)


def membership(*axes: str) -> Field:
    """Flags that say what each member belongs to. Those of absent members stay: a set that needs one is never complete."""
    return Field("membership", axes)


def label(*axes: str) -> Field:
    """Names of classes, of any kind: `inputs.labels` makes integers of them; None and NaN are missing."""
    return Field("label", axes)


def index(*axes: str) -> Field:
    """Integers 0, 1, .. that number something."""
    return Field("index", axes)


def flag(*axes: str) -> Field:
    """Booleans, or numbers that are all 0 or 1."""
    return Field("flag", axes)


def symmetric(*axes: str, deferred: bool = False) -> Field:
    """Finite numbers, equal up to rounding under exchange of the two last axes; the diagonal is not used."""
    return Field("symmetric", axes, deferred)


# Domains whose floating type decides the type of the result.
REAL_VALUED = frozenset(("real", "probability", "nonnegative", "positive", "symmetric"))
# Those whose entries may be as large as floats are.
UNBOUNDED = frozenset(("real", "nonnegative", "positive", "symmetric"))
# Those whose entries become booleans.
FLAGS = frozenset(("flag", "membership"))


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
    "label": " that name classes on a device, where others can't be compared (move them to the host, or encode them there)",
    "index": ", 0, 1, ..",
    "whole": " (round real weights to a grid: the cost grows with their sum, and without a grid the problem is #P-hard)",
}


def check_dtype(dtype: np.dtype[Any], field: Field, name: str) -> None:
    """Raise InputError for all but real numbers of at most 64 bits, and for floats where integers are needed."""
    if dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers; got an array of {dtype}.")
    if dtype.itemsize > 8:
        raise InputError(f"{name} has dtype {dtype}; the library computes in float64 at most. Convert it first.")
    if field.domain in _WHOLE and dtype.kind == "f":
        raise InputError(f"{name} must be integers{_WHOLE[field.domain]}; got {dtype}.")


def refuse_none(data: Any, name: str, remedy: str, need: str = "real numbers") -> None:
    """Raise InputError at the first None in an array of objects, or in lists."""
    place = _place_of_none(data, set())
    if place is not None:
        where = f" at {list(place)}" if place else ""
        raise InputError(f"{name} must hold {need}; found None{where}. {remedy}.") from None


def _place_of_none(data: Any, seen: set[int], depth: int = 0) -> tuple[int, ...] | None:
    """Where the first None is; lists may hold themselves, and be nested deeper than arrays have axes."""
    if isinstance(data, np.ndarray):
        data = data.tolist() if data.dtype.kind == "O" else ()
    if data is None:
        return ()
    if isinstance(data, list | tuple) and id(data) not in seen and depth < MAX_AXES:
        seen.add(id(data))
        for place, entry in enumerate(data):
            if (inside := _place_of_none(entry, seen, depth + 1)) is not None:
                return (place, *inside)
    return None


class Reading(NamedTuple):
    """How the array of a field is read: what follows from its dtype.

    look: the quick check that all entries are in their domain, None where they can't be outside. dtype: the one to compute in.
    wide: whether the array may hold integers that the dtype to compute in can't hold.
    """

    name: str
    field: Field
    look: Look | None
    dtype: np.dtype[Any]
    wide: bool = False


def reading(name: str, field: Field, given: np.dtype[Any], dtype: np.dtype[Any] | None = None) -> Reading:
    """How an array of dtype `given` is read for real numbers of a common dtype. Raises InputError for anything else."""
    check_dtype(given, field, name)
    if dtype is None or field.domain not in REAL_VALUED:
        dtype = _stored_dtype(field, given)
    look = first_look(field.domain, field.deferred, given, dtype)
    wide = given.kind in "iu" and given.itemsize == 8 and dtype.kind == "f"
    return Reading(name, field, look, dtype, wide)


def _stored_dtype(field: Field, given: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of what is not real-valued."""
    if field.domain == "key":  # keys order at their own precision
        return computing_dtype(given)
    return np.dtype(np.bool_ if field.domain in FLAGS else np.int64)


def read(array: Array, how: Reading, present: Array | None = None) -> Array:
    """The array in the dtype to compute in; absent members, whose entries may be anything, get 0, or 1 where 0 is no entry.

    `present` is None or broadcasts against `array`. Raises InputError for entries outside the domain.
    """
    name, field, look, dtype, wide = how
    if present is not None and field.domain != "membership":
        array = np.where(present, array, np.array(field.domain == "positive", array.dtype))
    if look is not None and not look(array):
        check_entries(array, field.domain, name)
    if wide:
        array = _held(array, field, name)
    return array if array.dtype == dtype else array.astype(dtype)


def _held(array: Array, field: Field, name: str) -> Array:
    """The integers, if float64 holds them, else the ranks of keys, which only order. Raises InputError for other integers."""
    if field.domain == "key" and not is_exact(array):
        return np.unique(array, return_inverse=True)[1].reshape(array.shape)
    check_exact(array, name)
    return array


def read_on_device(array: Array, field: Field, present: Array | None) -> Array:
    """As `read` without reading a value: entries that are outside their domain come back as NaN, flags as booleans."""
    xp = namespace(array)
    domain = field.domain
    if domain in FLAGS:
        flags = array if xp.isdtype(array.dtype, "bool") else array != 0
        return flags & present if present is not None and domain == "flag" else flags
    if present is not None:
        array = xp.where(present, array, 1 if domain == "positive" else 0)
    if domain == "positive":
        array = xp.where(array > 0, array, float("nan"))
    elif domain in ("probability", "nonnegative"):
        array = xp.where((array >= 0) & ((array <= 1) | (domain == "nonnegative")), array, float("nan"))
    return array
