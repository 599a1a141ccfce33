"""Numba kernels of the counts form; the formulas are in ref.py, the kernels of games of classes in classes.py.

`size_sum`: two passes over a row. `pass_at_k`: one table of shares for every (n, c) that can occur, then a look-up a member.
`weighted`: per node, mean values over the later members for every total, then the chances of the totals of the earlier ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import memory, parallel, quadrature
from shapley_kernels.counts import classes, ref
from shapley_kernels.jit import jit

Array = NDArray[Any]


@jit
def _steep(f: Array, row: int, n: int) -> Any:
    """alpha - (f(n) - alpha) / (n - 1) with alpha = sum_{s=1}^n f(s) / n."""
    total = 0.0
    for s in range(1, n + 1):
        total += f[row, s]
    alpha = total / max(n, 1)
    return alpha - (f[row, n] - alpha) / max(n - 1, 1)


@jit
def _size_sum(scores: Array, present: Array, f: Array, credit: Array, low: int, high: int) -> None:
    members = scores.shape[1]
    s_present, s_f = 0 if present.shape[0] == 1 else 1, 0 if f.shape[0] == 1 else 1
    zero = scores.dtype.type(0)
    steep, known = zero, -1
    for group in range(low, high):
        here = group * s_present
        total, size = zero, 0
        for i in range(members):
            total += scores[group, i] if present[here, i] else zero
            size += present[here, i]
        mean = total / scores.dtype.type(max(size, 1))
        row = group * s_f
        if s_f or size != known:
            steep, known = scores.dtype.type(_steep(f, row, size)), size
        level = f[row, size] * mean
        for i in range(members):
            credit[group, i] = level + steep * (scores[group, i] - mean) if present[here, i] else zero


@jit
def _cardinality(f: Array, present: Array, credit: Array, low: int, high: int) -> None:
    members = present.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    for group in range(low, high):
        here = group * s_present
        size = 0
        for i in range(members):
            size += present[here, i]
        share = (f[group, size] - f[group, 0]) / f.dtype.type(max(size, 1))
        for i in range(members):
            credit[group, i] = share if present[here, i] else 0


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
def _moved(values: Array, place: int) -> float:
    """values[place], beyond either end what stands there."""
    return np.float64(values[min(max(place, 0), values.shape[0] - 1)])


@jit
def _weighted(steps: Array, values: Array, origin: Array, nodes: Array, credit: Array, low: int, high: int) -> None:
    """For each node t: after[i], by the total of the members up to i, the mean value over the later ones; then the chances of
    the totals before i times what i adds there.
    """
    members, length = steps.shape[1], values.shape[1]
    s_values = 0 if values.shape[0] == 1 else 1
    after, before, moved = np.empty((members, length)), np.empty(length), np.empty(length)
    for group in range(low, high):
        for node in range(nodes.shape[1]):
            t, one_minus_t, weight = nodes[0, node], nodes[1, node], nodes[2, node]
            for place in range(length):
                after[members - 1, place] = values[group * s_values, place]
                before[place] = weight if place == origin[group] else 0.0
            for i in range(members - 1, 0, -1):
                for place in range(length):
                    later = _moved(after[i], place + steps[group, i])
                    after[i - 1, place] = one_minus_t * after[i, place] + t * later
            for i in range(members):
                step, gain = steps[group, i], 0.0
                moved[:] = 0.0
                for place in range(length):
                    if before[place] != 0.0:
                        gain += before[place] * (_moved(after[i], place + step) - after[i, place])
                        moved[place + step] += t * before[place]
                for place in range(length):
                    before[place] = one_minus_t * before[place] + moved[place]
                credit[group, i] += gain


@jit
def _geometric(scores: Array, present: Array, credit: Array, low: int, high: int) -> None:
    """For each member and size s: the mean over the s-subsets of the others of products of s-th roots, without and with it."""
    members = scores.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    roots, means, chosen = np.empty((members, members + 2)), np.empty((members + 1, members + 2)), np.empty(members, np.int64)
    for group in range(low, high):
        credit[group] = 0.0
        n = 0
        for i in range(members):
            if present[group * s_present, i]:
                chosen[n] = i
                for size in range(1, members + 1):
                    roots[n, size] = np.float64(scores[group, i]) ** (1 / size)
                n += 1
        for i in range(n):
            means[:] = 0.0
            means[0] = 1.0
            drawn = 0
            for j in range(n):
                if j == i:
                    continue
                drawn += 1
                for s in range(drawn, 0, -1):  # means[s, size] of products of s roots of order size = s or s + 1
                    for size in range(s, n + 1):
                        joined = means[s - 1, size] * roots[j, size]
                        means[s, size] = (means[s, size] * (drawn - s) + joined * s) / drawn
            share = 0.0
            for s in range(n):
                share += means[s, s + 1] * roots[i, s + 1] - (means[s, s] if s else 0.0)
            credit[group, chosen[i]] = share / n


def size_sum(scores: Array, present: Array, f: Array) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    groups, members = scores.shape
    credit = memory.empty(scores.shape, scores.dtype)
    parallel.rows(_size_sum, groups, 2 * members, scores, present, f, credit)
    return credit


def cardinality(f: Array, present: Array) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]."""
    credit = np.empty((len(f), present.shape[1]), f.dtype)
    parallel.rows(_cardinality, len(f), present.shape[1], f, present, credit)
    return credit


