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
    """An optional dependency is needed for what was asked."""


class EvaluationError(RuntimeError):
    """A user's utility raised or returned something that is not a finite number.

    Attributes:
        coalition: members of the coalition that failed, a tuple of indices; None if a whole batch failed.
        codes: the coalitions that were to be evaluated. For exact values int [m], bit masks, bit i = member i, 0 .. 2**k - 1 if
            flat; for `evaluate` bool [m, k], the coalitions of the first plan that lacks a value.
        values: [m], everything that was evaluated, NaN elsewhere. With all 2**k codes, fill the gaps and pass it to the library
            as a table: no evaluation is lost.
        failed: pairs (number of the plan, coalition) of all that `evaluate` got no value for.
        answers: all that `evaluate` knows of all plans, request -> value: a cache for the next call, cache=error.answers.
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
        return type(self), (str(self), self.coalition, self.codes, self.values, self.failed, self.answers)
