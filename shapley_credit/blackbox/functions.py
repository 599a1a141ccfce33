"""Values of utilities that are Python functions: every coalition is asked once, and no answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import to_numpy
from shapley_credit.errors import EvaluationError, InputError

Codes = NDArray[np.int64]
Values = NDArray[np.float64]

MAX_EVALUATIONS = 1 << 20
BLOCK = 1 << 14  # coalitions of one call of a batched function


class batched:
    """Mark a function that values many coalitions in one call: bool [m, k] -> [m], or a list of m requests -> [m].

    Calls get at most 2**14 coalitions each. Raises TypeError if `function` is not callable.

    >>> import shapley_credit as sc
    >>> sc.set_shapley(sc.batched(lambda coalitions: coalitions.sum(axis=1) ** 2), 3)
    array([3., 3., 3.])
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        if not callable(function):
            raise TypeError(f"batched() needs a function of a bool array [m, k]; got {function!r}.")
        self.function = function


def tabulate(function: Callable[..., Any] | batched, k: int, codes: Codes) -> Values:
    """Value the coalitions with the given bit masks, once each, in their order: shape [m].

    Raises EvaluationError (which carries what was valued before) if the function raises or returns anything but finite numbers.
    """
    values = np.full(len(codes), np.nan)
    if isinstance(function, batched):
        _fill_in_blocks(function.function, k, codes, values)
    else:
        _fill_one_by_one(function, codes, values)
    return values


def check_budget(count: int, k: int) -> None:
    """Refuse more evaluations than a callable is asked for."""
    if count > MAX_EVALUATIONS:
        raise InputError(
            f"an exact value of this callable of k = {k} members needs {count:,} evaluations, and more than "
            f"{MAX_EVALUATIONS:,} are refused. Use a structured utility of shapley_credit.utilities, which needs none, group "
            "the members into smaller unions with owen, pass the table of values, or estimate it under a budget: "
            "shapley_credit.estimate asks the callable, shapley_credit.plan says which coalitions to ask."
        )


def members_of(code: int) -> tuple[int, ...]:
    """The members of a bit mask, ascending."""
    return tuple(i for i in range(code.bit_length()) if code >> i & 1)


def _fill_one_by_one(function: Callable[[tuple[int, ...]], Any], codes: Codes, values: Values) -> None:
    for index, code in enumerate(codes.tolist()):
        coalition = members_of(code)
        try:
            value = function(coalition)
        except Exception as error:
            raise EvaluationError(
                f"the utility raised {type(error).__name__} for coalition {coalition}: {error}. {_KEPT}",
                coalition,
                codes,
                values,
            ) from error
        try:
            values[index] = _number(value)
        except InputError as error:
            raise EvaluationError(
                f"the utility {error} for coalition {coalition}. {_KEPT}", coalition, codes, values
            ) from error


def _number(value: Any) -> float:
    if type(value) is not float:
        array = _readable(value)
        if array.ndim or array.dtype.kind not in "biuf":
            raise InputError(f"must return one number; got {value!r}")
        value = float(array)
    if not isfinite(value):
        raise InputError(f"returned {value}")
    return float(value)


def _readable(value: Any) -> NDArray[Any]:
    try:
        return to_numpy(value, "the value")[0]
    except InputError as error:
        raise InputError(f"returned junk: {error}") from error


def _fill_in_blocks(function: Callable[[NDArray[np.bool_]], Any], k: int, codes: Codes, values: Values) -> None:
    for start in range(0, len(codes), BLOCK):
        block = (codes[start : start + BLOCK, None] >> np.arange(k) & 1).astype(np.bool_)
        try:
            answer = function(block)
        except Exception as error:
            raise EvaluationError(
                f"the batched utility raised {type(error).__name__}: {error}. {_KEPT}", None, codes, values
            ) from error
        try:
            array = _numbers(answer, len(block))
        except InputError as error:
            raise EvaluationError(f"the batched utility {error}. {_KEPT}", None, codes, values) from error
        good = np.isfinite(array)
        values[start : start + BLOCK][good] = array[good]
        if not good.all():
            first = int(np.flatnonzero(~good)[0])
            coalition = members_of(int(codes[start + first]))
            raise EvaluationError(
                f"the batched utility returned {array[first]} for coalition {coalition}. {_KEPT}", coalition, codes, values
            )


def _numbers(answer: Any, count: int) -> NDArray[Any]:
    array = _readable(answer)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise InputError(f"must return {count} numbers, shape ({count},); got {array.dtype} of shape {array.shape}")
    return array


_KEPT = "The values so far are kept in the .values of this error."
