"""Numba kernel of the pairs form: phi_i = own D_i + rest (D - D_i), one pass over the matrix for its row sums D_i."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import load, splat, total

Array = NDArray[Any]


@jit
def _pair_rates(f: Array, row: int, n: int) -> tuple[float, float]:
    """own and rest for n members; the formulas are in ref.py."""
    total = 0.0
    for s in range(2, n + 1):
        total += (s - 1) * f[row, s]
    own = total / max(n * (n - 1), 1)
    return own, (f[row, n] - 2 * own) / max(n - 2, 1)


@jit
def _pair_sums(distances: Array, present: Array, f: Array, credit: Array, low: int, high: int) -> None:
    members, real = distances.shape[1], distances.dtype.type
    s_present, s_f = 0 if present.shape[0] == 1 else 1, 0 if f.shape[0] == 1 else 1
    whole = members - members % 8
    zero = real(0)
    own, rest, known = zero, zero, -1
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
        if s_f or size != known:
            rates, known = _pair_rates(f, group * s_f, size), size
            own, rest = real(rates[0]), real(rates[1])
        for i in range(members):
            row = credit[group, i]
            share = own * row + rest * (all_rows * real(0.5) - row)
            credit[group, i] = share if present[group * s_present, i] else zero


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K].
    """
    groups, members = distances.shape[:2]
    credit = np.empty((groups, members), distances.dtype)
    threads.rows(_pair_sums, groups, 0.3 * members**2, distances, present, f, credit)
    return credit
