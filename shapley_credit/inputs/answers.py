"""Answers of a user's function, one number a request: an answer that can't be read is lost alone, never its whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown as shown

Values = NDArray[np.float64]

_PLAIN = {float, int, bool, np.float64, np.float32}


class AsynchronousError(InputError):
    """A function that should return numbers returned something that must be awaited."""


class NotAwaitableError(InputError):
    """A function that should return something that must be awaited returned something else."""


def number_of(answer: Any) -> float:
    """A finite number of Python, NumPy or an array library, on any device.

    Raises InputError for all else, in words that follow "the utility", and AsynchronousError.
    """
    if type(answer) is not float:
        refuse_awaitable(answer)
        array = None if answer is None else _on_host(answer)
        if array is None or array.ndim or array.dtype.kind not in "biuf":
            raise InputError(f"must return one number; got {shown(answer)}")
        answer = float(array)
    if not isfinite(answer):
        raise InputError(f"returned {answer}")
    return float(answer)


def numbers_of(answer: Any, count: int) -> tuple[Values, dict[int, str]]:
    """The numbers [count] of a batch, NaN for those that can't be read, and what is wrong with each of these, place -> reason.

    Raises InputError for what is no batch of that length, in words that follow "the utility", and AsynchronousError.
    """
    refuse_awaitable(answer)
    items = _items(answer, count)
    if isinstance(items, np.ndarray):
        values = items.astype(np.float64)
        faults = {place: f"returned {items[place]}" for place in np.flatnonzero(~np.isfinite(values)).tolist()}
        values[list(faults)] = np.nan
        return values, faults
    values, faults = np.full(count, np.nan), {}
    for place, item in enumerate(items):
        try:
            values[place] = number_of(item)
        except InputError as error:
            faults[place] = str(error)
    return values, faults


def table_of(values: Any, name: str) -> tuple[NDArray[Any], dict[tuple[int, ...], Any]]:
    """Values of any shape as numbers, and the entries that are no finite numbers, place -> entry.

    Lists may hold scalars of any library, on any device. Raises InputError for ragged lists, and for arrays of anything else.
    """
    if isinstance(values, list | tuple) and any(_has_axes(item) for item in values):
        parts = [table_of(item, name) for item in values]
        if len({part.shape for part, _ in parts}) > 1:
            raise InputError(f"{name} must be rectangular; got rows of shapes {[part.shape for part, _ in parts][:8]}.")
        return np.stack([part for part, _ in parts]), {
            (row, *place): item for row, (_, junk) in enumerate(parts) for place, item in junk.items()
        }
    listed = isinstance(values, list | tuple)
    array = None if listed and not {type(item) for item in values} <= _PLAIN else to_numpy(values, name)[0]
    if array is None or array.dtype.kind == "O":
        items = list(values) if array is None else array.ravel().tolist()
        numbers, faults = numbers_of(items, len(items))
        shape = (len(items),) if array is None else array.shape
        return numbers.reshape(shape), {tuple(map(int, np.unravel_index(place, shape))): items[place] for place in faults}
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers; got {array.dtype} of shape {array.shape}.")
    return array, {tuple(place): array[tuple(place)].item() for place in np.argwhere(~np.isfinite(array)).tolist()}


def _has_axes(item: Any) -> bool:
    return isinstance(item, list | tuple) or bool(getattr(item, "ndim", 0))


def _items(answer: Any, count: int) -> NDArray[Any] | Sequence[Any]:
    """The answers as an array of numbers, or as a list if some may be no numbers."""
    wanted = f"must return {count} numbers, shape ({count},)"
    listed = isinstance(answer, list | tuple) or (isinstance(answer, np.ma.MaskedArray) and answer.ndim == 1)
    if listed and not {type(item) for item in answer} <= _PLAIN:
        if len(answer) != count:
            raise InputError(f"{wanted}; got {len(answer)} of them")
        return list(answer)
    if answer is None:
        raise InputError(f"{wanted}; got None")
    array = _on_host(answer)
    if array.shape == (count,) and array.dtype.kind == "O":
        return list(array)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise InputError(f"{wanted}; got {array.dtype} of shape {array.shape}")
    return array


def _on_host(answer: Any) -> NDArray[Any]:
    try:
        if hasattr(answer, "detach"):
            answer = answer.detach()
        if hasattr(answer, "cpu"):  # nothing else of a device's library is needed to read a number
            answer = answer.cpu()
        elif hasattr(answer, "__cuda_array_interface__"):
            answer = answer.get()
        return np.asarray(to_numpy(answer, "the value")[0])
    except Exception as error:  # the caller's object may raise anything while it is read
        raise InputError(f"returned junk: {error}") from error


def refuse_awaitable(answer: Any) -> None:
    """Raise AsynchronousError for an object that must be awaited, or a list that holds any, and close them."""
    items = answer if type(answer) in (list, tuple) else [answer]
    if not any(hasattr(kind, "__await__") for kind in {type(item) for item in items}):
        return
    waiting = [item for item in items if hasattr(type(item), "__await__")]
    for item in waiting:
        end = getattr(item, "close", None) or getattr(item, "cancel", None)
        if callable(end):  # a coroutine that is neither closed nor awaited warns when it is collected
            end()
    raise AsynchronousError(
        f"the function is asynchronous: calling it returned a {type(waiting[0]).__name__}, and numbers are needed here. Ask it "
        "with values = await sc.aevaluate(function, plan), plan = sc.plan(k), then plan.solve(values)."
    )
