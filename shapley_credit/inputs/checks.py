"""Whether the entries of arrays are in their domain: a quick look, and a slow one that names the first entry that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from shapley_credit import dispatch
from shapley_credit.convert import Array, to_host
from shapley_credit.errors import InputError
from shapley_kernels.pairs import ASYMMETRY

Look = Callable[[Array], bool]

# Python's own numbers are faster than NumPy up to FEW entries, compiled checks from LARGE entries on, of matrices SQUARE.
FEW, LARGE, SQUARE = 16, 1 << 15, 1 << 12
# Integers are computed in int64; float64 holds every one of them up to HELD.
INT64_MAX, HELD = 2**63 - 1, 2**53


class Domain(NamedTuple):
    """What the entries of a field may be.

    certain: NumPy's letters of the kinds of dtype whose numbers are all inside. look: whether all entries are inside; it may
    say False where `outside`, which marks the entries that are not, marks none. need: the domain in words. remedy: what to do,
    in words.
    """

    certain: str
    look: Look = lambda array: False
    outside: Callable[[Array], Array] | None = None
    need: str = ""
    remedy: str = ""


def check_entries(array: Array, domain: str, name: str) -> None:
    """Raise InputError at the first entry outside the domain."""
    if array.dtype.kind == "f":
        check_finite(array, name)
    if domain == "symmetric":
        check_symmetric(array, name)
    known = DOMAINS[domain]
    if known.outside is not None:
        _refuse(array, known.outside(array), name, known.need, known.remedy)


def check_finite(array: Array, name: str) -> None:
    """Refuse NaN and infinity."""
    if not is_finite(array):
        _refuse(array, ~np.isfinite(array), name, "finite", "Mask absent candidates with mask= instead.")


def check_exact(array: Array, name: str) -> None:
    """Raise InputError at the first integer that no float64 equals."""
    if not is_exact(array):
        remedy = f"Subtract a common offset from {name} first, or convert it to the floats you mean."
        _refuse(array, _inexact(array), name, "whole numbers that float64 holds, all those up to 2**53", remedy)


def check_symmetric(array: Array, name: str) -> None:
    """Raise InputError at the first entry that its mirror image does not equal."""
    mirror = np.swapaxes(array, -1, -2)
    gap = np.abs(np.subtract(array, mirror, dtype=np.result_type(array, np.int8)))  # flags and unsigned integers too
    bad = gap > ASYMMETRY * np.maximum(np.abs(array), np.abs(mirror)).max(initial=0.0)
    if bad.any():
        index = tuple(np.argwhere(bad)[0].tolist())
        raise InputError(
            f"{name} must be symmetric; found {array[index]} at {list(index)} but {mirror[index]} at the mirrored "
            f"place. Pass ({name} + {name}.T) / 2 if that is what you mean."
        )


def _refuse(array: Array, bad: Array, name: str, need: str, remedy: str) -> None:
    if bad.any():
        index = tuple(np.argwhere(bad)[0].tolist())
        where = f" at {list(index)} of shape {array.shape}" if index else ""
        raise InputError(f"{name} must be {need}; found {array[index]}{where}. {remedy}".rstrip()) from None


# Arguments that are no arrays of a utility: options, and numbers that name or count.


def whole_numbers(data: Any, name: str, need: str = "integers", *, least: int | None = None) -> Array:
    """Integers of any library and device as int64 on the host; an empty array may have any dtype.

    Raises InputError for all else, whole floats and flags included, and for entries below `least` or above 2**63 - 1.
    """
    array = to_host(data, name)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(f"{name} must be {need}; got {array.dtype} of shape {array.shape}. Convert them, and leave no gaps.")
    if array.dtype.kind == "u" and not _is_int64(array):
        _refuse(array, array > INT64_MAX, name, f"{need}, at most 2**63 - 1", "")
    if least is not None and array.size and array.min() < least:
        _refuse(array, array < least, name, need, f"None may be below {least}.")
    return array.astype(np.int64, copy=False)


def whole_number(value: Any, name: str, least: int = 0) -> int:
    """One count of Python or NumPy. Raises InputError for all else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number >= {least}; got {shown(value)}.")
    return int(value)


def flags(data: Any, name: str) -> Array:
    """Booleans of any library and device on the host. Raises InputError for all but numbers 0 and 1."""
    array = to_host(data, name)
    if array.dtype.kind == "O":  # an array of objects may hold flags
        array = to_host(array.tolist(), name)
    if array.dtype.kind not in "biuf" or not ((array == 0) | (array == 1)).all():
        raise InputError(f"{name} must be {_FLAGS.need}; got {shown(array.tolist())}.")
    return array.astype(np.bool_, copy=False)


def one_of(value: Any, known: Iterable[str], name: str, told: str = "") -> None:
    """Raise InputError for an option that does not exist."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} must be one of {', '.join(known)}{told}; got {shown(value)}.")


def text_of(value: Any, name: str = "text") -> str:
    """The text. Raises InputError for all but strings."""
    if not isinstance(value, str):
        raise InputError(f"{name} must be a string; got {shown(value)} of type {type(value).__name__}.")
    return value


def number(value: Any, told: str, within: Callable[[float], bool]) -> float:
    """A finite number of Python or NumPy. Raises InputError for all else, which says `told` and what was given."""
    known = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not known or not -float("inf") < value < float("inf") or not within(value):
        raise InputError(f"{told}; got {shown(value)}.")
    return float(value)


def shown(thing: Any) -> str:
    """How something prints, at most 80 characters of it; its type where it can't print."""
    try:
        text = repr(thing)
    except Exception:  # noqa: BLE001 - the caller's object may raise anything; so do whole numbers of too many digits
        return f"an object of type {type(thing).__name__}"
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


