"""Product games v(S) = prod_{i in S} a_i prod_{i not in S} b_i.

phi_i = (a_i - b_i) integral_0^1 prod_{j != i} ((1 - t) b_j + t a_j) dt, a polynomial of degree K - 1 in t (Owen 1972),
integrated by Gauss-Legendre quadrature. Leave-one-out products come from prefixes and suffixes, never from division.
"""

from __future__ import annotations

from typing import Any

from shapley_kernels import quadrature
from shapley_kernels.arrays import dtype_of, exclusive_products, laid_out, namespace

Array = Any


def product(inside: Array, outside: Array, delta: Array) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K] -> [B, K]; delta is given apart, so that small
    differences keep their digits. O(K min(K/2, 4.3 sqrt K)) a group.
    """
    nodes = (array.tolist() for array in quadrature.rule(inside.shape[1], dtype_of(inside)))
    integral = 0.0
    for t, one_minus_t, weight in zip(*nodes, strict=True):
        integral = integral + weight * exclusive_products(t * inside + one_minus_t * outside)  # [B, K]
    return delta * integral


def mixture(inside: Array, outside: Array, delta: Array, weights: Array) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix.

    inside a, outside b, delta = a - b [B, K, X] each, weights [B or 1, X] -> [B, K]. O(X) product games a group.
    """
    xp = namespace(inside)
    groups, members, games = inside.shape
    rows = (laid_out(xp.matrix_transpose(array), (groups * games, members)) for array in (inside, outside, delta))
    return xp.sum(xp.reshape(product(*rows), (groups, games, members)) * weights[:, :, None], axis=1)


def noisy_or(chances: Array) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i), less one the product game of the chances to fail. p [B, K] -> [B, K].

    O(K min(K/2, 4.3 sqrt K)) a group.
    """
    return -product(1 - chances, 1 + 0 * chances, -chances)
