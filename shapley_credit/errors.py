"""The errors of the library: each message says what was given, what is needed and what to do."""

from __future__ import annotations

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
        values: shape [2**k], everything that was evaluated before the failure, NaN elsewhere; index = bit
            mask, bit i = member i. Fill the gaps and pass it to `set_shapley` as a table: no evaluation is lost.
    """

    def __init__(self, message: str, coalition: tuple[int, ...] | None, values: NDArray[np.float64]) -> None:
        super().__init__(message)
        self.coalition = coalition
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.coalition, self.values)
