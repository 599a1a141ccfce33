"""Games that depend on counts: of members, of correct members, of members in each class."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_kernels import quadrature
from shapley_kernels.arrays import at_least, beside, exclusive_products, namespace
from shapley_kernels.chances import in_turn, uniform_chances

Array = Any


def size_coefficients(f: Array, size: Array) -> tuple[Array, Array]:
    """For f(|S|) sum_S x among n members: slope alpha - beta and height f(n), so that phi_i = height mean + slope (x_i - mean).

    alpha = sum_{s=1}^n f(s) / n is i's own coefficient, beta = (f(n) - alpha) / (n - 1) that of every other member.
    f [B or 1, K + 1], size n [B or 1] -> [B or 1] each.
    """
    xp = namespace(f)
    s, n = beside(np.arange(f.shape[1]), f), size[:, None]
    height = xp.sum(xp.where(s == n, f, 0), axis=1)
    alpha = xp.sum(xp.where((s > 0) & (s <= n), f, 0), axis=1) / xp.astype(at_least(size, 1), f.dtype)
    slope = alpha - (height - alpha) / xp.astype(at_least(size - 1, 1), f.dtype)
    return slope, height


def size_sum(scores: Array, present: Array, f: Array) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]. O(K)."""
    xp = namespace(scores)
    size = xp.count_nonzero(present, axis=1)
    slope, height = size_coefficients(f, size)
    total = xp.sum(xp.where(present, scores, 0), axis=1, keepdims=True)
    mean = total / xp.astype(at_least(size, 1), scores.dtype)[:, None]
    return xp.where(present, height[:, None] * mean + slope[:, None] * (scores - mean), 0)


def cardinality(f: Array, present: Array) -> Array:
    """v(S) = f(|S|): (f(n) - f(0)) / n each. f [B, K + 1], present [B or 1, K] -> [B, K]. O(K)."""
    xp = namespace(f)
    s, size = beside(np.arange(f.shape[1]), f), xp.count_nonzero(present, axis=1)[:, None]
    gain = xp.sum(xp.where(s == size, f, 0), axis=1, keepdims=True) - f[:, :1]
    return xp.where(present, gain / xp.astype(at_least(size, 1), f.dtype), 0)


def pass_at_k(correct: Array, present: Array, m: int) -> Array:
    """The unbiased pass@m estimator as a set function. correct [B, K], present [B or 1, K] bool -> [B, K] float64. O(K).

    v(S) = 1 - C(|S| - c_S, m) / C(|S|, m) is the chance that m draws from S hold a correct one, so that averaged over random
    S of any size s >= m it is the same chance over all other members: a marginal contribution at size s is m / (s + 1) times
    the gain of forcing the newcomer among the m draws, and phi = (1/n) (first + m gain (H_n - H_m)).
    """
    xp = namespace(correct)
    members = correct.shape[1]
    correct = correct & present
    if m > members:
        return xp.zeros_like(correct, dtype=xp.float64)
    sizes = np.arange(members + 1)
    harmonics = np.cumsum(np.where(sizes > m, 1 / np.maximum(sizes, 1), 0))
    n, c = xp.broadcast_arrays(xp.count_nonzero(present, axis=1), xp.count_nonzero(correct, axis=1))
    harmonic = xp.take(beside(harmonics, correct), n)
    share = xp.where(n >= m, 1 / xp.astype(at_least(n, 1), xp.float64), 0.0)
    right = (1 + m * _no_hit(n - c, n - 1, m) * harmonic) * share
    forced, free = _no_hit(n - 1 - c, n - 1, m - 1), _no_hit(n - 1 - c, n - 1, m)
    wrong = (1 - forced + m * (free - forced) * harmonic) * share
    return xp.where(correct, right[:, None], xp.where(present, wrong[:, None], 0.0))


def _no_hit(wrong: Array, among: Array, draws: int) -> Array:
    """C(wrong, draws) / C(among, draws) for draws <= among, 0 if `draws` exceeds `wrong`. [B]."""
    xp = namespace(wrong)
    j = beside(np.arange(draws), wrong)
    left, all_left = (xp.astype(at_least(count[:, None] - j, least), xp.float64) for count, least in ((wrong, 0), (among, 1)))
    return xp.prod(left / all_left, axis=1)


