"""The products form on trees of many groups: one integral for each level above a member.

    phi_i = (a_i - b_i) prod over nodes n above i of  integral_0^1 prod_{siblings} ((1 - t) B + t A) dt,

A and B the products of a and b over the members of a sibling of that child of n which holds i (Owen 1972 on every level). Among
c children the integrand has degree c - 1. Leave-one-out products come from prefixes and suffixes, never from division.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import quadrature
from shapley_kernels.compiled import threads
from shapley_kernels.compiled.forests import COUNT, FIRST, START, grow, room_for_tree
from shapley_kernels.compiled.jit import jit

Array = NDArray[Any]


@jit
def _mark_counts(found: Array, labels: Array, low: int, high: int) -> None:
    """found [K + 1]: whether some node has so many children."""
    tree, order, scratch = room_for_tree(labels.shape[2])
    for row in range(low, high):
        for node in range(grow(labels[row], tree, order, scratch)):
            found[tree[COUNT, node]] = True


def node_table(labels: Array) -> tuple[Array, Array]:
    """Where the rule of c = 0 .. K children starts and ends, [K + 1, 2], for each that occurs; t, 1 - t, weights [3, nodes]."""
    found = np.zeros(labels.shape[2] + 1, np.bool_)
    threads.rows(_mark_counts, len(labels), 20.0 * labels.shape[2], found, labels)
    bounds, rules, end = np.zeros((len(found), 2), np.int64), [np.zeros((3, 0))], 0
    for children in np.flatnonzero(found[1:]) + 1:
        rules.append(quadrature.rule(int(children), np.dtype(np.float64)))
        bounds[children] = end, end + rules[-1].shape[1]
        end += rules[-1].shape[1]
    return bounds, np.concatenate(rules, axis=1)


@jit
def _integrate(games: Array, first: int, last: int, table: Array, o: int, before: Array, running: Array) -> None:
    """integral_0^1 prod_{j != i} ((1 - t) b_j + t a_j) dt of the children first .. last - 1 of a node, to games[2].

    The nodes are those of the table from `o` on, as many as running [m] has room for. before [K, m]: scratch.
    """
    count = len(running)
    for m in range(count):
        running[m] = table[2, o + m]
    for j in range(first, last):
        a, b = games[0, j], games[1, j]
        for m in range(count):
            before[j - first, m] = running[m]
            running[m] *= table[1, o + m] * b + table[0, o + m] * a
    for m in range(count):
        running[m] = 1.0
    for j in range(last - 1, first - 1, -1):
        a, b, total = games[0, j], games[1, j], 0.0
        for m in range(count):
            total += before[j - first, m] * running[m]
            running[m] *= table[1, o + m] * b + table[0, o + m] * a
        games[2, j] = total


@jit
def _descend(tree: Array, nodes: int, bounds: Array, table: Array, games: Array, before: Array, running: Array) -> None:
    """games [3, 2 K]: a and b of members are given, those of unions are filled in, and the products of integrals, in row 2."""
    for node in range(nodes - 1, -1, -1):
        first, last = tree[FIRST, node], tree[FIRST, node] + tree[COUNT, node]
        if last > first:
            a = b = 1.0
            for child in range(first, last):
                a, b = a * games[0, child], b * games[1, child]
            games[0, node], games[1, node] = a, b
    games[2, 0] = 1.0
    for node in range(nodes):
        first, last = tree[FIRST, node], tree[FIRST, node] + tree[COUNT, node]
        if last > first:
            o, end = bounds[last - first, 0], bounds[last - first, 1]
            _integrate(games, first, last, table, o, before, running[: end - o])
            for child in range(first, last):
                games[2, child] *= games[2, node]


@jit
def _room(members: int, bounds: Array) -> tuple[Array, Array, Array]:
    """Games [3, 2 K], and scratch for their integrals."""
    most = np.max(bounds[:, 1] - bounds[:, 0])
    return np.empty((3, 2 * members)), np.empty((members, most)), np.empty(most)


@jit
def _product(
    inside: Array, outside: Array, delta: Array, labels: Array, bounds: Array, table: Array, credit: Array, low: int, high: int
) -> None:
    members = inside.shape[1]
    s_outside, s_labels = int(outside.shape[0] > 1), int(labels.shape[0] > 1)
    tree, order, scratch = room_for_tree(members)
    games, before, running = _room(members, bounds)
    nodes = 0
    for group in range(low, high):
        if s_labels or nodes == 0:
            nodes = grow(labels[group * s_labels], tree, order, scratch)
        for node in range(nodes):
            if tree[COUNT, node] == 0:
                member = order[tree[START, node]]
                games[0, node], games[1, node] = inside[group, member], outside[group * s_outside, member]
        _descend(tree, nodes, bounds, table, games, before, running)
        for node in range(nodes):
            if tree[COUNT, node] == 0:
                member = order[tree[START, node]]
                credit[group, member] = games[2, node] * delta[group, member]


@jit
def _mixture(
    inside: Array,
    outside: Array,
    delta: Array,
    weights: Array,
    labels: Array,
    bounds: Array,
    table: Array,
    credit: Array,
    low: int,
    high: int,
) -> None:
    members = inside.shape[1]
    s_weights, s_labels = int(weights.shape[0] > 1), int(labels.shape[0] > 1)
    tree, order, scratch = room_for_tree(members)
    games, before, running = _room(members, bounds)
    nodes = 0
    for group in range(low, high):
        if s_labels or nodes == 0:
            nodes = grow(labels[group * s_labels], tree, order, scratch)
        credit[group, :] = 0.0
        for x in range(inside.shape[2]):
            for node in range(nodes):
                if tree[COUNT, node] == 0:
                    member = order[tree[START, node]]
                    games[0, node], games[1, node] = inside[group, member, x], outside[group, member, x]
            _descend(tree, nodes, bounds, table, games, before, running)
            weight = np.float64(weights[group * s_weights, x])
            for node in range(nodes):
                if tree[COUNT, node] == 0:
                    member = order[tree[START, node]]
                    credit[group, member] += games[2, node] * delta[group, member, x] * weight


def _cost(members: int, table: Array) -> float:
    """Nanoseconds a game."""
    return (2.0 * float(table.shape[1]) + 30.0) * members


def product(inside: Array, outside: Array, delta: Array, labels: Array) -> Array:
    """inside a [B, K], outside b [B or 1, K], delta = a - b [B, K], labels [B or 1, levels, K] -> [B, K] float64."""
    inside, outside, delta = (array.astype(np.float64, copy=False) for array in (inside, outside, delta))  # compiled once
    bounds, table = node_table(labels)
    credit = np.empty(inside.shape)
    cost = _cost(inside.shape[1], table)
    threads.rows(_product, len(inside), cost, inside, outside, delta, labels, bounds, table, credit)
    return credit


def noisy_or(chances: Array, labels: Array) -> Array:
    """v(S) = 1 - prod_{i in S} (1 - p_i). chances p [B, K], labels [B or 1, levels, K] -> [B, K] float64."""
    chances = chances.astype(np.float64, copy=False)  # so that 1 - p keeps its digits
    return product(1 - chances, np.ones((1, chances.shape[1])), chances, labels)


def mixture(inside: Array, outside: Array, delta: Array, weights: Array, labels: Array) -> Array:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix. [B, K, X] each, weights [B or 1, X] -> [B, K] float64."""
    groups, members, games = inside.shape
    bounds, table = node_table(labels)
    credit = np.empty((groups, members))
    cost = _cost(members, table) * games
    threads.rows(_mixture, groups, cost, inside, outside, delta, weights, labels, bounds, table, credit)
    return credit
