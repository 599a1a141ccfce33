"""Weighted OR games over sets of members: a set's weight is split equally among its members (Harsanyi 1959).

v(S) = sum_e w_e [S meets A_e],  phi_i = sum_{e: i in A_e} w_e / |A_e|.
"""

from __future__ import annotations

from typing import Any

from shapley_kernels.arrays import at_least, namespace

Array = Any


def additive(scores: Array) -> Array:
    """v(S) = sum_S scores, every A_e a singleton. scores [B, K] -> [B, K]."""
    return namespace(scores).asarray(scores, copy=True)


def coverage(hits: Array, weights: Array) -> Array:
    """A_e = {i: hits_ie}. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(K E) a group."""
    xp = namespace(hits)
    size = xp.count_nonzero(hits, axis=1)  # [B, E]
    share = xp.where(size > 0, weights / xp.astype(at_least(size, 1), weights.dtype), 0)
    return xp.sum(xp.where(hits, share[:, None, :], 0), axis=2)


def distinct(labels: Array, present: Array) -> Array:
    """v(S) = number of classes in S, so phi_i = 1 / (members of i's class).

    labels [B, K] int, present [B or 1, K] bool -> [B, K] float64, 0 for absent members. O(K^2) a group.
    """
    xp = namespace(labels)
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, None, :]
    size = xp.astype(at_least(xp.count_nonzero(same, axis=2), 1), xp.float64)
    return xp.where(present, 1.0 / size, 0.0)


def unanimity(sets: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e [A_e within S]: the Shapley value of an AND game is that of the OR game of the same set (Harsanyi 1959).

    sets [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(K E) a group.
    """
    return coverage(sets, weights)
