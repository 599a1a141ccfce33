"""Rules that hold while some members are there and others are not: marginal contribution nets."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import whole_numbers
from shapley_credit.inputs.fields import WHOLE, Field, Parameter, membership, real
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class Rules(Utility):
    """Rules with positive and negative members, v(S) = sum_r w_r [P_r within S and S holds none of N_r] (Ieong & Shoham 2005).

    Shapley: with p = |P_r| and q = |N_r|, i in P_r earns w_r (p-1)! q! / (p+q)!, and i in N_r earns -w_r p! (q-1)! / (p+q)!.
    A rule without positive members holds in the empty set too, and each of its negative members earns -w_r / q. A rule without
    members adds a constant and earns no member anything.
    positive, negative: [..., k, R], flags, the members of P_r and of N_r; weights: [..., R] in the units of v, of either sign;
    mask: [..., k]: a rule with an absent member in P_r never holds, and an absent member in N_r never spoils one.
    Cost O(R k min(k/2, 4.3 sqrt k)). Raises InputError for flags that are not all 0 or 1, weights that are not finite, and a
    member on both sides of a rule; on a device, whose data are not read, such a rule turns the credits of its group into NaN.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Rules([[1, 1], [0, 1], [0, 0]], [[0, 0], [1, 0], [0, 1]], [4.0, 3.0])).round(3)
    array([ 2.5, -1.5, -1. ])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "positive": membership("k", "R"),
        "negative": membership("k", "R"),
        "weights": real("R"),
    }
    positive: Array
    negative: Array
    weights: Array

    def __init__(self, positive: Any, negative: Any, weights: Any, *, mask: Any = None) -> None:
        self.bind(mask, positive=positive, negative=negative, weights=weights)
        if isinstance(self.positive, np.ndarray):
            _refuse_both_sides(self.positive & self.negative)

    @classmethod
    def of_lists(cls, k: int, rules: Iterable[tuple[Iterable[int], Iterable[int], float]], *, mask: Any = None) -> Self:
        """Rules from lists of members, v(S) = the sum of w over the rules (P, N, w) with P within S and none of N in S.

        k: the number of members; rules: any number R of triples (positive members, negative members, weight), members by their
        indices 0 .. k-1; mask: [..., k], for groups that share the rules. Cost O(k R).
        Raises InputError for a k below 1, for what is no triple, for indices that are no such members, and as the family does.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.Rules.of_lists(3, [([0], [1], 4.0), ([0, 1], [2], 3.0)])).round(3)
        array([ 2.5, -1.5, -1. ])
        """
        if not isinstance(k, WHOLE) or isinstance(k, bool) or k < 1:
            raise InputError(f"k must be a whole number of members, at least 1; got {k!r}.")
        if not isinstance(rules, Iterable):
            raise InputError(f"rules must be (positive members, negative members, weight) triples; got {rules!r}.")
        triples = [_triple(number, rule) for number, rule in enumerate(rules)]
        positive, negative = np.zeros((2, k, len(triples)), np.bool_)
        for number, (needed, barred, _) in enumerate(triples):
            positive[_members(needed, k, number, "positive"), number] = True
            negative[_members(barred, k, number, "negative"), number] = True
        return cls(positive, negative, [weight for *_, weight in triples], mask=mask)

    def definition(self, members: Array) -> float:
        rest = np.setdiff1d(np.arange(self.k), members)
        holds = ~self.positive[rest].any(axis=0) & ~self.negative[members].any(axis=0)
        return float(self.weights[holds].sum())

    def lowered(self) -> Self:
        lower = copy.copy(self)
        lower.weights = np.where((self.positive | self.negative).any(axis=-2), self.weights, 0)
        return lower

    def outline(self) -> Sequence[Outline]:
        rules = self.weights.shape[-1]
        return [self._outlined("products", "mixture", 26.0 * prod(self.shape) * self.k * rules, width=rules)]

    def reduce(self) -> Sequence[Problem]:
        """A rule is a product game: b = 0 for its positive members, a = 0 for its negative ones, all other factors are 1."""
        positive, negative = self.rows("positive", full=True), self.rows("negative", full=True)
        weights, xp = self.rows("weights"), namespace(positive)
        if not isinstance(positive, np.ndarray):
            weights = xp.where(xp.any(positive & negative, axis=1), float("nan"), weights)
        if self.mask is not None:
            here = self.present()[:, :, None]
            weights = xp.where(xp.any(positive & ~here, axis=1), 0, weights)
            negative = negative & here
        inside, outside = xp.astype(~negative, weights.dtype), xp.astype(~positive, weights.dtype)
        return [Problem("products", "mixture", (inside, outside, inside - outside, weights))]


def _refuse_both_sides(both: NDArray[np.bool_]) -> None:
    """Raise InputError for the first member that a rule asks for and bars, flags [..., k, R]."""
    if both.any():
        *group, member, rule = np.argwhere(both)[0].tolist()
        where = f" of group {group}" if group else ""
        raise InputError(
            f"rule {rule}{where} has member {member} in both positive and negative, so that it could never hold. "
            "Take the member out of one of the two, or leave out the rule."
        )


def _triple(number: int, rule: Any) -> tuple[Any, Any, Any]:
    """A rule as its three parts."""
    if not isinstance(rule, list | tuple) or len(rule) != 3:
        raise InputError(f"rule {number} must be a triple (positive members, negative members, weight); got {rule!r}.")
    positive, negative, weight = rule
    return positive, negative, weight


def _members(given: Any, k: int, number: int, side: str) -> NDArray[np.int64]:
    """The members of one side of a rule."""
    name, need = f"{side} of rule {number}", f"a list of member indices in 0 .. {k - 1}"
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InputError(f"{name} must be {need}; got {given!r}. Pass [] for a side without members.")
    found: NDArray[np.int64] = whole_numbers(given if hasattr(given, "ndim") else list(given), name, need, least=0)
    if found.ndim != 1:
        raise InputError(f"{name} must be {need}; got shape {found.shape}.")
    if found.max(initial=0) >= k:
        raise InputError(f"{name} must be {need}; got {int(found.max())}.")
    return found
