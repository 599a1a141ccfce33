"""Diversity as the smallest spacing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.fields import Field, Parameter, real
from shapley_credit.utility import Problem, Utility


class MinGap(Utility):
    """Smallest gap on a line, v(S) = min_{i<j in S} |x_i - x_j|, 0 if |S| < 2.

    Max-min dispersion is #P-hard in general metrics, and on a line no polynomial algorithm is known once members form unions:
    the values of all sets are tabulated. points: [..., k], k <= 20; mask: [..., k]. Cost O(2^k).
    Raises InputError for points that are not finite and for more than 20 members.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MinGap([0.0, 1.0, 3.0]))
    array([ 0.33333333, -0.16666667,  0.83333333])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"points": real("k")}
    max_members: ClassVar[int | None] = 20
    points: Array

    def __init__(self, points: Any, *, mask: Any = None) -> None:
        self.bind(mask, points=points)

    def definition(self, members: Array) -> float:
        return float(np.diff(np.sort(self.points[members])).min()) if len(members) > 1 else 0.0

    def reduce(self) -> Sequence[Problem]:
        points, present = self.rows("points", full=True), self.present()
        table = np.array([_gaps(row, here) for row, here in zip(points, np.broadcast_to(present, points.shape), strict=True)])
        return [Problem("table", "solve", (table.reshape(len(points), 1 << self.k),))]


def _gaps(points: Array, present: Array) -> Array:
    """Smallest gaps of all subsets of the present members, [2^k], one point after the other from the left."""
    k = len(points)
    gap, last = np.full(1, np.inf), np.full(1, -np.inf)
    codes = np.zeros(1, np.int64)
    for i in np.argsort(points, kind="stable"):
        joined = (np.minimum(gap, points[i] - last), np.full_like(last, points[i])) if present[i] else (gap, last)
        gap, last = np.concatenate([gap, joined[0]]), np.concatenate([last, joined[1]])
        codes = np.concatenate([codes, codes | 1 << i])
    table = np.empty(1 << k)
    table[codes] = np.where(np.isfinite(gap), gap, 0)
    return table.astype(points.dtype)
