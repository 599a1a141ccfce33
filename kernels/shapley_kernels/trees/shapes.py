"""Coalition trees as kernels see them, and the distributions of their levels.

Let i's ancestors be root = a_0, .., a_d = i. The predecessors of i are a disjoint union over levels of random sets R of
complete siblings of a_{l+1} inside a_l; the R are independent, and given its size R is uniform (Owen 1977, Winter 1989; fact
F1). A level is therefore a distribution q over the number of siblings present: 1/c for Shapley, binomial for Banzhaf. The flat
tree is the semivalue on the players, two levels are Owen, deeper ones Winter.

The engines beside this file solve games on a tree: `or_and_flow` OR and AND games, `reduction` what depends on products or
counts, `by_coalitions` any game. Trees and distributions are of the host; arrays of games are of any library, and what is done
to them is in the functions of the array API and reads no value of a device.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees.nodes import Node as Node
from shapley_kernels.trees.nodes import Shape as Shape
from shapley_kernels.trees.walks import Walk, walked

Array = Any

# q of a level: number of children c -> [c], the distribution of the number of siblings present.
Mix = Callable[[int], NDArray[Any]]


def tree_of(labels: NDArray[Any]) -> Node:
    """The tree of label arrays [levels, K], coarse to fine: members that share the first labels share an ancestor."""

    def grow(depth: int, members: tuple[int, ...]) -> Walk:
        parts = _parts(labels, depth, members)
        while len(parts) == 1:  # a node with a single child changes no value
            depth += 1
            parts = _parts(labels, depth, members)
        children = []
        for part in parts:
            child = Node(depth + 1, part) if len(part) == 1 else (yield grow(depth + 1, part))
            children.append(child)
        return Node(depth, members, tuple(children))

    everybody = tuple(range(labels.shape[1]))
    root: Node = walked(grow(0, everybody)) if len(everybody) > 1 else Node(0, everybody)
    return root


def _parts(labels: NDArray[Any], depth: int, members: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Members grouped by their labels at a depth; below the last level each stands alone."""
    if depth == len(labels):
        return [(member,) for member in members]
    parts: dict[int, list[int]] = {}
    for key, member in zip(labels[depth, list(members)].tolist(), members, strict=True):
        parts.setdefault(key, []).append(member)
    return list(map(tuple, parts.values()))


def is_flat(root: Node) -> bool:
    """Whether all children of the root are members, which are then alike."""
    return all(not child.children for child in root.children)


MEMBER = Shape(1)


@lru_cache(maxsize=4096)
def arrange(root: Node) -> tuple[Shape, NDArray[Any]]:
    """The shape of a tree, and its members in the order of the shape, [K]."""

    def sort(node: Node) -> Walk:
        parts = []
        for child in node.children:
            part = (yield sort(child)) if child.children else (MEMBER, child.members)
            parts.append(part)
        # Sorting puts equal shapes side by side, and dealing spreads them over both halves.
        parts = _dealt(sorted(parts, key=lambda part: part[0]))
        order = tuple(i for _, members in parts for i in members)
        return Shape(len(order), node.depth, tuple(child for child, _ in parts)), order

    shape, order = walked(sort(root)) if root.children else (MEMBER, root.members)
    return shape, np.array(order)


def named(shape: Shape) -> Node:
    """The tree of a shape whose members are named by their places."""

    def grow(shape: Shape, start: int) -> Walk:
        children, first = [], start
        for child in shape.children:
            below = (yield grow(child, first)) if child.children else Node(child.depth, (first,))
            children.append(below)
            first += child.size
        return Node(shape.depth, tuple(range(start, start + shape.size)), tuple(children))

    root: Node = walked(grow(shape, 0))
    return root


def _dealt(parts: list[Any]) -> list[Any]:
    """The parts dealt in turn into two halves, and each half again: equal neighbours end in different halves."""
    return parts if len(parts) < 3 else _dealt(parts[::2]) + _dealt(parts[1::2])


def uniform(c: int) -> NDArray[Any]:
    """Shapley's level: every number of siblings is equally likely."""
    return np.full(c, 1 / c)
