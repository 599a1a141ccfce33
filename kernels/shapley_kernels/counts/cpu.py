"""Numba kernels of the counts form; formulas are in ref.py, games of classes in class_counts.py, of types in type_counts.py.

`size_sum`: two passes over a row. `pass_at_k`: the shares of every (n, c) that occurs, then a look-up a member.
`weighted`: per node, mean values over the later members for every total, then the chances of the totals of the earlier ones.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import quadrature
from shapley_kernels.compiled import memory, threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.urn_draws import SMALLEST, mean_change
from shapley_kernels.counts import class_counts
from shapley_kernels.counts.type_counts import typed as _typed

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
def _attempt_shares(n: int, c: int, m: int, harmonic: float) -> tuple[float, float]:
    """Credits of a correct and of a wrong member of n >= m, c of them correct; harmonic = H_n - H_m."""
    correct = (1 + m * _no_hit(n - c, n - 1, m) * harmonic) / n if c else 0.0
    forced, free = _no_hit(n - 1 - c, n - 1, m - 1), _no_hit(n - 1 - c, n - 1, m)
    return correct, (1 - forced + m * (free - forced) * harmonic) / n


@jit
def _pass_at_k(correct: Array, present: Array, m: int, credit: Array, low: int, high: int) -> None:
    """Shares once a number of correct members, as long as the groups have the same size."""
    members = correct.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    shares, size, harmonic = np.empty((members + 1, 2)), -1, 0.0
    for group in range(low, high):
        right, here = correct[group], present[group * s_present]
        n, c = 0, 0
        for i in range(members):
            n += here[i]
            c += here[i] & right[i]
        if n != size:
            size, harmonic = n, 0.0
            for s in range(m + 1, n + 1):
                harmonic += 1 / s
            shares[:] = np.nan if n >= m else 0.0
        if np.isnan(shares[c, 1]):
            shares[c] = _attempt_shares(n, c, m, harmonic)
        for i in range(members):
            credit[group, i] = shares[c, 0 if right[i] else 1] if here[i] else 0.0


@jit
def _weighted(steps: Array, values: Array, origin: Array, nodes: Array, credit: Array, low: int, high: int) -> None:
    """For each node t: after[i], by the total of the members up to i, the mean value over the later ones; then the chances of
    the totals before i times what i adds there. Only the totals first[i] .. last[i] that the members before i reach
    count, and only those with chances of at least SMALLEST.
    """
    members, length = steps.shape[1], values.shape[1]
    s_values = 0 if values.shape[0] == 1 else 1
    after, chances = np.empty((members, length)), np.empty((2, length))
    first, last = np.empty(members + 1, np.int64), np.empty(members + 1, np.int64)
    for group in range(low, high):
        first[0] = last[0] = origin[group]
        for i in range(members):
            first[i + 1] = first[i] + min(steps[group, i], 0)
            last[i + 1] = last[i] + max(steps[group, i], 0)
        for node in range(nodes.shape[1]):
            t, one_minus_t = nodes[0, node], nodes[1, node]
            for total in range(first[members], last[members] + 1):
                after[members - 1, total] = values[group * s_values, total]
            for i in range(members - 1, 0, -1):
                step = steps[group, i]
                for total in range(first[i], last[i] + 1):
                    after[i - 1, total] = one_minus_t * after[i, total] + t * after[i, total + step]
            start = end = origin[group]
            chances[0, start] = nodes[2, node]
            for i in range(members):
                step, here, then = steps[group, i], chances[i & 1], chances[1 - (i & 1)]
                while here[start] < SMALLEST:
                    start += 1
                while here[end] < SMALLEST:
                    end -= 1
                credit[group, i] += mean_change(here[start:], after[i, start:], after[i, start + step :], end + 1 - start)
                then[start + min(step, 0) : end + max(step, 0) + 1] = 0.0
                for total in range(start, end + 1):
                    then[total] = one_minus_t * here[total]
                for total in range(start, end + 1):
                    then[total + step] += t * here[total]
                start, end = start + min(step, 0), end + max(step, 0)


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
                # From the largest s down, so that means[s - 1] does not hold j yet.
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
    threads.rows(_size_sum, groups, 2 * members, scores, present, f, credit)
    return credit


def cardinality(f: Array, present: Array) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]."""
    credit = np.empty((len(f), present.shape[1]), f.dtype)
    threads.rows(_cardinality, len(f), present.shape[1], f, present, credit)
    return credit


def pass_at_k(correct: Array, present: Array, m: int) -> Array:
    """The unbiased pass@m estimator. correct [B, K], present [B or 1, K] bool -> [B, K] float64."""
    groups, members = correct.shape
    credit = np.empty((groups, members))
    threads.rows(_pass_at_k, groups, 2 * members, correct, present, m, credit)
    return credit


def plurality(labels: Array, present: Array, target: Array, shared: bool) -> Array:
    """Target class the largest. labels [B, K], present [B or 1, K], target [B or 1] -> [B, K] float64."""
    groups, members = labels.shape
    rule = quadrature.rule(members, np.dtype(np.float64))
    credit = np.empty((groups, members))
    cost = 20 * members * rule.shape[1]
    threads.rows(class_counts.plurality, groups, cost, labels, present, target, rule, *_tie_rules(members, shared), credit)
    return credit


@lru_cache(maxsize=16)
def _tie_rules(members: int, shared: bool) -> tuple[Array, Array]:
    """Nodes y and weights [2, R], and where those for so many classes begin and end [2, K + 1]; y = 0 where no tie counts."""
    if not shared:
        return np.array([[0.0], [1.0]]), np.repeat([[0], [1]], members + 1, axis=1)
    rules = [quadrature.rule(classes, np.dtype(np.float64))[::2] for classes in range(1, members + 1)]
    ends = np.cumsum([0, *(rule.shape[1] for rule in rules)])
    return np.concatenate(rules, axis=1), np.stack([np.append(0, ends[:-1]), ends])


def separable(labels: Array, present: Array, f: Array) -> Array:
    """labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K] float64."""
    groups, members = labels.shape
    credit = np.empty((groups, members))
    threads.rows(class_counts.separable, groups, 0.5 * members**2, labels, present, f, credit)
    return credit


def class_sizes(labels: Array, present: Array, table: Array) -> Array:
    """labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K] float64."""
    groups, members = labels.shape
    credit = np.empty((groups, members))
    by_size = np.ascontiguousarray(table.swapaxes(1, 2))
    threads.rows(class_counts.class_sizes, groups, 0.3 * members**3, labels, present, by_size, credit)
    return credit


def weighted(steps: Array, values: Array, origin: Array) -> Array:
    """steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K] float64."""
    groups, members = steps.shape
    nodes = quadrature.rule(members, np.dtype(np.float64))
    credit = np.zeros((groups, members))
    threads.rows(_weighted, groups, 0.5 * members * nodes.shape[1] * values.shape[1], steps, values, origin, nodes, credit)
    return credit


def geometric(scores: Array, present: Array) -> Array:
    """scores [B, K] > 0, present [B or 1, K] -> [B, K] float64."""
    groups, members = scores.shape
    credit = np.empty((groups, members))
    threads.rows(_geometric, groups, members**4, scores, present, credit)
    return credit


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...]) -> Array:
    """types [B, K], present [B or 1, K], table [B or 1, L] over `shape` -> [B, K] float64."""
    groups, members = types.shape
    strides = np.array([prod(shape[t + 1 :]) for t in range(len(shape))])
    credit = np.empty((groups, members))
    cost = len(shape) * (2 * prod(shape) + members**2)
    threads.rows(_typed, groups, cost, types, present, table, strides, credit)
    return credit
