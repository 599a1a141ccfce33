"""Games of all families as tables, and how close their credits must be."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from shapley_credit import Utility

import oracle
from errors_seen import tolerance
from strategies import FAMILIES, Array, Instance

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


def table_of(utility: Utility) -> Array:
    """All values [2^k] of one group, by definition."""
    return np.array([utility.value([i for i in range(utility.k) if code >> i & 1]) for code in range(1 << utility.k)])


def game_of(table: Array) -> oracle.Game:
    return lambda members: Fraction(float(table[sum(1 << i for i in members)]))


def close(credit: Array, truth: Any, scale: float, dtype: Any) -> bool:
    """Within the tolerance of the dtype, relative to the largest value of the game, or to the grid of the drawn numbers."""
    return bool(np.all(np.abs(credit - np.array(truth, np.float64)) <= tolerance(dtype) * max(scale, 1 / 8)))


def symmetrised(table: Array, first: int, second: int) -> Array:
    codes = np.arange(len(table))
    swapped = codes & ~(1 << first) & ~(1 << second)
    swapped |= (codes >> first & 1) << second | (codes >> second & 1) << first
    mean: Array = (table + table[swapped]) / 2
    return mean


def without_mask(instance: Instance, present: Array) -> Utility:
    smaller = instance.along_members([int(i) for i in present])
    return Instance(smaller.family, smaller.k, smaller.data, None).utility
