"""The dividends form on a coalition tree: one unit of every OR game flows down and splits at every node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from shapley_kernels.arrays import chunks, joined, laid_out, namespace
from shapley_kernels.trees.games_by_class import by_group, class_members
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.or_and_flow import and_shares, flow, or_shares
from shapley_kernels.trees.shapes import Mix

Array = Any


def additive(scores: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_S scores, whatever the structure. scores [B, K] -> [B, K]."""
    return namespace(scores).asarray(scores, copy=True)


def coverage(hits: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e [some i in S hits e]. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(nodes E) a group."""
    return _weighted(hits, weights, root, mixes, or_shares)


def distinct(labels: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = number of classes in S. labels [B, K] int, present [B or 1, K] bool -> [B, K]. O(nodes C) a group."""
    present = namespace(labels).broadcast_to(present, labels.shape)

    def solve(rows: slice) -> Array:
        group, sets = class_members(labels[rows, :], present[rows, :])
        return by_group(flow(sets.T, root, mixes, or_shares).T, group, labels[rows, :].shape[0])

    return joined(map(solve, chunks(labels.shape[0], labels.shape[1] ** 2, labels)))


def unanimity(sets: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e [A_e within S]. sets [B, K, E] bool, weights [B or 1, E] -> [B, K]. O(nodes E) a group."""
    return _weighted(sets, weights, root, mixes, and_shares)


def _weighted(
    sets: Array, weights: Array, root: Node, mixes: Sequence[Mix], shares: Callable[[NDArray[Any]], NDArray[Any]]
) -> Array:
    xp = namespace(sets)
    groups, members, elements = sets.shape
    weights = xp.broadcast_to(weights, (groups, elements))

    def solve(rows: slice) -> Array:
        columns = xp.permute_dims(sets[rows, ...], (1, 0, 2))
        flows = flow(xp.reshape(columns, (members, columns.shape[1] * elements)), root, mixes, shares)
        parts = xp.permute_dims(xp.reshape(flows, columns.shape) * weights[rows, :], (1, 0, 2))
        return xp.sum(laid_out(parts, parts.shape), axis=2)

    return joined(map(solve, chunks(groups, members * elements, sets)))
