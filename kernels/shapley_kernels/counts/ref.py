"""Games that depend on counts: of members, of correct members, of members in each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels import quadrature
from shapley_kernels.draws import draws
from shapley_kernels.trees import flat_tree, uniform

Array = NDArray[Any]


def size_coefficients(f: Array, size: Array) -> tuple[Array, Array]:
    """For f(|S|) sum_S x among n members: slope alpha - beta and height f(n), so that phi_i = height mean + slope (x_i - mean).

    alpha = sum_{s=1}^n f(s) / n is i's own coefficient, beta = (f(n) - alpha) / (n - 1) that of every other member.
    f [B or 1, K + 1], size n [B or 1] -> [B or 1] each.
    """
    rows = np.arange(max(len(f), len(size))) if min(len(f), len(size)) else np.arange(0)
    n = np.broadcast_to(size, len(rows))
    f = np.broadcast_to(f, (len(rows), f.shape[1]))
    height = f[rows, n]
    alpha = np.cumsum(f[:, 1:], axis=1)[rows, np.maximum(n, 1) - 1] / np.maximum(n, 1).astype(f.dtype)
    return alpha - (height - alpha) / np.maximum(n - 1, 1).astype(f.dtype), height


def size_sum(scores: Array, present: Array, f: Array) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]. O(K)."""
    size = present.sum(axis=1)
    slope, height = size_coefficients(f, size)
    mean = np.where(present, scores, 0).sum(axis=1, keepdims=True) / np.maximum(size, 1)[:, None].astype(scores.dtype)
    credit: Array = np.where(present, height[:, None] * mean + slope[:, None] * (scores - mean), 0)
    return credit


def cardinality(f: Array, present: Array) -> Array:
    """v(S) = f(|S|): (f(n) - f(0)) / n each. f [B, K + 1], present [B or 1, K] -> [B, K]. O(K)."""
    size = np.broadcast_to(present.sum(axis=1), len(f))
    gain = f[np.arange(len(f)), size] - f[:, 0]
    credit: Array = np.where(present, (gain / np.maximum(size, 1).astype(f.dtype))[:, None], 0)
    return credit


def pass_at_k_shares(n: int, c: int, m: int) -> tuple[float, float]:
    """Credits of a correct and of a wrong member, for n members of whom c are correct: O(m) closed form.

    v(S) = 1 - C(|S| - c_S, m) / C(|S|, m) is the chance that m draws from S hold a correct one, so that averaged over random
    S of any size s >= m it is the same chance over all other members: a marginal contribution at size s is m / (s + 1) times
    the gain of forcing the newcomer among the m draws, and phi = (1/n) (first + m gain (H_n - H_m)).
    """
    if n < m:
        return 0.0, 0.0
    harmonic = sum(1 / s for s in range(m + 1, n + 1))
    correct = wrong = 0.0
    if c > 0:
        correct = (1 + m * _no_hit(n - c, n - 1, m) * harmonic) / n
    if c < n:
        forced, free = _no_hit(n - 1 - c, n - 1, m - 1), _no_hit(n - 1 - c, n - 1, m)
        wrong = (1 - forced + m * (free - forced) * harmonic) / n
    return correct, wrong


def _no_hit(wrong: int, among: int, draws: int) -> float:
    """C(wrong, draws) / C(among, draws), 0 if `draws` exceeds `wrong`."""
    if draws > wrong:
        return 0.0
    return float(np.prod([(wrong - j) / (among - j) for j in range(draws)]))


def pass_at_k(correct: Array, present: Array, m: int) -> Array:
    """The unbiased pass@m estimator as a set function. correct [B, K], present [B or 1, K] bool -> [B, K] float64. O(K)."""
    correct = correct & present
    n, c = np.broadcast_arrays(present.sum(axis=1), correct.sum(axis=1))
    pairs, inverse = np.unique(np.stack([n, c], axis=1), axis=0, return_inverse=True)
    shares = np.array([pass_at_k_shares(int(a), int(b), m) for a, b in pairs]).reshape(-1, 2)[inverse.ravel()]
    return np.where(correct, shares[:, :1], np.where(present, shares[:, 1:], 0.0))


