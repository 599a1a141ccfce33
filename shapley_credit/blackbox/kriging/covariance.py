"""Covariances over coalitions that are product games, so that their credits have closed forms on every coalition tree."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.linear_algebra import times
from shapley_credit.blackbox.structure import Structure
from shapley_kernels.trees.nodes import Node

Array = NDArray[Any]

WIDEST = 64  # the most children of a node for quadrature, which squares the number of its nodes


class Covariance(NamedTuple):
    """Covariance of the values of two coalitions, prod_j r_j, times a scale, plus noise where they are the same.

    r_j is e^absent_j when both lack member j, e^present_j when both hold it, and 1 when they differ, all over
    e^((absent_j + present_j) / 2): absent = present > 0 makes interactions of many members unlikely, absent = 0 makes AND games
    likely, present = 0 OR games. Noise stands for the part of a game that has no order.

    absent, present: [..., k], not negative. noise: a number, relative to the mean variance of the rest.
    """

    absent: Array
    present: Array
    noise: float

    def between(self, left: Array, right: Array) -> Array:
        """[..., m, m'] without noise, for coalitions [m, k] and [m', k] as numbers 0 and 1."""
        values: Array = self.tilt(left) * self.alike(left, right)[0] * np.swapaxes(self.tilt(right), -1, -2)
        return values

    def alike(self, left: Array, right: Array) -> tuple[Array, Array]:
        """e^-(sum of (absent_j + present_j) / 2 over the members that S and T differ in), and the same for S and T^c."""
        half = (self.absent + self.present)[..., None, :] / 4
        agreed, whole = times((2 * left - 1) * half, 2 * right.T - 1), half.sum(axis=-1, keepdims=True)
        return np.exp(agreed - whole), np.exp(-agreed - whole)

    def tilt(self, coalitions: Array) -> Array:
        """[..., m, 1]: the factor of each coalition in the covariance beside `alike`; that of its complement is 1 / tilt."""
        tilt: Array = np.exp(times(coalitions - 0.5, (self.present - self.absent)[..., None] / 2))
        return tilt

    @property
    def symmetric(self) -> bool:
        """Whether complements have the covariance of the coalitions themselves."""
        return bool((self.absent == self.present).all())

    def of_pairs(self, left: Array, right: Array) -> list[Array]:
        """The same for the even and the odd part of a game, (v(S) + v(S^c)) / sqrt 2 and (v(S) - v(S^c)) / sqrt 2.

        Two matrices [..., h, h'] if the covariance is symmetric, as the parts are independent, else one [..., 2h, 2h'] of both.
        """
        same, crossed = self.alike(left, right)
        if self.symmetric:
            return [same + crossed, same - crossed]
        tilt, other = self.tilt(left), np.swapaxes(self.tilt(right), -1, -2)
        (h, m), parts = same.shape[-2:], np.empty((*same.shape[:-2], 2 * same.shape[-2], 2 * same.shape[-1]))
        for columns, sign in ((slice(None, m), 1), (slice(m, None), -1)):  # T + T^c, T - T^c; then S + S^c, S - S^c
            of_first = tilt / 2 * (same * other + sign * crossed / other)
            of_second = (crossed * other + sign * same / other) / (2 * tilt)
            np.add(of_first, of_second, out=parts[..., :h, columns])
            np.subtract(of_first, of_second, out=parts[..., h:, columns])
        return [parts]

    def factors(self, coalitions: Array) -> tuple[Array, Array]:
        """The games S -> between(S, T), for coalitions T [m, k]: factors [m, k] of members present and absent."""
        mean = (self.absent + self.present) / 2
        return np.exp(coalitions * self.present - mean), np.exp((1 - coalitions) * self.absent - mean)

    def credits(self, structure: Structure, coalitions: Array) -> Array:
        """[m, k]: the credits of the games of `factors`."""
        return structure.products(*self.factors(coalitions))

    def variance(self, structure: Structure) -> Array:
        """[k]: the variances of the credits before anything is known, without noise."""
        mean = np.exp(-(self.absent + self.present) / 2)
        return twice(structure, np.exp(self.absent) * mean, mean, np.exp(self.present) * mean)


def white(structure: Structure) -> Array:
    """[k]: the variances of the credits of white noise of variance 1, sum_S w_i(S)^2."""
    ones = np.ones(structure.k)
    return twice(structure, ones, 0 * ones, ones)


def twice(structure: Structure, none: Array, one: Array, both: Array) -> Array:
    """E[c(P + i, Q + i) - 2 c(P + i, Q) + c(P, Q)] for independent predecessors P, Q of i, c a product, [k].

    none, one, both: [k], the factor of each member when neither, one or both of the coalitions hold it. A product of one mean a
    level (fact F1), each over the numbers of siblings in P and in Q. O(sum over nodes of (different children) c^3).
    """
    if structure.efficient and structure.levels.widest <= WIDEST:
        return structure.levels.twice(none, one, both)
    variance = np.empty(structure.k)

    def descend(node: Node, above: float) -> None:
        if not node.children:
            (i,) = node.members
            variance[i] = above * (none[i] - 2 * one[i] + both[i])
            return
        blocks = [tuple(float(part[list(child.members)].prod()) for part in (none, one, both)) for child in node.children]
        q = tuple(structure.mixes[node.depth](len(blocks)).tolist())
        for place, child in enumerate(node.children):
            descend(child, above * _mean((*blocks[:place], *blocks[place + 1 :]), q))

    descend(structure.root, 1.0)
    return variance


@lru_cache(maxsize=4096)
def _mean(siblings: tuple[tuple[float, ...], ...], sizes: tuple[float, ...]) -> float:
    """sum_st q_s q_t E[prod of the factors] for independent uniform sets of s and of t siblings.

    Trees of alike members ask for the same means over and over.
    """
    q = np.array(sizes)
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
