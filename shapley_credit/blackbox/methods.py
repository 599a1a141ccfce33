"""The methods of a plan, and which of them fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from shapley_credit.blackbox import adjusted, exact, kriging, regression, replicates, strata
from shapley_credit.blackbox.draws import Coalitions
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure
from shapley_credit.errors import InputError

Array = NDArray[Any]


class Method(NamedTuple):
    """How coalitions are chosen for a budget, and how their values become credits.

    unbiased: whether the expected credit is the exact one, whatever the game.
    scope: "any" structure, "efficient" (Shapley on all levels of any tree), or "flat" (Shapley values).
    """

    minimum: Callable[[Structure], int]
    design: Callable[[Structure, int, int], tuple[Coalitions, Any]]
    solve: Callable[[Structure, Coalitions, Any, Array], Solution]
    unbiased: bool
    scope: Literal["any", "efficient", "flat"]


def _replicated(kind: str, scope: Literal["any", "efficient"]) -> Method:
    return Method(
        lambda structure: 2 + 2 * replicates.cost(structure, kind), replicates.design(kind), replicates.solve, True, scope
    )


METHODS: dict[str, Method] = {
    "exact": Method(exact.minimum, exact.design, exact.solve, True, "any"),
    "permutation": _replicated("permutation", "efficient"),
    "antithetic": _replicated("antithetic", "efficient"),
    "rotation": _replicated("rotation", "efficient"),
    "arrival": _replicated("arrival", "any"),
    "stratified": Method(strata.minimum, strata.design, strata.solve, True, "flat"),
    "regression": Method(regression.minimum, regression.design, regression.solve, False, "flat"),
    "kriging": Method(kriging.minimum, kriging.design, kriging.solve, False, "any"),
    "adjusted": Method(adjusted.minimum, adjusted.design, adjusted.solver(adjusted.most_likely), True, "any"),
    "boosted": Method(adjusted.minimum, adjusted.design, adjusted.solver(adjusted.boosted), True, "any"),
}


def choose(structure: Structure, budget: int | None) -> tuple[str, str]:
    """The method that `auto` takes, and why."""
    if exact.fits(structure, budget):
        return "exact", f"all {exact.minimum(structure):,} coalitions that matter are within the budget"
    if budget is not None and budget > kriging.LARGEST:
        return "adjusted", f"a budget above {kriging.LARGEST:,} pays for a surrogate and for an unbiased mean of what it misses"
    return "kriging", f"a budget of at most {kriging.LARGEST:,} is best spent on the most likely game"


def check(structure: Structure, name: str, budget: int | None) -> int:
    """The budget, where the method goes with the structure and the budget suffices."""
    if name not in METHODS:
        raise InputError(f"method must be 'auto' or one of {', '.join(METHODS)}; got {name!r}.")
    method = METHODS[name]
    if method.scope != "any" and not structure.efficient:
        raise InputError(
            f"method {name!r} is for Shapley on all levels; use 'kriging', 'adjusted' or 'arrival' for {structure.rules}."
        )
    if method.scope == "flat" and not structure.flat:
        raise InputError(f"method {name!r} is for members without unions; use 'kriging', 'rotation' or 'adjusted' for a tree.")
    if name != "exact" and structure.k < 3:
        raise InputError(
            f"k = {structure.k} members need no estimate; method 'exact' takes {exact.minimum(structure)} evaluations."
        )
    needed = method.minimum(structure)
    if budget is None:
        if name == "exact" and exact.fits(structure, None):
            return needed
        raise InputError(
            f"an exact value needs {exact.minimum(structure):,} evaluations; give a budget of at least "
            f"{kriging.minimum(structure):,} for an estimate."
        )
    if budget < needed:
        raise InputError(
            f"method {name!r} needs a budget of at least {needed:,} evaluations of k = {structure.k} members; got {budget:,}."
        )
    return budget
