"""Games of all families as tables, and how close their credits must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shapley_credit import Utility
from shapley_credit.testing.instances import FAMILIES, Array, Instance

from errors_seen import tolerance

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


def close(credit: Array, truth: Any, scale: float, dtype: Any) -> bool:
    """Within the tolerance of the dtype, relative to the largest value of the game, or to the grid of the drawn numbers."""
    return bool(np.all(np.abs(credit - np.array(truth, np.float64)) <= tolerance(dtype) * max(scale, 1 / 8)))


def without_mask(instance: Instance, present: Array) -> Utility:
    smaller = instance.along_members([int(i) for i in present])
    return Instance(smaller.family, smaller.k, smaller.data, None).utility
