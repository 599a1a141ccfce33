"""Figures of a batch from those of its sets, wherever these were scored: sums of fractions are the same in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.adapters.scoring import RESIDUAL, Figures


class Pool(NamedTuple):
    """One figure of several sets: how many have it, the largest, and the sum without rounding."""

    sets: int
    largest: float
    total: Any  # a Fraction, or a float that is not finite

    def beside(self, other: Pool) -> Pool:
        # NumPy's maximum of NaN and a number is NaN on either side.
        return Pool(self.sets + other.sets, float(np.maximum(self.largest, other.largest)), self.total + other.total)


Pools = dict[str, Pool]


def pools_of(each: Iterable[Mapping[str, float]]) -> Pools:
    """The figures of the sets of one process; a few bytes, however many sets there are."""
    return merged({name: Pool(1, x, Fraction(x) if isfinite(x) else x) for name, x in figures.items()} for figures in each)


def merged(parts: Iterable[Pools]) -> Pools:
    """The figures of all processes."""
    found: Pools = {}
    for part in parts:
        for name, pool in part.items():
            found[name] = found[name].beside(pool) if name in found else pool
    return found


def figures_of(pools: Pools) -> Figures:
    """The largest residual, and the means of the others over the sets that have them."""
    return {name: pool.largest if name == RESIDUAL else float(pool.total / pool.sets) for name, pool in pools.items()}
