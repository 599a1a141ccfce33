"""OR and AND games over sets of members on a coalition tree: one unit flows down and splits at every node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import beside, joined, namespace, placed
from shapley_kernels.trees.nodes import Node, Shape
from shapley_kernels.trees.shapes import Array, Mix, arrange
from shapley_kernels.trees.walks import Walk, walked


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
        for child, part in _runs(shape, sets):  # children of one shape are solved at once, side by side in T
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
