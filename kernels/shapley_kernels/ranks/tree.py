"""The ranks form on a coalition tree: summed by parts, sum_r D[r, |S|] gain_(r) = sum_j (gain_j - gain_{j+1}) H_j(S).

j runs through all members from the best on, and H_j(S) = sum_{r <= n_j} D[r, |S|] is a game of two counts: n_j members of S up
to j, and those after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import chunks, counting, joined, namespace
from shapley_kernels.chances import chances_of
from shapley_kernels.counts.tree import by_sum
from shapley_kernels.ranks.ref import sized_by
from shapley_kernels.trees.games_by_class import by_group, of_games
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.reduction import Members, credits
from shapley_kernels.trees.shapes import Mix, is_flat

Array = Any


def discounted(gains: Array, keys: Array, discounts: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]. O(K) games of a count a group."""
    xp = namespace(gains)
    everybody = xp.ones_like(gains, dtype=xp.bool)
    tables = xp.cumulative_sum(xp.astype(discounts, xp.float64), axis=1, include_initial=True)
    return _solved(gains, keys, everybody, tables, root, mixes)


def sized(gains: Array, keys: Array, present: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_r D[r, |S|] gain_(r). gains [B, K], keys, present [B or 1, K], weights [B or 1, K, K] -> [B, K].

    O(K) games of two counts a group; on the flat tree means over draws, O(K^3).
    """
    if is_flat(root):
        return sized_by(gains, keys, present, weights, chances_of(mixes[root.depth], present))
    return _solved(gains, keys, present, _sums_of_best(weights), root, mixes)


def _solved(gains: Array, keys: Array, present: Array, tables: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """tables H [B or 1, K + 1], of n_j, or [B or 1, K + 1, K + 1], of the number of those after it too."""
    xp = namespace(gains)
    groups, members = gains.shape
    keys, present = (xp.broadcast_to(array, gains.shape) for array in (keys, present))

    def solve(rows: slice) -> Array:
        here = present[rows, :]
        rank, drops = _by_parts(gains[rows, :], keys[rows, :], here)
        group, upto, drop = _games(rank, drops)
        here = of_games(here, group)
        counts = [upto & here, ~upto & here][: tables.ndim - 1]
        steps = xp.permute_dims(xp.astype(xp.stack(counts), xp.int64), (0, 2, 1))
        table = tables if tables.shape[0] == 1 else of_games(tables[rows, ...], group)
        return by_group(drop * credits(table, Members(steps), root, mixes), group, drops.shape[0])

    return joined(map(solve, chunks(groups, members**2, gains)))


def _games(rank: Array, drops: Array) -> tuple[NDArray[Any], Array, Array]:
    """Games of all ranks, on the host of those at which gains drop: group [N], members up to it [N, K], drop [N, 1]."""
    xp = namespace(rank)
    groups, members = rank.shape
    if isinstance(rank, np.ndarray):
        group, last = np.nonzero(drops)
        return group, rank[group] <= last[:, None], drops[group, last, None]
    upto = rank[:, None, :] <= counting(members, rank)[None, :, None]
    group = np.repeat(np.arange(groups), members)
    return group, xp.reshape(upto, (groups * members, members)), xp.reshape(drops, (groups * members, 1))


def _by_parts(gains: Array, keys: Array, present: Array) -> tuple[Array, Array]:
    """Ranks from 0 on, absent members last, and by rank what the next member gains less, [B, K] each."""
    xp = namespace(gains)
    order = xp.argsort(xp.where(present, -keys, float("inf")), axis=1, stable=True)
    rank = xp.argsort(order, axis=1, stable=True)
    best_first = xp.astype(xp.take_along_axis(xp.where(present, gains, 0), order, axis=1), xp.float64)
    nothing = xp.zeros_like(best_first[:, :1])
    return rank, best_first - xp.concat([best_first[:, 1:], nothing], axis=1)


def _sums_of_best(weights: Array) -> Array:
    """sum_{r <= n} D[r, n + m] for n members among the best and m others, [B or 1, K + 1, K + 1]."""
    xp = namespace(weights)
    sums = xp.cumulative_sum(xp.astype(weights, xp.float64), axis=1, include_initial=True)
    return by_sum(xp.concat([xp.zeros_like(sums[:, :, :1]), sums], axis=2))
