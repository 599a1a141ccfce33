"""The counts form in an order: what the counts were before a member came, and what they are with it."""

from __future__ import annotations

from math import prod
from typing import Any

from shapley_kernels.arrays import at_least, at_most, chunks, joined, namespace
from shapley_kernels.earlier_members import before, counted, earlier_alike, looked_up, of_rows, rises, running, sums_before

Array = Any


def size_sum(scores: Array, present: Array, f: Array) -> Array:
    """v(S) = f(|S|) sum_S x: f(n) x_i + (f(n) - f(n - 1)) sum of x over those before.

    scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K] float64. O(K).
    """
    xp = namespace(scores)
    x, f = xp.astype(xp.where(present, scores, 0), xp.float64), xp.astype(f, xp.float64)
    size = counted(present)
    now, then = looked_up(f, at_least(size - 1, 0)), looked_up(f, size)
    return xp.where(present, then * x + (then - now) * sums_before(x), 0.0)


def cardinality(f: Array, present: Array) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]. O(K)."""
    size = counted(present)
    return namespace(f).where(present, looked_up(f, size) - looked_up(f, at_least(size - 1, 0)), 0)


def pass_at_k(correct: Array, present: Array, m: int) -> Array:
    """v(S) = 1 - miss, miss = C(w, m) / C(n, m) of w wrong members among n, 0 for n < m. O(K m) a group.

    The n-th member, n > m, changes it by miss m / (n - m) if it is correct, else by -miss m c / (w (n - m)), c = n - w.
    correct, present [B or 1, K] bool -> [B, K] float64.
    """
    xp = namespace(correct)
    wrong, size = (xp.astype(counted(flags), xp.float64) for flags in (present & ~correct, present))
    miss = xp.ones_like(wrong)
    for j in range(min(m, correct.shape[1])):
        miss = miss * at_least(wrong - j, 0) / at_least(size - j, 1)
    share = xp.where(correct, 1.0, (wrong - size) / at_least(wrong, 1))
    later = miss * m / at_least(size - m, 1) * share
    return xp.where(present, xp.where(size > m, later, xp.where(size == m, 1 - miss, 0.0)), 0.0)


def plurality(labels: Array, present: Array, target: Array, shared: bool) -> Array:
    """v(S) = 1 if the target class is the largest in S (alone, or with `shared` 1 / number of largest), else 0.

    The size of the largest other class is the running maximum of the numbers that members have in their classes, and as many
    classes have this size as members have come with this number. O(K log K) a group.
    labels [B, K], present [B or 1, K], target [B or 1] -> [B, K] float64.
    """
    xp = namespace(labels)
    mine = labels == target[:, None]
    number = xp.where(present & ~mine, earlier_alike(labels, present) + 1, 0)
    votes, most = counted(present & mine), running("maximum", number)
    with_most = counted((number == most) & (most > 0))
    ties = with_most - running("maximum", xp.where(most > before(most), with_most - 1, 0))
    if shared:
        level = xp.where(votes == most, 1 / xp.astype(1 + ties, xp.float64), 0.0)
    else:
        level = xp.zeros_like(votes, dtype=xp.float64)
    return rises(xp.where(votes > most, 1.0, xp.where(votes > 0, level, 0.0)))


def separable(labels: Array, present: Array, f: Array) -> Array:
    """v(S) = sum over classes of f(n_c) - f(0). labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K] float64.

    O(K log K) a group.
    """
    xp = namespace(labels)
    number, f = earlier_alike(labels, present), xp.astype(f, xp.float64)
    return xp.where(present, looked_up(f, at_most(number + 1, labels.shape[1])) - looked_up(f, number), 0.0)


def class_sizes(labels: Array, present: Array, table: Array) -> Array:
    """v(S) = sum over classes of h(n_c, |S|), h(0, s) = 0, v(empty) = 0. Each class stands in the place of its first member.

    labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K] float64. O(K^2) a group.
    """
    xp = namespace(labels)
    groups, members = labels.shape
    first = present & (earlier_alike(labels, present) == 0)
    tables = xp.astype(xp.reshape(table, (table.shape[0], (members + 1) ** 2)), xp.float64)

    def solve(rows: slice) -> Array:
        label, here, leads, h = (of_rows(array, rows) for array in (labels, present, first, tables))
        alike = counted((label[:, :, None] == label[:, None, :]) & here[:, :, None])  # [b, j, l], of those up to j
        worth = rises(looked_up(h, alike * (members + 1) + counted(here)[:, :, None]), h[:, :1, None])
        return xp.sum(xp.where(leads[:, None, :], worth, 0.0), axis=2)

    return joined(map(solve, chunks(groups, members**2, labels)))


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...]) -> Array:
    """v(S) = table[n_0, .., n_{T-1}], n_t the members of type t in S. O(K T) a group.

    types [B, K] in 0 .. T-1, present [B or 1, K], table [B or 1, L] row-major over `shape` -> [B, K] float64.
    """
    xp = namespace(types)
    steps = xp.zeros_like(types)
    for kind in range(len(shape)):
        steps = xp.where((types == kind) & present, prod(shape[kind + 1 :]), steps)
    return _walked(steps, table, xp.zeros_like(types[:, 0]))


def weighted(steps: Array, values: Array, origin: Array) -> Array:
    """v(S) = values[origin + sum_S steps]. steps [B, K] int, values [B or 1, L], origin [B or 1] -> [B, K] float64. O(K)."""
    return _walked(steps, values, origin)


def _walked(steps: Array, values: Array, origin: Array) -> Array:
    """The changes of values [B or 1, L] along a walk from origin [B or 1] by steps [B, K]; at the ends for what lies beyond."""
    xp = namespace(steps)
    values, last = xp.astype(values, xp.float64), values.shape[1] - 1
    place = origin[:, None] + xp.cumulative_sum(steps, axis=1)
    now, then = (looked_up(values, at_least(at_most(where, last), 0)) for where in (place - steps, place))
    return then - now


def geometric(scores: Array, present: Array) -> Array:
    """v(S) = (prod_S x)^(1/|S|), v(empty) = 0. scores [B, K] > 0, present [B or 1, K] -> [B, K] float64. O(K)."""
    xp = namespace(scores)
    x = xp.astype(xp.where(present, scores, 1), xp.float64)
    size = counted(present)
    number = xp.astype(at_least(size, 1), xp.float64)
    earlier = before(xp.cumulative_sum(xp.log(x), axis=1) / number)
    change = xp.exp(earlier) * xp.expm1((xp.log(x) - earlier) / number)
    return xp.where(present, xp.where(size == 1, x, change), 0.0)
