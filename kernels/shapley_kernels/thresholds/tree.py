"""The thresholds form on a coalition tree: gaps between thresholds times the flow of their OR games."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapley_kernels.arrays import at_least, beside, chunks, everybody, joined, namespace
from shapley_kernels.thresholds.ref import heights
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.or_and_flow import flow, or_shares
from shapley_kernels.trees.shapes import Mix

Array = Any

# Numbers in the arrays of one block of levels of one column.
CELLS = 1 << 24


def airport(scores: Array, base: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = max of the scores of the present members of S, base if there are none. O(nodes K) a group.

    scores [B, K], base [B or 1], present [B or 1, K] -> [B, K].
    """
    here = namespace(scores).broadcast_to(present, scores.shape)
    return _columns(heights(scores, base, present).T, here.T, root, mixes).T


def facility(scores: Array, weights: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum_e w_e max(0, max_S scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]. O(nodes K E) a group."""
    xp = namespace(scores)
    groups, members, elements = scores.shape
    heights = xp.reshape(xp.permute_dims(at_least(scores, 0), (1, 0, 2)), (members, groups * elements))
    here = xp.broadcast_to(beside(everybody(members), scores).T, heights.shape)
    shares = xp.reshape(_columns(heights, here, root, mixes), (members, groups, elements))
    return xp.sum(xp.permute_dims(shares, (1, 0, 2)) * weights[:, None, :], axis=2)


def _columns(heights: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """Credits [K, E] of the airport games with heights [K, E] of the members that are present [K, E], 0 of absent ones."""
    xp, members = namespace(heights), heights.shape[0]

    def solve(games: slice) -> Array:
        height, here = heights[:, games], present[:, games]
        levels = xp.sort(height, axis=0)  # a level of 0 more, that of absent members, cuts a gap in two
        wide = xp.astype(levels, xp.float64)
        gaps = xp.concat([wide[:1, :], wide[1:, :] - wide[:-1, :]])  # [K, E]
        total: Array = None
        step = max(1, CELLS // max(members * height.shape[1], 1))
        for start in range(0, members, step):
            stop = min(start + step, members)  # the array API has no slice beyond an axis
            sets = (height[:, None, :] >= levels[None, start:stop, :]) & here[:, None, :]  # [K, levels, E]
            shares = flow(xp.reshape(sets, (members, sets.shape[1] * sets.shape[2])), root, mixes, or_shares)
            terms = xp.reshape(shares, sets.shape) * gaps[start:stop, :]
            # One after the other, so that no cut changes a bit.
            terms = terms if total is None else xp.concat([total[:, None, :], terms], axis=1)
            total = xp.cumulative_sum(terms, axis=1)[:, -1, :]
        return total

    return joined(map(solve, chunks(heights.shape[1], members**2, heights)), axis=1)
