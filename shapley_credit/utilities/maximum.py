"""Best of a set, worst of a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class Max(Utility):
    """Best-of-set utility, v(S) = max_{i in S} s_i, v(empty) = base.

    Shapley: phi_(j) = sum_{l<=j} (s_(l) - s_(l-1)) / (k - l + 1) over ascending scores, s_(0) = base (airport game of
    Littlechild & Owen 1973, with a first step of either sign).
    scores: [..., k] and base: [...] in the units of v; mask: [..., k]. Cost O(k log k).
    clip=True: v(S) = max(base, max_{i in S} s_i), so that scores below base count as base and earn nothing.
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0]))
    array([2., 3., 4., 9.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "scores": real("k", deferred=True),
        "base": real(),
        "clip": Parameter((False, True)),
    }
    _light: ClassVar[int] = LINEAR
    scores: Array
    base: Array
    clip: bool

    def __init__(self, scores: Any, base: Any = 0.0, *, clip: bool = False, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base, clip=clip)

    def definition(self, members: Array) -> float:
        if self.clip or not len(members):
            return float(max([self.base, *self.scores[members]]))
        return float(max(self.scores[members]))

    def reduce(self) -> Sequence[Problem]:
        scores, base = self.rows("scores", full=True), self.rows("base")
        if self.clip:
            scores = _clipped(scores, base[:, None])
        return [Problem("thresholds", "airport", (scores, base, self.present()))]


class Min(Utility):
    """Worst-of-set utility, v(S) = min_{i in S} s_i, v(empty) = base.

    Shapley: minus the credit of the best of the negated scores (airport game; Littlechild & Owen 1973).
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
        scores, base = self.rows("scores", full=True), self.rows("base")
        return [Problem("thresholds", "airport", (-scores, -base, self.present()), -1.0)]


class Range(Utility):
    """Spread of a set, v(S) = max_{i in S} s_i - min_{i in S} s_i, v(empty) = 0.

    Shapley: the credit of the best of the scores plus that of the best of the negated scores (airport games; Littlechild & Owen
    1973).
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
        # The maximum over `lowest` less the minimum over `lowest`: an offset of all scores costs neither a digit.
        best, worst = (scores, lowest, present), (-scores, -lowest, present)
        return [Problem("thresholds", "airport", arrays) for arrays in (best, worst)]


def _clipped(scores: Array, base: Array) -> Array:
    """Scores [B, K], or base [B or 1, 1] where they are lower; what is not finite stays so, for the kernel to see."""
    low = scores < base
    if isinstance(low, np.ndarray) and not low.any():
        return scores
    return namespace(scores).where(low & (scores > -float("inf")), base, scores)
