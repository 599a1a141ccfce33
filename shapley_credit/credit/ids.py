"""Names of any kind, compared by what they hold: labels of answers, ids of groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import NUMPY, to_numpy
from shapley_credit.errors import InputError


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
