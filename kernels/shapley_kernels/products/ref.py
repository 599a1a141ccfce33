"""Product games v(S) = prod_{i in S} a_i prod_{i not in S} b_i.

phi_i = (a_i - b_i) integral_0^1 prod_{j != i} ((1 - t) b_j + t a_j) dt, a polynomial of degree K - 1 in t (Owen 1972),
integrated by Gauss-Legendre quadrature. Leave-one-out products come from prefixes and suffixes, never from division.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import quadrature

Array = NDArray[Any]


def product(inside: Array, outside: Array, delta: Array) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K] -> [B, K]; delta is given apart, so that small
    differences keep their digits. O(K min(K/2, 4.3 sqrt K)) a group.
    """
    members = inside.shape[1]
    integral = np.zeros_like(inside)
    for t, one_minus_t, weight in zip(*quadrature.rule(members, inside.dtype), strict=True):
        factor = inside.dtype.type(t) * inside + inside.dtype.type(one_minus_t) * outside  # [B, K]
        before = np.ones_like(factor)
        np.cumprod(factor[:, :-1], axis=1, out=before[:, 1:])
        after = np.ones_like(factor)
        np.cumprod(factor[:, :0:-1], axis=1, out=after[:, -2::-1])
        integral += inside.dtype.type(weight) * before * after
    return delta * integral


def mixture(inside: Array, outside: Array, delta: Array, weights: Array) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix.

    inside a, outside b, delta = a - b [B, K, X] each, weights [B or 1, X] -> [B, K]. O(X) product games a group.
    """
    groups, members, games = inside.shape
    turned = (np.ascontiguousarray(np.swapaxes(array, 1, 2)) for array in (inside, outside, delta))
    rows = [array.reshape(groups * games, members) for array in turned]
    credit: Array = (product(*rows).reshape(groups, games, members) * weights[:, :, None]).sum(axis=1)
    return credit


def noisy_or(chances: Array) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i), less one the product game of the chances to fail. p [B, K] -> [B, K].

    O(K min(K/2, 4.3 sqrt K)) a group.
    """
    return -product(1 - chances, 1 + 0 * chances, -chances)
