"""Numba kernel of the products form.

    phi_i = delta_i sum_nodes w prod_{j<i} f_j prod_{j>i} f_j,  f_j = t a_j + (1 - t) b_j.

Per group: prefixes of all nodes go down a [K, NT] tile, then the suffix runs up against them; the nodes are the lanes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel, quadrature
from shapley_kernels.jit import jit

Array = NDArray[Any]


@jit
def _product(
    inside: Array,
    outside: Array,
    delta: Array,
    t: Array,
    one_minus_t: Array,
    weight: Array,
    credit: Array,
    low: int,
    high: int,
) -> None:
    members, nodes = inside.shape[1], t.shape[0]
    s_outside = 0 if outside.shape[0] == 1 else 1
    b_before = np.empty((members, nodes), inside.dtype)
    b_after = np.empty(nodes, inside.dtype)
    for group in range(low, high):
        a, b, d = inside[group], outside[group * s_outside], delta[group]
        b_before[0] = weight
        for i in range(1, members):
            for node in range(nodes):
                b_before[i, node] = b_before[i - 1, node] * (t[node] * a[i - 1] + one_minus_t[node] * b[i - 1])
        b_after[:] = 1
        for i in range(members - 1, -1, -1):
            integral = inside.dtype.type(0)
            for node in range(nodes):
                integral += b_before[i, node] * b_after[node]
                b_after[node] *= t[node] * a[i] + one_minus_t[node] * b[i]
            credit[group, i] = d[i] * integral


def product(inside: Array, outside: Array, delta: Array) -> Array:
    """inside, delta [B, K], outside [B or 1, K] -> [B, K]."""
    groups, members = inside.shape
    t, one_minus_t, weight = (a.astype(inside.dtype) for a in quadrature.rule(members, inside.dtype))
    credit = np.empty_like(inside)
    parallel.rows(
        lambda low, high: _product(inside, outside, delta, t, one_minus_t, weight, credit, low, high),
        groups,
        1.5 * members * len(t),
    )
    return credit


def mixture(inside: Array, outside: Array, delta: Array, weights: Array) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix.

    inside a, outside b, delta = a - b [B, K, X] each, weights [B or 1, X] -> [B, K]. O(X) product games a group.
    """
    groups, members, games = inside.shape
    turned = (np.ascontiguousarray(np.swapaxes(array, 1, 2)) for array in (inside, outside, delta))
    rows = [array.reshape(groups * games, members) for array in turned]
    credit: Array = (product(*rows).reshape(groups, games, members) * weights[:, :, None]).sum(axis=1)
    return credit
