"""Utilities given by all their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class Table(Utility):
    """Any set function, v(S) = values[sum_{i in S} 2^i].

    Shapley by folding the weighted table, in 2^k additions instead of k 2^k (Shapley 1953).
    values: [..., 2**k] in the units of v, index = bit mask, bit i = member i; mask: [..., k], with which v(S) is the value of
    the present members of S. Computed in float64. Cost O(2^k).
    Raises InputError for a length that is not 2, 4, 8, .. and values that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Table([0.0, 1.0, 2.0, 6.0]))
    array([2.5, 3.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"values": real("coalitions", deferred=True)}
    max_members: ClassVar[int | None] = 32
    values: Array

    def __init__(self, values: Any, *, mask: Any = None) -> None:
        self.bind(mask, values=values)

    def definition(self, members: Array) -> float:
        return float(self.values[(1 << members).sum()])

    def intervals(self, line: Array) -> Array:
        codes = np.concatenate([[0], np.cumsum(1 << line)])
        return np.triu(self.values[np.maximum(codes[None, 1:] - codes[:-1, None], 0)])

    def rises(self, sets: Array) -> Array:
        xp, values = namespace(sets), self.rows("values", full=True)
        codes = xp.sum(xp.where(sets, self.beside(1 << np.arange(self.k)), 0), axis=2)
        chosen = xp.take_along_axis(values, xp.broadcast_to(codes, (values.shape[0], codes.shape[1])), axis=1)
        return xp.astype(chosen, xp.float64) - xp.astype(values[:, :1], xp.float64)

    def reduce(self) -> Sequence[Problem]:
        values = self.rows("values", full=True)
        if self.mask is not None:
            xp = namespace(values)
            present = xp.sum(xp.where(self.present(), self.beside(1 << np.arange(self.k)), 0), axis=1)  # as bit masks
            values = xp.take_along_axis(values, self.beside(np.arange(1 << self.k)) & present[:, None], axis=1)
        return [Problem("table", "solve", (values,))]