def plurality(labels: Array, present: Array, target: Array, shared: bool) -> Array:
    """v(S) = 1 if the target class is the largest in S (alone, or with `shared` 1 / number of largest), else 0.

    Under independent inclusion with probability t class c counts Binomial(n_c, t). With p_c its distribution, F_c its
    cumulative one, and 1 / (1 + ties) = integral_0^1 y^ties dy, the win of a target count x >= 1 is W(x) = prod_c (F_c(x-1) + y
    p_c(x)), y = 0 when strict, and
        phi of a target member = integral sum_x Binomial(n_0 - 1, t)(x) [W(x+1) - W(x)],
        phi of a member of c   = -integral sum_x p_0(x) ((1-y) q(x-1) + y q(x)) prod_{c' != c} (..),  q = Binomial(n_c - 1, t).
    labels [B, K], present [B or 1, K], target [B or 1] -> [B, K] float64. O(n/2 C/2 n_0 C) a group of C classes:
    degree n - 1 in t and C - 1 in y.
    """
    present = np.broadcast_to(present, labels.shape)
    credit = np.zeros(labels.shape)
    for row, goal in enumerate(np.broadcast_to(target, len(labels))):
        classes, index, sizes = np.unique(labels[row, present[row]], return_inverse=True, return_counts=True)
        if goal in classes:
            here = int(np.searchsorted(classes, goal))
            others = np.delete(sizes, here)
            own, rest = plurality_shares(int(sizes[here]), others, shared)
            credit[row, present[row]] = np.insert(rest, here, own)[index]
    return credit


def plurality_shares(n_target: int, others: Array, shared: bool) -> tuple[float, Array]:
    """Credits of one target member, and of one member of each other class, given the sizes of the classes."""
    n = n_target + int(others.sum())
    ties = quadrature.nodes(len(others) // 2 + 1) if shared else (np.zeros(1), np.ones(1), np.ones(1))
    own, rest = 0.0, np.zeros(len(others))
    for t, one_minus_t, weight in zip(*quadrature.nodes((n + 1) // 2), strict=True):
        without = [binomial(c - 1, t, one_minus_t, n_target + 1) for c in others]
        whole = [binomial(c, t, one_minus_t, n_target + 1) for c in others]
        target = binomial(n_target, t, one_minus_t, n_target + 1)
        target_less_one = binomial(n_target - 1, t, one_minus_t, n_target + 1)
        for y, one_minus_y, y_weight in zip(*ties, strict=True):
            # Factor of each other class at x = 1 .. n_target: below x, or equal to x with weight y.
            factors = np.array([np.cumsum(p)[:-1] + y * p[1:] for p in whole]).reshape(len(others), n_target)
            win = np.concatenate([[0.0], factors.prod(axis=0)])
            own += weight * y_weight * (target_less_one[:-1] * np.diff(win)).sum()
            for c, q in enumerate(without):
                loss = one_minus_y * q[:-1] + y * q[1:]
                rest[c] -= weight * y_weight * (target[1:] * loss * np.delete(factors, c, axis=0).prod(axis=0)).sum()
    return own, rest


def binomial(n: int, t: float, one_minus_t: float, length: int) -> NDArray[np.float64]:
    """Pr[Binomial(n, t) = 0 .. length-1], one member at a time: positive terms only. O(n length)."""
    p = np.zeros(length)
    p[0] = 1.0
    for _ in range(n):
        p[1:] = p[1:] * one_minus_t + p[:-1] * t
        p[0] *= one_minus_t
    return p


def separable(labels: Array, present: Array, f: Array) -> Array:
    """v(S) = sum over classes of f(n_c) - f(0): (f(n_c) - f(0)) / n_c each. labels [B, K], present [B or 1, K],
    f [B or 1, K + 1] -> [B, K] float64. O(K^2) a group.
    """
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, None, :]
    size = np.maximum(same.sum(axis=2), 1)
    gain = np.take_along_axis(np.broadcast_to(f, (len(labels), f.shape[1])), size, axis=1) - f[:, :1]
    return np.where(present, gain / size, 0.0)


def class_sizes(labels: Array, present: Array, table: Array) -> Array:
    """v(S) = sum over classes of h(n_c, |S|), h(0, s) = 0, v(empty) = 0: every class is a game of two types.

    labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K] float64. O(K^2) a class.
    """
    credit = np.zeros(labels.shape)
    tables = np.broadcast_to(table, (len(labels), *table.shape[1:]))
    for row, here in enumerate(np.broadcast_to(present, labels.shape)):
        n, h = int(here.sum()), tables[row]
        for c in np.unique(labels[row, here]):
            mine = here & (labels[row] == c)
            a = int(mine.sum())
            step = (draws(n - 1, a - 1) * (h[1 : a + 1, 1 : n + 1] - h[:a, :n]).T).sum() / n
            credit[row, mine] += step
            if a < n:
                credit[row, here & ~mine] += (draws(n - 1, a) * (h[: a + 1, 1 : n + 1] - h[: a + 1, :n]).T).sum() / n
    return credit


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...]) -> Array:
    """v(S) = table[n_0, .., n_{T-1}], n_t the members of type t in S: the draws of every size, type after type.

    types [B, K] in 0 .. T-1, present [B or 1, K], table [B or 1, L] row-major over `shape` -> [B, K] float64.
    O(T^2 prod (n_t + 1)) for groups with the same numbers n of every type.
    """
    credit = np.zeros(types.shape)
    kinds = np.where(present, types, -1)
    counts = (kinds[:, :, None] == np.arange(len(shape))).sum(axis=1)
    distinct, which = np.unique(counts, axis=0, return_inverse=True)
    for number, count in enumerate(distinct.tolist()):
        rows = np.flatnonzero(which.ravel() == number)
        tables = (table if len(table) == 1 else table[rows]).reshape(-1, *shape)
        shares = typed_shares(tables[(slice(None), *(slice(n + 1) for n in count))], uniform(max(sum(count), 1)))
        credit[rows] = np.take_along_axis(np.broadcast_to(shares, (len(rows), shares.shape[1])), kinds[rows], axis=1)
    return credit


