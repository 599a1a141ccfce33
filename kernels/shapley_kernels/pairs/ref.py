"""Sums over pairs, times a function f of the size.

v(S) = f(|S|) sum_{i<j in S} d_ij,  phi_i = own D_i + rest (D - D_i),  D_i = sum_{j != i} d_ij,  D = sum_i D_i / 2,
own = sum_{s=1}^{n-1} s f(s+1) / (n (n-1)),  rest = (f(n) - 2 own) / (n - 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, beside, like, namespace

Array = Any


def pair_coefficients(f: Array, size: Array) -> tuple[Array, Array]:
    """own and rest for n members. f [B or 1, K + 1], size n [B or 1] -> [B or 1] each."""
    xp = namespace(f)
    sizes = np.arange(f.shape[1])
    s, n = beside(sizes, f), size[:, None]
    total = xp.sum(xp.where((s > 1) & (s <= n), like(sizes - 1, f) * f, 0), axis=1)  # sum_{s=1}^{n-1} s f(s+1)
    own = total / xp.astype(at_least(size * (size - 1), 1), f.dtype)
    height = xp.sum(xp.where(s == n, f, 0), axis=1)
    return own, (height - 2 * own) / xp.astype(at_least(size - 2, 1), f.dtype)


def pair_sums(distances: Array, present: Array, f: Array) -> Array:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K]. O(K^2) a group.
    """
    xp = namespace(distances)
    members = distances.shape[1]
    own, rest = pair_coefficients(f, xp.count_nonzero(present, axis=1))
    off_diagonal = xp.where(beside(np.eye(members, dtype=np.bool_), distances), 0, distances)
    row = xp.sum(off_diagonal, axis=2)  # [B, K]
    total = xp.sum(row, axis=1, keepdims=True) / 2
    return xp.where(present, own[:, None] * row + rest[:, None] * (total - row), 0)
