"""Integer weights against a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array, from_numpy, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.fields import Field, Parameter, flag, read_field, whole
from shapley_credit.utility import Problem, Utility


class WeightedVoting(Utility):
    """Weighted majority game, v(S) = 1 if sum_{i in S} w_i >= quota, else 0.

    Shapley: the Shapley-Shubik index (1954), by counting coalitions of every size and weight, positive terms only.
    weights: [..., k], integers of either sign (polynomial in their sum; in their digits #P-hard: Deng & Papadimitriou 1994);
    quota: [...], integer; mask: [..., k]. Cost O(k^2 W) for each distinct weight, W = sum |w_i|.
    Raises InputError for weights that are not integers.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.WeightedVoting([2, 1, 1], 3))
    array([0.66666667, 0.16666667, 0.16666667])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": whole("k"), "quota": whole()}
    weights: Array
    quota: Array

    def __init__(self, weights: Any, quota: Any, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, quota=quota)

    @classmethod
    def majority(cls, correct: Any, *, mask: Any = None) -> WeightedVoting:
        """Majority of right over wrong members: v(S) = 1 if S holds more right than wrong ones.

        correct: [..., k], flags; mask: [..., k]. Cost O(k^3). Raises InputError for flags that are not all 0 or 1.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.WeightedVoting.majority([1, 0]))
        array([ 0.5, -0.5])
        """
        flags, library = to_numpy(correct, "correct")
        flags = read_field(flags, flag("k"), "correct", None)
        return cls(from_numpy(2 * flags.astype(np.int64) - 1, library), 1, mask=mask)

    def definition(self, members: Array) -> float:
        return float(self.weights[members].sum() >= self.quota)

    def reduce(self) -> Sequence[Problem]:
        return [weight_problem(self, lambda total: (total >= self.rows("quota")[:, None]).astype(np.float64))]


class SaturatedSum(Utility):
    """Sum with a ceiling, v(S) = min(sum_{i in S} w_i, cap).

    Shapley: by counting coalitions of every size and weight, positive terms only.
    weights: [..., k], integers of either sign; cap: [...], integer; mask: [..., k]. Cost O(k^2 W) for each distinct weight,
    W = sum |w_i|. Raises InputError for weights that are not integers.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SaturatedSum([2, 1], 2))
    array([1.5, 0.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": whole("k"), "cap": whole()}
    weights: Array
    cap: Array

    def __init__(self, weights: Any, cap: Any, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, cap=cap)

    def definition(self, members: Array) -> float:
        return float(min(self.weights[members].sum(), self.cap))

    def reduce(self) -> Sequence[Problem]:
        return [weight_problem(self, lambda total: np.minimum(total, self.rows("cap")[:, None]).astype(np.float64))]


MAX_TOTAL = 1_000_000


def weight_problem(utility: WeightedVoting | SaturatedSum, value: Callable[[Array], Array]) -> Problem:
    """The game value(w(S)); value maps totals [1, L] to values [B or 1, L]."""
    steps = utility.rows("weights", full=True)  # absent members have been read as 0
    lowest = int(np.minimum(steps, 0).sum(axis=1).min(initial=0))
    highest = int(np.maximum(steps, 0).sum(axis=1).max(initial=0))
    if highest - lowest > MAX_TOTAL:
        raise InputError(
            f"weights that sum to {highest - lowest:,} are too many to count; divide them by a common factor, or round to a "
            f"grid of at most {MAX_TOTAL:,}."
        )
    values = value(np.arange(lowest, highest + 1)[None, :])
    return Problem("counts", "weighted", (steps, values, np.full(len(steps), -lowest)))
