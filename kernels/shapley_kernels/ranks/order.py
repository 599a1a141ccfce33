"""The ranks form in an order: what every gain is worth by its rank among the members that have come, before and after each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapley_kernels.arrays import at_least, chunks, joined, namespace
from shapley_kernels.earlier_members import arrived, counted, looked_up, of_rows, ranking_before, rises

Array = Any


def discounted(gains: Array, keys: Array, discounts: Array) -> Array:
    """v(S) = sum_r d_r gain_(r). gains [B, K], keys, discounts [B or 1, K] -> [B, K] float64. O(K^2) a group."""
    everybody = namespace(gains).ones_like(gains, dtype=namespace(gains).bool)
    return _solved(gains, keys, everybody, discounts, lambda better, size: better)


def sized(gains: Array, keys: Array, present: Array, weights: Array) -> Array:
    """v(S) = sum_r D[r, |S|] gain_(r). gains [B, K], keys, present [B or 1, K], weights [B or 1, K, K] -> [B, K]. O(K^2)."""
    members = gains.shape[1]
    table = namespace(weights).reshape(weights, (weights.shape[0], members**2))
    return _solved(gains, keys, present, table, lambda better, size: better * members + at_least(size - 1, 0))


def _solved(gains: Array, keys: Array, present: Array, table: Array, place: Callable[[Array, Array], Array]) -> Array:
    """place(better, size): where a row of the table has the weight of a gain with so many better ones, in a set of so many."""
    xp = namespace(gains)
    table = xp.astype(table, xp.float64)

    def solve(rows: slice) -> Array:
        gain, key, here, weights = (of_rows(array, rows) for array in (gains, keys, present, table))
        better = counted(ranking_before(key, here))  # [b, j, l], of those up to j
        weight = looked_up(weights, place(better, counted(here)[:, :, None]))
        return _rises_of_sums(weight * gain[:, None, :], here)

    return joined(map(solve, chunks(gains.shape[0], gains.shape[1] ** 2, gains)))


def cascade(gains: Array, reading: Array, keys: Array, present: Array, by_rank: bool) -> Array:
    """v(S) = sum_r gain_(r) prod_{l < r} reading_(l), each gain divided by its rank r if `by_rank`.

    gains, reading [B, K], keys, present [B or 1, K] -> [B, K] float64. O(K^2) a group.
    """
    xp = namespace(gains)
    gains, reading = xp.astype(gains, xp.float64), xp.astype(reading, xp.float64)

    def solve(rows: slice) -> Array:
        gain, reads, key, here = (of_rows(array, rows) for array in (gains, reading, keys, present))
        better = ranking_before(key, here)
        reached = xp.cumulative_prod(xp.where(better, reads[:, :, None], 1.0), axis=1)  # [b, j, l], by those up to j
        rank = xp.astype(1 + counted(better), xp.float64) if by_rank else 1.0
        return _rises_of_sums(gain[:, None, :] * reached / rank, here)

    return joined(map(solve, chunks(gains.shape[0], gains.shape[1] ** 2, gains)))


def _rises_of_sums(parts: Array, present: Array) -> Array:
    """By how much the sum over those that have come by j rises with j. parts [b, j, l], present [b or 1, K] -> [b, K]."""
    xp = namespace(parts)
    there = arrived(parts.shape[1], parts) & present[:, None, :]
    return xp.sum(rises(xp.where(there, parts, 0.0)), axis=2)
