"""What a covariance says of even and odd parts of the values of pairs: credits, their errors, and predictions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.kriging.chooser import left_out_pairs
from shapley_credit.blackbox.kriging.covariance import Covariance, white
from shapley_credit.blackbox.linear_algebra import inverse_root, times
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]


class Block(NamedTuple):
    """Equations of parts of a game that the covariance couples: of its even parts, of its odd parts, or of both.

    rows: their places. root: W [n, n], W' W the inverse of the covariance. drift: Q [n, p], orthonormal, the span of W trend.
    normal: N [p, p], N' Q' W takes values to the coefficients of the trend, beside which the process is fitted without penalty.
    wanted: [p, k], the credits of the trend.
    """

    rows: slice
    root: Array
    drift: Array
    normal: Array
    wanted: Array

    def pull(self, columns: Array) -> Array:
        """R columns, [..., n, c]: R the inverse of the covariance less what the trend explains."""
        turned = times(self.root, columns)
        return times(self.root.T, turned - times(self.drift, times(self.drift.T, turned)))

    def credits(self, columns: Array) -> tuple[Array, Array]:
        """Weights [n, k] of the values in credits with these covariances, and what they take off the variances [k]."""
        turned = times(self.root, columns)
        missed = times(self.normal, self.wanted) - times(self.drift.T, turned)
        return times(self.root.T, turned + times(self.drift, missed)), (turned**2).sum(axis=0) - (missed**2).sum(axis=0)

    def fit(self) -> Array:
        """[p, n]: from values to coefficients of the trend."""
        return times(self.normal.T, times(self.drift.T, self.root))


class Posterior:
    """The process of a covariance, given values of pairs of coalitions, of which `first` [h, k] are the first ones.

    needed: whether even parts are of interest. If not, and if the covariance leaves them independent of the odd parts, they are
    left out. O(h^3).
    """

    def __init__(self, structure: Structure, covariance: Covariance, first: Array, needed: bool) -> None:
        self.structure, self.covariance, self.first = structure, covariance, first
        h, k = first.shape
        parts = covariance.of_pairs(first, first)
        self.scale = float(sum(np.trace(part) for part in parts)) / (2 * h)
        trend, wanted = np.zeros((2 * h, 1 + k)), np.zeros((1 + k, k))
        trend[:h, 0], trend[h:, 1:], wanted[1:] = np.sqrt(2), np.sqrt(2) * (2 * first - 1), 2 * np.eye(k)
        of_even, of_odd = (slice(0, h), slice(0, 1)), (slice(h, 2 * h), slice(1, None))
        places = [(slice(0, 2 * h), slice(None))] if len(parts) == 1 else [of_even, of_odd]
        self.blocks = [
            self._block(part, rows, trend[rows, columns], wanted[columns])
            for part, (rows, columns) in zip(parts, places, strict=True)
            if needed or rows != of_even[0]
        ]

    def _block(self, part: Array, rows: slice, trend: Array, wanted: Array) -> Block:
        root = inverse_root(part / self.scale + self.covariance.noise * np.eye(len(part)))
        span = times(root, trend)
        normal = inverse_root(times(span.T, span))
        return Block(rows, root, times(span, normal.T), normal, wanted)

    def covariances(self) -> Array:
        """[2h, k], of the credits with the values, noise included."""
        rows = np.concatenate([self.first, 1 - self.first])
        inside, outside = self.covariance.factors(rows)
        smooth, noise = np.split(  # in one call of the products; noise is the games [T = S]
            self.structure.products(np.concatenate([inside, rows]), np.concatenate([outside, 1 - rows])), 2
        )
        return even_and_odd(*np.split(smooth / self.scale + self.covariance.noise * noise, 2))

    def credits(self, targets: Array) -> tuple[Array, Array, Array]:
        """Credits [B, k] for targets [B, 2h], and two variances of them: of the process, and of a jackknife over the pairs.

        The former measures what was not asked, the latter how wrong the process is: the sum over pairs of what the credit
        would change by without the pair, (weights x error of the pair's prediction from all others)^2 (Efron & Stein 1981).
        Ends and single members, which are always asked, add nothing to it.
        """
        with_credit = self.covariances()
        weights, pulled = np.zeros_like(with_credit), np.zeros_like(targets)
        variance = self.covariance.variance(self.structure) / self.scale + self.covariance.noise * white(self.structure)
        free = 0
        for block in self.blocks:
            weights[block.rows], explained = block.credits(with_credit[block.rows])
            pulled[:, block.rows] = block.pull(targets[:, block.rows, None])[..., 0]
            variance = variance - explained
            free += len(block.root) - len(block.normal)
        process = np.maximum(variance, 0) * ((targets * pulled).sum(axis=1) / free)[:, None]
        missed = left_out_pairs(*self.precisions(), pulled).reshape(len(targets), 2, -1)
        size = self.first.sum(axis=1)
        missed[..., np.minimum(size, self.structure.k - size) <= 1] = 0
        even, odd = np.split(weights.T, 2, axis=1)  # squares of the changes, even x missed + odd x missed, pair by pair
        by_pair = np.concatenate([missed[:, 0] ** 2, missed[:, 0] * missed[:, 1], missed[:, 1] ** 2], axis=1)
        jackknife = times(np.concatenate([even**2, 2 * even * odd, odd**2], axis=1), by_pair[..., None])[..., 0]
        return times(weights.T, targets[..., None])[..., 0], process, np.maximum(jackknife, 0)

    def precisions(self) -> tuple[Array, Array, Array]:
        """Of each pair, the entries of R for its even part, for both parts, and for its odd part, [h]."""
        h = len(self.first)
        diagonal, both = np.ones(2 * h), np.zeros(h)
        for block in self.blocks:
            seen = times(block.root.T, block.drift)
            diagonal[block.rows] = (block.root**2).sum(axis=0) - (seen**2).sum(axis=1)
            if len(seen) == 2 * h:
                both = (block.root[:, :h] * block.root[:, h:]).sum(axis=0) - (seen[:h] * seen[h:]).sum(axis=1)
        return diagonal[:h], both, diagonal[h:]

    def prediction(self, targets: Array, at: Array) -> tuple[Array, Array]:
        """Most likely values [B, M] at coalitions [M, k], and the credits [B, k] of that prediction, for targets [B, 2h]."""
        nearby = even_and_odd(self.covariance.between(self.first, at), self.covariance.between(1 - self.first, at)) / self.scale
        pulled = np.concatenate([block.pull(targets[:, block.rows, None]) for block in self.blocks], axis=1)
        trend = np.concatenate([times(block.fit(), targets[:, block.rows, None]) for block in self.blocks], axis=1)
        around = np.concatenate([np.ones((len(at), 1)), 2 * at - 1], axis=1)
        credits = self.covariance.credits(self.structure, np.concatenate([self.first, 1 - self.first])) / self.scale
        credit = times(even_and_odd(*np.split(credits, 2)).T, pulled)[..., 0] + 2 * trend[:, 1:, 0]
        return (times(nearby.T, pulled) + times(around, trend))[..., 0], credit


def even_and_odd(one: Array, other: Array) -> Array:
    """[..., 2h, c] of values of the first and of the second coalitions of pairs, [h, c]: even parts, then odd ones."""
    parts: Array = np.concatenate([one + other, one - other], axis=-2) / np.sqrt(2)
    return parts
