"""Games of the gaps between points on a line.

The smallest gap of S is the integral over theta of [all gaps of S are at least theta], which changes at distances of pairs.
For one theta the sets with such gaps are counted by size, point after point from the left: with g_p the polynomial whose
coefficient of z^s counts those of s among the p leftmost points, and j the p-th point,

    g_p = g_{p-1} + z g_{b(j)},      b(j) the number of points at least theta to the left of j.

Those that hold j are counted by z g_b(j) times the same polynomial from the right, which is not multiplied out: the credits are
a linear functional of it, and the functional is carried to the left in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import beside, namespace, unsorted
from shapley_kernels.chances import by_number
from shapley_kernels.kernel_errors import LimitError
from shapley_kernels.trees.shapes import uniform

Array = Any

# Numbers of sets must be floats: C(1000, 500) is 3e299.
MAX_MEMBERS = 1000
# Numbers in the arrays of one block of thresholds.
BLOCK = 1 << 22


def min_gap(points: Array, present: Array) -> Array:
    """v(S) = min over i < j in S of |x_i - x_j|, 0 if |S| < 2. points [B, K], present [B or 1, K] -> [B, K] float64.

    O(K) a threshold and size: O(K^4). Raises LimitError above 1000 members.
    """
    return min_gap_shares(points, present, size_weights(present, uniform))


def size_weights(present: Array, q: Callable[[int], NDArray[Any]]) -> Array:
    """p_0 .. p_{n-1} = q_s / C(n - 1, s) for every number n of members present, [K + 1, K + 1]."""
    members = present.shape[1]
    if members > MAX_MEMBERS:
        raise LimitError(
            f"the smallest gap of {members:,} points takes numbers of sets beyond floats; at most {MAX_MEMBERS:,}."
        )
    p = np.zeros((members + 1, members + 1))
    chances = by_number(q, present)
    for n in np.flatnonzero(~np.isnan(chances[:, 0])).tolist():
        p[n, :n] = [chance / comb(n - 1, s) for s, chance in enumerate(chances[n, :n].tolist())]
    return beside(p, present)


def min_gap_shares(points: Array, present: Array, weights: Array) -> Array:
    """`min_gap` for any weights of sizes, as `size_weights` gives them."""
    xp = namespace(points)
    groups, members = points.shape
    here = xp.broadcast_to(present, points.shape)
    order = xp.argsort(xp.where(here, points, float("inf")), axis=1, stable=True)
    x = xp.take_along_axis(xp.astype(xp.where(here, points, 0), xp.float64), order, axis=1)
    size = xp.count_nonzero(here, axis=1)
    there, p = xp.take_along_axis(here, order, axis=1), xp.take(weights, size, axis=0)
    left, right = (beside(index, points) for index in np.triu_indices(members, 1))
    apart = xp.take(x, right, axis=1) - xp.take(x, left, axis=1)
    distances = xp.sort(xp.where(xp.take(there, right, axis=1), apart, 0.0), axis=1)  # [B, thresholds]
    # Sets of fewer than two are spaced by any theta, but worth 0: a game of the size, in which the second member adds the most.
    credit = xp.zeros_like(x)
    if members > 1:
        credit = credit + distances[:, -1:] * p[:, 1:2] * (xp.astype(size, xp.float64)[:, None] - 1)
    gaps = distances - xp.concat([xp.zeros_like(x[:, :1]), distances[:, :-1]], axis=1)[:, : distances.shape[1]]
    step = max(1, BLOCK // (max(groups, 1) * (members + 1) ** 2))
    for start in range(0, distances.shape[1], step):
        stop = min(start + step, distances.shape[1])
        theta = distances[:, start:stop]
        every = (theta.shape[0], theta.shape[1], members)
        rows = (xp.broadcast_to(a[:, None, :], (*every[:2], a.shape[1])) for a in (x, there, p))
        points_, there_, p_ = (xp.reshape(a, (every[0] * every[1], a.shape[2])) for a in rows)
        shares = xp.reshape(_spaced(points_, there_, p_, xp.reshape(theta, (every[0] * every[1],))), every)
        # One after the other, so that no cut changes a bit: where it falls depends on the number of groups.
        terms = xp.concat([credit[:, None, :], gaps[:, start:stop, None] * shares], axis=1)
        credit = xp.cumulative_sum(terms, axis=1)[:, -1, :]
    return unsorted(order, xp.where(there, credit, 0.0))


def _spaced(x: Array, there: Array, p: Array, theta: Array) -> Array:
    """Credits [R, K] of [no two points of S are closer than theta]; x [R, K] ascending, absent ones last, p [R, K + 1]."""
    xp = namespace(x)
    members = x.shape[1]
    places = beside(np.arange(members), x)
    close = there[:, None, :] & (xp.abs(x[:, :, None] - x[:, None, :]) < theta[:, None, None])
    before = places - xp.count_nonzero(close & (places < places[:, None]), axis=2)  # number of points far enough to the left
    after = places + 1 + xp.count_nonzero(close & (places > places[:, None]), axis=2)  # the first point far enough to the right

    def at(array: Array, place: Array) -> Array:
        """array[place_r, r], [R, S], of [K + 1, R, S]."""
        return xp.take_along_axis(array, xp.broadcast_to(place[None, :, None], (1, *array.shape[1:])), axis=0)[0, ...]

    nothing = xp.zeros_like(p[:, :1])
    sets = xp.broadcast_to(xp.concat([nothing + 1, 0 * p[:, 1:]], axis=1), (1, *p.shape))
    for j in range(members):
        joined = xp.where(there[:, j : j + 1], at(sets, before[:, j])[:, :-1], 0)
        sets = xp.concat([sets, sets[-1:, ...] + xp.concat([nothing, joined], axis=1)], axis=0)
    worth = xp.concat([p[:, :-1] + p[:, 1:], nothing, nothing], axis=1)[None, ...]  # of the last points, the first one first
    for j in range(members)[::-1]:
        joined = xp.where(there[:, j : j + 1], at(worth, after[:, j] - j - 1)[:, 1:], 0)
        worth = xp.concat([worth[:1, ...] + xp.concat([joined, nothing], axis=1), worth], axis=0)
    with_j = [xp.sum(at(sets, before[:, j]) * at(worth, after[:, j])[:, :-1], axis=1) for j in range(members)]
    return xp.stack(with_j, axis=1) - xp.sum(sets[members, ...] * p, axis=1)[:, None]
