"""Geometric means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, positive, real
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility, or_of_all


class GeometricMean(Utility):
    """Geometric mean, v(S) = (prod_{i in S} x_i)^(1/|S|), v(empty) = base.

    Shapley: for every size s the mean over s-subsets of products of s-th roots, built up one member at a time, positive terms
    only. scores: [..., k], above 0, in the units of v; base: [...]; mask: [..., k]. Cost O(k^4).
    Raises InputError for scores that are not above 0.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.GeometricMean([1.0, 4.0]))
    array([-0.5,  2.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": positive("k"), "base": real()}
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(np.exp(np.log(self.scores[members]).mean())) if len(members) else float(self.base)

    def reduce(self) -> Sequence[Problem]:
        mean = Problem("counts", "geometric", (self.rows("scores", full=True), self.present()))
        return [mean, or_of_all(self, -self.rows("base", full=True))]
