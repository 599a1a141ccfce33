"""The products form in an order: those before are inside, those after are outside."""

from __future__ import annotations

from typing import Any

from shapley_kernels.arrays import laid_out, namespace, products_after, products_before

Array = Any


def product(inside: Array, outside: Array, delta: Array) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K] -> [B, K] float64. O(K) a group."""
    xp = namespace(inside)
    inside, outside = xp.astype(inside, xp.float64), xp.astype(outside, xp.float64)
    return delta * (products_before(inside) * products_after(outside))


def mixture(inside: Array, outside: Array, delta: Array, weights: Array) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix.

    inside a, outside b, delta = a - b [B, K, X] each, weights [B or 1, X] -> [B, K]. O(K X) a group.
    """
    xp = namespace(inside)
    groups, members, games = inside.shape
    rows = (laid_out(xp.matrix_transpose(array), (groups * games, members)) for array in (inside, outside, delta))
    return xp.sum(xp.reshape(product(*rows), (groups, games, members)) * weights[:, :, None], axis=1)


def noisy_or(chances: Array) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i). p [B, K] -> [B, K] float64. O(K) a group."""
    xp = namespace(chances)
    return chances * products_before(1 - xp.astype(chances, xp.float64))
