"""The pairs form in an order: the n-th member brings its pairs with those before, and changes f for the pairs among them."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, beside, namespace
from shapley_kernels.earlier_members import counted, looked_up, sums_before

Array = Any


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """v(S) = f(|S|) sum over pairs: f(n) D_i + (f(n) - f(n - 1)) sum of D over those before, D_i = sum over j before i of d_ij.

    distances [B, K, K] symmetric, 0 where a member is absent, present [B or 1, K], f [B or 1, K + 1] -> [B, K]. O(K^2) a group.
    """
    xp = namespace(distances)
    earlier = beside(np.tri(distances.shape[1], k=-1, dtype=np.bool_), distances)
    pairs = xp.sum(xp.where(earlier, distances, 0), axis=2, dtype=xp.float64)
    size, f = counted(present), xp.astype(f, xp.float64)
    now, then = looked_up(f, at_least(size - 1, 0)), looked_up(f, size)
    return xp.where(present, then * pairs + (then - now) * sums_before(pairs), 0.0)