# Quick looks.


def is_finite(array: Array) -> bool:
    """Whether all entries are finite: one pass and no copy as a rule."""
    size = array.size
    if size <= FEW:
        entries = array.ravel().tolist()
        return isfinite(sum(entries)) or all(map(isfinite, entries))  # the sum of finite entries may overflow
    in_one_pass = size >= LARGE and _is_within(-np.inf, np.inf, array)
    return in_one_pass or np.count_nonzero(np.isfinite(array)) == size


def _is_within(lowest: float, highest: float, array: Array) -> bool:
    """Whether all entries are finite and within bounds, in one pass; sometimes False where a slower look says yes."""
    if array.size <= FEW:
        entries = array.ravel().tolist()
        return not entries or (isfinite(sum(entries)) and lowest <= min(entries) and max(entries) <= highest)
    if is_scanned(array, LARGE):
        from shapley_kernels.compiled.array_scans import within

        return within(array, lowest, highest)
    with np.errstate(all="ignore"):
        return isfinite(array.sum()) if np.isinf(lowest) else bool(array.min() >= lowest and array.max() <= highest)


def _is_symmetric(array: Array) -> bool:
    """Whether all entries are finite and symmetric, in one pass; sometimes False where a slower look says yes."""
    if not is_scanned(array, SQUARE):
        return is_finite(array) and np.count_nonzero(array == np.swapaxes(array, -1, -2)) == array.size
    from shapley_kernels.compiled.array_scans import asymmetry

    gap, largest = asymmetry(array.reshape(-1, *array.shape[-2:]))
    return gap <= ASYMMETRY * largest


def is_large_or_symmetric(array: Array) -> bool:
    """As _is_symmetric, but large matrices pass, for whoever computes credits to look at."""
    return array.size >= SQUARE or _is_symmetric(array)


def is_exact(array: Array) -> bool:
    """Whether float64 holds all of these integers."""
    if array.dtype.itemsize < 8 or not array.size:
        return True
    few = array.ravel().tolist() if array.size <= FEW else (array.min(), array.max())
    return -HELD <= min(few) <= max(few) <= HELD or not _inexact(array).any()


def _inexact(array: Array) -> Array:
    """Which of these integers no float64 equals; those that round up beyond the range of their type are among them."""
    floats = array.astype(np.float64)
    inside = floats < 2.0 ** (63 if array.dtype.kind == "i" else 64)
    return np.where(inside, floats, 0.0).astype(array.dtype) != array


def _is_int64(array: Array) -> bool:
    """Whether int64 holds all of these integers."""
    return array.dtype.itemsize < 8 or not array.size or int(array.max()) <= INT64_MAX


def is_scanned(array: Array, least: int = LARGE, known: str = "fd") -> bool:
    """Whether a compiled check, which runs on all threads, can read the array and is worth it: from `least` entries on."""
    readable = array.dtype.char in known and array.dtype.isnative and array.flags.c_contiguous
    return array.size >= least and readable and dispatch.role() == "cpu"


def _whole(remedy: str) -> Domain:
    return Domain("bi", _is_int64, lambda array: array > INT64_MAX, f"at most 2**63 - 1 = {INT64_MAX}", remedy)


_FLAGS = Domain("b", outside=lambda array: (array != 0) & (array != 1), need="booleans or all 0 and 1")

DOMAINS = {
    "real": Domain("biu", is_finite),
    "key": Domain("biu", is_finite),
    "probability": Domain(
        "b", partial(_is_within, 0.0, 1.0), lambda array: (array < 0) | (array > 1), "probabilities in [0, 1]"
    ),
    "nonnegative": Domain("bu", partial(_is_within, 0.0, 3e38), lambda array: array < 0, "0 or more"),
    # Bounds that every float32 above 0 but the largest passes: entries beyond take the slow look.
    "positive": Domain("", partial(_is_within, 1e-45, 3e38), lambda array: array <= 0, "above 0"),
    "symmetric": Domain("", _is_symmetric),
    "whole": _whole("Divide all of them by a common factor."),
    "label": Domain("biu"),  # codes, which int64 holds
    "index": _whole("Number what there is 0, 1, .."),
    "flag": _FLAGS,
    "membership": _FLAGS,
}


def first_look(domain: str, deferred: bool, given: np.dtype[Any], dtype: np.dtype[Any]) -> Look | None:
    """The quick check of an array of dtype `given` that is read; none if it is deferred, or passed by large matrices."""
    if given.kind in DOMAINS[domain].certain or (deferred and domain != "symmetric"):
        return None
    # The error of an asymmetric matrix shows its entries, which must be as they were given.
    return is_large_or_symmetric if deferred and given == dtype else DOMAINS[domain].look
