"""Which coalitions to ask, and what their values say: the pure part of valuing a utility that only a model can answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.adjusted import shown as shown_by
from shapley_credit.blackbox.design import Design, design_of
from shapley_credit.blackbox.method_table import METHODS, check, choose
from shapley_credit.blackbox.solution import Estimate, Solution
from shapley_credit.blackbox.structure import Structure
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import shown, table_of
from shapley_credit.inputs.checks import whole_number
from shapley_credit.semivalues import Semivalue

Array = NDArray[Any]


class Plan:
    """The coalitions to ask, and the way from their values to credits; made by `plan`.

    Attributes:
        coalitions: bool [m, k], no two the same, the empty and the whole one among them.
        k, method, seed: number of members, the method that was taken, the seed.
        members: the coalitions as tuples of members.
        budget: evaluations that were allowed; m is at most this.
        reason: why the method was taken.
        unbiased: whether the expected credits are the exact ones for every utility.
    """

    def __init__(self, structure: Structure, wish: str, budget: int | None, seed: int, seen: int = 0) -> None:
        """seen: coalitions of the plan of kriging that this one extends, all of which it has to ask."""
        shaped, order = structure.shaped()
        chosen = isinstance(wish, str) and wish == "auto"
        self.method, self.reason = choose(shaped, budget, seen) if chosen else (wish, "it was asked for")
        self.budget = check(shaped, self.method, budget)
        self.structure, self.wish, self.seed, self.k = structure, wish, seed, structure.k
        self.unbiased = METHODS[self.method].unbiased
        self._seen = seen if self.method == "adjusted" and seen > shown_by(self.budget) else 0
        self.design, self.place = design_of((shaped, self.method, self.budget, seed, self._seen)), np.argsort(order)
        # The design has members in the order of the shape; the plan's are in the caller's.
        self.coalitions = np.ascontiguousarray(self.design.coalitions[:, self.place])

    @cached_property
    def members(self) -> list[tuple[int, ...]]:
        """The coalitions as tuples of members."""
        members, starts = np.nonzero(self.coalitions)[1].tolist(), np.cumsum(self.coalitions.sum(axis=1)).tolist()
        return [tuple(members[start:end]) for start, end in pairwise([0, *starts])]

    def solve(self, values: Any) -> Estimate:
        """Credits from the values [..., m] of the coalitions; leading axes are responses, solved together.

        Cost: linear in m for replicates and exact values, O(m k^2) for a regression, O(m^3) for kriging, shared by
        all responses that choose the same covariance. Raises InputError for another shape, and for values that
        are not finite or whose credits overflow.

        >>> import shapley_credit as sc
        >>> plan = sc.plan([[0, 1], [2]])
        >>> plan.solve(plan.coalitions.any(axis=1)).values
        array([0.25, 0.25, 0.5 ])
        """
        return solve_plans([self], [values])[0]

    def _read(self, values: Any) -> Array:
        """Values [..., m] as float64."""
        array, junk = table_of(values, "values")
        if array.ndim < 1 or array.shape[-1] != len(self.coalitions):
            raise InputError(
                f"values must be numbers of shape [..., {len(self.coalitions)}], one for each of the plan's coalitions; "
                f"got {f'{array.dtype} of shape {array.shape}' if array.ndim else shown(values)}."
            )
        if junk:
            place, item = next(iter(junk.items()))
            raise InputError(
                f"values must be finite; found {shown(item)} at {list(place)} of shape {array.shape}, for coalition "
                f"{self.members[place[-1]]}; {len(junk)} in all. Ask these again; evaluate does."
            )
        return array.astype(np.float64)

    def _estimate(self, solution: Solution, residual: Array | None, lead: tuple[int, ...]) -> Estimate:
        """Credits and standard errors [B, k] of the design as those of this plan [..., k]."""
        stderr = solution.stderr[:, self.place].reshape(*lead, self.k)
        return Estimate(
            values=solution.credit[:, self.place].reshape(*lead, self.k),
            stderr=stderr,
            evaluations=len(self.coalitions),
            method=self.method,
            seed=self.seed,
            unbiased=self.unbiased,
            residual=None if residual is None else residual.reshape(lead),
            trace=((len(self.coalitions), float(stderr.max(initial=0.0))),),
            freedom=solution.freedom,
            names=self.structure.tree.names,
        )

    def __eq__(self, other: object) -> bool:
        """Whether the other plan asks the same coalitions for the same credits."""
        if not isinstance(other, Plan):
            return NotImplemented
        return self._identity() == other._identity() and np.array_equal(self.coalitions, other.coalitions)

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return self.k, self.method, self.wish, self.budget, self.seed, self._seen, self.structure.root, self.structure.rules

    def extend(self, budget: int) -> Plan:
        """The plan for `budget` evaluations more, which asks what this one asks and more. Raises InputError for exact plans.

        It is the plan that `plan` makes for the sum, but where `auto` goes from kriging to "adjusted": then the surrogate is
        fitted on all that kriging has asked, and kriging goes on until what is left of the budget pays for two replicates.
        """
        if self.method == "exact":
            raise InputError("an exact plan has nothing to gain from more evaluations.")
        total = whole_number(self.budget + whole_number(budget, "budget"), "budget")
        seen = len(self.coalitions) if self.method == "kriging" else self._seen
        return Plan(self.structure, self.wish, total, self.seed, seen)

    def __repr__(self) -> str:
        return (
            f"Plan(k={self.k}, coalitions={len(self.coalitions)}, budget={self.budget}, method={self.method!r}, "
            f"seed={self.seed}): {self.reason}"
        )


def solve_plans(plans: Sequence[Plan], values: Sequence[Any]) -> list[Estimate]:
    """Solve many plans for credits, those of one shape, budget and seed together.

        [plan.solve(v) for plan, v in zip(plans, values)],      the same bits in less time.

    plans: n of them. values: for each plan the values [..., m] of its coalitions, as `evaluate` returns them.

    Returns one `Estimate` a plan. Cost: as for `Plan.solve`; what does not depend on the values is done once for plans whose
    trees have one shape, whatever the names of the members. Raises InputError as `Plan.solve`, and if the numbers differ.

    >>> import shapley_credit as sc
    >>> plans = [sc.plan([[0, 1], [2]]), sc.plan([[1], [0, 2]])]
    >>> values = sc.evaluate(lambda coalition: float(len(coalition) > 0), plans)
    >>> [estimate.values.tolist() for estimate in sc.solve_plans(plans, values)]
    [[0.25, 0.25, 0.5], [0.25, 0.5, 0.25]]
    """
    if len(plans) != len(values):
        raise InputError(f"{len(plans)} plans need as many values; got {len(values)}.")
    arrays = [plan._read(own) for plan, own in zip(plans, values, strict=True)]
    alike: dict[Design, list[int]] = {}
    for number, plan in enumerate(plans):
        alike.setdefault(plan.design, []).append(number)
    found: dict[int, Estimate] = {}
    for design, numbers in alike.items():
        parts = [arrays[number].reshape(-1, len(design.coalitions)) for number in numbers]
        rows = np.concatenate(parts)
        (solution, residual), ends = design.solve(rows), np.cumsum([0, *map(len, parts)]).tolist()
        for number, start, end in zip(numbers, ends, ends[1:], strict=False):
            own = solution._replace(credit=solution.credit[start:end], stderr=solution.stderr[start:end])
            gap = None if residual is None else residual[start:end]
            found[number] = plans[number]._estimate(own, gap, arrays[number].shape[:-1])
    return [found[number] for number in range(len(plans))]


def plan(
    coalitions: Any,
    *,
    budget: int | None = None,
    method: str = "auto",
    levels: Sequence[Semivalue] | None = None,
    seed: int = 0,
) -> Plan:
    """Choose the coalitions to ask of a utility that is expensive to ask, so that credits follow from their values.

        phi_i = E[v(P_i + i) - v(P_i)],

    P_i what member i finds when it arrives: a random set of its siblings on every level of the tree (see `owen`).

    coalitions: number of members k, or what `owen` takes: a `CoalitionTree`, nested lists of members, labels [..., k].
    budget: most evaluations; None for an exact value, of at most 2**20 coalitions.
    levels: one semivalue a level, by default Shapley on all.
    seed: of a generator of its own; equal arguments give equal plans.
    method: "auto" takes "exact" when the coalitions that matter are within the budget, "kriging" up to a budget of 2,048 and
        "adjusted" above. Unbiased, with standard errors from independent replicates: "permutation" (random orders that keep
        unions together; Castro et al. 2009), "antithetic" (an order and its reverse), "rotation" (three turns of an order),
        "arrival" (for any semivalues), "stratified" (by size; flat Shapley; Kolpaczki et al. 2024), "adjusted" and "boosted"
        (rotations or arrivals of what a surrogate, kriging or gradient-boosted trees, misses). Biased, less and less as
        evaluations grow: "kriging" (the most likely game of a Gaussian process), with the larger error of the process and of a
        jackknife, and "regression" (least squares on pairs of complementary coalitions; flat Shapley; Lundberg & Lee 2017,
        Musco & Witter 2025).

    Returns a `Plan`: ask `plan.coalitions`, then `plan.solve(values)`. Cost O(m k) and the tree's nodes.
    Raises InputError for a budget below what the method needs, which it names, and as `owen`.

    >>> import shapley_credit as sc
    >>> plan = sc.plan(30, budget=200, seed=1)
    >>> plan.method, plan.reason
    ('kriging', 'a budget of at most 2,048 is best spent on the most likely game')
    >>> plan.solve(plan.coalitions.sum(axis=1)).values.round(6).tolist() == [1.0] * 30
    True
    """
    limit = None if budget is None else whole_number(budget, "budget")
    return Plan(Structure(coalitions, levels), method, limit, whole_number(seed, "seed"))
