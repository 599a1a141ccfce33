"""Names of any kind, compared by what they hold: labels of answers, ids of groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import NUMPY, to_host, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.tensors import library_of, with_values


def frozen(answer: Any, name: str = "an answer") -> Any:
    """The answer as a hashable that is equal where the content is, None for what is missing, at any depth."""
    if type(answer) in (int, str):  # most answers are; the steps below take three times as long
        return answer
    answer = plain(answer)
    if isinstance(answer, list | tuple):
        return tuple(frozen(each, name) for each in answer)
    try:
        hash(answer)
    except TypeError as error:
        raise InputError(
            f"{name} of type {type(answer).__name__} can't be compared with others: {error}. Use strings, numbers or tuples; "
            "of answers gapo.labels_of makes such by a function of yours."
        ) from error
    return None if missing(answer) else answer


def plain(answer: Any) -> Any:
    """An array or a scalar of any library as Python numbers and lists, anything else as it is."""
    if isinstance(answer, NUMPY) or hasattr(answer, "__dlpack__"):
        return to_numpy(answer, "answer")[0].tolist()
    return answer


def missing(answer: Any) -> bool:
    """Whether an answer that is no array is None, or does not equal itself."""
    same = answer == answer
    if isinstance(same, bool | np.bool_):
        return answer is None or not same
    return same is answer  # NA == NA is NA


_IDS = "ids, integers, strings or objects, or rows of tokens"


def codes_of(groups: Any, values: Any) -> tuple[Any, int]:
    """Group of each member as 0 .. count - 1, in the library of values, and the count."""
    xp, n = library_of(values), len(values)
    if isinstance(groups, int | np.integer) and not isinstance(groups, bool):
        if groups < 1 or n % groups:
            raise InputError(f"groups={groups} neighbours each can't divide {n} credits; pass an id for every credit.")
        codes, count = np.arange(n) // groups, n // int(groups)
    elif library_of(groups) is not np and xp is not np:
        if not groups.dim() or with_values(groups, "groups").is_floating_point() or groups.is_complex():
            raise InputError(f"groups must be {_IDS}; got {groups.dtype} of shape {tuple(groups.shape)}.")
        # Ids on a device are compared there, and not copied to the host.
        found, inverse = xp.unique(groups, dim=0, return_inverse=True)
        codes, count = inverse.reshape(-1), len(found)
    else:
        codes, count = _factorised(groups)
    if len(codes) != n:
        raise InputError(f"groups must hold one id for each of the {n} credits; got {len(codes)}.")
    return (codes if xp is np else xp.as_tensor(codes, device=values.device)), count


def _factorised(groups: Any) -> tuple[Any, int]:
    array = groups if isinstance(groups, list | tuple) else to_host(groups, "groups")
    if isinstance(array, np.ndarray) and not array.ndim:
        raise InputError(f"groups must be {_IDS}, or how many neighbours are a group; got {shown(groups)}.")
    # NumPy tells these apart as they are; objects are compared by content below.
    if isinstance(array, np.ndarray) and array.dtype.kind in "biuUST":
        found, inverse = np.unique(array, axis=0, return_inverse=True)
        return inverse.reshape(-1), len(found)
    if isinstance(array, np.ndarray) and (array.dtype != object or array.ndim != 1):
        raise InputError(f"groups must be {_IDS}; got {array.dtype}.")
    known: dict[Any, int] = {}
    names = [frozen(name, "an id in groups") for name in array]
    if any(name is None and given is not None for name, given in zip(names, array, strict=True)):
        raise InputError("an id in groups is NaN, which belongs to no group; leave the row out, or give it an id of its own.")
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64), len(known)
