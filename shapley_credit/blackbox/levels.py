"""Product games on trees of Shapley levels, by quadrature: all unions of a level at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.quadrature import nodes
from shapley_kernels.trees import chunks

if TYPE_CHECKING:
    from shapley_kernels.trees import Node

Array = NDArray[Any]


class Level(NamedTuple):
    """The unions of one level, and the blocks of members that are children there, or members that ended above.

    starts: [n], where the blocks begin in the order of the tree. children: [u, c], the blocks of each union, n where there are
    fewer. place: [k], for each member its block's place in `children` read row by row, u c where there is none.
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
        cells = max(level.children.size * level.children.shape[1] for level in self.levels)
        return np.concatenate([self._products(inside[rows], outside[rows]) for rows in chunks(len(inside), cells, inside)])

    def _products(self, inside: Array, outside: Array) -> Array:
        a, b = inside[:, self.order], outside[:, self.order]
        credit = a - b
        for level in self.levels:
            t, rest, weights = nodes((level.children.shape[1] + 1) // 2)
            present, absent = (_padded(np.multiply.reduceat(part, level.starts, axis=1)) for part in (a, b))
            factors = present[:, level.children, None] * t + absent[:, level.children, None] * rest
            credit *= _padded(_of_others(factors, weights).reshape(len(a), -1))[:, level.place]
        return credit[:, self.home]

    def twice(self, none: Array, one: Array, both: Array) -> Array:
        """E[f(P + i, Q + i) - 2 f(P + i, Q) + f(P, Q)] [k] for independent predecessors P, Q of i, of a product f of factors.

        none, one, both: [k], the factor of a member when neither, one or both of the coalitions hold it. O(nodes c^3).
        """
        parts = np.stack([none, one, both])[:, self.order]
        variance = parts[0] - 2 * parts[1] + parts[2]
        for level in self.levels:
            t, rest, weights = nodes((level.children.shape[1] + 1) // 2)
            blocks = _padded(np.multiply.reduceat(parts, level.starts, axis=1))[:, level.children, None]
            chances = np.stack([np.outer(rest, rest), np.outer(t, rest) + np.outer(rest, t), np.outer(t, t)])
            factors = (blocks * chances.reshape(3, 1, 1, -1)).sum(axis=0, keepdims=True)
            variance *= _padded(_of_others(factors, np.outer(weights, weights).ravel()).reshape(1, -1))[0, level.place]
        found: Array = variance[self.home]
        return found

    @property
    def widest(self) -> int:
        """The largest number of children of a node."""
        return max(int(level.children.shape[1]) for level in self.levels)


def _of_others(factors: Array, weights: Array) -> Array:
    """[B, u, c]: integrals of the products of the factors [B, u, c, nodes] of all children but one."""
    before, after = np.ones_like(factors), np.ones_like(factors)
    for j in range(1, factors.shape[2]):
        np.multiply(before[:, :, j - 1], factors[:, :, j - 1], out=before[:, :, j])
        np.multiply(after[:, :, -j], factors[:, :, -j], out=after[:, :, -j - 1])
    integrals: Array = (before * after * weights).sum(axis=-1)
    return integrals


def _leaves(node: Node) -> list[int]:
    return [i for child in node.children for i in _leaves(child)] if node.children else list(node.members)


def _levels(root: Node) -> Iterator[Level]:
    """Level by level: nodes whose children are blocks, members that have no more children standing for themselves."""
    above = [root]
    while any(node.children for node in above):
        blocks, unions = list[Any](), list[list[int]]()
        for node in above:
            if node.children:
                unions.append(list(range(len(blocks), len(blocks) + len(node.children))))
            blocks += node.children or (node,)
        children = np.full((len(unions), max(map(len, unions))), len(blocks))
        places = np.full(len(blocks), children.size)
        for row, union in enumerate(unions):
            children[row, : len(union)] = union
            places[union] = row * children.shape[1] + np.arange(len(union))
        sizes = [len(block.members) for block in blocks]
        yield Level(np.cumsum([0, *sizes[:-1]]), children, np.repeat(places, sizes))
        above = blocks


def _padded(blocks: Array) -> Array:
    """[B, n + 1]: ones at the end."""
    return np.concatenate([blocks, np.ones((len(blocks), 1))], axis=1)
