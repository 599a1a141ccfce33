"""Best of a set, worst of a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.utility import Problem, Utility, or_of_all
from shapley_kernels.arrays import like, namespace
from shapley_kernels.earlier_members import counted
from shapley_kernels.member_axes import Orders, along
from shapley_kernels.thresholds.order import airport


class Max(Utility):
    """Best-of-set utility, v(S) = max(base, max_{i in S} s_i), v(empty) = base.

    Shapley: phi_(j) = sum_{l<=j} (s_(l) - s_(l-1)) / (k - l + 1) over ascending scores, s_(0) = base, scores below base
    counting as base (airport game; Littlechild & Owen 1973).
    scores: [..., k] and base: [...] in the units of v; mask: [..., k]. Cost O(k log k).
    clip=False: only the empty set is worth base, v(S) = max_{i in S} s_i may be lower; then s_(0) = min s in the formula, and
    every member earns (min s - base) / k more.
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0]))
    array([2., 3., 4., 9.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "scores": real("k", deferred=True),
        "base": real(),
        "clip": Parameter((True, False)),
    }
    _light: ClassVar[int] = LINEAR
    scores: Array
    base: Array
    clip: bool

    def __init__(self, scores: Any, base: Any = 0.0, *, clip: bool = True, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base, clip=clip)

    def definition(self, members: Array) -> float:
        if self.clip or not len(members):
            return float(max([self.base, *self.scores[members]]))
        return float(max(self.scores[members]))

    def reduce(self) -> Sequence[Problem]:
        return best_of_set(self, self.rows("scores", full=True), self.rows("base"), self.clip)

    def marginals(self, orders: Orders) -> Array:
        return best_so_far(self, self.rows("scores", full=True), self.rows("base"), self.clip, orders)


class Min(Utility):
    """Worst-of-set utility, v(S) = min_{i in S} s_i, v(empty) = base.

    Shapley: minus the credit of the unclipped best of the negated scores (airport game; Littlechild & Owen 1973).
    scores: [..., k] and base: [...] in the units of v; mask: [..., k]. Cost O(k log k).
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Min([1.0, 3.0]))
    array([-0.5,  1.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k", deferred=True), "base": real()}
    _light: ClassVar[int] = LINEAR
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(min(self.scores[members])) if len(members) else float(self.base)

    def reduce(self) -> Sequence[Problem]:
        negated = best_of_set(self, -self.rows("scores", full=True), -self.rows("base"), clip=False)
        return [problem._replace(scale=-1.0) for problem in negated]

    def marginals(self, orders: Orders) -> Array:
        return -best_so_far(self, -self.rows("scores", full=True), -self.rows("base"), False, orders)


class Range(Utility):
    """Spread of a set, v(S) = max_{i in S} s_i - min_{i in S} s_i, v(empty) = 0.

    Shapley: the unclipped best of the scores plus that of the negated scores (airport games; Littlechild & Owen 1973).
    scores: [..., k] in the units of v; mask: [..., k]. Cost O(k log k).
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Range([1.0, 2.0, 5.0]))
    array([1.16666667, 0.66666667, 2.16666667])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k", deferred=True)}
    _light: ClassVar[int] = LINEAR
    scores: Array

    def __init__(self, scores: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores)

    def definition(self, members: Array) -> float:
        chosen = self.scores[members]
        return float(chosen.max() - chosen.min()) if len(members) else 0.0

    def reduce(self) -> Sequence[Problem]:
        scores, present = self.rows("scores", full=True), self.present()
        xp = namespace(scores)
        lowest = xp.min(xp.where(present, scores, float("inf")), axis=1)
        lowest = xp.where(xp.any(present, axis=1), lowest, 0)
        rises = xp.where(present, scores - lowest[:, None], 0)  # an offset of all scores costs these no digits
        zero = like(np.zeros(1), scores)
        return [Problem("thresholds", "airport", (rises, zero)), *best_of_set(self, -rises, zero, clip=False)]

    def marginals(self, orders: Orders) -> Array:
        scores = self.rows("scores", full=True)
        zero = like(np.zeros(1), scores)
        return best_so_far(self, scores, zero, False, orders) + best_so_far(self, -scores, zero, False, orders)


def best_of_set(utility: Utility, scores: Array, base: Array, clip: bool) -> Sequence[Problem]:
    """Problems of max over scores [B, K]: the airport game over `base`, or over the lowest score if not clipped.

    An absent member stands on the floor of the game, where it moves nothing.
    """
    xp = namespace(scores)
    floor = base
    if not clip:
        present = utility.present()
        lowest = xp.min(xp.where(present, scores, float("inf")), axis=1)
        floor = xp.where(xp.any(present, axis=1), lowest, base)
    if utility.mask is not None:
        scores = xp.where(utility.present(), scores, floor[:, None])
    problems = [Problem("thresholds", "airport", (scores, floor))]
    if not clip:  # any set but the empty one is also worth floor - base
        problems.append(or_of_all(utility, floor - base))
    return problems


@np.errstate(over="ignore", invalid="ignore")  # overflow leaves credits that are not finite, which are refused
def best_so_far(utility: Utility, scores: Array, base: Array, clip: bool, orders: Orders) -> Array:
    """The rise of the max over scores [B, K] at each place of the orders: over `base`, or over the first score if not clipped.

    However low the lowest score is, the others lose no digit to it.
    """
    xp = namespace(scores)
    scores, present = along(scores, orders), along(utility.present(), orders)
    if clip:
        return airport(xp.where(present, scores, base[:, None]), base)
    first = present & (counted(present) == 1)
    floor = xp.sum(xp.where(first, scores, 0), axis=1)
    rises = airport(xp.where(present, scores, floor[:, None]), floor)
    return rises + xp.where(first, scores - base[:, None], 0)