def classes(labels: Array, present: Array) -> tuple[Array, Array, Array]:
    """Whether l is in the class of j [B, j, l], the size of j's class [B, j], and whether j is its first member [B, j].

    Only present members count.
    """
    xp = namespace(labels)
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, None, :]
    earlier = same & beside(np.tri(labels.shape[1], k=-1, dtype=np.bool_), labels)
    return same, xp.count_nonzero(same, axis=2), present & ~xp.any(earlier, axis=2)


def plurality(labels: Array, present: Array, target: Array, shared: bool) -> Array:
    """v(S) = 1 if the target class is the largest in S (alone, or with `shared` 1 / number of largest), else 0.

    Under independent inclusion with probability t class c counts Binomial(n_c, t). With p_c its distribution, F_c its
    cumulative one, and 1 / (1 + ties) = integral_0^1 y^ties dy, the win of a target count x >= 1 is W(x) = prod_c (F_c(x-1) + y
    p_c(x)), y = 0 when strict, and
        phi of a target member = integral sum_x Binomial(n_0 - 1, t)(x) [W(x+1) - W(x)],
        phi of a member of c   = -integral sum_x p_0(x) ((1-y) q(x-1) + y q(x)) prod_{c' != c} (..),  q = Binomial(n_c - 1, t).
    labels [B, K], present [B or 1, K], target [B or 1] -> [B, K] float64. O(K^2 T) a group when strict, else O(K^2 T^2), with
    T = min(K/2, 4.3 sqrt K) nodes in t and in y. Each class stands in the place of its first member.
    """
    xp = namespace(labels)
    members = labels.shape[1]
    same, size, first = classes(labels, present)
    mine = labels == target[:, None]
    votes, rivals = xp.count_nonzero(mine & present, axis=1), (first & ~mine)[:, :, None]
    nodes = quadrature.rule(members, np.dtype(np.float64))
    ties = nodes if shared else (np.zeros(1), np.ones(1), np.ones(1))
    own = rest = xp.zeros_like(labels[:, :1], dtype=xp.float64)
    for t, one_minus_t, weight in zip(*(a.tolist() for a in nodes), strict=True):
        chances = _binomials(labels, t, one_minus_t)
        whole, without, ours, ours_without = (
            xp.reshape(xp.take(chances, xp.reshape(count, (-1,)), axis=0), (*count.shape, members + 1))
            for count in (size, at_least(size - 1, 0), votes, at_least(votes - 1, 0))
        )
        below = xp.cumulative_sum(whole, axis=2)
        for y, one_minus_y, y_weight in zip(*(a.tolist() for a in ties), strict=True):
            # Factor of each rival class at x = 1 .. K: below x, or equal to x with weight y.
            factors = xp.where(rivals, below[..., :-1] + y * whole[..., 1:], 1.0)
            others = exclusive_products(factors)
            win = others[:, 0, :] * factors[:, 0, :]
            steps = xp.concat([win[:, :1], win[:, 1:] - win[:, :-1]], axis=1)
            own = own + weight * y_weight * xp.sum(ours_without[:, :-1] * steps, axis=1, keepdims=True)
            loss = one_minus_y * without[..., :-1] + y * without[..., 1:]
            rest = rest - weight * y_weight * xp.sum(ours[:, None, 1:] * loss * others, axis=2)
    # Only the first member of each class was solved; the others take its credit.
    rest = xp.take_along_axis(rest, xp.argmax(xp.astype(same, xp.int8), axis=2), axis=1)
    return xp.where(present, xp.where(mine, own, rest), 0.0)


def _binomials(like_this: Array, t: float, one_minus_t: float) -> Array:
    """Pr[Binomial(n, t) = x], [n, x] for n, x = 0 .. K, one trial at a time: positive terms only. O(K^2)."""
    xp, members = namespace(like_this), like_this.shape[1]
    rows = [beside(np.eye(1, members + 1), like_this)]
    for _ in range(members):
        shifted = xp.concat([xp.zeros_like(rows[-1][:, :1]), rows[-1][:, :-1]], axis=1)
        rows.append(rows[-1] * one_minus_t + shifted * t)
    return xp.concat(rows, axis=0)


