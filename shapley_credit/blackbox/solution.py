"""What every method returns, and how wide an interval must be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from math import atan, cos, inf, pi, sin, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.estimate_table import estimate_table
from shapley_credit.display.data_frame import members_frame
from shapley_credit.display.text_table import TextTable
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import number

if TYPE_CHECKING:
    from rich.table import Table

Array = NDArray[Any]


class Solution(NamedTuple):
    """Credits and standard errors [B, k], and the degrees of freedom of the latter, infinite where they come from a model."""

    credit: Array
    stderr: Array
    freedom: float = inf


def of_replicates(each: Array) -> Solution:
    """The mean of independent replicates [B, R, k], and its standard error.

    Variances are half a member's own, half the mean over members: few replicates may never show a rare large contribution, of a
    voter that is seldom decisive, say, and its own variance would then be far too small (moderated variances, Smyth 2004).
    Degrees of freedom by Satterthwaite's rule for that sum, own and mean having R - 1 and k (R - 1) under equal variances.
    """
    replicates, k = each.shape[1:]
    own = each.var(axis=1, ddof=1) / replicates
    variance = (own + own.mean(axis=1, keepdims=True)) / 2
    return Solution(each.mean(axis=1), np.sqrt(variance), 4 * (replicates - 1) * k // (k + 3))


def quantile(level: float, freedom: float) -> float:
    """How many standard errors an interval of the given level reaches to each side: Student's t, by bisection of its integral.

    A finite sum for whole degrees of freedom (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4), normal above 200.
    """
    if freedom > 200:
        from statistics import NormalDist  # slow to import, and seldom needed

        return NormalDist().inv_cdf((1 + level) / 2)
    low, high = 0.0, 1e6
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, int(freedom)) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Pr[|T| <= t]."""
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term, total = (cos(angle), 0.0) if odd else (1.0, 0.0)
    for j in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cos(angle) ** 2 * ((j - 1) / j)
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """Credits of a utility that was asked for some coalitions only; made by `estimate`, `aestimate` and `Plan.solve`.

    Attributes:
        values: [..., k], the credits.
        stderr: [..., k], their standard errors; 0 for exact values.
        evaluations: how many coalitions were asked.
        method, seed: how they were chosen.
        unbiased: whether the expected credits are the exact ones for every utility.
        residual: [...], sum of the credits less v(N) - v(empty), 0 to rounding; None where the value is not efficient.
        trace: pairs (evaluations, largest standard error), one for each time the credits were solved for.
        freedom: degrees of freedom of the standard errors.
        names: of the k members, those of the `CoalitionTree`; None where it has none.

    Two estimates are equal if their names and numbers are, NaN included. A pickle leaves the utility behind, copies keep it.
    """

    values: Array
    stderr: Array
    evaluations: int
    method: str
    seed: int
    unbiased: bool
    residual: Array | None
    trace: tuple[tuple[int, float], ...]
    freedom: float
    names: tuple[str, ...] | None = None
    _more: Callable[[int], Estimate] | None = field(default=None, repr=False)
    _later: Callable[[int], Awaitable[Estimate]] | None = field(default=None, repr=False)  # where the utility is asynchronous

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Estimate):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in _NUMBERS)

    def __hash__(self) -> int:
        return hash((self.values.shape, self.evaluations, self.method, self.seed, self.trace))

    def __reduce__(self) -> tuple[Any, ...]:
        return Estimate, tuple(getattr(self, name) for name in _NUMBERS)

    def __copy__(self) -> Estimate:
        return replace(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Estimate:
        copied = {name: deepcopy(getattr(self, name), memo) for name in _NUMBERS}
        return Estimate(**copied, _more=self._more, _later=self._later)

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Lower and upper bounds [..., k] between which each credit lies with probability `level`, Student's t.

        Raises InputError for a level that is not between 0 and 1.
        """
        number(level, "level must lie between 0 and 1", lambda share: 0 < share < 1)
        reach = quantile(level, self.freedom) * self.stderr
        return self.values - reach, self.values + reach

    def extend(self, budget: int) -> Estimate:
        """The estimate with `budget` evaluations more; coalitions that were asked are not asked again.

        Raises InputError for what `Plan.solve` returned or a pickle held, which know no utility (extend the plan instead), and
        for what `aestimate` returned (see `aextend`).
        """
        if self._more is None:
            raise InputError(
                "the utility of this estimate is asynchronous; extend it with estimate = await estimate.aextend(budget)."
                if self._later is not None
                else _NO_UTILITY
            )
        return self._more(budget)

    async def aextend(self, budget: int) -> Estimate:
        """As `extend`, for what `aestimate` returned; InputError for all others."""
        if self._later is None:
            raise InputError(
                "the utility of this estimate is not asynchronous; extend it with estimate = estimate.extend(budget)."
                if self._more is not None
                else _NO_UTILITY
            )
        return await self._later(budget)

    def to_frame(self, backend: str = "pyarrow") -> Any:
        """The credits as a frame, one row a member: member, name, credit, stderr; of responses, group comes first.

        backend: "pyarrow", "pandas", "polars" or "modin". Raises InputError for others, MissingExtraError where one is missing.

        >>> import shapley_credit as sc
        >>> sc.plan([["ann"], ["bob"]]).solve([0.0, 1.0, 0.0, 4.0]).to_frame().to_pydict()
        {'member': [0, 1], 'name': ['ann', 'bob'], 'credit': [2.5, 1.5], 'stderr': [0.0, 0.0]}
        """
        return members_frame(self._names(), {"credit": self.values, "stderr": self.stderr}, backend)

    def _names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.values.shape[-1]))) if self.names is None else self.names

    def __repr__(self) -> str:
        groups = f", groups={self.values.shape[:-1]}" if self.values.ndim > 1 else ""
        return (
            f"Estimate(k={self.values.shape[-1]}{groups}, evaluations={self.evaluations}, method={self.method!r}, "
            f"largest stderr={self.stderr.max(initial=0.0):.2g})"
        )

    def __str__(self) -> str:
        return repr(self) if self.values.ndim > 1 else str(self._table())

    def _repr_html_(self) -> str | None:
        return None if self.values.ndim > 1 else self._table().html()

    def __rich__(self) -> Table | str:
        return repr(self) if self.values.ndim > 1 else self._table().rich()

    def _table(self) -> TextTable:
        return estimate_table(self._names(), self.values, self.stderr)


_NUMBERS = tuple(part.name for part in fields(Estimate) if part.name not in ("_more", "_later"))
_NO_UTILITY = "this estimate knows no utility to ask; extend the plan, evaluate it and solve again."


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    return bool(one is other or (type(one) is type(other) and one == other))
