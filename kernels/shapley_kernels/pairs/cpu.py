"""Numba kernel of the pairs form: phi_i = own D_i + rest (D - D_i), one pass over the matrix for its row sums D_i."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel
from shapley_kernels.jit import jit
from shapley_kernels.lanes import load, splat, total

Array = NDArray[Any]


@jit
def _pair_rates(f: Array, rates: Array, low: int, high: int) -> None:
    """own and rest for n = 0 .. K members, [B or 1, K + 1, 2]; the formulas are in ref.py."""
    for row in range(low, high):
        total = 0.0
        for n in range(f.shape[1]):
            total += (n - 1) * f[row, n] if n > 1 else 0.0
            own = total / max(n * (n - 1), 1)
            rates[row, n, 0], rates[row, n, 1] = own, (f[row, n] - 2 * own) / max(n - 2, 1)


@jit
def _pair_sums(distances: Array, present: Array, rates: Array, credit: Array, low: int, high: int) -> None:
    members = distances.shape[1]
    s_present, s_rates = 0 if present.shape[0] == 1 else 1, 0 if rates.shape[0] == 1 else 1
    whole = members - members % 8
    zero = distances.dtype.type(0)
    for group in range(low, high):
        all_rows, size = zero, 0
        for i in range(members):
            start = (group * members + i) * members
            near = i - i % 8  # the eight with the diagonal, which may hold anything
            lanes = splat(zero)
            for j in range(0, whole, 8):
                if j != near:
                    lanes = lanes + load(distances, start + j)
            row = total(lanes)
            for j in range(near, min(near + 8, members)):
                row += distances[group, i, j] if j != i else zero
            if near < whole:
                for j in range(whole, members):
                    row += distances[group, i, j]
            credit[group, i] = row
            all_rows += row
            size += present[group * s_present, i]
        own, rest = rates[group * s_rates, size, 0], rates[group * s_rates, size, 1]
        for i in range(members):
            row = credit[group, i]
            share = own * row + rest * (all_rows * distances.dtype.type(0.5) - row)
            credit[group, i] = share if present[group * s_present, i] else zero


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K].
    """
    groups, members = distances.shape[:2]
    rates = np.empty((*f.shape, 2), distances.dtype)
    parallel.rows(_pair_rates, len(f), 2 * members, f, rates)
    credit = np.empty((groups, members), distances.dtype)
    parallel.rows(_pair_sums, groups, 0.3 * members**2, distances, present, rates, credit)
    return credit
