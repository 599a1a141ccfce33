"""Coalition trees as kernels see them, the distributions of their levels, and two ways down them.

Let i's ancestors be root = a_0, .., a_d = i. The predecessors of i are a disjoint union over levels of random sets R of
complete siblings of a_{l+1} inside a_l; the R are independent, and given its size R is uniform (Owen 1977, Winter 1989; fact
F1). A level is therefore a distribution q over the number of siblings present: 1/c for Shapley, binomial for Banzhaf. The flat
tree is the semivalue on the players, two levels are Owen, deeper ones Winter.

`flow`: OR and AND games over sets of members. `coalitions`: any game, coalition by coalition. What depends on products or
counts is solved by `shapley_kernels.reduction`. Trees and distributions are of the host; arrays of games are of any library,
and what is done to them is in the functions of the array API and reads no value of a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import beside, namespace
from shapley_kernels.nodes import Node as Node
from shapley_kernels.nodes import Shape as Shape
from shapley_kernels.walks import Walk, walked

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
    """Members by their labels at a depth, at the last by themselves."""
    keys = members if depth == len(labels) else tuple(labels[depth, list(members)].tolist())
    parts: dict[int, list[int]] = {}
    for key, member in zip(keys, members, strict=True):
        parts.setdefault(key, []).append(member)
    return list(map(tuple, parts.values()))


def flat_tree(k: int) -> Node:
    """No structure: k members below the root."""
    return tree_of(np.zeros((0, k), np.int64))


def is_flat(root: Node) -> bool:
    """Whether all children of the root are members, who are then alike."""
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
    """Into two halves in turn, and so each half."""
    return parts if len(parts) < 3 else _dealt(parts[::2]) + _dealt(parts[1::2])


# About as many numbers as an engine holds at once in an array: what stays in cache, and what a device has room for.
CELLS = 1 << 17
DEVICE_CELLS = 1 << 25


def chunks(rows: int, cells: int, array: Array) -> Iterator[slice]:
    """Slices of the rows of games, each of which takes so many cells, for the library of an array; one at least."""
    step = max(1, (CELLS if isinstance(array, np.ndarray) else DEVICE_CELLS) // max(cells, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, max(rows, 1), step))


def joined(parts: Iterable[Array], axis: int = 0) -> Array:
    """The parts as one array, not copied if there is but one."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=axis)


def placed(array: Array, order: NDArray[Any], axis: int) -> Array:
    """What stands at j along an axis, at place order[j]."""
    return namespace(array).take(array, beside(np.argsort(order), array), axis=axis)


def uniform(c: int) -> NDArray[Any]:
    """Shapley's level: every number of siblings is equally likely."""
    return np.full(c, 1 / c)


def or_shares(q: NDArray[Any]) -> NDArray[Any]:
    """[c + 1]: what one child gets of an OR game that k of c children can win, Pr[the other k - 1 are absent]; 0 for k = 0."""
    return np.concatenate([[0.0], _hits(q, np.arange(len(q))[::-1])])


def and_shares(q: NDArray[Any]) -> NDArray[Any]:
    """[c + 1]: the same for an AND game that needs k of c children, Pr[the other k - 1 are present]."""
    return np.concatenate([[0.0], _hits(q, np.arange(len(q)))])


def _hits(q: NDArray[Any], good: NDArray[Any]) -> NDArray[Any]:
    """sum_s q_s C(good_s, k - 1) / C(c - 1, k - 1) for k = 1 .. c."""
    c = len(q)
    chance = np.ones((c, c))
    for j in range(c - 1):
        chance[j + 1] = chance[j] * np.maximum(good - j, 0) / (c - 1 - j)
    shares: NDArray[Any] = chance @ q
    return shares


def flow(sets: Array, root: Node, mixes: Sequence[Mix], shares: Callable[[NDArray[Any]], NDArray[Any]]) -> Array:
    """Credits [K, T] of T unit OR (or AND) games over the sets [K, T]: one unit flows down and splits at every node.

    O(nodes T). `shares` is `or_shares` or `and_shares`.
    """
    shape, order = arrange(root)
    xp = namespace(sets)

    def descend(shape: Shape, unit: Array, sets: Array) -> Walk:
        if not shape.children:
            return unit[None, ...]
        touched = joined(xp.any(part, axis=0) for _, part in _runs(shape, sets))
        split = beside(shares(mixes[shape.depth](len(shape.children))), sets)
        units = xp.where(touched, unit * xp.take(split, xp.count_nonzero(touched, axis=0)), 0.0)
        parts, place = [], 0
        for child, part in _runs(shape, sets):  # alike children at once, side by side in T
            width, count, games = part.shape
            flat = (width, count * games)
            inner = yield descend(child, xp.reshape(units[place : place + count, :], flat[1:]), xp.reshape(part, flat))
            members = xp.permute_dims(xp.reshape(inner, part.shape), (1, 0, 2))
            parts.append(xp.reshape(members, (count * width, games)))
            place += count
        return joined(parts)

    units = xp.astype(xp.any(sets, axis=0), xp.float64)
    return placed(walked(descend(shape, units, xp.take(sets, beside(order, sets), axis=0))), order, axis=0)


