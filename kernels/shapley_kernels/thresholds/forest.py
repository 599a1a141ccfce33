"""The thresholds form on trees of many groups: the measure of heights, divided among siblings on the way down.

    G_root(x) = x,   G_b(x) = integral_0^x dG_a(y) / (number of children of a that reach y),   phi_i = G_i(x_i),

for every child b of a node a, x_i the height of member i over the base: the airport game on every level (Littlechild & Owen
1973). A child reaches as high as its highest member. Below a node G is looked at only where its members stand, so that members
in ascending order take their G along, from a union to the unions within it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import memory, threads
from shapley_kernels.compiled.forests import COUNT, FIRST, START, STOP, grow, room_for_tree
from shapley_kernels.compiled.jit import jit

Array = NDArray[Any]


@jit
def _ascend(heights: Array, ranked: Array, measure: Array) -> None:
    """Members in ascending order of their heights [K], to ranked, and these heights to measure: by steps 1, 4, 13, .."""
    members, step = len(heights), 1
    for i in range(members):
        measure[i], ranked[i] = heights[i], i
    while 3 * step + 1 < members:
        step = 3 * step + 1
    while step > 0:
        for q in range(step, members):
            height, member, p = measure[q], ranked[q], q
            while p >= step and measure[p - step] > height:
                measure[p], ranked[p] = measure[p - step], ranked[p - step]
                p -= step
            measure[p], ranked[p] = height, member
        step //= 3


@jit
def _divide(tree: Array, nodes: int, order: Array, ranked: Array, measure: Array, integers: Array, below: Array) -> None:
    """Measures of members in ascending order, of the root, to their own. integers [3, K or more], below [K]: scratch."""
    child_of, cursor, sent = integers[0], integers[1], integers[2]
    for node in range(nodes):
        start, stop, first = tree[START, node], tree[STOP, node], tree[FIRST, node]
        reaching = tree[COUNT, node]
        for child in range(first, first + reaching):
            cursor[child - first] = tree[START, child]
            for p in range(tree[START, child], tree[STOP, child]):
                child_of[order[p]] = child
        if reaching == 0:
            continue
        before = total = 0.0
        for p in range(start, stop):
            member, child = ranked[p], child_of[ranked[p]]
            total += (measure[p] - before) / reaching
            before = measure[p]
            place = cursor[child - first]
            below[place], sent[place] = total, member
            cursor[child - first] = place + 1
            reaching -= place + 1 == tree[STOP, child]
        for p in range(start, stop):
            measure[p], ranked[p] = below[p], sent[p]


@jit
def _airport(scores: Array, base: Array, present: Array, labels: Array, credit: Array, low: int, high: int) -> None:
    members = scores.shape[1]
    s_base, s_present, s_labels = int(base.shape[0] > 1), int(present.shape[0] > 1), int(labels.shape[0] > 1)
    tree, order, scratch = room_for_tree(members)
    integers, ranked = np.empty((3, members), np.int64), np.empty(members, np.int64)
    heights, measure, below = np.empty(members), np.empty(members), np.empty(members)
    nodes = 0
    for group in range(low, high):
        if s_labels or nodes == 0:
            nodes = grow(labels[group * s_labels], tree, order, scratch)
        floor, here = np.float64(base[group * s_base]), present[group * s_present]
        for i in range(members):
            heights[i] = np.float64(scores[group, i]) - floor if here[i] else -np.inf
        _ascend(heights, ranked, measure)
        # Absent members come first, where no step is taken: a union has ended there if nobody in it is present.
        for p in range(members):
            if here[ranked[p]]:
                break
            measure[p] = 0.0
        _divide(tree, nodes, order, ranked, measure, integers, below)
        for p in range(members):
            credit[group, ranked[p]] = measure[p] if here[ranked[p]] else 0.0


@jit
def _facility(scores: Array, weights: Array, labels: Array, credit: Array, low: int, high: int) -> None:
    members, elements = scores.shape[1], scores.shape[2]
    s_weights, s_labels = int(weights.shape[0] > 1), int(labels.shape[0] > 1)
    tree, order, scratch = room_for_tree(members)
    integers, ranked = np.empty((3, members), np.int64), np.empty(members, np.int64)
    heights, measure, below = np.empty(members), np.empty(members), np.empty(members)
    nodes = 0
    for group in range(low, high):
        if s_labels or nodes == 0:
            nodes = grow(labels[group * s_labels], tree, order, scratch)
        credit[group, :] = 0.0
        for element in range(elements):
            for i in range(members):
                heights[i] = max(np.float64(scores[group, i, element]), 0.0)
            _ascend(heights, ranked, measure)
            _divide(tree, nodes, order, ranked, measure, integers, below)
            for p in range(members):
                credit[group, ranked[p]] += measure[p] * weights[group * s_weights, element]


def _cost(members: int) -> float:
    """Nanoseconds a game."""
    return 40.0 * members


def airport(scores: Array, base: Array, present: Array, labels: Array) -> Array:
    """v(S) = max of the scores of the present members of S, base if there are none. O(K (log K + depth)) a group.

    scores [B, K], base [B or 1], present [B or 1, K], labels [B or 1, levels, K] -> [B, K] float64, 0 for absent members.
    """
    groups, members = scores.shape
    credit = memory.empty(scores.shape, np.dtype(np.float64))
    threads.rows(_airport, groups, _cost(members), scores, base, present, labels, credit)
    return credit


def facility(scores: Array, weights: Array, labels: Array) -> Array:
    """v(S) = sum_e w_e max(0, max_S scores_ie). O(E K (log K + depth)) a group.

    scores [B, K, E], weights [B or 1, E], labels [B or 1, levels, K] -> [B, K] float64.
    """
    groups, members, elements = scores.shape
    credit = np.empty((groups, members))
    threads.rows(_facility, groups, _cost(members) * (elements + 1), scores, weights, labels, credit)
    return credit
