"""Numba kernels of the counts form; the formulas are in ref.py.

`size_sum`: two passes over a row. `pass_at_k`: one table of shares for every (n, c) that can occur, then a look-up a member.
`plurality`: per group, for each node t and tie node y, prefix and suffix products over the classes at every target count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import parallel, quadrature
from shapley_kernels.counts import ref
from shapley_kernels.counts.ref import size_coefficients
from shapley_kernels.jit import jit

Array = NDArray[Any]


@jit
def _size_sum(scores: Array, present: Array, slope: Array, height: Array, credit: Array, low: int, high: int) -> None:
    members = scores.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    s_slope = 0 if slope.shape[0] == 1 else 1
    zero = scores.dtype.type(0)
    for group in range(low, high):
        x, here = scores[group], present[group * s_present]
        total, size = zero, 0
        for i in range(members):
            total += x[i] if here[i] else zero
            size += here[i]
        mean = total / scores.dtype.type(max(size, 1))
        level, steep = height[group * s_slope] * mean, slope[group * s_slope]
        for i in range(members):
            credit[group, i] = level + steep * (x[i] - mean) if here[i] else zero


@jit
def _no_hit(wrong: int, among: int, draws: int) -> float:
    """C(wrong, draws) / C(among, draws), 0 if `draws` exceeds `wrong`."""
    chance = 1.0 if draws <= wrong else 0.0
    for j in range(min(draws, wrong)):
        chance *= (wrong - j) / (among - j)
    return chance


@jit
def _fill_pass_at_k(sizes: Array, m: int, shares: Array) -> None:
    """shares[n, c] = credits of a correct and of a wrong member, for the sizes n that occur."""
    for n in sizes:
        harmonic = 0.0
        for s in range(m + 1, n + 1):
            harmonic += 1 / s
        for c in range(n + 1 if n >= m else 0):
            if c > 0:
                shares[n, c, 0] = (1 + m * _no_hit(n - c, n - 1, m) * harmonic) / n
            if c < n:
                forced, free = _no_hit(n - 1 - c, n - 1, m - 1), _no_hit(n - 1 - c, n - 1, m)
                shares[n, c, 1] = (1 - forced + m * (free - forced) * harmonic) / n


@jit
def _pass_at_k(correct: Array, present: Array, shares: Array, credit: Array, low: int, high: int) -> None:
    members = correct.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    for group in range(low, high):
        right, here = correct[group], present[group * s_present]
        n, c = 0, 0
        for i in range(members):
            n += here[i]
            c += here[i] & right[i]
        for i in range(members):
            credit[group, i] = shares[n, c, 0 if right[i] else 1] if here[i] else 0.0


@jit
def _classes(label: Array, here: Array, goal: int, index: Array, sizes: Array) -> int:
    """Number the classes of the present members, target first: index [K], sizes [K + 1]. Returns their number."""
    count = 1
    sizes[0] = 0
    for i in range(label.shape[0]):
        index[i] = -1
        if here[i] and label[i] == goal:
            index[i] = 0
            sizes[0] += 1
        elif here[i]:
            for j in range(i):
                if here[j] and label[j] == label[i]:
                    index[i] = index[j]
                    break
            if index[i] < 0:
                index[i] = count
                sizes[count] = 0
                count += 1
            sizes[index[i]] += 1
    return count


@jit
def _binomial(p: Array, n: int, t: float, one_minus_t: float) -> None:
    """Pr[Binomial(n, t) = 0 .. len(p)-1], one member at a time."""
    p[:] = 0.0
    p[0] = 1.0
    for j in range(n):
        for x in range(min(j + 1, p.shape[0] - 1), 0, -1):
            p[x] = p[x] * one_minus_t + p[x - 1] * t
        p[0] *= one_minus_t


@jit
def _plurality_node(
    p: Array, q: Array, factors: Array, before: Array, y: float, weight: float, shares: Array, classes: int, n_0: int
) -> None:
    """Add the term of one pair of nodes to shares [classes]; p, q [classes, n_0 + 1] as in the formula."""
    previous_win = 0.0
    for c in range(1, classes):
        below = 0.0
        for x in range(1, n_0 + 1):
            below += p[c, x - 1]
            factors[c, x] = below + y * p[c, x]
    for x in range(1, n_0 + 1):
        before[1] = 1.0
        for c in range(1, classes):
            before[c + 1] = before[c] * factors[c, x]
        win = before[classes]
        shares[0] += weight * q[0, x - 1] * (win - previous_win)
        previous_win = win
        after = weight * p[0, x]
        for c in range(classes - 1, 0, -1):
            shares[c] -= after * before[c] * ((1 - y) * q[c, x - 1] + y * q[c, x])
            after *= factors[c, x]


@jit
def _plurality(
    labels: Array,
    present: Array,
    target: Array,
    ties: Array,
    rules: Array,
    starts: Array,
    credit: Array,
    low: int,
    high: int,
) -> None:
    """rules [3, R]: the nodes t, 1 - t, weights of the m-point rules end to end, the m-point one from starts[m]."""
    members = labels.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    s_target = 0 if target.shape[0] == 1 else 1
    index = np.empty(members, np.int64)
    sizes = np.empty(members + 1, np.int64)
    for group in range(low, high):
        classes = _classes(labels[group], present[group * s_present], target[group * s_target], index, sizes)
        n_0, n = sizes[0], sizes[:classes].sum()
        credit[group] = 0.0
        if n_0 == 0:
            continue
        p = np.empty((classes, n_0 + 1))
        q = np.empty((classes, n_0 + 1))
        factors = np.ones((classes, n_0 + 1))
        before = np.empty(classes + 1)
        shares = np.zeros(classes)
        t_nodes, y_nodes = (n + 1) // 2, (classes + 1) // 2
        for i_t in range(starts[t_nodes], starts[t_nodes] + t_nodes):
            for c in range(classes):
                _binomial(p[c], sizes[c], rules[0, i_t], rules[1, i_t])
                _binomial(q[c], sizes[c] - 1, rules[0, i_t], rules[1, i_t])
            if ties.shape[0] == 0:
                _plurality_node(p, q, factors, before, 0.0, rules[2, i_t], shares, classes, n_0)
            else:
                for i_y in range(starts[y_nodes], starts[y_nodes] + y_nodes):
                    weight = rules[2, i_t] * rules[2, i_y]
                    _plurality_node(p, q, factors, before, rules[0, i_y], weight, shares, classes, n_0)
        for i in range(members):
            if index[i] >= 0:
                credit[group, i] = shares[index[i]]


def size_sum(scores: Array, present: Array, f: Array) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    groups, members = scores.shape
    slope, height = size_coefficients(f, present.sum(axis=1))
    credit = np.empty_like(scores)
    parallel.rows(lambda low, high: _size_sum(scores, present, slope, height, credit, low, high), groups, 2 * members)
    return credit


def cardinality(f: Array, present: Array) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]. A look-up: the specification is as fast as it gets."""
    return ref.cardinality(f, present)


