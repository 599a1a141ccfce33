"""Credits of the most likely game: a Gaussian process over coalitions with kernels that are product games.

A prediction is a linear function of kernels, hence so are its credits: the covariances of the credits with the values times the
inverse of the covariances of the values (Bayesian quadrature, O'Hagan 1991; of Shapley values Rundel et al. 2026). An additive
game is fitted beside it without penalty (universal kriging), and a best-of-set game of the single members' values may be taken
off first. Kernels are chosen by restricted likelihood (Patterson & Thompson 1971) from a fixed list: nothing is random.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.draws import Coalitions, paired
from shapley_credit.blackbox.kernels import Kernel, noise_variance
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]

# absent and present of all members together: interactions, AND, OR.
BOTH, ONE = (0.16, 0.8, 2.4, 6.4, 16.0), (1.6, 4.8, 11.2, 24.0)
SHAPES = [(h, h) for h in BOTH] + [(0.0, h) for h in ONE] + [(h, 0.0) for h in ONE]
NOISES = np.array([1e-8, 1e-5, 1e-3, 1e-2, 1e-1, 1.0, 10.0])
STRONGEST = 4.0  # of absent and present of one member: beyond, small sets would drown in the least noise
CHOOSERS = 160  # coalitions by which kernels are chosen, the most recent ones
LARGEST = 2048  # coalitions of one system of equations


class Choice(NamedTuple):
    """A kernel, whether the best-of-set game is taken off first, and the restricted log-likelihood."""

    likelihood: float
    kernel: Kernel
    less_best: bool


def minimum(structure: Structure) -> int:
    """The ends, single members and their complements, and one pair more."""
    return 2 * int(structure.k) + 4


def design(structure: Structure, budget: int, seed: int) -> tuple[Coalitions, None]:
    """Pairs of coalitions as a member finds them on arrival."""
    return paired(structure, budget - budget % 2, seed), None


def solve(structure: Structure, coalitions: Coalitions, layout: None, values: Array) -> Solution:
    """Posterior means and standard deviations of the credits, values [B, m] -> [B, k]."""
    games = Games(structure, coalitions, values)
    credit, stderr = np.empty((2, len(values), structure.k))
    for kernel, less_best, rows in games.grouped():
        credit[rows], stderr[rows] = games.posterior(kernel, less_best, rows)
    if structure.efficient:
        credit += ((values[:, 1] - values[:, 0] - credit.sum(axis=1)) / structure.k)[:, None]
    return Solution(credit, stderr)


class Games:
    """Values [B, m] of B games on the same coalitions [m, k], in units of their standard deviations."""

    def __init__(self, structure: Structure, coalitions: Coalitions, values: Array) -> None:
        self.structure = structure
        self.present = coalitions.astype(np.float64)
        self.trend = np.concatenate([np.ones((len(coalitions), 1)), 2 * self.present - 1], axis=1)
        spread = values.std(axis=1)
        self.unit = np.where(spread > 0, spread, 1.0)
        self.offset = values[:, 0]
        scaled = (values - self.offset[:, None]) / self.unit[:, None]
        single = np.flatnonzero(coalitions.sum(axis=1) == 1)
        self.scores = np.empty((len(values), structure.k))
        self.scores[:, coalitions[single].argmax(axis=1)] = scaled[:, single]
        self.targets = {False: scaled, True: scaled - self.best(self.present)}
        self.chooser = Chooser(self.present, self.trend)

    def best(self, present: Array) -> Array:
        """[B, m]: max(0, the best score in each of the coalitions)."""
        best: Array = (np.maximum(self.scores, 0)[:, None, :] * present).max(axis=2)
        return best

    def best_credits(self, rows: Array) -> Array:
        """[b, k]: the credits of that game."""
        from shapley_credit.solve import tree_credits
        from shapley_credit.utilities.maximum import Max

        credit: Array = tree_credits(Max(self.scores[rows]), self.structure.tree, self.structure.rules)
        return credit

    def grouped(self) -> list[tuple[Kernel, bool, Array]]:
        """The kernels that some game chose, and the games that did."""
        groups: dict[tuple[Any, ...], tuple[Kernel, bool, list[int]]] = {}
        for row, (_, kernel, less_best) in enumerate(self.choices()):
            key = (kernel.absent.tobytes(), kernel.present.tobytes(), kernel.noise, less_best)
            groups.setdefault(key, (kernel, less_best, []))[2].append(row)
        return [(kernel, less_best, np.array(rows)) for kernel, less_best, rows in groups.values()]

    def choices(self) -> list[Choice]:
        """The kernel of each game."""
        k = self.structure.k
        chooser, ones = self.chooser, np.ones(k)
        both = np.concatenate(list(self.targets.values()))  # as they are, then less the best-of-set game
        found = [chooser.likelihoods(ones * absent / k, ones * present / k, both) for absent, present in SHAPES]
        likelihood: Array = np.array([best for best, _ in found]).reshape(2 * len(SHAPES), -1)  # shape by shape, as targets
        noise: Array = np.array([chosen for _, chosen in found]).reshape(2 * len(SHAPES), -1)
        best = []
        for row, place in enumerate(likelihood.argmax(axis=0).tolist()):
            absent, present = SHAPES[place // 2]
            kernel = Kernel(ones * absent / k, ones * present / k, float(noise[place, row]))
            best.append(Choice(float(likelihood[place, row]), kernel, place % 2 == 1))
        if len(self.present) < 8 * k:
            return best
        return [chooser.sparser(choice, self.targets[choice.less_best][row]) for row, choice in enumerate(best)]

    def surrogate(self, kernel: Kernel, less_best: bool, rows: Array, at: Array) -> tuple[Array, Array]:
        """Most likely values [b, M] at coalitions [M, k] of some of the games, and the credits [b, k] of that prediction."""
        covariance = kernel.covariance(self.present, self.present)
        scale = np.trace(covariance) / len(covariance)
        noisy = covariance / scale + max(kernel.noise, 1e-6) * np.eye(len(covariance))
        inverse = np.linalg.inv(noisy)
        of_trend = inverse @ self.trend
        fit = np.linalg.solve(self.trend.T @ of_trend, of_trend.T)  # values -> the additive part
        rest = inverse - of_trend @ fit  # values -> multiples of the kernels
        target = self.targets[less_best][rows]
        value = apply((kernel.covariance(at, self.present) / scale @ rest + fit[0] + (2 * at - 1) @ fit[1:]).T, target)
        credit = apply(((kernel.credits(self.structure, self.present) / scale).T @ rest + 2 * fit[1:]).T, target)
        unit = self.unit[rows, None]
        if less_best:
            value, credit = value + self.best(at)[rows], credit + self.best_credits(rows)
        return value * unit, credit * unit

    def posterior(self, kernel: Kernel, less_best: bool, rows: Array) -> tuple[Array, Array]:
        """Credits and their standard deviations [b, k] for some of the games under one kernel. O(m^3)."""
        structure, trend, target = self.structure, self.trend, self.targets[less_best][rows]
        covariance = kernel.covariance(self.present, self.present)
        scale = np.trace(covariance) / len(covariance)
        covariance /= scale
        covariance[np.diag_indices_from(covariance)] += kernel.noise
        with_credit = kernel.credits(structure, self.present) / scale + kernel.noise * structure.weights(self.present)
        solved = np.linalg.solve(covariance, np.concatenate([trend, with_credit], axis=1))
        of_trend, of_credit = np.split(solved, [trend.shape[1]], axis=1)
        normal = trend.T @ of_trend
        error = np.eye(structure.k + 1)[:, 1:] * 2 - trend.T @ of_credit  # an additive game's credits are 2 a_i
        pull = np.linalg.solve(normal, error)
        credit = apply(of_credit + of_trend @ pull, target)
        variance = kernel.variance(structure) / scale + kernel.noise * noise_variance(structure)
        variance = np.maximum(variance - (with_credit * of_credit).sum(axis=0) + (error * pull).sum(axis=0), 0)
        per_game = self.chooser.variances(kernel, scale, target)
        if less_best:
            credit = credit + self.best_credits(rows)
        unit = self.unit[rows, None]
        return credit * unit, np.sqrt(variance * per_game[:, None]) * unit


def apply(weights: Array, values: Array) -> Array:
    """sum_m weights_mj values_bm, [b, j], in one order of summation however many rows there are."""
    total: Array = np.matmul(np.ascontiguousarray(weights.T), np.ascontiguousarray(values)[:, :, None])[:, :, 0]
    return total


class Chooser:
    """Restricted likelihoods of kernels on the ends and the most recent coalitions."""

    def __init__(self, present: Array, trend: Array) -> None:
        count = min(len(present), max(CHOOSERS, 4 * present.shape[1]))
        self.some = np.r_[0:2, len(present) - count + 2 : len(present)]
        self.present = present[self.some]
        self.free = np.linalg.qr(trend[self.some], mode="complete")[0][:, trend.shape[1] :]  # orthogonal to the trend

    def likelihoods(self, absent: Array, present: Array, targets: Array) -> tuple[Array, Array]:
        """The best restricted log-likelihood over the noises, and its noise, [B] each; targets [B, m]."""
        values, vectors = np.linalg.eigh(self.free.T @ self.covariance(absent, present) @ self.free)
        parts = apply(self.free @ vectors, targets[:, self.some]) ** 2  # [B, m - p]
        spread = np.maximum(values, 0) + NOISES[:, None]
        mean = np.maximum(apply((1 / spread).T, parts) / len(values), 1e-300)  # [B, noises]
        likelihood = -0.5 * (len(values) * np.log(mean) + np.log(spread).sum(axis=1))
        return likelihood.max(axis=1), NOISES[likelihood.argmax(axis=1)]

    def variances(self, kernel: Kernel, scale: float, targets: Array) -> Array:
        """[B]: the restricted likelihood's factor of the covariance, for a kernel over `scale`."""
        smooth = kernel.covariance(self.present, self.present) / scale
        values, vectors = np.linalg.eigh(self.free.T @ smooth @ self.free)
        parts = apply(self.free @ vectors, targets[:, self.some]) ** 2
        factors: Array = (parts / (np.maximum(values, 0) + kernel.noise)).mean(axis=1)
        return factors

    def covariance(self, absent: Array, present: Array) -> Array:
        matrix = Kernel(absent, present, 0.0).covariance(self.present, self.present)
        scaled: Array = matrix * (len(matrix) / np.trace(matrix))
        return scaled

    def sparser(self, choice: Choice, target: Array) -> Choice:
        """The same kernel without the members whose interactions it would rather not have, if that is clearly likelier."""
        for _ in range(4):
            absent, present = choice.kernel.absent, choice.kernel.present
            wanted = self.slopes(choice.kernel, target) > 0
            dropped = int(((absent + present > 0) & ~wanted).sum())
            if not dropped or not wanted.any():
                break
            tries = []
            for factor in (1, 2, 4):
                stronger = [np.minimum(factor * part, STRONGEST) * wanted for part in (absent, present)]
                kernel = Kernel(stronger[0], stronger[1], 0.0)
                likelihood, noise = self.likelihoods(kernel.absent, kernel.present, target[None])
                tries.append(Choice(float(likelihood[0]), kernel._replace(noise=float(noise[0])), choice.less_best))
            best = max(tries, key=lambda choice: choice.likelihood)
            if best.likelihood - choice.likelihood <= 2 * dropped:
                break
            choice = best
        return choice

    def slopes(self, kernel: Kernel, target: Array) -> Array:
        """[k]: the slopes of the restricted log-likelihood in the scale of each member's absent and present."""
        smooth = self.covariance(kernel.absent, kernel.present)
        inner = np.linalg.inv(self.free.T @ smooth @ self.free + max(kernel.noise, 1e-6) * np.eye(self.free.shape[1]))
        inverse = self.free @ inner @ self.free.T
        pulled = inverse @ target[self.some]
        per_game = max(float(target[self.some] @ pulled), 1e-300) / len(inner)
        slope = 0.5 * (np.outer(pulled, pulled) / per_game - inverse) * smooth
        slopes = np.zeros(len(kernel.absent))
        for state, strength in ((self.present, kernel.present), (1 - self.present, kernel.absent)):
            share = (np.diag(smooth) / len(smooth)) @ state  # the scale follows
            slopes += strength * (((slope @ state) * state).sum(axis=0) - slope.sum() * share)
        return slopes
