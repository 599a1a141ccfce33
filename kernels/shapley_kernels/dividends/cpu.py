"""Numba kernels of the dividends form: phi_i = sum_{e: i in A_e} w_e / |A_e|.

`coverage`: per group, count the columns, divide, add up the rows. `distinct`: per group, all pairs up to K = 64, sorted above.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.jit import jit, jit_reassociated

Array = NDArray[Any]

PAIRS_LIMIT = 64


def additive(scores: Array) -> Array:
    """v(S) = sum_S scores. scores [B, K] -> [B, K]."""
    return scores.copy()


@jit_reassociated
def _coverage(hits: Array, weights: Array, credit: Array, low: int, high: int) -> None:
    members, elements = hits.shape[1], hits.shape[2]
    s_weights = 0 if weights.shape[0] == 1 else 1
    size = np.empty(elements, np.int32)
    share = np.empty(elements, weights.dtype)
    zero = weights.dtype.type(0)
    for group in range(low, high):
        size[:] = 0
        for i in range(members):
            for element in range(elements):
                size[element] += hits[group, i, element]
        for element in range(elements):
            share[element] = weights[group * s_weights, element] / max(size[element], 1)
        for i in range(members):
            total = zero
            for element in range(elements):
                total += share[element] if hits[group, i, element] else zero
            credit[group, i] = total


@jit
def _distinct_pairs(labels: Array, present: Array, credit: Array, low: int, high: int) -> None:
    members = labels.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    for group in range(low, high):
        label, here = labels[group], present[group * s_present]
        for i in range(members):
            same = 0
            for j in range(members):
                same += (label[j] == label[i]) & here[j]
            credit[group, i] = 1.0 / same if here[i] else 0.0


@jit
def _distinct_sorted(labels: Array, present: Array, credit: Array, low: int, high: int) -> None:
    members = labels.shape[1]
    s_present = 0 if present.shape[0] == 1 else 1
    for group in range(low, high):
        label, here = labels[group], present[group * s_present]
        ascending = np.sort(label[here])
        for i in range(members):
            credit[group, i] = 0.0
            if here[i]:
                first = np.searchsorted(ascending, label[i], side="left")
                last = np.searchsorted(ascending, label[i], side="right")
                credit[group, i] = 1.0 / (last - first)


def coverage(hits: Array, weights: Array) -> Array:
    """A_e = {i: hits_ie}. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]."""
    groups, members, elements = hits.shape
    credit = np.empty((groups, members), weights.dtype)
    threads.rows(_coverage, groups, 0.2 * (members + 2) * elements, hits, weights, credit)
    return credit


def distinct(labels: Array, present: Array) -> Array:
    """v(S) = number of classes in S. labels [B, K] int, present [B or 1, K] bool -> [B, K] float64."""
    groups, members = labels.shape
    credit = np.empty((groups, members))
    if members <= PAIRS_LIMIT:
        threads.rows(_distinct_pairs, groups, 0.5 * members**2, labels, present, credit)
    else:
        threads.rows(_distinct_sorted, groups, 60 * members, labels, present, credit)
    return credit


def unanimity(sets: Array, weights: Array) -> Array:
    """v(S) = sum_e w_e [A_e within S]: the Shapley value of an AND game is that of the OR game of the same set (Harsanyi 1959).

    sets [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(K E) a group.
    """
    return coverage(sets, weights)
