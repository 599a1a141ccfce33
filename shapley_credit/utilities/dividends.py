"""Utilities given by dividends: what a set adds that none of its parts holds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, membership, real
from shapley_credit.inputs.pricing import LINEAR, Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import at_least, at_most, namespace
from shapley_kernels.earlier_members import looked_up
from shapley_kernels.member_axes import Orders, along


class Moebius(Utility):
    """Sum of unanimity games, v(S) = sum_e w_e [A_e within S], by its non-zero dividends w_e (Harsanyi 1959).

    Shapley: phi_i = sum_{e: i in A_e} w_e / |A_e|. An empty A_e adds a constant and earns no member anything.
    sets: [..., k, E], flags, the members of A_e; weights: [..., E] in the units of v; mask: [..., k]: a set with an absent
    member is never complete. Cost O(k E). Raises InputError for flags that are not all 0 or 1 and weights that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Moebius([[1, 1], [0, 1]], [1.0, 4.0]))
    array([3., 2.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"sets": membership("k", "E"), "weights": real("E")}
    _light: ClassVar[int] = LINEAR
    sets: Array
    weights: Array

    def __init__(self, sets: Any, weights: Any, *, mask: Any = None) -> None:
        self.bind(mask, sets=sets, weights=weights)

    def definition(self, members: Array) -> float:
        rest = np.setdiff1d(np.arange(self.k), members)
        return float(self.weights[~self.sets[rest].any(axis=0)].sum())

    def lowered(self) -> Self:
        lower = copy.copy(self)
        lower.weights = np.where(self.sets.any(axis=-2), self.weights, 0)
        return lower

    def reduce(self) -> Sequence[Problem]:
        sets, weights = self.rows("sets", full=True), self.rows("weights")
        return [unanimity_problem(self, sets, weights)]


class MyersonPath(Utility):
    """Members on a line that are worth something while they stand together: v(S) = sum of w over the maximal runs of S.

    The Shapley value of v is the Myerson value on a path (Myerson 1977). The dividend of the run a .. b is
    w_ab - w_(a+1)b - w_a(b-1) + w_(a+1)(b-1), shared equally by its members.
    runs: [..., k, k], runs[a, b] the worth of a .. b, used for a <= b; mask: [..., k], an absent member breaks a run. Cost
    O(k^3). Raises InputError for numbers that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MyersonPath([[1.0, 4.0], [0.0, 1.0]]))
    array([2., 2.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"runs": real("line", "line")}
    runs: Array

    def __init__(self, runs: Any, *, mask: Any = None) -> None:
        self.bind(mask, runs=runs)

    def definition(self, members: Array) -> float:
        if not len(members):
            return 0.0
        breaks = np.flatnonzero(np.diff(members) > 1)
        starts, ends = members[np.concatenate([[0], breaks + 1])], members[np.concatenate([breaks, [len(members) - 1]])]
        return float(sum(self.runs[a, b] for a, b in zip(starts, ends, strict=True)))

    def intervals(self, line: Array) -> Array:
        whole = len(line) == 0 or line[-1] - line[0] == len(line) - 1
        return np.triu(self.runs[np.ix_(line, line)]) if whole else super().intervals(line)

    def rises(self, sets: Array) -> Array:
        xp = namespace(sets)
        gap = xp.zeros_like(sets[..., :1])
        starts = sets & ~xp.concat([gap, sets[..., :-1]], axis=2)
        ends = sets & ~xp.concat([sets[..., 1:], gap], axis=2)
        place = xp.cumulative_sum(xp.astype(starts, xp.int64), axis=2)  # which run a member is in
        maximal = (place[..., :, None] == place[..., None, :]) & starts[..., :, None] & ends[..., None, :]
        flags = xp.reshape(xp.astype(maximal, xp.float64), (*sets.shape[:2], self.k**2))
        runs = xp.astype(xp.triu(self.rows("runs", full=True)), xp.float64)
        runs = xp.reshape(runs, (runs.shape[0], self.k**2))
        return runs @ flags[0, ...].T if flags.shape[0] == 1 else (flags @ runs[:, :, None])[..., 0]

    def outline(self) -> Sequence[Outline]:
        groups, sets = prod(self.shape), self.k * (self.k + 1) // 2
        return [self._outlined("dividends", "unanimity", groups * (sets * (self.k + 8.0) + 48.0 * self.k**2), width=sets)]

    def reduce(self) -> Sequence[Problem]:
        xp = namespace(self.runs)
        runs = xp.triu(self.rows("runs", full=True))
        groups, k = runs.shape[:2]
        below = xp.concat([runs[:, 1:, :], xp.zeros_like(runs[:, :1, :])], axis=1)  # [a, b] holds w_(a+1)b
        joint = runs - below
        left = xp.concat([xp.zeros_like(joint[:, :, :1]), joint[:, :, :-1]], axis=2)
        first, last = np.triu_indices(k)
        dividends = xp.take(xp.reshape(joint - left, (groups, k * k)), self.beside(first * k + last), axis=1)
        member = np.arange(k)[:, None]
        return [unanimity_problem(self, for_all(self, (first <= member) & (member <= last)), dividends)]

    def marginals(self, orders: Orders) -> Array:
        """A member that comes joins the runs on both sides, which end before a member that comes later or is absent."""
        present, place = self.present(), self.beside(np.argsort(orders, axis=1))
        xp, i = namespace(present), self.beside(np.arange(self.k))
        time = xp.where(present, place, self.k)
        later = time[:, None, :] > time[:, :, None]  # [B, i, j]
        first = xp.max(xp.where(later & (i < i[:, None]), i + 1, 0), axis=2)
        last = xp.min(xp.where(later & (i > i[:, None]), i - 1, self.k - 1), axis=2)
        runs = self.rows("runs", full=True)
        runs = xp.reshape(xp.astype(runs, xp.float64), (runs.shape[0], self.k**2))

        def worth(a: Array, b: Array) -> Array:
            return xp.where(a <= b, looked_up(runs, at_least(at_most(a, self.k - 1) * self.k + b, 0)), 0.0)

        mine = xp.broadcast_to(i[None, :], first.shape)
        return along(worth(first, last) - worth(first, mine - 1) - worth(mine + 1, last), orders)


def for_all(utility: Utility, sets: NDArray[np.bool_]) -> Array:
    """The same sets [K, E] for all B groups."""
    return utility.flatten(utility.beside(np.ascontiguousarray(sets)), 2, full=True)


def unanimity_problem(utility: Utility, sets: Array, weights: Array) -> Problem:
    """Unanimity games over sets [B, K, E]; a set that needs an absent member is never complete."""
    if utility.mask is not None:
        xp = namespace(sets)
        weights = xp.where(xp.any(sets & ~utility.present()[:, :, None], axis=1), 0, weights)
    return Problem("dividends", "unanimity", (sets, weights))
