"""Integer weights against a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array, from_numpy, to_array
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import Field, Parameter, flag, read, reading, whole
from shapley_credit.inputs.problems import Problem
from shapley_credit.utilities.ranked import members_of
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class WeightedVoting(Utility):
    """Weighted majority game, v(S) = 1 if sum_{i in S} w_i >= quota, else 0.

    Shapley: the Shapley-Shubik index (1954), by the chances of every total under independent inclusion, positive terms only.
    weights: [..., k], integers of either sign (polynomial in their sum; in their digits #P-hard: Deng & Papadimitriou 1994);
    quota: [...], integer; total: a bound of W = sum |w_i| over a group, needed on a device only; mask: [..., k].
    Cost O(k W min(k/2, 4.3 sqrt k)). Raises InputError for weights that are not integers and for a total that is missing.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.WeightedVoting([2, 1, 1], 3))
    array([0.66666667, 0.16666667, 0.16666667])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "weights": whole("k"),
        "quota": whole(),
        "total": Parameter(optional=True),
    }
    weights: Array
    quota: Array
    total: int | None

    def __init__(self, weights: Any, quota: Any, total: int | None = None, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, quota=quota, total=total)
        check_total(self)

    @classmethod
    def majority(cls, correct: Any, *, mask: Any = None) -> WeightedVoting:
        """Majority of right over wrong members: v(S) = 1 if S holds more right than wrong members.

        correct: [..., k], flags; mask: [..., k]. Cost O(k^2 min(k/2, 4.3 sqrt k)).
        Raises InputError for flags that are not all 0 or 1.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.WeightedVoting.majority([1, 0]))
        array([ 0.5, -0.5])
        """
        flags, library = to_array(correct, "correct")
        xp = namespace(flags)
        flags = read(flags, reading("correct", flag("k"), flags.dtype)) if isinstance(flags, np.ndarray) else flags != 0
        votes = 2 * xp.astype(flags, xp.int64) - 1
        return cls(from_numpy(votes, library), 1, total=max(members_of(flags), 1), mask=mask)

    def definition(self, members: Array) -> float:
        return float(_total(self, members) >= int(self.quota))

    def reduce(self) -> Sequence[Problem]:
        return [weight_problem(self, lambda totals: totals >= self.rows("quota")[:, None])]


class SaturatedSum(Utility):
    """Sum with a ceiling, v(S) = min(sum_{i in S} w_i, cap).

    Shapley: by the chances of every total under independent inclusion, positive terms only.
    weights: [..., k], integers of either sign; cap: [...], integer; total: a bound of W = sum |w_i| over a group, needed on a
    device only; mask: [..., k]. Cost O(k W min(k/2, 4.3 sqrt k)). Raises InputError for weights that are not integers and for a
    total that is missing.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SaturatedSum([2, 1], 2))
    array([1.5, 0.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "weights": whole("k"),
        "cap": whole(),
        "total": Parameter(optional=True),
    }
    weights: Array
    cap: Array
    total: int | None

    def __init__(self, weights: Any, cap: Any, total: int | None = None, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, cap=cap, total=total)
        check_total(self)

    def definition(self, members: Array) -> float:
        return float(min(_total(self, members), int(self.cap)))

    def reduce(self) -> Sequence[Problem]:
        return [weight_problem(self, lambda totals: namespace(totals).minimum(totals, self.rows("cap")[:, None]))]


MAX_TOTAL = 1_000_000


def _total(utility: WeightedVoting | SaturatedSum, members: Array) -> int:
    """w(S) of one group, whatever its size."""
    return sum(utility.weights[members].tolist())


def _reach(steps: Array) -> Array:
    """Sums of weights [.., K] over members in float64: exact up to 2^53, and no larger sum comes out below that."""
    xp = namespace(steps)
    return xp.sum(xp.astype(steps, xp.float64), axis=-1)


def check_total(utility: WeightedVoting | SaturatedSum) -> None:
    """Raise InputError if the bound of sum |w_i| is missing on a device, or is too small."""
    if not isinstance(utility.weights, np.ndarray):
        if utility.total is None:
            raise InputError(
                f"the weights are on device {utility.weights.device}, and reading how far they reach would wait for it; pass "
                "total=, a bound of sum |w_i| over the members of a group."
            )
    elif utility.total is not None:
        reach = int(_reach(np.abs(utility.weights.astype(np.float64))).max(initial=0))
        if reach > utility.total:
            raise InputError(f"total = {utility.total} is no bound of the sum of |w_i|, which reaches {reach}.")


def weight_problem(utility: WeightedVoting | SaturatedSum, value: Callable[[Array], Array]) -> Problem:
    """The game value(w(S)); value maps totals [1, L] to values [B or 1, L]."""
    steps = utility.rows("weights", full=True)  # absent members have been read as 0
    xp = namespace(steps)
    if isinstance(steps, np.ndarray):
        lowest = int(_reach(np.minimum(steps, 0)).min(initial=0))
        highest = int(_reach(np.maximum(steps, 0)).max(initial=0))
    else:
        assert utility.total is not None
        lowest, highest = -utility.total, utility.total
    if highest - lowest > MAX_TOTAL:
        raise InputError(
            f"weights that sum to {highest - lowest:,} are too many to count; divide them by a common factor, or round to a "
            f"grid of at most {MAX_TOTAL:,}."
        )
    values = xp.astype(value(utility.beside(np.arange(lowest, highest + 1)[None, :])), xp.float64)
    if not isinstance(steps, np.ndarray):  # a bound that is too small shows as NaN
        values = xp.where(_reach(xp.abs(xp.astype(steps, xp.float64)))[:, None] <= highest, values, float("nan"))
    origin = utility.flatten(utility.beside(np.array(-lowest)), 0, full=True)
    return Problem("counts", "weighted", (steps, values, origin))
