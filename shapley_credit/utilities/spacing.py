"""Diversity as the smallest spacing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility


class MinGap(Utility):
    """Smallest gap on a line, v(S) = min_{i<j in S} |x_i - x_j|, 0 if |S| < 2.

    Shapley: for every distance theta of a pair the sets without smaller gaps are counted by size, point after point from the
    left. Max-min dispersion is #P-hard in general metrics, and no polynomial algorithm is known for unions of points: on a
    coalition tree all values are tabulated, for k <= 20.
    points: [..., k]; mask: [..., k]. Cost O(k^4), O(k^3 log k) for points of even spread.
    Raises InputError for points that are not finite, more than 1000 members, and more than 20 on a coalition tree.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MinGap([0.0, 1.0, 3.0]))
    array([ 0.33333333, -0.16666667,  0.83333333])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"points": real("k")}
    points: Array

    def __init__(self, points: Any, *, mask: Any = None) -> None:
        self.bind(mask, points=points)

    def definition(self, members: Array) -> float:
        return float(np.diff(np.sort(self.points[members])).min()) if len(members) > 1 else 0.0

    def reduce(self) -> Sequence[Problem]:
        return [Problem("gaps", "min_gap", (self.rows("points", full=True), self.present()))]
