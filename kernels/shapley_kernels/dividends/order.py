"""The dividends form in an order: an OR game is won by the first member of its set, an AND game by the last."""

from __future__ import annotations

from typing import Any

from shapley_kernels.arrays import counting, namespace
from shapley_kernels.earlier_members import earlier_alike

Array = Any


def additive(scores: Array) -> Array:
    """v(S) = sum_S scores. scores [B, K] -> [B, K]."""
    return namespace(scores).asarray(scores, copy=True)


def coverage(hits: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e [some i in S hits e]. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(K E) a group."""
    xp = namespace(hits)
    first = xp.argmax(xp.astype(hits, xp.int8), axis=1)  # [B, E], 0 also where no member hits
    won = hits & (first[:, None, :] == counting(hits.shape[1], hits)[None, :, None])
    return xp.sum(xp.where(won, weights[:, None, :], 0), axis=2, dtype=xp.float64)


def distinct(labels: Array, present: Array) -> Array:
    """v(S) = number of classes in S. labels [B, K] int, present [B or 1, K] bool -> [B, K] float64. O(K log K) a group."""
    xp = namespace(labels)
    return xp.astype(present & (earlier_alike(labels, present) == 0), xp.float64)


def unanimity(sets: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e [A_e within S], an OR game backwards. sets [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(K E)."""
    xp = namespace(sets)
    return xp.flip(coverage(xp.flip(sets, axis=1), weights), axis=1)