def pass_at_k(correct: Array, present: Array, m: int) -> Array:
    """The unbiased pass@m estimator. correct [B, K], present [B or 1, K] bool -> [B, K] float64."""
    groups, members = correct.shape
    shares = np.zeros((members + 1, members + 1, 2))
    _fill_pass_at_k(np.unique(present.sum(axis=1)), m, shares)
    credit = np.empty((groups, members))
    parallel.rows(_pass_at_k, groups, 2 * members, correct, present, shares, credit)
    return credit


def plurality(labels: Array, present: Array, target: Array, shared: bool) -> Array:
    """Target class the largest. labels [B, K], present [B or 1, K], target [B or 1] -> [B, K] float64."""
    groups, members = labels.shape
    needed = range(1, (members + 1) // 2 + 1)
    rules = np.concatenate([np.stack(quadrature.nodes(m)) for m in needed], axis=1)
    starts = np.array([0, *(m * (m - 1) // 2 for m in needed)])
    ties = np.zeros(1 if shared else 0)
    credit = np.empty((groups, members))
    parallel.rows(classes.plurality, groups, members**3, labels, present, target, ties, rules, starts, credit)
    return credit


def separable(labels: Array, present: Array, f: Array) -> Array:
    """labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K] float64."""
    groups, members = labels.shape
    credit = np.empty((groups, members))
    parallel.rows(classes.separable, groups, 0.5 * members**2, labels, present, f, credit)
    return credit


def class_sizes(labels: Array, present: Array, table: Array) -> Array:
    """labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K] float64."""
    groups, members = labels.shape
    credit = np.empty((groups, members))
    parallel.rows(classes.class_sizes, groups, members**3, labels, present, table, credit)
    return credit


def weighted(steps: Array, values: Array, origin: Array) -> Array:
    """steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K] float64."""
    groups, members = steps.shape
    nodes = np.stack(quadrature.nodes((members + 1) // 2))
    credit = np.zeros((groups, members))
    parallel.rows(_weighted, groups, 1.5 * members**2 * values.shape[1], steps, values, origin, nodes, credit)
    return credit


def geometric(scores: Array, present: Array) -> Array:
    """scores [B, K] > 0, present [B or 1, K] -> [B, K] float64."""
    groups, members = scores.shape
    credit = np.empty((groups, members))
    parallel.rows(_geometric, groups, members**4, scores, present, credit)
    return credit


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...]) -> Array:
    """types [B, K], present [B or 1, K], table [B or 1, L] over `shape` -> [B, K] float64; the vectorised specification."""
    credit: Array = ref.typed(types, present, table, shape)
    return credit
