"""Credits with standard errors, and how they came about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from shapley_credit.blackbox.evaluate import aevaluate, evaluate
from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.passed_on import passed_on
from shapley_credit.blackbox.plan import Plan, plan
from shapley_credit.blackbox.solution import Estimate
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import AsynchronousError
from shapley_credit.inputs.checks import number
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve.callables import batched

Trace = tuple[tuple[int, float], ...]

# Evaluations a member from which docs/estimators.md measured that intervals hold what they should.
RELIABLE = 10


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
    tol: stop as soon as all standard errors are at most this, after 1/16, 1/8, 1/4 or 1/2 of the budget, and never before ten
        evaluations a member: a standard error from fewer may be small by chance.
    cache, and all others: as for `evaluate`.

    Returns an `Estimate` of credits [..., k], with no leading axes.
    Cost: at most `budget` evaluations, and that of `Plan.solve`.
    Raises InputError as `plan` does and for an asynchronous function (see `aestimate`), and EvaluationError as `evaluate` does.

    >>> import shapley_credit as sc
    >>> result = sc.estimate(lambda coalition: float(0 in coalition and 1 in coalition), 25, budget=400)
    >>> result.values[:2].round(3).tolist(), result.evaluations
    ([0.5, 0.5], 400)
    """
    how = passed_on(evaluation, "estimate", evaluate)
    plans = _plans(plan(coalitions, budget=budget, method=method, levels=levels, seed=seed), tol)
    known: MutableMapping[Any, float] = {} if cache is None else cache

    def asked(wanted: Plan, before: Trace) -> Estimate:
        found = wanted.solve(_evaluated(utility, wanted, cache=known, **how))
        trace = before + found.trace
        return replace(found, trace=trace, _more=lambda more: asked(wanted.extend(more), trace))

    found = asked(next(plans), ())
    while not _suffices(found, tol) and (wanted := next(plans, None)):
        found = asked(wanted, found.trace)
    return found


async def aestimate(
    utility: Callable[[Any], Awaitable[Any]] | batched,
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
    """Estimate the credits of an asynchronous utility: the same bits as `estimate` of the same function without `async`.

        phi_i = E[v(P_i + i) - v(P_i)],      P_i what member i finds when it arrives (see `plan`).

    utility: an async function of a tuple of members, or `batched` of an async function of bool [m, k].
    coalitions, budget, method, levels, seed, tol: as for `estimate`.
    cache, and all others: as for `aevaluate`, among them max_concurrency, the most calls that are awaited at a time.

    Returns an `Estimate` of credits [..., k], with no leading axes; `await estimate.aextend(budget)` goes on.
    Cost: at most `budget` evaluations, and that of `Plan.solve`, in a thread, so that the event loop goes on.
    Raises InputError as `plan` does and for a function that can't be awaited, and EvaluationError as `evaluate` does.

    >>> import asyncio
    >>> import shapley_credit as sc
    >>> async def both(coalition):
    ...     return float(0 in coalition and 1 in coalition)
    >>> result = asyncio.run(sc.aestimate(both, 25, budget=400, max_concurrency=8))
    >>> result.values[:2].round(3).tolist(), result.evaluations
    ([0.5, 0.5], 400)
    """
    import asyncio

    how = passed_on(evaluation, "aestimate", aevaluate)
    plans = _plans(plan(coalitions, budget=budget, method=method, levels=levels, seed=seed), tol)
    known: MutableMapping[Any, float] = {} if cache is None else cache

    async def asked(wanted: Plan, before: Trace) -> Estimate:
        values = await aevaluate(utility, wanted, cache=known, **how)
        found = await asyncio.to_thread(wanted.solve, values)
        trace = before + found.trace
        return replace(found, trace=trace, _later=lambda more: asked(wanted.extend(more), trace))

    found = await asked(next(plans), ())
    while not _suffices(found, tol) and (wanted := next(plans, None)):
        found = await asked(wanted, found.trace)
    return found


def _plans(whole: Plan, tol: float | None) -> Iterator[Plan]:
    """The plans to ask, one after the other until one suffices: of parts of the budget where there is a tolerance, then all."""
    if tol is not None:
        number(tol, "tol must be a number >= 0", lambda error: error >= 0)
    least = max(METHODS[whole.method].minimum(whole.structure), RELIABLE * whole.k)
    budgets = [] if tol is None or whole.method == "exact" else [whole.budget // part for part in (16, 8, 4, 2)]
    parts = (Plan(whole.structure, whole.method, budget, whole.seed) for budget in budgets if budget >= least)
    return chain(parts, [whole])


def _suffices(found: Estimate, tol: float | None) -> bool:
    return tol is not None and bool(found.stderr.max() <= tol)


def _evaluated(utility: Any, wanted: Plan, **evaluation: Any) -> Any:
    try:
        return evaluate(utility, wanted, **evaluation)
    except AsynchronousError:
        raise InputError(
            "the function is asynchronous, and sc.estimate needs numbers at once. Ask it, with the same arguments, with "
            "estimate = await sc.aestimate(function, coalitions, budget=...)."
        ) from None  # it advises what stands in for sc.evaluate