def _runs(shape: Shape, rows: Array) -> Iterator[tuple[Shape, Array]]:
    """Children of one shape and their members' rows [K, T], as [members of a child, children, T]."""
    xp, start = namespace(rows), 0
    for child, alike in groupby(shape.children):
        count = len(list(alike))
        part = xp.reshape(rows[start : start + count * child.size, :], (count, child.size, rows.shape[1]))
        yield child, xp.permute_dims(part, (1, 0, 2))
        start += count * child.size


def classes(labels: Array, present: Array) -> tuple[NDArray[Any], Array]:
    """The classes of every group, by their first members: group [N], members bool [N, K]. labels, present [B, K].

    On a device, where nobody knows how many there are, one for every member: an empty one for those who are not the first.
    """
    xp = namespace(labels)
    groups, members = labels.shape
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, :, None] & present[:, None, :]
    if isinstance(labels, np.ndarray):
        first = present & (same.argmax(axis=2) == np.arange(members))
        return np.nonzero(first)[0], same[first]
    first = xp.argmax(xp.astype(same, xp.int8), axis=2) == beside(np.arange(members), labels)
    return np.repeat(np.arange(groups), members), xp.reshape(same & first[:, :, None], (groups * members, members))


def of_games(array: Array, group: NDArray[Any]) -> Array:
    """The rows [B or 1, ..] of the groups of games [N], as `classes` and `by_group` have them; one row is that of all games."""
    if array.shape[0] == 1:
        return array
    if isinstance(array, np.ndarray):
        return array[group]
    return namespace(array).repeat(array, len(group) // max(array.shape[0], 1), axis=0)


def by_group(shares: Array, group: NDArray[Any], groups: int) -> Array:
    """The credits [N, K] of games added up by their groups [N], [B, K]; on a device every group has as many games."""
    if isinstance(shares, np.ndarray):
        credit = np.zeros((groups, shares.shape[1]))
        np.add.at(credit, group, shares)
        return credit
    xp = namespace(shares)
    return xp.sum(xp.reshape(shares, (groups, len(group) // max(groups, 1), shares.shape[1])), axis=1)


NOBODY = np.zeros(1, np.int64)  # the bit mask of no member


def coalitions(root: Node, mixes: Sequence[Mix], array: Array = NOBODY) -> Iterator[tuple[int, Array, Array]]:
    """Each member with the bit masks [C] of its possible predecessors and their probabilities [C], beside an array.

    Only coalitions with at most one partial child along a path to the root occur: 2 + N(root) of them in all, with N(leaf) = 0
    and N(a) = 2^c - 2 + 2^(c-1) sum over children of N. Those of probability 0 are left out on the host.
    """
    xp = namespace(array)

    def below(node: Node, codes: Array, chances: Array) -> Iterator[tuple[Node, Array, Array]]:
        blocks = [sum(1 << i for i in child.members) for child in node.children]
        others = len(blocks) - 1
        each = mixes[node.depth](len(blocks)) / [float(comb(others, s)) for s in range(len(blocks))]
        for place, child in enumerate(node.children):
            union = size = beside(NOBODY, array)
            for block in blocks[:place] + blocks[place + 1 :]:
                union, size = xp.concat([union, union + block]), xp.concat([size, size + 1])
            if isinstance(array, np.ndarray):
                kept = (each != 0)[size]
                union, size = union[kept], size[kept]
            joint = xp.reshape(codes[:, None] | union[None, :], (-1,))
            yield child, joint, xp.reshape(chances[:, None] * xp.take(beside(each, array), size), (-1,))

    waiting = [iter([(root, beside(NOBODY, array), beside(np.ones(1), array))])]
    while waiting:
        node, codes, chances = next(waiting[-1], (None, NOBODY, NOBODY))
        if node is None:
            waiting.pop()
        elif node.children:
            waiting.append(below(node, codes, chances))
        else:
            yield node.members[0], codes, chances