def pass_at_k(correct: Array, present: Array, m: int) -> Array:
    """The unbiased pass@m estimator. correct [B, K], present [B or 1, K] bool -> [B, K] float64."""
    groups, members = correct.shape
    shares = np.zeros((members + 1, members + 1, 2))
    _fill_pass_at_k(np.unique(present.sum(axis=1)), m, shares)
    credit = np.empty((groups, members))
    parallel.rows(lambda low, high: _pass_at_k(correct, present, shares, credit, low, high), groups, 2 * members)
    return credit


def plurality(labels: Array, present: Array, target: Array, shared: bool) -> Array:
    """Target class the largest. labels [B, K], present [B or 1, K], target [B or 1] -> [B, K] float64."""
    groups, members = labels.shape
    needed = range(1, (members + 1) // 2 + 1)
    rules = np.concatenate([np.stack(quadrature.nodes(m)) for m in needed], axis=1)
    starts = np.array([0, *(m * (m - 1) // 2 for m in needed)])
    ties = np.zeros(1 if shared else 0)
    credit = np.empty((groups, members))
    parallel.rows(
        lambda low, high: _plurality(labels, present, target, ties, rules, starts, credit, low, high),
        groups,
        members**3,
    )
    return credit


def separable(labels: Array, present: Array, f: Array) -> Array:
    """labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K] float64; the vectorised specification."""
    return ref.separable(labels, present, f)


def class_sizes(labels: Array, present: Array, table: Array) -> Array:
    """labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K] float64; the vectorised specification."""
    return ref.class_sizes(labels, present, table)


def weighted(steps: Array, values: Array, origin: Array) -> Array:
    """steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K] float64; the vectorised specification."""
    return ref.weighted(steps, values, origin)


def geometric(scores: Array, present: Array) -> Array:
    """scores [B, K], present [B or 1, K] -> [B, K] float64; the vectorised specification."""
    return ref.geometric(scores, present)


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...]) -> Array:
    """types [B, K], present [B or 1, K], table [B or 1, L] over `shape` -> [B, K] float64; the vectorised specification."""
    return ref.typed(types, present, table, shape)
