"""Coalition trees as kernels see them, the distributions of their levels, and two ways down them.

Let i's ancestors be root = a_0, .., a_d = i. The predecessors of i are a disjoint union over levels of random sets R of
complete siblings of a_{l+1} inside a_l; the R are independent, and given its size R is uniform (Owen 1977, Winter 1989; fact
F1). A level is therefore a distribution q over the number of siblings present: 1/c for Shapley, binomial for Banzhaf. The flat
tree is the semivalue on the players, two levels are Owen, deeper ones Winter.

`flow`: OR and AND games over sets of members. `coalitions`: any game, coalition by coalition. What depends on products or
counts is solved by `shapley_kernels.reduction`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# q of a level: number of children c -> [c], the distribution of the number of siblings present.
Mix = Callable[[int], Array]


class Node(NamedTuple):
    """A node of a coalition tree: its depth, its members, and its children, none for a member."""

    depth: int
    members: tuple[int, ...]
    children: tuple[Node, ...] = ()


def tree_of(labels: Array) -> Node:
    """The tree of label arrays [levels, K], coarse to fine: members that share the first labels share an ancestor."""

    def grow(depth: int, members: tuple[int, ...]) -> Node:
        if len(members) == 1:
            return Node(depth, members)
        keys = members if depth == len(labels) else tuple(labels[depth, list(members)].tolist())
        parts: dict[int, list[int]] = {}
        for key, member in zip(keys, members, strict=True):
            parts.setdefault(key, []).append(member)
        if len(parts) == 1:  # a node with a single child changes no value
            return grow(depth + 1, members)
        return Node(depth, members, tuple(grow(depth + 1, tuple(part)) for part in parts.values()))

    return grow(0, tuple(range(labels.shape[1])))


def flat_tree(k: int) -> Node:
    """No structure: k members below the root."""
    return tree_of(np.zeros((0, k), np.int64))


def is_flat(root: Node) -> bool:
    """Whether all children of the root are members, who are then alike."""
    return all(not child.children for child in root.children)


class Shape(NamedTuple):
    """A tree without the names of its members, children ordered so that halves, and halves of halves, are alike if any."""

    size: int
    depth: int = 0
    children: tuple[Shape, ...] = ()


@lru_cache(maxsize=4096)
def arrange(root: Node) -> tuple[Shape, Array]:
    """The shape of a tree, and its members in the order of the shape, [K]."""

    def sort(node: Node) -> tuple[Shape, tuple[int, ...]]:
        if not node.children:
            return Shape(1), node.members
        parts = _dealt(sorted(map(sort, node.children), key=lambda part: part[0]))
        order = tuple(i for _, members in parts for i in members)
        return Shape(len(order), node.depth, tuple(child for child, _ in parts)), order

    shape, order = sort(root)
    return shape, np.array(order)


def named(shape: Shape) -> Node:
    """The tree of a shape whose members are named by their places."""

    def grow(shape: Shape, start: int) -> Node:
        starts = accumulate((child.size for child in shape.children), initial=start)
        children = tuple(grow(child, first) for child, first in zip(shape.children, starts, strict=False))
        return Node(shape.depth, tuple(range(start, start + shape.size)), children)

    return grow(shape, 0)


def _dealt(parts: list[Any]) -> list[Any]:
    """Into two halves in turn, and so each half."""
    return parts if len(parts) < 3 else _dealt(parts[::2]) + _dealt(parts[1::2])


# About as many numbers as an engine holds at once in an array: what stays in cache.
CELLS = 1 << 17


def chunks(rows: int, cells: int) -> Iterator[slice]:
    """Slices of the rows, each of which takes so many cells."""
    step = max(1, CELLS // max(cells, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def uniform(c: int) -> Array:
    """Shapley's level: every number of siblings is equally likely."""
    return np.full(c, 1 / c)


def or_shares(q: Array) -> Array:
    """[c + 1]: what one child gets of an OR game that k of c children can win, Pr[the other k - 1 are absent]; 0 for k = 0."""
    return np.concatenate([[0.0], _hits(q, np.arange(len(q))[::-1])])


