"""The dividends form on trees of many groups: one unit of every OR game flows down and splits at every node.

A node hands what it gets in equal parts to those of its children that hold members of the set, and to no other. An AND game of
the same set has the same Owen and Winter values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import threads
from shapley_kernels.compiled.forests import COUNT, PARENT, START, grow, room_for_tree
from shapley_kernels.compiled.jit import jit, jit_reassociated

Array = NDArray[Any]

# So many sets go down a tree at once: what stays in cache.
BLOCK = 64


def additive(scores: Array, labels: Array) -> Array:
    """v(S) = sum_S scores, whatever the structure. scores [B, K] -> [B, K]."""
    return scores.copy()


@jit_reassociated
def _flow(
    hits: Array, group: int, start: int, width: int, tree: Array, nodes: int, order: Array, touched: Array, units: Array
) -> None:
    """What each child of a union gets of the OR games of the sets start .. start + width - 1 of a group, to units [2 K, BLOCK].

    units[0] comes with their weights. touched [2 K, BLOCK]: how many children of a union hold members of a set.
    """
    for node in range(nodes):
        if tree[COUNT, node]:
            for e in range(width):
                touched[node, e] = 0
    for node in range(nodes - 1, 0, -1):
        parent = tree[PARENT, node]
        if tree[COUNT, node]:
            for e in range(width):
                touched[parent, e] += touched[node, e] > 0
        else:
            member = order[tree[START, node]]
            for e in range(width):
                touched[parent, e] += hits[group, member, start + e]
    for node in range(nodes):
        if tree[COUNT, node]:
            parent = max(tree[PARENT, node], 0)
            for e in range(width):
                units[node, e] = units[parent, e] / max(touched[node, e], 1)


@jit_reassociated
def _coverage(hits: Array, weights: Array, labels: Array, credit: Array, low: int, high: int) -> None:
    members, elements = hits.shape[1], hits.shape[2]
    s_weights, s_labels = int(weights.shape[0] > 1), int(labels.shape[0] > 1)
    tree, order, scratch = room_for_tree(members)
    touched, units = np.empty((2 * members, BLOCK), np.int32), np.empty((2 * members, BLOCK))
    nodes = 0
    for group in range(low, high):
        if s_labels or nodes == 0:
            nodes = grow(labels[group * s_labels], tree, order, scratch)
        credit[group, :] = 0.0
        for start in range(0, elements, BLOCK):
            width = min(BLOCK, elements - start)
            for e in range(width):
                units[0, e] = weights[group * s_weights, start + e]
            _flow(hits, group, start, width, tree, nodes, order, touched, units)
            for node in range(nodes):
                if tree[COUNT, node] == 0:
                    member, parent, total = order[tree[START, node]], max(tree[PARENT, node], 0), 0.0
                    for e in range(width):
                        total += units[parent, e] if hits[group, member, start + e] else 0.0
                    credit[group, member] += total


@jit
def _classes(labels: Array, here: Array, first: Array, following: Array, last: Array) -> int:
    """The classes of present members [K] as chains: their first members, to first, and who follows each, -1 for nobody."""
    classes = 0
    for i in range(len(labels)):
        following[i] = -1
        if not here[i]:
            continue
        c = 0
        while c < classes and labels[first[c]] != labels[i]:
            c += 1
        if c == classes:
            first[c] = i
            classes += 1
        else:
            following[last[c]] = i
        last[c] = i
    return classes


@jit
def _distinct(classes: Array, present: Array, labels: Array, credit: Array, low: int, high: int) -> None:
    members = classes.shape[1]
    s_present, s_labels = int(present.shape[0] > 1), int(labels.shape[0] > 1)
    tree, order, scratch = room_for_tree(members)
    leaf, seen, touched = np.empty(members, np.int64), np.empty(2 * members, np.int64), np.empty(2 * members, np.int64)
    chains = np.empty((3, members), np.int64)
    first, following = chains[0], chains[1]
    nodes = 0
    for group in range(low, high):
        if s_labels or nodes == 0:
            nodes = grow(labels[group * s_labels], tree, order, scratch)
            for node in range(nodes):
                if tree[COUNT, node] == 0:
                    leaf[order[tree[START, node]]] = node
        seen[:nodes] = -1
        credit[group, :] = 0.0
        count = _classes(classes[group], present[group * s_present], first, following, chains[2])
        for c in range(count):
            i = first[c]
            while i >= 0:  # up to the first union in which the class has been seen
                node, fresh = leaf[i], True
                while fresh and node > 0:
                    node = tree[PARENT, node]
                    fresh = seen[node] != c
                    touched[node] = 1 if fresh else touched[node] + 1
                    seen[node] = c
                i = following[i]
            i = first[c]
            while i >= 0:
                node, parts = leaf[i], 1.0
                while node > 0:
                    node = tree[PARENT, node]
                    parts *= touched[node]
                credit[group, i] = 1.0 / parts
                i = following[i]


def coverage(hits: Array, weights: Array, labels: Array) -> Array:
    """v(S) = sum_e w_e [some i in S hits e]. O(K E) a group.

    hits [B, K, E] bool, weights [B or 1, E], labels [B or 1, levels, K] -> [B, K] float64.
    """
    groups, members, elements = hits.shape
    credit = np.empty((groups, members))
    threads.rows(_coverage, groups, (2.0 * elements + 40) * members, hits, weights, labels, credit)
    return credit


def distinct(classes: Array, present: Array, labels: Array) -> Array:
    """v(S) = number of classes in S. O(K (C + depth)) a group of C classes.

    classes [B, K] int, present [B or 1, K] bool, labels of the unions [B or 1, levels, K] -> [B, K] float64.
    """
    groups, members = classes.shape
    credit = np.empty((groups, members))
    threads.rows(_distinct, groups, 60.0 * members, classes, present, labels, credit)
    return credit


def unanimity(sets: Array, weights: Array, labels: Array) -> Array:
    """v(S) = sum_e w_e [A_e within S]. sets [B, K, E] bool, weights [B or 1, E] -> [B, K] float64, as `coverage`."""
    return coverage(sets, weights, labels)
