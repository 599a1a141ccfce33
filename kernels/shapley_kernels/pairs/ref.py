"""Sums over pairs, times a function f of the size.

v(S) = f(|S|) sum_{i<j in S} d_ij,  phi_i = own D_i + rest (D - D_i),  D_i = sum_{j != i} d_ij,  D = sum_i D_i / 2,
own = sum_{s=1}^{n-1} s f(s+1) / (n (n-1)),  rest = (f(n) - 2 own) / (n - 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def pair_sums(distances: Array, own: Array, rest: Array) -> Array:
    """distances [B, K, K] symmetric, diagonal ignored, own, rest [B or 1] -> [B, K]. O(K^2) a group."""
    members = distances.shape[1]
    off_diagonal = np.where(np.eye(members, dtype=bool), 0, distances)
    row = off_diagonal.sum(axis=2)  # [B, K]
    total = row.sum(axis=1, keepdims=True) / 2
    credit: Array = own[:, None] * row + rest[:, None] * (total - row)
    return credit