def separable(labels: Array, present: Array, f: Array) -> Array:
    """v(S) = sum over classes of f(n_c) - f(0): (f(n_c) - f(0)) / n_c each. labels [B, K], present [B or 1, K],
    f [B or 1, K + 1] -> [B, K] float64. O(K^2) a group.
    """
    xp = namespace(labels)
    size = at_least(classes(labels, present)[1], 1)
    f = xp.astype(xp.broadcast_to(f, (labels.shape[0], f.shape[1])), xp.float64)
    gain = xp.take_along_axis(f, size, axis=1) - f[:, :1]
    return xp.where(present, gain / xp.astype(size, xp.float64), 0.0)


def class_sizes(labels: Array, present: Array, table: Array) -> Array:
    """v(S) = sum over classes of h(n_c, |S|), h(0, s) = 0, v(empty) = 0: every class is a game of two types.

    labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K] float64. O(K^3) a group.
    """
    xp = namespace(labels)
    same, size, first = classes(labels, present)
    own, others = _type_shares(table, xp.count_nonzero(present, axis=1)[:, None], size)
    given = xp.sum(xp.where(first[:, None, :] & ~same, others[:, None, :], 0.0), axis=2)
    return xp.where(present, own + given, 0.0)


def _type_shares(table: Array, size: Array, special: Array) -> tuple[Array, Array]:
    """Credits of a special member and of another one in v(S) = h(special ones in S, |S|).

    table h [B or 1, K + 1, K + 1], size n [B or 1, 1], special ones among them [B, C] -> [B, C] each. The credit of a
    member that does not exist means nothing.
    """
    xp = namespace(table)
    table, steps = xp.astype(table, xp.float64)[:, None, :, :], table.shape[1] - 1
    own, others = 0.0, 0.0
    draws = zip(in_turn(size - 1, special - 1, steps), in_turn(size - 1, special, steps), strict=True)
    for s, (without_own, without_other) in enumerate(draws):
        now, then = table[..., s], table[..., s + 1]
        own = own + xp.sum(without_own[..., :-1] * (then[..., 1:] - now[..., :-1]), axis=-1)
        others = others + xp.sum(without_other * (then - now), axis=-1)
    n = xp.astype(at_least(size, 1), xp.float64)
    return own / n, others / n


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...]) -> Array:
    """v(S) = table[n_0, .., n_{T-1}], n_t the members of type t in S: the draws of every size, type after type.

    types [B, K] in 0 .. T-1, present [B or 1, K], table [B or 1, L] row-major over `shape` -> [B, K] float64.
    O(T^2 L + T K^2) a group.
    """
    return typed_by(types, present, table, shape, uniform_chances(present))


def typed_by(types: Array, present: Array, table: Array, shape: tuple[int, ...], chances: Array) -> Array:
    """`typed` for any semivalue: chances [B or 1, K] is the distribution of the number of others present."""
    xp = namespace(types)
    groups, members = types.shape
    of_type = (types[:, :, None] == beside(np.arange(len(shape)), types)) & present[:, :, None]  # [B, K, T]
    draws = _typed_draws(of_type)
    chances = xp.concat([chances, xp.zeros_like(chances[:, :1])], axis=1)  # no set of others has K of them
    table = xp.astype(table, xp.float64)
    credit = xp.zeros_like(draws[:, 0, 0, 0, :1])
    for kind in range(len(shape)):
        counts = np.indices([length - (t == kind) for t, length in enumerate(shape)]).reshape(len(shape), -1)
        sizes = np.minimum(counts.cumsum(axis=0), members)
        chance = xp.take(chances, beside(sizes[-1], types), axis=1)
        for t, (x, among) in enumerate(zip(counts, sizes, strict=True)):
            drawn = draws[:, :, 2 if t == kind else int(kind < t), t, :]
            place = among * drawn.shape[2] + np.minimum(x, members)
            chance = chance * xp.take(
                xp.reshape(drawn, (groups, drawn.shape[1] * drawn.shape[2])), beside(place, types), axis=1
            )
        here = np.asarray(np.ravel_multi_index(tuple(counts), shape))
        step = int(np.prod(shape[kind + 1 :]))
        steps = xp.take(table, beside(here + step, table), axis=1) - xp.take(table, beside(here, table), axis=1)
        credit = credit + xp.where(of_type[:, :, kind], xp.sum(chance * steps, axis=1)[:, None], 0.0)
    return credit


