"""Labels, validity and the credit of diversity by definition."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import shapley_credit as sc
from hypothesis import settings

many = settings(max_examples=50)


def objects(*answers: Any) -> Any:
    """An array of objects, which NumPy would not take apart."""
    return np.fromiter(answers, object, len(answers))


def worth(name: str, answers: list[Any], valid: list[bool], members: tuple[int, ...], options: int) -> float:
    """The utilities as they are defined, counted member by member."""
    good = [answers[i] for i in members if valid[i]]
    counts = [good.count(answer) for answer in set(good)]
    value = {
        "entropy": -sum(count / len(good) * log(count / len(good)) for count in counts),
        "distinct": len(counts),
        "frequency": sum(1 - (good.count(answer) / len(good) - 1 / options) for answer in good),
    }[name]
    return value - (len(members) - len(good))


def credit_by_definition(name: str, answers: list[Any], valid: list[bool], options: int = 4) -> Any:
    return sc.set_shapley(lambda members: worth(name, answers, valid, members, options), len(answers))


def noting(seen: list[Any]) -> Callable[[Any], bool]:
    """A predicate that holds of everything, and notes what it is asked about."""

    def valid(answer: Any) -> bool:
        seen.append(answer)
        return True

    return valid
