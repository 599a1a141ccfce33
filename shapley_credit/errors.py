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
        codes: int [m], the coalitions that were to be evaluated as bit masks, bit i = member i; 0 .. 2**k - 1 for a flat value.
        values: [m], everything that was evaluated before the failure, NaN elsewhere. With all 2**k codes, fill the gaps and
            pass it to the library as a table: no evaluation is lost.
    """

    def __init__(
        self, message: str, coalition: tuple[int, ...] | None, codes: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        super().__init__(message)
        self.coalition = coalition
        self.codes = codes
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.coalition, self.codes, self.values)
