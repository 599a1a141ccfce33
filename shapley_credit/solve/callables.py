"""Exact credit of Python functions: the coalitions that matter are asked once each, and no answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from sys import modules
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.errors import EvaluationError, InputError
from shapley_credit.inputs.answers import AsynchronousError, number_of, numbers_of
from shapley_kernels.intervals import connected
from shapley_kernels.member_axes import Orders

Codes = NDArray[np.int64]
Values = NDArray[np.float64]

MAX_EVALUATIONS = 1 << 20
MASK_BITS = 62  # int64 holds the masks of so many members, and the power of two above them
LOG_2, SCALE = 30102999566398120, 10**17  # log10 of 2 is their quotient; whole numbers may be larger than floats
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

    def __reduce__(self) -> tuple[Any, ...]:
        name, module = getattr(self.function, "__qualname__", None), getattr(self.function, "__module__", None)
        if name and module in modules and _named(module, name) is self:  # made by @batched: that name is now the mark's
            return _named, (module, name)
        return batched, (self.function,)

    def __eq__(self, other: object) -> bool:
        return self.function == other.function if isinstance(other, batched) else NotImplemented

    def __hash__(self) -> int:
        return hash((batched, self.function))


def _named(module: str, name: str) -> Any:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def tabulate(function: Callable[..., Any] | batched, k: int, codes: Codes) -> Values:
    """Value the coalitions with the given bit masks, once each, in their order: shape [m].

    Raises EvaluationError, which carries the values so far, if the function raises or returns anything but finite numbers; an
    interrupt has one as its cause. Raises InputError for an asynchronous function.
    """
    values = np.full(len(codes), np.nan)
    try:
        if isinstance(function, batched):
            _fill_in_blocks(function.function, k, codes, values)
        else:
            _fill_one_by_one(function, codes, values)
    except Exception:
        raise
    except BaseException as interrupt:
        name, done = type(interrupt).__name__, int(np.isfinite(values).sum())
        message = f"{name} after {done:,} of {len(codes):,} coalitions. {_KEPT}"
        interrupt.__cause__ = EvaluationError(message, None, codes, values)
        raise
    return values


def check_budget(count: int, k: int) -> None:
    """Refuse more evaluations than a callable is asked for."""
    if count > MAX_EVALUATIONS:
        _refuse(counted(count), k)


def check_all_sets(k: int) -> None:
    """Refuse to ask a callable for all 2^k coalitions if they are too many; 2^k itself may be too long a number to print."""
    if k >= MAX_EVALUATIONS.bit_length():
        _refuse(counted_sets(k), k)


def check_masks(k: int, hint: str = "") -> None:
    """Refuse to ask a callable about more members than the bit mask of a coalition holds."""
    if k > MASK_BITS:
        raise InputError(f"a function of k = {_number(k)} members is above 62, the most that bit masks hold{hint}.")


def _refuse(evaluations: str, k: int) -> NoReturn:
    raise InputError(
        f"an exact value of this callable of k = {_number(k)} members needs {evaluations} evaluations, and more than "
        f"{MAX_EVALUATIONS:,} are refused. Use a structured utility of shapley_credit.utilities, which needs none, group "
        "the members into smaller unions with owen, pass the table of values, or estimate it under a budget: "
        "shapley_credit.estimate asks the callable, shapley_credit.plan says which coalitions to ask."
    )


def counted(count: int) -> str:
    """A number of evaluations in words; it may have more digits than Python prints."""
    return f"{count:,}" if count < 10**18 else counted_sets(count.bit_length() - 1)


def counted_sets(k: int) -> str:
    """2^k as `counted`, or, from 10^18 on, any number of k + 1 bits."""
    if k >= 10**18:
        return "about 2^k"
    return f"{1 << k:,}" if k < 60 else f"about 1e{((2 * k + 1) * LOG_2 + SCALE) // (2 * SCALE)}"


def _number(k: int) -> str:
    return str(k) if k < 10**18 else counted(k)


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
            values[index] = number_of(value)
        except AsynchronousError:
            raise
        except InputError as error:
            raise EvaluationError(
                f"the utility {error} for coalition {coalition}. {_KEPT}", coalition, codes, values
            ) from error


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
            values[start : start + BLOCK], faults = numbers_of(answer, len(block))
        except AsynchronousError:
            raise
        except InputError as error:
            raise EvaluationError(f"the batched utility {error}. {_KEPT}", None, codes, values) from error
        if faults:
            place, reason = next(iter(faults.items()))
            coalition = members_of(int(codes[start + place]))
            raise EvaluationError(f"the batched utility {reason} for coalition {coalition}. {_KEPT}", coalition, codes, values)


_KEPT = "The values so far are kept in the .values of this error."


def order_function_credits(function: Callable[..., Any] | batched, orders: Orders) -> Array:
    """Marginal contributions of a function, asked only for the prefixes of the orders [..., k]."""
    k = orders.shape[-1]
    check_masks(k)
    codes = np.concatenate([np.zeros_like(orders[..., :1]), np.cumsum(1 << orders, axis=-1)], axis=-1)
    asked, places = np.unique(codes, return_inverse=True)
    check_budget(len(asked), k)
    values = tabulate(function, k, asked)[places].reshape(codes.shape)
    return np.take_along_axis(np.diff(values, axis=-1), np.argsort(orders, axis=-1), axis=-1)


def line_function_credits(function: Callable[..., Any] | batched, k: int) -> Array:
    """Values over connected orders of a function, asked only for the empty set and the k (k + 1) / 2 intervals."""

    check_masks(k, "; pass utilities.MyersonPath(runs), the values of all intervals")
    first, last = np.triu_indices(k)
    values = tabulate(function, k, np.concatenate([[0], (2 << last) - (1 << first)]))
    table = np.zeros((k, k))
    table[first, last] = values[1:]
    return connected(table, values[0])
