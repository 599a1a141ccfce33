"""Functions on coalition trees: the coalitions that matter, and credits from their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.coalitions import CoalitionTree
from shapley_credit.convert import Array
from shapley_credit.solve.callables import Codes, Values, batched, check_budget, check_masks, tabulate
from shapley_credit.solve.terms import Rules
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.shapes import Mix, tree_of

# For each member, the places of the coalitions without it and with it, and their chances.
Places = Sequence[tuple[Codes, Codes, Values]]


def function_credits(function: Callable[..., Any] | batched, tree: CoalitionTree, rules: Rules) -> Array:
    """Values [..., k] of a function, asked only for the coalitions that matter to one of the trees."""
    check_masks(tree.k)
    lead = tree.labels.shape[:-2]
    check_budget(int(np.sum(tree.budget())), tree.k)
    mixes = [rule.sizes for rule in rules]
    parts = [enumeration(tree_of(tree.labels[index]), mixes, tree.k) for index in np.ndindex(lead)]
    asked = np.unique(np.concatenate([codes for codes, _ in parts])) if parts else np.zeros(0, np.int64)
    values = tabulate(function, tree.k, asked)
    credit = np.zeros((len(parts), tree.k))
    for row, (codes, places) in enumerate(parts):
        credit[row] = credits(places, values[None, np.searchsorted(asked, codes)])
    return credit.reshape(*lead, tree.k)


def enumeration(root: Node, mixes: Sequence[Mix], k: int) -> tuple[Codes, Places]:
    """Bit masks [m] of all coalitions that matter on a tree, ascending, and for each member the places of those without it and
    with it, and their chances. Raises InputError for more members than a bit mask holds.

    A node is partial in those of its coalitions alone that hold some of its children and not all: none is met twice.
    """
    check_masks(k)
    blocks, count = [np.array([0, (1 << k) - 1])], 2
    parts: list[tuple[int, Codes, Codes, Values]] = []
    # A node, the numbers of the coalitions that it joins and of those with all of it, their masks before, and their chances.
    waiting = [(root, np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros(1, np.int64), np.ones(1))]
    while waiting:
        node, without, joined, masks, chances = waiting.pop()
        if not node.children:
            parts.append((node.members[0], without, joined, chances))
            continue
        unions, sizes = _unions_of_children(node)
        numbers = np.arange(count - 1, count - 1 + len(masks) * (len(unions) - 2)).reshape(len(masks), -1) + 1
        numbers = np.concatenate([without[:, None], numbers, joined[:, None]], axis=1)
        blocks.append((masks[:, None] | unions[None, 1:-1]).ravel())
        count += len(blocks[-1])
        others = len(node.children) - 1
        each = (mixes[node.depth](others + 1) / [float(comb(others, s)) for s in range(others + 1)])[np.minimum(sizes, others)]
        for place, child in enumerate(node.children):
            less = np.flatnonzero((np.arange(len(unions)) >> place & 1 == 0) & (each != 0))
            own = (numbers[:, less].ravel(), numbers[:, less | 1 << place].ravel())
            before = (masks[:, None] | unions[less]).ravel() if child.children else masks
            waiting.append((child, *own, before, (chances[:, None] * each[less]).ravel()))
    return _numbered(np.concatenate(blocks), sorted(parts, key=lambda part: part[0]))


def _unions_of_children(node: Node) -> tuple[Codes, Codes]:
    """The bit masks [2^c] of all sets of children, by doubling, and how many children each has."""
    unions = sizes = np.zeros(1, np.int64)
    for child in node.children:
        block = sum(1 << i for i in child.members)
        unions, sizes = np.concatenate([unions, unions | block]), np.concatenate([sizes, sizes + 1])
    return unions, sizes


def _numbered(codes: Codes, parts: Sequence[tuple[int, Codes, Codes, Values]]) -> tuple[Codes, Places]:
    """The coalitions that members need, in the order of their bit masks, and their places there."""
    needed = np.zeros(len(codes), np.bool_)
    for _, without, joined, _ in parts:
        needed[without] = needed[joined] = True
    order = np.argsort(codes)
    order = order[needed[order]]
    place = np.empty(len(codes), np.int64)
    place[order] = np.arange(len(order))
    return codes[order], [(place[without], place[joined], chances) for _, without, joined, chances in parts]


def unpacked(codes: Codes, k: int) -> NDArray[np.bool_]:
    """bool [m, k] of bit masks [m]."""
    octets = codes.astype("<i8")[:, None].view(np.uint8)  # lowest bits first, whatever the machine
    return np.unpackbits(octets, axis=1, count=k, bitorder="little").view(np.bool_)


def credits(places: Places, values: Values) -> Values:
    """phi_i = sum_S p_S [v(S + i) - v(S)] for values [B, m] at the places of `enumeration`, [B, k]."""
    steps = [(np.take(values, joined, axis=1) - np.take(values, without, axis=1)) * p for without, joined, p in places]
    return np.stack([step.sum(axis=1) for step in steps], axis=1)
