"""Credits with standard errors, and how they came about."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from shapley_credit.blackbox.evaluate import evaluate
from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.plan import Plan, plan
from shapley_credit.blackbox.solution import Estimate
from shapley_credit.inputs.checks import number
from shapley_credit.semivalues import Semivalue

if TYPE_CHECKING:
    from shapley_credit.blackbox.plan import Plan

Array = NDArray[Any]


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
    """Estimate the credits of a utility that is expensive to ask: plan, evaluate, solve.

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
