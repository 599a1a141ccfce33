"""Additive utilities: every member is worth its own score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility


class Additive(Utility):
    """Sum of scores, v(S) = sum_{i in S} s_i.

    Shapley: phi_i = s_i (Shapley 1953). scores: [..., k] in the units of v; mask: [..., k]. Cost O(k).
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Additive([1.0, -2.0]))
    array([ 1., -2.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k")}
    _light: ClassVar[int] = LINEAR
    _may_overflow: ClassVar[bool] = False
    scores: Array

    def __init__(self, scores: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores)

    def definition(self, members: Array) -> float:
        return float(self.scores[members].sum())

    def reduce(self) -> Sequence[Problem]:
        return [Problem("dividends", "additive", (self.rows("scores", full=True),))]
