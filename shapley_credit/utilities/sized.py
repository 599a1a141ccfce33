"""Utilities of the size of a set, and of averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.fields import Field, Parameter, real
from shapley_credit.utility import Problem, Utility, or_of_all


class Cardinality(Utility):
    """Function of the size, v(S) = f(|S|).

    Shapley: phi_i = (f(k) - f(0)) / k, by symmetry (Shapley 1953).
    f: [..., k + 1] in the units of v, f[s] the value of a set of s members; mask: [..., k], with which n present members share
    f(n) - f(0). Cost O(k). Raises InputError for values that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Cardinality([0.0, 1.0, 1.5]))
    array([0.75, 0.75])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"f": real("sizes")}
    f: Array

    def __init__(self, f: Any, *, mask: Any = None) -> None:
        self.bind(mask, f=f)

    def definition(self, members: Array) -> float:
        return float(self.f[len(members)])

    def reduce(self) -> Sequence[Problem]:
        return [Problem("counts", "cardinality", (self.rows("f", full=True), self.present()))]


class Mean(Utility):
    """Average score, v(S) = sum_{i in S} s_i / |S|, v(empty) = base.

    Shapley: phi_i = (s_mean - base) / k + (k H_k - 1) / (k (k - 1)) (s_i - s_mean), with harmonic numbers H.
    scores: [..., k] and base: [...] in the units of v; mask: [..., k]. Cost O(k).
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Mean([1.0, 3.0]))
    array([0., 2.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "base": real()}
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(self.scores[members].mean()) if len(members) else float(self.base)

    def reduce(self) -> Sequence[Problem]:
        scores = self.rows("scores", full=True)
        f = np.concatenate([[0.0], 1 / np.arange(1, self.k + 1)]).astype(scores.dtype)[None, :]
        # v(empty) = base lifts nothing but the empty set: base less an OR game of all members.
        return [
            Problem("counts", "size_sum", (scores, self.present(), f)),
            or_of_all(self, -self.rows("base", full=True)),
        ]
