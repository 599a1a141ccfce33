"""Kernels over coalitions that are product games, so that their credits have closed forms on every coalition tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.structure import Structure

if TYPE_CHECKING:
    from shapley_kernels.trees import Node

Array = NDArray[Any]


class Kernel(NamedTuple):
    """Covariance of the values of two coalitions, prod_j r_j, times a scale, plus noise where they are the same.

    r_j is e^absent_j when both lack member j, e^present_j when both hold it, and 1 when they differ, all over
    e^((absent_j + present_j) / 2): absent = present > 0 makes interactions of many members unlikely, absent = 0 makes AND games
    likely, present = 0 OR games. Noise stands for the part of a game that has no order.

    absent, present: [k], not negative. noise: a number, relative to the mean variance of the rest.
    """

    absent: Array
    present: Array
    noise: float

    def covariance(self, left: Array, right: Array) -> Array:
        """[m, m'] without noise, for coalitions [m, k] and [m', k] as numbers 0 and 1."""
        logs = (left * self.present) @ right.T + ((1 - left) * self.absent) @ (1 - right).T
        covariance: Array = np.exp(logs - (self.absent.sum() + self.present.sum()) / 2)
        return covariance

    def credits(self, structure: Structure, coalitions: Array) -> Array:
        """[m, k]: the credits of the games S -> covariance(S, T), for coalitions T [m, k]."""
        mean = (self.absent + self.present) / 2
        inside = np.exp(coalitions * self.present - mean)
        outside = np.exp((1 - coalitions) * self.absent - mean)
        return structure.products(inside, outside)

    def variance(self, structure: Structure) -> Array:
        """[k]: the variances of the credits before anything is known, without noise."""
        mean = np.exp(-(self.absent + self.present) / 2)
        return twice(structure, np.exp(self.absent) * mean, mean, np.exp(self.present) * mean)


def noise_variance(structure: Structure) -> Array:
    """[k]: the variances of the credits of white noise of variance 1, sum_S w_i(S)^2."""
    ones = np.ones(structure.k)
    return twice(structure, ones, 0 * ones, ones)


def twice(structure: Structure, none: Array, one: Array, both: Array) -> Array:
    """E[kernel(P + i, Q + i) - 2 kernel(P + i, Q) + kernel(P, Q)] for independent predecessors P, Q of i, [k].

    none, one, both: [k], the factor of each member when neither, one or both of the coalitions hold it. A product of one mean a
    level (fact F1), each over the numbers of siblings in P and in Q. O(sum over nodes of (different children) c^3).
    """
    variance = np.empty(structure.k)

    def descend(node: Node, above: float) -> None:
        if not node.children:
            (i,) = node.members
            variance[i] = above * (none[i] - 2 * one[i] + both[i])
            return
        blocks = [tuple(float(part[list(child.members)].prod()) for part in (none, one, both)) for child in node.children]
        q = structure.mixes[node.depth](len(blocks))
        known: dict[tuple[float, ...], float] = {}
        for place, child in enumerate(node.children):
            if blocks[place] not in known:
                known[blocks[place]] = _mean(blocks[:place] + blocks[place + 1 :], q)
            descend(child, above * known[blocks[place]])

    descend(structure.root, 1.0)
    return variance


def _mean(siblings: list[tuple[float, ...]], q: Array) -> float:
    """sum_st q_s q_t E[prod of the factors] for independent uniform sets of s and of t siblings."""
    means = np.zeros((len(q), len(q)))
    means[0, 0] = 1
    for j, (none, one, both) in enumerate(siblings, start=1):
        s = np.arange(len(q))
        lacks, holds = np.maximum(j - s, 0) / j, s / j
        down = np.zeros_like(means)
        down[1:] = means[:-1]
        right = np.zeros_like(means)
        right[:, 1:] = means[:, :-1]
        corner = np.zeros_like(means)
        corner[1:, 1:] = means[:-1, :-1]
        means = (
            none * means * lacks[:, None] * lacks
            + one * (down * holds[:, None] * lacks + right * lacks[:, None] * holds)
            + both * corner * holds[:, None] * holds
        )
    return float(q @ means @ q)
