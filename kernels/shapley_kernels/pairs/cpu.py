"""Numba kernel of the pairs form: phi_i = own D_i + rest (D - D_i), one pass over the matrix for its row sums D_i."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit
from shapley_kernels.pairs.ref import pair_coefficients

Array = NDArray[Any]


@jit
def _pair_sums(distances: Array, present: Array, own: Array, rest: Array, credit: Array, low: int, high: int) -> None:
    members = distances.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    s_own = 0 if own.shape[0] == 1 else 1
    zero = distances.dtype.type(0)
    for group in range(low, high):
        total = zero
        for i in range(members):
            row = zero
            for j in range(i):
                row += distances[group, i, j]
            for j in range(i + 1, members):
                row += distances[group, i, j]
            credit[group, i] = row
            total += row
        total *= distances.dtype.type(0.5)
        for i in range(members):
            row = credit[group, i]
            share = own[group * s_own] * row + rest[group * s_own] * (total - row)
            credit[group, i] = share if present[group * s_present, i] else zero


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K].
    """
    groups, members = distances.shape[:2]
    own, rest = pair_coefficients(f, present.sum(axis=1))
    credit = np.empty((groups, members), distances.dtype)
    parallel.rows(lambda low, high: _pair_sums(distances, present, own, rest, credit, low, high), groups, members**2)
    return credit
