"""Sums over pairs, times a function f of the size.

v(S) = f(|S|) sum_{i<j in S} d_ij,  phi_i = own D_i + rest (D - D_i),  D_i = sum_{j != i} d_ij,  D = sum_i D_i / 2,
own = sum_{s=1}^{n-1} s f(s+1) / (n (n-1)),  rest = (f(n) - 2 own) / (n - 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def pair_coefficients(f: Array, size: Array) -> tuple[Array, Array]:
    """own and rest for n members. f [B or 1, K + 1], size n [B or 1] -> [B or 1] each."""
    rows = np.arange(max(len(f), len(size))) if min(len(f), len(size)) else np.arange(0)
    n = np.broadcast_to(size, len(rows))
    f = np.broadcast_to(f, (len(rows), f.shape[1]))
    sums = np.zeros_like(f)  # sum_{s=1}^{n-1} s f(s+1), by n
    sums[:, 2:] = np.cumsum(np.arange(1, f.shape[1] - 1) * f[:, 2:], axis=1)
    own = (sums[rows, n] / np.maximum(n * (n - 1), 1)).astype(f.dtype)
    return own, ((f[rows, n] - 2 * own) / np.maximum(n - 2, 1)).astype(f.dtype)


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K]. O(K^2) a group.
    """
    members = distances.shape[1]
    own, rest = pair_coefficients(f, present.sum(axis=1))
    off_diagonal = np.where(np.eye(members, dtype=bool), 0, distances)
    row = off_diagonal.sum(axis=2)  # [B, K]
    total = row.sum(axis=1, keepdims=True) / 2
    credit: Array = np.where(present, own[:, None] * row + rest[:, None] * (total - row), 0)
    return credit