def typed_shares(tables: Array, q: Array) -> Array:
    """sum_s q_s (mean over the s-subsets of the others of what one more of type t adds) for every t, and 0 for the absent.

    tables [R, n_0 + 1, .., n_{T-1} + 1], q [n] -> [R, T + 1].
    """
    counts = np.array(tables.shape[1:]) - 1
    shares = np.zeros((len(tables), len(counts) + 1))
    for kind in np.flatnonzero(counts):
        others = counts - (np.arange(len(counts)) == kind)
        chance, size = _typed_draws(others.tolist())
        steps = np.diff(tables, axis=1 + kind) * (chance * q[size])
        shares[:, kind] = steps.reshape(len(tables), -1).sum(axis=1)
    return shares


def _typed_draws(counts: list[int]) -> tuple[Array, Array]:
    """Pr[x_0, .., x_{T-1} of each type | size sum x] without replacement, and the size, [n_0 + 1, .., n_{T-1} + 1] each."""
    chance, size, among = np.ones((1,) * len(counts)), np.zeros((1,) * len(counts), np.int64), 0
    for kind, count in enumerate(counts):
        x = np.arange(count + 1).reshape(-1, *([1] * (len(counts) - 1 - kind)))
        size, among = size + x, among + count
        chance = chance * draws(among, count)[size, x]
    return chance, size


def weighted(steps: Array, values: Array, origin: Array) -> Array:
    """v(S) = values[origin + sum_S steps], integer steps of either sign. O(K^2 |values|) a distinct step.

    steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K] float64.
    """
    from shapley_kernels.counts import tree

    return tree.weighted(steps, values, origin, flat_tree(steps.shape[1]), [uniform])


def geometric(scores: Array, present: Array) -> Array:
    """v(S) = (prod_S x)^(1/|S|), v(empty) = 0. scores [B, K] > 0, present [B or 1, K] -> [B, K] float64. O(K^4)."""
    credit = np.zeros(scores.shape)
    for row, here in enumerate(np.broadcast_to(present, scores.shape)):
        credit[row, here] = geometric_shares(scores[row, here], uniform(max(int(here.sum()), 1)))
    return credit


def geometric_shares(scores: Array, q: Array) -> Array:
    """sum_s q_s (x_i^(1/(s+1)) e_s(x^(1/(s+1))) - e_s(x^(1/s))), e_s the mean over the s-subsets of the others. [n], q [n]."""
    n = len(scores)
    roots = scores[:, None].astype(np.float64) ** (1 / np.arange(1, n + 1))  # [n, size]
    credit = np.zeros(n)
    for i in range(n):
        means = np.zeros((n, n))  # by s and size
        means[0] = 1
        for j, x in enumerate(np.delete(roots, i, axis=0), start=1):
            s = np.arange(1, j + 1)[:, None]
            means[1 : j + 1] = means[1 : j + 1] * ((j - s) / j) + means[:j] * x * (s / j)
        credit[i] = (q * np.diagonal(means) * roots[i]).sum() - (q[1:] * np.diagonal(means, -1)).sum()
    return credit
