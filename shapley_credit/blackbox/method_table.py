"""The methods of a plan, and which of them fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from shapley_credit.blackbox import adjusted, exact, regression, replicates, strata
from shapley_credit.blackbox.kriging import method as kriging
from shapley_credit.blackbox.random_coalitions import Coalitions
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.solve.callables import counted

Array = NDArray[Any]


CELLS = 1 << 30  # flags of the coalitions of a plan; drawing them takes about ten bytes each
SYSTEM = 1 << 15  # coalitions of kriging, whose matrices take 2 m^2 bytes each


class Method(NamedTuple):
    """How coalitions are chosen for a budget, and how their values become credits.

    unbiased: whether the expected credit is the exact one, whatever the game.
    scope: "any" structure, "efficient" (Shapley on all levels of any tree), or "flat" (Shapley values).
    """

    minimum: Callable[[Structure], int]
    design: Callable[..., tuple[Coalitions, Any]]  # of a structure, a budget and a seed
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


def choose(structure: Structure, budget: int | None, seen: int = 0) -> tuple[str, str]:
    """The method that `auto` takes, and why. seen: coalitions that kriging has asked before, 0 for a new plan."""
    if exact.fits(structure, budget):
        return "exact", f"all {counted(exact.minimum(structure))} coalitions that matter are within the budget"
    if budget is not None and budget > kriging.LARGEST:
        if seen and not adjusted.suffices(structure, budget, seen):
            return "kriging", f"what is left of the budget beside {seen:,} coalitions pays for no unbiased mean"
        return "adjusted", f"a budget above {kriging.LARGEST:,} pays for a surrogate and for an unbiased mean of what it misses"
    return "kriging", f"a budget of at most {kriging.LARGEST:,} is best spent on the most likely game"


def check(structure: Structure, name: str, budget: int | None) -> int:
    """The budget. Raises InputError if the method does not fit the structure, or if the budget does not suffice."""
    if not isinstance(name, str) or name not in METHODS:
        raise InputError(f"method must be 'auto' or one of {', '.join(METHODS)}; got {shown(name)}.")
    method = METHODS[name]
    if method.scope != "any" and not structure.efficient:
        raise InputError(
            f"method {name!r} is for Shapley on all levels; use 'kriging', 'adjusted' or 'arrival' for {structure.rules}."
        )
    if method.scope == "flat" and not structure.flat:
        raise InputError(f"method {name!r} is for members without unions; use 'kriging', 'rotation' or 'adjusted' for a tree.")
    if name != "exact" and structure.k < 3:
        raise InputError(
            f"k = {structure.k} members need no estimate; method 'exact' takes {counted(exact.minimum(structure))} evaluations."
        )
    needed = method.minimum(structure)
    if budget is None:
        if name == "exact" and exact.fits(structure, None):
            return needed
        few = kriging.minimum(structure)
        least = few if few <= kriging.LARGEST else adjusted.minimum(structure)
        raise InputError(
            f"an exact value needs {counted(exact.minimum(structure))} evaluations; give a budget of at least "
            f"{least:,} for an estimate."
        )
    if budget < needed:
        other = f" Method 'kriging' needs {counted(kriging.minimum(structure))}." if name == "adjusted" else ""
        raise InputError(
            f"method {name!r} needs a budget of at least {counted(needed)} evaluations of k = {structure.k} members; "
            f"got {counted(budget)}.{other}"
        )
    check_size(structure, name, needed if name == "exact" else budget)
    return budget


def check_size(structure: Structure, name: str, budget: int) -> None:
    """Raise InputError for plans that no memory holds, before anything is asked."""
    cells, k = budget * structure.k, structure.k
    if cells > CELLS:
        raise InputError(
            f"a plan of {counted(budget)} coalitions of k = {k} members is {counted(cells)} flags, and more than {CELLS:,} are "
            f"refused. Give a budget of at most {CELLS // k:,}, average the credits of several plans with a seed each, or put "
            "the members into unions (see sc.owen); method 'permutation' needs the smallest budgets."
        )
    if name == "kriging" and budget > SYSTEM:
        raise InputError(
            f"method 'kriging' solves equations between all pairs of its coalitions: of {counted(budget)}, they take "
            f"{2 * budget**2 / 2**30:,.1f} GiB, and more than {SYSTEM:,} are refused. Method 'adjusted' has no such limit."
        )
