"""The errors of the library: each message says what was given, what is needed and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EvaluationError", "InputError", "MissingExtraError"]


class InputError(ValueError):
    """The data given to a utility or a solver cannot be right."""


class MissingExtraError(ImportError):
    """What was asked needs an optional dependency that is not installed."""


def install(extra: str) -> str:
    """How to get an extra, as the end of a message: the package is on no index yet."""
    return f"run, in a checkout of shapley_credit: pip install '.[{extra}]'."


class EvaluationError(RuntimeError):
    """A user's utility raised or returned something that is not a finite number.

    Attributes:
        coalition: members of the coalition that failed, a tuple of indices; None if a whole batch failed.
        codes: the coalitions that were to be evaluated. For exact values int [m], bit masks, bit i = member i, 0 .. 2**k - 1 if
            flat; for `evaluate` bool [m, k], the coalitions of the first plan that lacks a value.
        values: [m], the values so far, NaN for coalitions without one. With all 2**k codes, fill the gaps and pass them to the
            library as a table: no evaluation is lost.
        failed: pairs (number of the plan, coalition), one for each coalition that `evaluate` got no value for.
        answers: every answer that `evaluate` has, for all plans, request -> value: the next call's cache=error.answers.
    """

    def __init__(
        self,
        message: str,
        coalition: tuple[int, ...] | None,
        codes: NDArray[Any],
        values: NDArray[np.float64],
        failed: Sequence[tuple[int, tuple[int, ...]]] = (),
        answers: Mapping[Any, float] | None = None,
    ) -> None:
        super().__init__(message)
        self.coalition = coalition
        self.codes = codes
        self.values = values
        self.failed = tuple(failed)
        self.answers = dict(answers or {})

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is pickled as its message alone, from which this one can't be made again.
        return type(self), (str(self), self.coalition, self.codes, self.values, self.failed, self.answers)
