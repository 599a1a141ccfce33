"""Credits with standard errors, and how they came about."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.solution import quantile
from shapley_credit.checks import number
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue

if TYPE_CHECKING:
    from shapley_credit.blackbox.plan import Plan

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Credits of a utility that was asked for some coalitions only; made by `estimate` and by `Plan.solve`.

    Attributes:
        values: [..., k], the credits.
        stderr: [..., k], their standard errors; 0 for exact values.
        evaluations: how many coalitions were asked.
        method, seed: how they were chosen.
        unbiased: whether the expected credits are the exact ones for every utility.
        residual: [...], sum of the credits less v(N) - v(empty), 0 to rounding; None where the value is not efficient.
        trace: pairs (evaluations, largest standard error), one for each time the credits were solved for.
        freedom: degrees of freedom of the standard errors.

    Equal are estimates of equal numbers, NaN included. A pickle leaves the utility behind, copies keep it.
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
    _more: Callable[[int], Estimate] | None = field(default=None, repr=False)

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
        return Estimate(**copied, _more=self._more)

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Lower and upper bounds [..., k] between which each credit lies with probability `level`, Student's t.

        Raises InputError for a level that is not between 0 and 1.
        """
        number(level, "level must lie between 0 and 1", lambda share: 0 < share < 1)
        reach = quantile(level, self.freedom) * self.stderr
        return self.values - reach, self.values + reach

    def extend(self, budget: int) -> Estimate:
        """The estimate with `budget` evaluations more: what was asked already is not asked again.

        Raises InputError for what `Plan.solve` returned or a pickle held, which know no utility: extend the plan instead.
        """
        if self._more is None:
            raise InputError("this estimate knows no utility to ask; extend the plan, evaluate it and solve again.")
        return self._more(budget)


_NUMBERS = tuple(part.name for part in fields(Estimate) if part.name != "_more")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    return bool(one is other or (type(one) is type(other) and one == other))


def estimate(
    utility: Any,
    coalitions: Any,
    *,
    budget: int,
    method: str = "auto",
    levels: Sequence[Semivalue] | None = None,
    seed: int = 0,
    tol: float | None = None,
    cache: MutableMapping[Any, float] | None = None,
    **evaluation: Any,
) -> Estimate:
    """Estimate the credits of a utility that is dear to ask: plan, evaluate, solve.

        phi_i = E[v(P_i + i) - v(P_i)],      P_i what member i finds when it arrives (see `plan`).

    utility: a function of a tuple of members, or `batched(f)`, f: bool [m, k] -> [m].
    coalitions, budget, method, levels, seed: as for `plan`; exact if all coalitions that matter are within the budget.
    tol: stop as soon as all standard errors are at most this, after 1/16, 1/8, 1/4 or 1/2 of the budget.
    cache, and all others: as for `evaluate`.

    Returns an `Estimate` of credits [..., k], with no leading axes.
    Cost: at most `budget` evaluations, and that of `Plan.solve`.
    Raises InputError as `plan` does, and EvaluationError as `evaluate` does.

    >>> import shapley_credit as sc
    >>> result = sc.estimate(lambda coalition: float(0 in coalition and 1 in coalition), 25, budget=400)
    >>> result.values[:2].round(3).tolist(), result.evaluations
    ([0.5, 0.5], 400)
    """
    from shapley_credit.blackbox.evaluate import evaluate
    from shapley_credit.blackbox.methods import METHODS
    from shapley_credit.blackbox.plan import Plan, plan

    if tol is not None:
        number(tol, "tol must be a number >= 0", lambda error: error >= 0)
    whole = plan(coalitions, budget=budget, method=method, levels=levels, seed=seed)
    known: MutableMapping[Any, float] = {} if cache is None else cache

    def solved(wanted: Plan, before: tuple[tuple[int, float], ...]) -> Estimate:
        found = wanted.solve(evaluate(utility, wanted, cache=known, **evaluation))
        return replace(
            found,
            trace=before + found.trace,
            _more=lambda more: solved(wanted.extend(more), before + found.trace),
        )

    trace: tuple[tuple[int, float], ...] = ()
    if tol is not None and whole.method != "exact":
        least = METHODS[whole.method].minimum(whole.structure)
        for part in (16, 8, 4, 2):
            if whole.budget // part >= least:
                result = solved(Plan(whole.structure, whole.method, whole.budget // part, seed), trace)
                trace = result.trace
                if result.stderr.max() <= tol:
                    return result
    return solved(whole, trace)
