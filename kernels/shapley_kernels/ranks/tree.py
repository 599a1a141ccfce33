"""The ranks form on a coalition tree: summed by parts, sum_r D[r, |S|] gain_(r) = sum_j (gain_j - gain_{j+1}) H_j(S).

j runs through all members from the best on, and H_j(S) = sum_{r <= n_j} D[r, |S|] is a game of two counts: n_j members of S up
to j, and those after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.draws import chances_of
from shapley_kernels.ranks.ref import sized_by
from shapley_kernels.reduction import Members, credits
from shapley_kernels.trees import Mix, Node, chunks, is_flat

Array = NDArray[Any]


def discounted(gains: Array, keys: Array, discounts: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]. O(K) games of a count a group."""
    members = gains.shape[1]
    tables = np.cumsum(np.pad(discounts.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    credit = np.zeros(gains.shape)
    for rows in chunks(len(gains), members**2):
        rank, drops = _by_parts(gains[rows], np.broadcast_to(keys, gains.shape)[rows], np.ones(gains[rows].shape, np.bool_))
        group, last = np.nonzero(drops)
        upto = rank[group] <= last[:, None]  # [N, K]
        table = tables if len(tables) == 1 else tables[rows][group]
        shares = credits(table, Members(steps=upto.T[None].astype(np.int64)), root, mixes)
        np.add.at(credit[rows], group, drops[group, last, None] * shares)
    return credit


def sized(gains: Array, keys: Array, present: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_r D[r, |S|] gain_(r). gains [B, K], keys, present [B or 1, K], weights [B or 1, K, K] -> [B, K].

    O(K) games of two counts a group; on the flat tree means over draws, O(K^3).
    """
    if is_flat(root):
        flat: Array = sized_by(gains, keys, present, weights, chances_of(mixes[root.depth], present))
        return flat
    members = gains.shape[1]
    tables = _sums_of_best(weights)
    credit = np.zeros(gains.shape)
    keys, present = np.broadcast_to(keys, gains.shape), np.broadcast_to(present, gains.shape)
    for rows in chunks(len(gains), members**2):
        here = present[rows]
        rank, drops = _by_parts(gains[rows], keys[rows], here)
        group, last = np.nonzero(drops)
        upto = rank[group] <= last[:, None]
        steps = np.stack([upto & here[group], ~upto & here[group]]).astype(np.int64)  # [2, N, K]
        table = tables if len(tables) == 1 else tables[rows][group]
        shares = credits(table, Members(steps=np.swapaxes(steps, 1, 2)), root, mixes)
        np.add.at(credit[rows], group, drops[group, last, None] * shares)
    return credit


def _by_parts(gains: Array, keys: Array, present: Array) -> tuple[Array, Array]:
    """Ranks from 0 on, absent members last, and by rank what the next member gains less, [B, K] each."""
    order = np.argsort(np.where(present, -keys, np.inf), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    best_first = np.take_along_axis(np.where(present, gains, 0), order, axis=1).astype(np.float64)
    return rank, -np.diff(best_first, axis=1, append=0)


def _sums_of_best(weights: Array) -> Array:
    """sum_{r <= n} D[r, n + m] for n members among the best and m others, [B or 1, K + 1, K + 1]."""
    members = weights.shape[1]
    sums = np.cumsum(np.pad(weights.astype(np.float64), ((0, 0), (1, 0), (1, 0))), axis=1)
    best = np.arange(members + 1)
    tables: Array = sums[:, best[:, None], np.minimum(best[:, None] + best, members)]
    return tables
