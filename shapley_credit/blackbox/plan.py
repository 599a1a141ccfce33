"""Which coalitions to ask, and what their values say: the pure part of valuing a utility that only a model can answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from shapley_credit.blackbox.estimate import Estimate
from shapley_credit.blackbox.methods import METHODS, check, choose
from shapley_credit.blackbox.structure import Structure
from shapley_credit.convert import to_numpy
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue


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

    def __init__(self, structure: Structure, wish: str, budget: int | None, seed: int) -> None:
        self.method, self.reason = choose(structure, budget) if wish == "auto" else (wish, "it was asked for")
        self.budget = check(structure, self.method, budget)
        self.structure, self.wish, self.seed, self.k = structure, wish, seed, structure.k
        self.unbiased = METHODS[self.method].unbiased
        self.coalitions, self._layout = METHODS[self.method].design(structure, self.budget, seed)
        self._ends = [int(np.flatnonzero((self.coalitions == end).all(axis=1))[0]) for end in (False, True)]

    @cached_property
    def members(self) -> list[tuple[int, ...]]:
        """The coalitions as tuples of members."""
        return [tuple(np.flatnonzero(row).tolist()) for row in self.coalitions]

    def solve(self, values: Any) -> Estimate:
        """Credits from the values [..., m] of the coalitions; leading axes are responses, solved together.

        Cost: linear in m for replicates and exact values, O(m k^2) for a regression, O(m^3) for kriging, shared by
        all responses that choose the same kernel. Raises InputError for another shape and for values that are not finite.

        >>> import shapley_credit as sc
        >>> plan = sc.plan([[0, 1], [2]])
        >>> plan.solve(plan.coalitions.any(axis=1)).values
        array([0.25, 0.25, 0.5 ])
        """
        array, _ = to_numpy(values, "values")
        if array.ndim < 1 or array.shape[-1] != len(self.coalitions) or array.dtype.kind not in "biuf":
            raise InputError(
                f"values must be numbers of shape [..., {len(self.coalitions)}], one for each of the plan's coalitions; "
                f"got {array.dtype} of shape {array.shape}."
            )
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist()
            raise InputError(f"values must be finite; found {array[tuple(place)]} at {place} of shape {array.shape}.")
        lead = array.shape[:-1]
        rows = array.reshape(-1, len(self.coalitions)).astype(np.float64)
        solution = METHODS[self.method].solve(self.structure, self.coalitions, self._layout, rows)
        stderr = solution.stderr.reshape(*lead, self.k)
        gap = solution.credit.sum(axis=1) - (rows[:, self._ends[1]] - rows[:, self._ends[0]])
        return Estimate(
            values=solution.credit.reshape(*lead, self.k),
            stderr=stderr,
            evaluations=len(self.coalitions),
            method=self.method,
            seed=self.seed,
            unbiased=self.unbiased,
            residual=gap.reshape(lead) if self.structure.efficient else None,
            trace=((len(self.coalitions), float(stderr.max(initial=0.0))),),
            freedom=solution.freedom,
        )

    def extend(self, budget: int) -> Plan:
        """The plan for `budget` evaluations more, which asks what this one asks and more. Raises InputError for exact plans."""
        if self.method == "exact":
            raise InputError("an exact plan has nothing to gain from more evaluations.")
        return Plan(self.structure, self.wish, read_count(self.budget + read_count(budget, "budget"), "budget"), self.seed)

    def __repr__(self) -> str:
        return (
            f"Plan(k={self.k}, coalitions={len(self.coalitions)}, budget={self.budget}, method={self.method!r}, "
            f"seed={self.seed}): {self.reason}"
        )


def read_count(number: Any, name: str) -> int:
    """A whole number >= 0."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
        raise InputError(f"{name} must be a whole number >= 0; got {number!r}.")
    return int(number)


def plan(
    coalitions: Any,
    *,
    budget: int | None = None,
    method: str = "auto",
    levels: Sequence[Semivalue] | None = None,
    seed: int = 0,
) -> Plan:
    """Choose the coalitions to ask of a utility that is dear to ask, so that credits follow from their values.

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
    limit = None if budget is None else read_count(budget, "budget")
    return Plan(Structure(coalitions, levels), method, limit, read_count(seed, "seed"))