def and_shares(q: Array) -> Array:
    """[c + 1]: the same for an AND game that needs k of c children, Pr[the other k - 1 are present]."""
    return np.concatenate([[0.0], _hits(q, np.arange(len(q)))])


def _hits(q: Array, good: Array) -> Array:
    """sum_s q_s C(good_s, k - 1) / C(c - 1, k - 1) for k = 1 .. c."""
    c = len(q)
    chance = np.ones((c, c))
    for j in range(c - 1):
        chance[j + 1] = chance[j] * np.maximum(good - j, 0) / (c - 1 - j)
    shares: Array = chance @ q
    return shares


def flow(sets: Array, root: Node, mixes: Sequence[Mix], shares: Callable[[Array], Array]) -> Array:
    """Credits [K, T] of T unit OR (or AND) games over the sets [K, T]: one unit flows down and splits at every node.

    O(nodes T). `shares` is `or_shares` or `and_shares`.
    """
    shape, order = arrange(root)

    def descend(shape: Shape, unit: Array, sets: Array) -> Array:
        if not shape.children:
            return unit[None]
        touched = np.concatenate([part.any(axis=0) for _, part in _runs(shape, sets)])
        units = unit * shares(mixes[shape.depth](len(shape.children)))[touched.sum(axis=0)] * touched
        parts, place = [], 0
        for child, part in _runs(shape, sets):  # alike children at once, side by side in T
            width, count, games = part.shape
            inner = descend(child, units[place : place + count].reshape(-1), part.reshape(width, count * games))
            parts.append(inner.reshape(width, count, games).swapaxes(0, 1).reshape(count * width, games))
            place += count
        return np.concatenate(parts)

    credit = np.empty(sets.shape)
    credit[order] = descend(shape, np.ones(sets.shape[1]) * sets.any(axis=0), sets[order])
    return credit


def _runs(shape: Shape, rows: Array) -> Iterator[tuple[Shape, Array]]:
    """Children of one shape and their members' rows, [members of a child, children, ..]."""
    start = 0
    for child, alike in groupby(shape.children):
        count = len(list(alike))
        part = rows[start : start + count * child.size]
        yield child, part.reshape(count, child.size, *rows.shape[1:]).swapaxes(0, 1)
        start += count * child.size


def classes(labels: Array, present: Array) -> tuple[Array, Array]:
    """The classes of every group, by their first members: group [N], members bool [N, K]. labels, present [B, K]."""
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, :, None] & present[:, None, :]
    first = present & (same.argmax(axis=2) == np.arange(labels.shape[1]))
    return np.nonzero(first)[0], same[first]


def coalitions(root: Node, mixes: Sequence[Mix]) -> Iterator[tuple[int, Array, Array]]:
    """Each member with the bit masks [C] of its possible predecessors and their probabilities [C].

    Only coalitions with at most one partial child along a path to the root occur: 2 + N(root) of them in all, with N(leaf) = 0
    and N(a) = 2^c - 2 + 2^(c-1) sum over children of N.
    """

    def descend(node: Node, codes: Array, chances: Array) -> Iterator[tuple[int, Array, Array]]:
        if not node.children:
            yield node.members[0], codes, chances
            return
        blocks = [sum(1 << i for i in child.members) for child in node.children]
        q = mixes[node.depth](len(blocks))
        for place, child in enumerate(node.children):
            union, size = np.zeros(1, codes.dtype), np.zeros(1, np.int64)
            for block in blocks[:place] + blocks[place + 1 :]:
                union, size = np.concatenate([union, union + codes.dtype.type(block)]), np.concatenate([size, size + 1])
            weight = q[size] / np.bincount(size)[size]
            kept = weight != 0
            joint = (codes[:, None] | union[kept]).ravel()
            yield from descend(child, joint, (chances[:, None] * weight[kept]).ravel())

    yield from descend(root, np.zeros(1, np.int64), np.ones(1))
