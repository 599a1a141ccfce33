"""Numba kernels of the counts form for games of classes; the formulas are in ref.py.

`plurality`: per group, for each node t and tie node y, prefix and suffix products over the classes at every target count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.urn_draws import SMALLEST, draw_one, mean_change, nothing_drawn

Array = NDArray[Any]


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
def _binomials(p: Array, q: Array, n: int, t: float, one_minus_t: float) -> None:
    """p[x] = Pr[Binomial(n, t) = x] and q[x] = Pr[Binomial(n - 1, t) = x] for x < len(p) and n >= 1.

    From the mode outwards by ratios of neighbours: all terms are positive, and negligible ones are left out.
    """
    odds, mode = t / one_minus_t, min(int((n + 1) * t), n)
    p[:] = 0.0
    total = chance = 1.0
    if mode < len(p):
        p[mode] = chance
    for x in range(mode, 0, -1):
        chance *= x / ((n - x + 1) * odds)
        if chance < SMALLEST:
            break
        total += chance
        if x <= len(p):
            p[x - 1] = chance
    chance = 1.0
    for x in range(mode, n):
        chance *= (n - x) * odds / (x + 1)
        if chance < SMALLEST:
            break
        total += chance
        if x + 1 < len(p):
            p[x + 1] = chance
    p /= total
    for x in range(len(p)):
        q[x] = p[x] * max(n - x, 0) / (n * one_minus_t)


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
def plurality(
    labels: Array,
    present: Array,
    target: Array,
    rule: Array,
    ties: Array,
    spans: Array,
    credit: Array,
    low: int,
    high: int,
) -> None:
    """rule [3, T]: t, 1 - t, weights; ties [2, R]: y, weights; spans [2, K + 1]: begin and end of those for so many classes."""
    members = labels.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    s_target = 0 if target.shape[0] == 1 else 1
    index = np.empty(members, np.int64)
    sizes = np.empty(members + 1, np.int64)
    for group in range(low, high):
        classes = _classes(labels[group], present[group * s_present], target[group * s_target], index, sizes)
        n_0 = sizes[0]
        credit[group] = 0.0
        if n_0 == 0:
            continue
        p = np.empty((classes, n_0 + 1))
        q = np.empty((classes, n_0 + 1))
        factors = np.ones((classes, n_0 + 1))
        before = np.empty(classes + 1)
        shares = np.zeros(classes)
        for i_t in range(rule.shape[1]):
            for c in range(classes):
                _binomials(p[c], q[c], sizes[c], rule[0, i_t], rule[1, i_t])
            for i_y in range(spans[0, classes], spans[1, classes]):
                _plurality_node(p, q, factors, before, ties[0, i_y], rule[2, i_t] * ties[1, i_y], shares, classes, n_0)
        for i in range(members):
            if index[i] >= 0:
                credit[group, i] = shares[index[i]]


@jit
def separable(labels: Array, present: Array, f: Array, credit: Array, low: int, high: int) -> None:
    members = labels.shape[1]
    s_present, s_f = 0 if present.shape[0] == 1 else 1, 0 if f.shape[0] == 1 else 1
    for group in range(low, high):
        here, row = group * s_present, group * s_f
        for i in range(members):
            same = 0
            for j in range(members):
                same += (labels[group, j] == labels[group, i]) & present[here, j]
            gain = np.float64(f[row, same]) - np.float64(f[row, 0])
            credit[group, i] = gain / same if present[here, i] else 0.0


@jit
def _class_shares(h: Array, n: int, a: int, chance: Array) -> tuple[float, float]:
    """What one of the a members of a class, and one of the n - a others, earn from h(size, members of the class)."""
    own = others = 0.0
    nothing_drawn(chance)
    for s in range(n):
        own += mean_change(chance[s & 1], h[s], h[s + 1, 1:], min(s, a - 1) + 1)
        if s < n - 1:
            draw_one(chance, s, n - 1, a - 1)
    if a < n:
        nothing_drawn(chance)
        for s in range(n):
            others += mean_change(chance[s & 1], h[s], h[s + 1], min(s, a) + 1)
            if s < n - 1:
                draw_one(chance, s, n - 1, a)
    return own / n, others / n


@jit
def class_sizes(labels: Array, present: Array, table: Array, credit: Array, low: int, high: int) -> None:
    """table [B or 1, K + 1, K + 1] by size and members of the class."""
    members = labels.shape[1]
    s_present, s_table = 0 if present.shape[0] == 1 else 1, 0 if table.shape[0] == 1 else 1
    index, sizes = np.empty(members, np.int64), np.empty(members + 1, np.int64)
    chance = np.empty((2, members + 1))
    known = np.empty((members + 1, members + 1, 2))  # shares by n and a, of a table that all groups have
    fresh = np.ones(members + 1, np.bool_)
    for group in range(low, high):
        classes = _classes(labels[group], present[group * s_present], -1, index, sizes)
        n, given = sizes[:classes].sum(), 0.0
        if s_table or fresh[n]:
            known[n], fresh[n] = np.nan, False
        for c in range(classes):
            a = sizes[c]
            if a and np.isnan(known[n, a, 0]):
                known[n, a] = _class_shares(table[group * s_table], n, a, chance)
            given += known[n, a, 1] if a else 0.0
        for i in range(members):
            a = sizes[index[i]]
            credit[group, i] = known[n, a, 0] + (given - known[n, a, 1]) if index[i] >= 0 else 0.0
