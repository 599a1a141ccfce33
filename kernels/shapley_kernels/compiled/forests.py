"""The coalition trees of groups that have one each: grown from labels within the kernels that walk them.

Nodes are numbered level by level: the root is 0, the children of a node follow one another and come after it, and a node with a
single child is left out, since it changes no value. A node's members stand side by side in `order`. Siblings come in the order
of their first members, so that a tree's numbers depend on nothing but the tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit

Array = NDArray[Any]

# Rows of a tree [LEVEL + 1, 2 K]: of every node its first child, how many children it has (a member has none), the half-open
# range of its members in the order, its parent, and the level of the labels that tell its children apart.
FIRST, COUNT, START, STOP, PARENT, LEVEL = range(6)

# An odd number near 2^64 over the golden ratio: multiples of it spread labels over a table (Knuth 1973).
SPREAD = 0x9E3779B97F4A7C15


@jit
def room_for_tree(members: int) -> tuple[Array, Array, Array]:
    """A tree [6, 2 K], the order of its members [K], and scratch [5, 4 K]."""
    return np.zeros((6, 2 * members), np.int64), np.zeros(members, np.int64), np.zeros((5, 4 * members), np.int64)


@jit
def _number(labels: Array, order: Array, start: int, stop: int, scratch: Array) -> int:
    """How many labels members order[start : stop] have; scratch[0]: which of them each has, scratch[2]: members of each."""
    number, table, sizes, firsts = scratch[0], scratch[1], scratch[2], scratch[3]
    found, bits = 0, 1
    while 1 << bits < 2 * (stop - start):
        bits += 1
    table[: 1 << bits] = -1
    for p in range(start, stop):
        label = labels[order[p]]
        slot = np.int64(np.uint64(label) * np.uint64(SPREAD) >> np.uint64(64 - bits))
        while table[slot] >= 0 and labels[firsts[table[slot]]] != label:
            slot = (slot + 1) & ((1 << bits) - 1)
        if table[slot] < 0:
            table[slot], firsts[found], sizes[found] = found, order[p], 0
            found += 1
        number[p] = table[slot]
        sizes[number[p]] += 1
    return found


@jit
def _put_together(order: Array, start: int, stop: int, scratch: Array) -> None:
    """Put members of one number side by side, numbers ascending; where the part of each starts goes to scratch[3]."""
    number, moved, sizes, begins, cursors = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    parts, end = 0, start
    while end < stop:
        begins[end : end + sizes[parts]] = end
        cursors[parts] = end
        end += sizes[parts]
        parts += 1
    for p in range(start, stop):
        place = cursors[number[p]]
        moved[place] = order[p]
        cursors[number[p]] = place + 1
    for p in range(start, stop):
        order[p] = moved[p]


@jit
def grow(labels: Array, tree: Array, order: Array, scratch: Array) -> int:
    """Grow the tree of labels [levels, K], coarse to fine; return the number of its nodes. scratch: of `room_for_tree`."""
    levels, members = labels.shape
    for i in range(members):
        order[i] = i
    tree[START, 0], tree[STOP, 0], tree[PARENT, 0], tree[LEVEL, 0] = 0, members, 0, 0
    node, known = 0, 1
    while node < known:
        start, stop, level = tree[START, node], tree[STOP, node], tree[LEVEL, node]
        tree[FIRST, node] = known
        while level < levels and stop - start > 1 and _number(labels[level], order, start, stop, scratch) == 1:
            level += 1
        if level < levels and stop - start > 1:
            _put_together(order, start, stop, scratch)
        for p in range(start, stop if stop - start > 1 else start):
            if level == levels or scratch[3, p] == p:
                tree[START, known], tree[PARENT, known], tree[LEVEL, known] = p, node, level + 1
                known += 1
            tree[STOP, known - 1] = p + 1
        tree[COUNT, node] = known - tree[FIRST, node]
        node += 1
    return known