def _typed_draws(of_type: Array) -> Array:
    """Pr[x of type t among s of the first t types], [B, s, 3, T, x]: of all, of all but one of an earlier type, or of t."""
    xp = namespace(of_type)
    counts = xp.count_nonzero(of_type, axis=1)  # [B, T]
    among = xp.cumulative_sum(counts, axis=1)
    pool = xp.stack([among, among - 1, among - 1], axis=1)
    special = xp.stack([counts, counts, counts - 1], axis=1)
    return xp.stack(list(in_turn(pool, special, of_type.shape[1] + 1)), axis=1)


def weighted(steps: Array, values: Array, origin: Array) -> Array:
    """v(S) = values[origin + sum_S steps], integer steps of either sign, an integral over independent inclusion.

    The chances of the sums of the members before i meet what i's step adds in the mean over the members after i, both built up
    one member at a time: O(K L min(K/2, 4.3 sqrt K)) a group.
    steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K] float64.
    """
    xp = namespace(steps)
    (groups, members), length = steps.shape, values.shape[1]
    t, one_minus_t, weight = (beside(a[:, None], values) for a in quadrature.rule(members, np.dtype(np.float64)))
    shape = (groups, t.shape[0], length)
    place = beside(np.arange(length), steps)[None, :]

    def moved(array: Array, sources: Array) -> Array:
        """array[.., source], [B, T, L], for sources [B, L]; from outside the range comes what stands at its end."""
        inside = xp.where(sources < length, at_least(sources, 0), length - 1)[:, None, :]
        return xp.take_along_axis(array, xp.broadcast_to(inside, shape), axis=2)

    after = [xp.broadcast_to(xp.astype(values, xp.float64)[:, None, :], shape)]
    for i in reversed(range(1, members)):
        after.append(one_minus_t * after[-1] + t * moved(after[-1], place + steps[:, i : i + 1]))
    before = xp.broadcast_to(xp.astype(place == origin[:, None], xp.float64)[:, None, :], shape)
    credits = []
    for i, later in enumerate(reversed(after)):
        gain = xp.sum(weight * before * (moved(later, place + steps[:, i : i + 1]) - later), axis=1)
        # One after the other, so that sums that only other groups reach change no bit.
        credits.append(xp.cumulative_sum(gain, axis=1)[:, -1])
        source = place - steps[:, i : i + 1]
        reached = xp.astype((source >= 0) & (source < length), xp.float64)[:, None, :]
        before = one_minus_t * before + t * moved(before, source) * reached
    return xp.stack(credits, axis=1)


def geometric(scores: Array, present: Array) -> Array:
    """v(S) = (prod_S x)^(1/|S|), v(empty) = 0. scores [B, K] > 0, present [B or 1, K] -> [B, K] float64. O(K^4)."""
    return geometric_by(scores, present, uniform_chances(present))


def geometric_by(scores: Array, present: Array, chances: Array) -> Array:
    """sum_s q_s (x_i^(1/(s+1)) e_s(x^(1/(s+1))) - e_s(x^(1/s))), e_s the mean over the s-subsets of the others.

    chances q [B or 1, K]: the distribution of the number of others present.
    """
    xp = namespace(scores)
    groups, members = scores.shape
    here = xp.broadcast_to(present, scores.shape)
    s = beside(np.arange(float(members)), scores)
    roots = xp.astype(scores, xp.float64)[:, :, None] ** (1 / (s + 1))  # [B, K, size]
    means = xp.broadcast_to(xp.astype(s == 0, xp.float64)[:, None], (groups, members, members, members))  # [B, i, s, size]
    drawn = xp.zeros_like(roots[:, :, :1])
    for j in range(members):
        other = here[:, None, j : j + 1] & beside(np.arange(members)[:, None] != j, scores)  # [B, i, 1]
        drawn = drawn + xp.astype(other, xp.float64)
        joins = xp.where(other, s / at_least(drawn, 1), 0.0)[..., None]  # chance that j is one of s
        shifted = xp.concat([xp.zeros_like(means[:, :, :1, :]), means[:, :, :-1, :]], axis=2)
        means = means * (1 - joins) + joins * shifted * roots[:, None, j : j + 1, :]
    with_i = xp.sum(chances[:, None, :] * xp.linalg.diagonal(means) * roots, axis=2)
    without = xp.sum(chances[:, None, 1:] * xp.linalg.diagonal(means, offset=-1), axis=2)
    return xp.where(here, with_i - without, 0.0)
