"""Numba kernels of the products form.

    phi_i = delta_i sum_nodes w prod_{j<i} f_j prod_{j>i} f_j,  f_j = t a_j + (1 - t) b_j.

Eight games at a time, one a lane: for two nodes at once the prefixes go down a tile [K, 2, 8], then the suffixes run up against
them. Lanes are groups for `product` and `noisy_or`, which holds up to 8 members in registers, the X games of a group for
`mixture`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import quadrature
from shapley_kernels.compiled import memory, threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import Lanes, load, multiply_add, splat, store, total
from shapley_kernels.compiled.tiles import reach, store_eight, tile, turn

Array = NDArray[Any]


@lru_cache(maxsize=256)
def node_pairs(members: int, dtype: np.dtype[Any]) -> Array:
    """t, 1 - t and weight of the nodes, [even number, 3], read-only: the last one has no weight where their number is odd."""
    rule = quadrature.rule(members, dtype).T
    padded = np.concatenate([rule, rule[: len(rule) % 2] * [1, 1, 0]]).astype(dtype)
    padded.flags.writeable = False
    return padded


@jit
def _factors(
    inside: Array, outside: Array | None, i: int, t: Lanes, one_minus_t: Lanes, t_2: Lanes, one_minus_t_2: Lanes
) -> tuple[Lanes, Lanes]:
    """f_i at two nodes."""
    a = load(inside, 8 * i)
    if outside is None:
        return multiply_add(t, a, one_minus_t), multiply_add(t_2, a, one_minus_t_2)
    b = load(outside, 8 * i)
    return multiply_add(t, a, one_minus_t * b), multiply_add(t_2, a, one_minus_t_2 * b)


@jit
def _integrate(inside: Array, outside: Array | None, nodes: Array, before: Array, share: Array) -> None:
    """share = sum_nodes w prod_{j != i} f_j, from tiles inside, outside (None: 1), [K or more, 8]. before [K, 16]: scratch."""
    members = before.shape[0]
    one, zero = inside.dtype.type(1), inside.dtype.type(0)
    for i in range(members):
        store(share, 8 * i, splat(zero))
    for node in range(0, nodes.shape[0], 2):
        t, u, p = splat(nodes[node, 0]), splat(nodes[node, 1]), splat(nodes[node, 2])
        t_2, u_2, p_2 = splat(nodes[node + 1, 0]), splat(nodes[node + 1, 1]), splat(nodes[node + 1, 2])
        # Prefixes start from the weights of the nodes, so that no term needs a weight of its own.
        for i in range(members):
            store(before, 16 * i, p)
            store(before, 16 * i + 8, p_2)
            f, f_2 = _factors(inside, outside, i, t, u, t_2, u_2)
            p, p_2 = p * f, p_2 * f_2
        p = p_2 = splat(one)
        for i in range(members - 1, -1, -1):
            both = multiply_add(load(before, 16 * i), p, load(before, 16 * i + 8) * p_2)
            store(share, 8 * i, load(share, 8 * i) + both)
            f, f_2 = _factors(inside, outside, i, t, u, t_2, u_2)
            p, p_2 = p * f, p_2 * f_2


@jit
def _product(inside: Array, outside: Array, delta: Array, nodes: Array, credit: Array, low: int, high: int) -> None:
    members = inside.shape[1]
    height = max(members, 8)
    s_outside = 0 if outside.shape[0] == 1 else members
    b_inside, b_outside = tile(height, 8, inside.dtype), tile(height, 8, inside.dtype)
    b_delta, b_share = tile(height, 8, inside.dtype), tile(height, 8, inside.dtype)
    before = tile(members, 16, inside.dtype)
    for first in range(low, high, 8):
        lanes, o, width = min(8, high - first), first * members, reach(members, first, high)
        turn(inside, o, members, lanes, width, b_inside, 0, 8)
        turn(delta, o, members, lanes, width, b_delta, 0, 8)
        turn(outside, first * s_outside, s_outside, lanes, width if s_outside else members, b_outside, 0, 8)
        _integrate(b_inside, b_outside, nodes, before, b_share)
        for i in range(members):
            store(b_share, 8 * i, load(b_share, 8 * i) * load(b_delta, 8 * i))
        turn(b_share, 0, 8, width, lanes, credit, o, members)


@jit
def _chances_8(chances: Array, nodes: Array, share: Array) -> None:
    """p_i sum_nodes w prod_{j != i} (1 - t p_j) of chances p [8, 8], in registers: products of pairs, of fours, and back."""
    one, zero = splat(chances.dtype.type(1)), splat(chances.dtype.type(0))
    p_0, p_1, p_2, p_3 = load(chances, 0), load(chances, 8), load(chances, 16), load(chances, 24)
    p_4, p_5, p_6, p_7 = load(chances, 32), load(chances, 40), load(chances, 48), load(chances, 56)
    a_0, a_1, a_2, a_3 = one - p_0, one - p_1, one - p_2, one - p_3
    a_4, a_5, a_6, a_7 = one - p_4, one - p_5, one - p_6, one - p_7
    s_0 = s_1 = s_2 = s_3 = s_4 = s_5 = s_6 = s_7 = zero
    for node in range(nodes.shape[0]):
        t, u, w = splat(nodes[node, 0]), splat(nodes[node, 1]), splat(nodes[node, 2])
        f_0, f_1, f_2, f_3 = multiply_add(t, a_0, u), multiply_add(t, a_1, u), multiply_add(t, a_2, u), multiply_add(t, a_3, u)
        f_4, f_5, f_6, f_7 = multiply_add(t, a_4, u), multiply_add(t, a_5, u), multiply_add(t, a_6, u), multiply_add(t, a_7, u)
        f_01, f_23, f_45, f_67 = f_0 * f_1, f_2 * f_3, f_4 * f_5, f_6 * f_7
        low, high = w * (f_45 * f_67), w * (f_01 * f_23)  # all but the four of that half
        g_01, g_23, g_45, g_67 = low * f_23, low * f_01, high * f_67, high * f_45  # all but that pair
        s_0, s_1 = multiply_add(g_01, f_1, s_0), multiply_add(g_01, f_0, s_1)
        s_2, s_3 = multiply_add(g_23, f_3, s_2), multiply_add(g_23, f_2, s_3)
        s_4, s_5 = multiply_add(g_45, f_5, s_4), multiply_add(g_45, f_4, s_5)
        s_6, s_7 = multiply_add(g_67, f_7, s_6), multiply_add(g_67, f_6, s_7)
    store_eight(share, 0, 8, s_0 * p_0, s_1 * p_1, s_2 * p_2, s_3 * p_3, s_4 * p_4, s_5 * p_5, s_6 * p_6, s_7 * p_7)


@jit
def _noisy_or(chances: Array, nodes: Array, credit: Array, low: int, high: int) -> None:
    members = chances.shape[1]
    height = max(members, 8)
    b_chance, b_inside = tile(height, 8, chances.dtype), tile(height, 8, chances.dtype)
    b_share, before = tile(height, 8, chances.dtype), tile(members, 16, chances.dtype)
    one, zero = splat(chances.dtype.type(1)), splat(chances.dtype.type(0))
    for first in range(low, high, 8):
        lanes, o, width = min(8, high - first), first * members, reach(members, first, high)
        turn(chances, o, members, lanes, width, b_chance, 0, 8)
        if members <= 8:
            for i in range(members, 8):
                store(b_chance, 8 * i, zero)
            _chances_8(b_chance, nodes, b_share)
        else:
            for i in range(members):
                store(b_inside, 8 * i, one - load(b_chance, 8 * i))
            _integrate(b_inside, None, nodes, before, b_share)
            for i in range(members):
                store(b_share, 8 * i, load(b_share, 8 * i) * load(b_chance, 8 * i))
        turn(b_share, 0, 8, width, lanes, credit, o, members)


@jit
def _mixture(
    inside: Array, outside: Array, delta: Array, weights: Array, nodes: Array, credit: Array, low: int, high: int
) -> None:
    members, games = inside.shape[1], inside.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    b_inside, b_outside = tile(members, 8, inside.dtype), tile(members, 8, inside.dtype)
    b_share, b_total = tile(members, 8, inside.dtype), tile(members, 8, inside.dtype)
    b_change = tile(members, 8, inside.dtype)
    before = tile(members, 16, inside.dtype)
    for group in range(low, high):
        b_total[:] = 0
        for first in range(0, games, 8):
            lanes = min(8, games - first)
            b_change[:] = 0  # games beyond the last one
            for i in range(members):
                for lane in range(lanes):
                    b_inside[i, lane] = inside[group, i, first + lane]
                    b_outside[i, lane] = outside[group, i, first + lane]
                    b_change[i, lane] = delta[group, i, first + lane] * weights[group * s_weights, first + lane]
            _integrate(b_inside, b_outside, nodes, before, b_share)
            for i in range(members):
                store(b_total, 8 * i, load(b_total, 8 * i) + load(b_share, 8 * i) * load(b_change, 8 * i))
        for i in range(members):
            credit[group, i] = total(load(b_total, 8 * i))


def _cost(members: int, nodes: Array) -> float:
    """Nanoseconds a game."""
    return 0.4 * members * len(nodes) + members


def product(inside: Array, outside: Array, delta: Array) -> Array:
    """inside, delta [B, K], outside [B or 1, K] -> [B, K]."""
    groups, members = inside.shape
    nodes = node_pairs(members, inside.dtype)
    credit = memory.empty(inside.shape, inside.dtype)
    threads.rows(_product, groups, _cost(members, nodes), inside, outside, delta, nodes, credit)
    return credit


def noisy_or(chances: Array) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i). chances p [B, K] -> [B, K]."""
    groups, members = chances.shape
    nodes = node_pairs(members, chances.dtype)
    credit = memory.empty(chances.shape, chances.dtype)
    threads.rows(_noisy_or, groups, _cost(members, nodes), chances, nodes, credit)
    return credit


def mixture(inside: Array, outside: Array, delta: Array, weights: Array) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix.

    inside a, outside b, delta = a - b [B, K, X] each, weights [B or 1, X] -> [B, K]. O(X) product games a group.
    """
    groups, members, games = inside.shape
    nodes = node_pairs(members, inside.dtype)
    credit = np.empty((groups, members), inside.dtype)
    threads.rows(_mixture, groups, _cost(members, nodes) * games, inside, outside, delta, weights, nodes, credit)
    return credit
