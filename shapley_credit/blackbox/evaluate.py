"""Tables of utilities that are Python functions: every coalition is asked once, and no answer is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import to_numpy
from shapley_credit.errors import EvaluationError, InputError

MAX_CALLABLE_MEMBERS = 20

_BLOCK_BITS = 14  # coalitions of one call of a batched function


class batched:
    """Mark a function that values many coalitions in one call: bool [m, k] -> [m].

    Calls get at most 2**14 coalitions each. Raises TypeError if `function` is not callable.

    >>> import shapley_credit as sc
    >>> sc.set_shapley(sc.batched(lambda coalitions: coalitions.sum(axis=1) ** 2), 3)
    array([3., 3., 3.])
    """

    def __init__(self, function: Callable[[NDArray[np.bool_]], Any]) -> None:
        if not callable(function):
            raise TypeError(f"batched() needs a function of a bool array [m, k]; got {function!r}.")
        self.function = function


def tabulate(function: Callable[..., Any] | batched, k: int) -> NDArray[np.float64]:
    """Value all 2**k coalitions: shape [2**k], index = bit mask, bit i = member i.

    Raises InputError for k above 20, EvaluationError (which carries what was valued before) if the function raises or returns
    anything but finite numbers.
    """
    if k > MAX_CALLABLE_MEMBERS:
        raise InputError(
            f"an exact value of a callable needs 2**k evaluations, and k = {k} is above {MAX_CALLABLE_MEMBERS}. Use a "
            "structured utility of shapley_credit.utilities, which needs none, or pass the table of values."
        )
    values = np.full(1 << k, np.nan)
    if isinstance(function, batched):
        _fill_in_blocks(function.function, k, values)
    else:
        _fill_one_by_one(function, k, values)
    return values


def coalitions(k: int) -> Iterator[tuple[int, ...]]:
    """The coalitions of 0 .. k-1 as tuples, in the order of their bit masks."""
    low = k // 2
    halves: list[list[tuple[int, ...]]] = []
    for members in (range(low), range(low, k)):
        half: list[tuple[int, ...]] = [()]
        for i in members:
            half += [(*coalition, i) for coalition in half]
        halves.append(half)
    return (first + second for second in halves[1] for first in halves[0])


def _fill_one_by_one(function: Callable[[tuple[int, ...]], Any], k: int, values: NDArray[np.float64]) -> None:
    for index, coalition in enumerate(coalitions(k)):
        try:
            value = function(coalition)
        except Exception as error:
            raise EvaluationError(
                f"the utility raised {type(error).__name__} for coalition {coalition}: {error}. {_KEPT}", coalition, values
            ) from error
        values[index] = _number(value, coalition, values)


def _number(value: Any, coalition: tuple[int, ...], values: NDArray[np.float64]) -> float:
    if type(value) is not float:
        array = _as_array(value, f"coalition {coalition}", coalition, values)
        if array.ndim or array.dtype.kind not in "biuf":
            raise EvaluationError(
                f"the utility must return one number; got {value!r} for coalition {coalition}. {_KEPT}", coalition, values
            )
        value = float(array)
    if not isfinite(value):
        raise EvaluationError(f"the utility returned {value} for coalition {coalition}. {_KEPT}", coalition, values)
    return float(value)


def _fill_in_blocks(function: Callable[[NDArray[np.bool_]], Any], k: int, values: NDArray[np.float64]) -> None:
    for start in range(0, len(values), 1 << _BLOCK_BITS):
        index = np.arange(start, min(len(values), start + (1 << _BLOCK_BITS)))
        block = (index[:, None] >> np.arange(k) & 1).astype(np.bool_)
        try:
            answer = function(block)
        except Exception as error:
            raise EvaluationError(
                f"the batched utility raised {type(error).__name__}: {error}. {_KEPT}", None, values
            ) from error
        array = _as_array(answer, f"{len(block)} coalitions", None, values)
        if array.shape != (len(block),) or array.dtype.kind not in "biuf":
            raise EvaluationError(
                f"the batched utility must return {len(block)} numbers, shape ({len(block)},); got {array.dtype} of shape "
                f"{array.shape}. {_KEPT}",
                None,
                values,
            )
        good = np.isfinite(array)
        values[index[good]] = array[good]
        if not good.all():
            first = int(np.flatnonzero(~good)[0])
            coalition = tuple(np.flatnonzero(block[first]).tolist())
            raise EvaluationError(
                f"the batched utility returned {array[first]} for coalition {coalition}. {_KEPT}", coalition, values
            )


def _as_array(value: Any, where: str, coalition: tuple[int, ...] | None, values: NDArray[np.float64]) -> NDArray[Any]:
    try:
        return to_numpy(value, "the value")[0]
    except InputError as error:
        raise EvaluationError(f"the utility returned junk for {where}: {error} {_KEPT}", coalition, values) from error


_KEPT = "The values so far are kept in the .values of this error."
