"""Product games on trees of Shapley levels, by quadrature: all unions of a level at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import chunks
from shapley_kernels.quadrature import nodes

if TYPE_CHECKING:
    from shapley_kernels.trees.nodes import Node

Array = NDArray[Any]


class Level(NamedTuple):
    """The unions of one level, and the blocks of members that are children there, or members that ended above.

    starts: [n], where the blocks begin in the order of the tree. children: [c, u], the blocks of each union, n where there are
    fewer. place: [k], for each member its block's place in `children` read row by row, c u where there is none.
    """

    starts: Array
    children: Array
    place: Array


class Levels:
    """Product games on the tree of a root, all of whose levels are Shapley's.

    What a child finds of its siblings on arrival holds each of them with the same probability t, and t is uniform: an integral
    over t, exact by Gauss and Legendre's rule on half as many nodes as there are children (Owen 1972).
    """

    def __init__(self, root: Node) -> None:
        self.order = np.array(_leaves(root))
        self.home, self.levels = np.argsort(self.order), list(_levels(root))

    def products(self, inside: Array, outside: Array) -> Array:
        """Credits [B, k] of the games prod_{i in S} a_i prod_{i not in S} b_i, a and b [B, k]. O(B nodes c^2)."""
        cells = max(level.children.size * len(level.children) for level in self.levels)
        return np.concatenate([self._products(inside[rows], outside[rows]) for rows in chunks(len(inside), cells, inside)])

    def best(self, scores: Array) -> Array:
        """Credits [B, k] of the games max(0, max_{i in S} s_i), scores [B, k], as sums of OR games. O(B nodes k c^2).

        Each rise of the sorted scores is won by the members from there on: one less the product of the members being absent.
        """
        order = np.argsort(scores, axis=1)
        rises = np.diff(np.maximum(np.take_along_axis(scores, order, axis=1), 0), axis=1, prepend=0.0)
        below = np.argsort(order, axis=1)[:, None, :] < np.arange(scores.shape[1])[:, None]  # [B, rise, member]
        lost = self.products(below.reshape(-1, scores.shape[1]) * 1.0, np.ones((scores.size, scores.shape[1])))
        credit: Array = -(rises[..., None] * lost.reshape(*scores.shape, -1)).sum(axis=1)
        return credit

    def _products(self, inside: Array, outside: Array) -> Array:
        a, b = inside.T[self.order], outside.T[self.order]  # [k, B]
        credit = a - b
        for level in self.levels:
            t, rest, weights = (part[:, None] for part in nodes((len(level.children) + 1) // 2))
            present, absent = (_padded(np.multiply.reduceat(part, level.starts))[level.children, None] for part in (a, b))
            others = _of_others(present * t + absent * rest)  # [c, u, nodes, B], nodes before games
            credit *= _padded((others * weights).sum(axis=2).reshape(-1, a.shape[1]))[level.place]
        found: Array = credit[self.home].T
        return found

    def twice(self, none: Array, one: Array, both: Array) -> Array:
        """E[f(P + i, Q + i) - 2 f(P + i, Q) + f(P, Q)] [k] for independent predecessors P, Q of i, of a product f of factors.

        none, one, both: [k], the factor of a member when neither, one or both of the coalitions hold it. O(nodes c^3).
        """
        parts = np.stack([none, one, both], axis=1)[self.order]
        variance = parts[:, 0] - 2 * parts[:, 1] + parts[:, 2]
        for level in self.levels:
            t, rest, weights = nodes((len(level.children) + 1) // 2)
            chances = np.stack([np.outer(rest, rest), np.outer(t, rest) + np.outer(rest, t), np.outer(t, t)])
            blocks = _padded(np.multiply.reduceat(parts, level.starts))[level.children]  # [c, u, 3]
            others = _of_others(np.matmul(blocks, chances.reshape(3, -1)))
            integrals = np.matmul(others, np.outer(weights, weights).reshape(-1, 1))
            variance *= _padded(integrals.reshape(-1, 1))[level.place, 0]
        found: Array = variance[self.home]
        return found

    @property
    def widest(self) -> int:
        """The largest number of children of a node."""
        return max(len(level.children) for level in self.levels)


def _of_others(factors: Array) -> Array:
    """[c, ...]: the products of the factors [c, ...] of all children but one."""
    before, after = [np.ones_like(factors[0])], [np.ones_like(factors[0])]
    for j in range(len(factors) - 1):
        before.append(before[-1] * factors[j])
        after.append(after[-1] * factors[-1 - j])
    return np.stack([one * other for one, other in zip(before, after[::-1], strict=True)])


def _leaves(node: Node) -> list[int]:
    """The members in the order of the tree."""
    leaves: list[int] = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        waiting += reversed(node.children)
        if not node.children:
            leaves += node.members
    return leaves


def _levels(root: Node) -> Iterator[Level]:
    """Level by level: nodes whose children are blocks, members that have no more children standing for themselves."""
    above = [root]
    while any(node.children for node in above):
        blocks, unions = list[Any](), list[list[int]]()
        for node in above:
            if node.children:
                unions.append(list(range(len(blocks), len(blocks) + len(node.children))))
            blocks += node.children or (node,)
        children = np.full((max(map(len, unions)), len(unions)), len(blocks))
        places = np.full(len(blocks), children.size)
        for column, union in enumerate(unions):
            children[: len(union), column] = union
            places[union] = np.arange(len(union)) * len(unions) + column
        sizes = [len(block.members) for block in blocks]
        yield Level(np.cumsum([0, *sizes[:-1]]), children, np.repeat(places, sizes))
        above = blocks


def _padded(blocks: Array) -> Array:
    """[n + 1, ...]: ones at the end."""
    return np.concatenate([blocks, np.ones((1, *blocks.shape[1:]))])
