"""Which covariance fits a game: restricted likelihoods (Patterson & Thompson 1971) of a fixed list; nothing is random."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.kriging.covariance import Covariance
from shapley_credit.blackbox.linear_algebra import inverse_root, precise, times

Array = NDArray[Any]

# absent and present of all members together: interactions, AND, OR.
BOTH, ONE = (0.16, 0.8, 2.4, 6.4, 16.0), (1.6, 4.8, 11.2, 24.0)
NOISES = np.array([1e-8, 1e-5, 1e-3, 1e-2, 1e-1, 1.0, 10.0])
STRONGEST = 4.0  # of absent and present of one member: beyond, small sets would drown in the least noise
CLOSE = 1e-6  # a difference of log-likelihoods that is rounding: the first covariance is taken
PAIRS = 80  # pairs of coalitions by which covariances are chosen, the most recent ones
NOTHING = 1e-20  # a mean square, in units of the values' variance, below which all is rounding
HALF = 0.5  # the most that a sparser covariance's error on left-out pairs may be, as a share of the full one's


class Choice(NamedTuple):
    """A covariance, whether the best-of-set game is taken off first, and the restricted log-likelihood."""

    likelihood: float
    covariance: Covariance
    less_best: bool


class Chooser:
    """Likelihoods of covariances on the ends and the most recent pairs of coalitions, first [h, k].

    Targets are even and odd parts [B, 2h].
    """

    def __init__(self, first: Array) -> None:
        pairs, self.k = first.shape
        h = min(pairs, max(PAIRS, 2 * self.k))
        some = np.r_[0, pairs - h + 1 : pairs]
        self.some = np.concatenate([some, pairs + some])
        self.first = first[some]
        even = np.linalg.qr(np.ones((h, 1)), mode="complete")[0][:, 1:]
        odd = np.linalg.qr(2 * self.first - 1, mode="complete")[0][:, self.k :]
        self.free = np.zeros((2 * h, even.shape[1] + odd.shape[1]))  # orthogonal to constants and additive games
        self.free[:h, : even.shape[1]], self.free[h:, even.shape[1] :] = even, odd
        self.parts = [(slice(0, h), even), (slice(h, 2 * h), odd)]

    def choose(self, plain: Array, less_best: Array) -> list[Choice]:
        """The likeliest covariance of each game; targets [B, 2h] as they are, and less the best-of-set game."""
        both, ones = np.concatenate([plain, less_best])[:, self.some], np.ones(self.k)
        mirrored = both * np.repeat([1, -1], both.shape[1] // 2)  # OR games are the mirror images of AND games
        strengths, strong = np.outer(BOTH, ones / self.k), np.outer(ONE, ones / self.k)
        of_both = self.likelihoods(strengths, strengths, both)
        of_one = self.likelihoods(0 * strong, strong, np.concatenate([both, mirrored]))
        shapes = [(h, h) for h in strengths] + [(0 * h, h) for h in strong] + [(h, 0 * h) for h in strong]
        likelihood = np.concatenate([of_both, of_one[..., : len(both)], of_one[..., len(both) :]])
        games = likelihood.reshape(-1, 2, len(plain))  # shape by shape and noise by noise, plain before less_best
        found = []
        for row, place in enumerate(first_best(games.reshape(-1, len(plain)).T).tolist()):
            shape, noise = divmod(place // 2, len(NOISES))
            absent, present = shapes[shape]
            covariance = Covariance(absent, present, float(NOISES[noise]))
            found.append(Choice(float(games[place // 2, place % 2, row]), covariance, place % 2 == 1))
        if len(self.some) < 8 * self.k:
            return found  # too few values to tell which members interact
        return [self.sparser(choice, (less_best if choice.less_best else plain)[row]) for row, choice in enumerate(found)]

    def covariances(self, absent: Array, present: Array) -> list[tuple[slice, Array, Array]]:
        """Rows, a basis [n, f] of what no additive game explains, and its covariance [..., f, f], part by independent part."""
        parts = Covariance(absent, present, 0.0).of_pairs(self.first, self.first)
        scale = len(self.some) / sum(np.trace(part, axis1=-2, axis2=-1) for part in parts)[..., None, None]
        places = [(slice(None), self.free)] if len(parts) == 1 else self.parts
        return [
            (rows, free, times(times(free.T, part * scale), free)) for (rows, free), part in zip(places, parts, strict=True)
        ]

    def likelihoods(self, absent: Array, present: Array, targets: Array) -> Array:
        """[s, noises, B]: restricted log-likelihoods for strengths [s, k] and targets [B, 2h]."""
        shape, count = (len(absent), len(NOISES)), self.free.shape[1]
        squares, logs = np.zeros((*shape, len(targets))), np.zeros(shape)
        for rows, free, matrix in self.covariances(absent, present):
            of_part, log = precise(matrix, NOISES, times(free.T, targets[:, rows].T))
            squares, logs = squares + of_part, logs + log
        likelihood: Array = -0.5 * (count * np.log(np.maximum(squares / count, NOTHING)) + logs[..., None])
        return likelihood

    def scaled(self, covariance: Covariance, noise: float) -> Array:
        """[2h, f], C with C C' the precision of the targets beside additive games."""
        scaled = np.zeros_like(self.free)
        for rows, free, matrix in self.covariances(covariance.absent, covariance.present):
            root = inverse_root(matrix + noise * np.eye(len(matrix)))
            columns = slice(self.free.shape[1] - len(root), None) if rows.start else slice(0, len(root))
            scaled[rows, columns] = times(free, root.T)
        return scaled

    def left_out(self, covariance: Covariance, target: Array) -> float:
        """The mean squared error of predicting each pair but the ends from all other pairs."""
        scaled = self.scaled(covariance, covariance.noise)
        even, odd = np.split(scaled, 2)
        errors = left_out_pairs(
            (even**2).sum(axis=1), (even * odd).sum(axis=1), (odd**2).sum(axis=1), scaled @ (target @ scaled)
        )
        return float((errors.reshape(2, -1)[:, 1:] ** 2).mean())

    def sparser(self, choice: Choice, whole: Array) -> Choice:
        """The same covariance without the members whose interactions make it less likely.

        It must be clearly likelier, and predict left-out pairs much better: for a game that fits none of the covariances,
        likelihood alone would drop members that matter.
        """
        first, target = choice, whole[self.some]
        for _ in range(4):
            absent, present = choice.covariance.absent, choice.covariance.present
            wanted = self.slopes(choice.covariance, target) > 0
            dropped = int(((absent + present > 0) & ~wanted).sum())
            if not dropped or not wanted.any():
                break
            stronger = np.array([1, 2, 4])[:, None] * wanted
            absents, presents = (np.minimum(part * stronger, STRONGEST) for part in (absent, present))
            likelihood = self.likelihoods(absents, presents, target[None])[..., 0]
            best, noise = divmod(int(likelihood.argmax()), len(NOISES))
            if likelihood[best, noise] - choice.likelihood <= 2 * dropped:
                break
            covariance = Covariance(absents[best], presents[best], float(NOISES[noise]))
            choice = Choice(float(likelihood[best, noise]), covariance, choice.less_best)
        if choice is first or self.left_out(choice.covariance, target) > HALF * self.left_out(first.covariance, target):
            return first
        return choice

    def slopes(self, covariance: Covariance, target: Array) -> Array:
        """[k]: the slopes of the restricted log-likelihood in the scale of each member's absent and present."""
        scaled = self.scaled(covariance, max(covariance.noise, 1e-6))
        pulled = scaled @ (target @ scaled)
        per_game = max(float(target @ pulled) / scaled.shape[1], NOTHING)
        slope = 0.5 * (np.outer(pulled, pulled) / per_game - times(scaled, scaled.T))
        turn = np.kron([[1, 1], [1, -1]], np.eye(len(self.first))) / np.sqrt(2)  # from even and odd to the coalitions
        rows = np.concatenate([self.first, 1 - self.first])
        smooth = covariance.between(rows, rows)
        smooth *= len(smooth) / np.trace(smooth)
        slope = times(times(turn, slope), turn) * smooth
        slopes = np.zeros(self.k)
        for state, strength in ((rows, covariance.present), (1 - rows, covariance.absent)):
            share = (np.diag(smooth) / len(smooth)) @ state  # the scale follows
            slopes += strength * (((slope @ state) * state).sum(axis=0) - slope.sum() * share)
        return slopes


def first_best(likelihoods: Array) -> Array:
    """[B]: of [B, choices], the first one that is as good as any."""
    place: Array = (likelihoods >= likelihoods.max(axis=1, keepdims=True) - CLOSE).argmax(axis=1)
    return place


def left_out_pairs(even: Array, both: Array, odd: Array, pulled: Array) -> Array:
    """Errors [..., 2h] of each pair's prediction from all others, from the precisions of pairs and pulled = precision @ target.

    The error of the prediction of a left-out pair is (its own 2 x 2 block of the precision)^-1 pulled (Dubrule 1983).
    """
    of_even, of_odd = np.split(pulled, 2, axis=-1)
    scale = np.maximum(even * odd - both**2, np.finfo(np.float64).tiny)
    errors: Array = np.concatenate([odd * of_even - both * of_odd, even * of_odd - both * of_even], axis=-1) / np.tile(scale, 2)
    return errors
