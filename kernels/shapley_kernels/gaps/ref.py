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

from shapley_kernels.limits import LimitError
from shapley_kernels.trees import uniform

Array = NDArray[Any]

# Numbers of sets must be floats: C(1000, 500) is 3e299.
MAX_MEMBERS = 1000
# Numbers in the arrays of one block of thresholds.
BLOCK = 1 << 22


def min_gap(points: Array, present: Array) -> Array:
    """v(S) = min over i < j in S of |x_i - x_j|, 0 if |S| < 2. points [B, K], present [B or 1, K] -> [B, K] float64.

    O(K) a threshold and size: O(K^4), O(K^3 log K) for points of even spread. Raises LimitError above 1000 members.
    """
    return min_gap_shares(points, present, size_weights(present, uniform))


def size_weights(present: Array, q: Callable[[int], Array]) -> Array:
    """p_0 .. p_{n-1} = q_s / C(n - 1, s) for every number n of members present, [K + 1, K + 1], rows that do not occur 0."""
    members = present.shape[1]
    if members > MAX_MEMBERS:
        raise LimitError(
            f"the smallest gap of {members:,} points takes numbers of sets beyond floats; at most {MAX_MEMBERS:,}."
        )
    p = np.zeros((members + 1, members + 1))
    for n in np.unique(present.sum(axis=1)):
        p[n, :n] = [chance / comb(n - 1, s) for s, chance in enumerate(q(int(n)))] if n else []
    return p


def min_gap_shares(points: Array, present: Array, weights: Array) -> Array:
    """The same for any weights of sizes, as `size_weights` gives them."""
    members = points.shape[1]
    here = np.broadcast_to(present, points.shape)
    order = np.argsort(np.where(here, points, np.inf), axis=1, kind="stable")
    x = np.take_along_axis(np.where(here, points, 0).astype(np.float64), order, axis=1)
    there, p = np.take_along_axis(here, order, axis=1), weights[here.sum(axis=1)]
    left, right = np.triu_indices(members, 1)
    distances = np.sort(np.where(there[:, right], x[:, right] - x[:, left], 0), axis=1)
    gaps = np.diff(distances, axis=1, prepend=0)
    groups, thresholds = np.nonzero(gaps)
    shares = np.zeros((*gaps.shape, members))
    step = max(1, BLOCK // (members + 1) ** 2)
    for start in range(0, len(groups), step):
        rows, theta = groups[start : start + step], thresholds[start : start + step]
        shares[rows, theta] = _spaced(x[rows], there[rows], distances[rows, theta], p[rows])
    # Sets of fewer than two are spaced by any theta, but worth 0: a game of the size, in which the second member adds the most.
    second = distances[:, -1] * p[:, 1] * (here.sum(axis=1) - 1) if members > 1 else np.zeros(len(x))
    credit = np.zeros(points.shape)
    np.put_along_axis(credit, order, np.where(there, (gaps[:, :, None] * shares).sum(axis=1) + second[:, None], 0), axis=1)
    return credit


def _spaced(x: Array, there: Array, theta: Array, p: Array) -> Array:
    """Credits [R, K] of [no two points of S are closer than theta]; x [R, K] ascending, absent ones last, p [R, K + 1]."""
    rows, members = x.shape
    every, places = np.arange(rows), np.arange(members)
    close = there[:, None, :] & (np.abs(x[:, :, None] - x[:, None, :]) < theta[:, None, None])
    before = places - (close & (places < places[:, None])).sum(axis=2)  # number of points far enough to the left
    after = places + 1 + (close & (places > places[:, None])).sum(axis=2)  # the first point far enough to the right
    sets = np.zeros((members + 1, rows, members + 1))
    sets[0, :, 0] = 1
    worth = np.zeros((members + 1, rows, members + 2))
    worth[members, :, :members] = p[:, :-1] + p[:, 1:]
    for j in range(members):
        sets[j + 1] = sets[j]
        sets[j + 1, :, 1:] += np.where(there[:, j, None], sets[before[:, j], every, :-1], 0)
    for j in range(members)[::-1]:
        worth[j] = worth[j + 1]
        worth[j, :, :-1] += np.where(there[:, j, None], worth[after[:, j], every, 1:], 0)
    with_j = [(sets[before[:, j], every] * worth[after[:, j], every, :-1]).sum(axis=1) for j in range(members)]
    credit: Array = np.stack(with_j, axis=1) - (sets[members] * p).sum(axis=1)[:, None]
    return credit
