"""Credits compared, and in words where they differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import to_host
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import number

Array = NDArray[Any]

# The error that a rule of one's own may have, relative to the largest credit or value, for floats of at most so many bytes.
ALLOWED = {4: 1e-4, 8: 1e-9}


def assert_credit(got: Any, wanted: Any, *, tolerance: float | None = None, scale: float | None = None) -> None:
    """Raise AssertionError if credits are not those wanted, with the member that is off most.

    got, wanted: numbers or arrays of any library [..., k], of equal shape; `wanted` may hold fractions.
    tolerance: largest error relative to `scale`; by default 1e-9, and 1e-4 for credits `got` in float32 or less.
    scale: a number above 0, by default the largest of the credits wanted, or 1 where all are 0; the largest value of the game
        is fairer, where it is known.
    Cost O(size). Raises InputError for what is no array of numbers, a tolerance below 0, and a scale that is not above it.

    >>> from shapley_credit.testing import assert_credit
    >>> assert_credit([0.5, 0.5], [0.5, 0.5 + 1e-12])
    >>> assert_credit([[1.0, 0.5], [0.25, 0.5]], [[1.0, 0.5], [0.5, 0.5]])
    Traceback (most recent call last):
        ...
    AssertionError: member 0 of group 1 gets 0.25 and should get 0.5: off by 0.25, allowed is 1e-09; 1 of 4 credits are off.
    """
    found, truth = read_credits(got, "got"), read_credits(wanted, "wanted")
    if found.shape != truth.shape:
        raise AssertionError(f"credits have shape {found.shape} and should have {truth.shape}.")
    if fault := difference(found, truth, allowance(found, truth, tolerance, scale)):
        raise AssertionError(fault)


def read_credits(given: Any, name: str) -> Array:
    """Credits of any library as floats on the host."""
    array = np.asarray(given) if isinstance(given, list | tuple) else to_host(given, name)
    if array.dtype.kind == "O":
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold credits, which are real numbers; got an array of {array.dtype}.")
    return array


def allowance(found: Array, truth: Array, tolerance: float | None, scale: float | None) -> float:
    """The largest error that passes."""
    largest = float(np.abs(truth[np.isfinite(truth)]).max(initial=0.0)) or 1.0
    size = largest if scale is None else number(scale, "scale must be a number above 0", lambda value: value > 0)
    return relative(found.dtype, read_tolerance(tolerance)) * size


def read_tolerance(tolerance: float | None) -> float | None:
    """A tolerance that some errors pass and some don't, or None."""
    return None if tolerance is None else number(tolerance, "tolerance must be a number >= 0", lambda value: value >= 0)


def relative(dtype: np.dtype[Any], tolerance: float | None = None) -> float:
    """The tolerance that was asked for, or that of a dtype."""
    return ALLOWED[4 if dtype.kind == "f" and dtype.itemsize <= 4 else 8] if tolerance is None else tolerance


def difference(found: Array, truth: Array, allowed: float) -> str | None:
    """What is off by more than allowed, in words; None if nothing is."""
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.abs(found.astype(np.float64) - truth.astype(np.float64))
    gaps = np.where(found == truth, 0.0, np.where(np.isnan(gaps), np.inf, gaps))
    off = gaps > allowed
    if not off.any():
        return None
    place = np.unravel_index(int(gaps.argmax()), gaps.shape)
    return (
        f"{_spelled(place)} gets {found[place]:.6g} and should get {truth[place]:.6g}: off by {gaps[place]:.3g}, allowed is "
        f"{allowed:.3g}; {int(off.sum())} of {off.size} credits are off."
    )


def _spelled(place: tuple[Any, ...]) -> str:
    if not place:
        return "the member"
    *groups, member = map(int, place)
    return f"member {member}" + (f" of group {', '.join(map(str, groups))}" if groups else "")
