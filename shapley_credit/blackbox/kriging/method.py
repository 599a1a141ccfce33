"""Credits of the most likely game: a Gaussian process over coalitions with covariances that are product games.

A prediction is a linear function of covariances, hence so are its credits: the covariances of the credits with the values,
times the inverse of the covariances of the values (Bayesian quadrature, O'Hagan 1991; of Shapley values Rundel et al. 2026). An
additive game is fitted beside it without penalty (universal kriging), and a best-of-set game of the single members' values may
be taken off first. Coalitions come in pairs of complements; the sum and the difference of a pair, its even and its odd part,
are independent under symmetric covariances, and Shapley's credits depend on the odd parts alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.kriging.chooser import Choice, Chooser
from shapley_credit.blackbox.kriging.covariance import Covariance
from shapley_credit.blackbox.kriging.posterior import Posterior, even_and_odd
from shapley_credit.blackbox.random_coalitions import Coalitions, paired
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure
from shapley_credit.solve.terms import tree_credits
from shapley_credit.utilities.maximum import Max

Array = NDArray[Any]

LARGEST = 2048  # coalitions of one system of equations
LEAST = 1e-6  # the least noise of a prediction


def minimum(structure: Structure) -> int:
    """The ends, single members and their complements, and one pair more."""
    return 2 * int(structure.k) + 4


def design(structure: Structure, budget: int, seed: int) -> tuple[Coalitions, None]:
    """Pairs of coalitions as a member finds them on arrival."""
    return paired(structure, budget - budget % 2, seed), None


def solve(structure: Structure, coalitions: Coalitions, places: None, values: Array) -> Solution:
    """Most likely credits, and the larger one of two standard errors, values [B, m] -> [B, k].

    The error of the process is too small for a game that fits no covariance, that of the jackknife for a game of which few
    coalitions were asked. The jackknife's is for draws from all coalitions that matter, so it counts the share not asked.
    """
    games = Games(structure, coalitions, values)
    credit, stderr = np.empty((2, len(values), structure.k))
    unseen = 1 - len(coalitions) / structure.relevant
    for covariance, less_best, rows in games.grouped():
        posterior = Posterior(structure, covariance, games.first, needed=not structure.dual)
        found, process, jackknife = posterior.credits(games.targets[less_best][rows])
        credit[rows] = games.whole(found, less_best, rows)
        stderr[rows] = np.sqrt(np.maximum(process, jackknife * unseen)) * games.unit[rows, None]
    if structure.efficient:
        credit += ((values[:, 1] - values[:, 0] - credit.sum(axis=1)) / structure.k)[:, None]
    return Solution(credit, stderr, len(coalitions) // 2 - 1 - structure.k)


class Games:
    """Values [B, m] of B games on the same pairs of coalitions [m, k], in units of their standard deviations.

    first: [h, k], the first coalitions of the pairs. targets: even and odd parts [B, 2h], as they are and less the best-of-set
    game of the scores [B, k], the values of single members.
    """

    def __init__(self, structure: Structure, coalitions: Coalitions, values: Array) -> None:
        self.structure = structure
        present = coalitions.astype(np.float64)
        self.first = present[::2]
        spread = values.std(axis=1)
        self.unit = np.where(spread > 0, spread, 1.0)
        scaled = (values - values[:, :1]) / self.unit[:, None]
        single = np.flatnonzero(coalitions.sum(axis=1) == 1)
        self.scores = np.empty((len(values), structure.k))
        self.scores[:, coalitions[single].argmax(axis=1)] = scaled[:, single]
        self.targets = {False: _parts(scaled), True: _parts(scaled - self.best(present))}

    def best(self, present: Array) -> Array:
        """[B, m]: max(0, the best score in each of the coalitions)."""
        best: Array = (np.maximum(self.scores, 0)[:, None, :] * present).max(axis=2)
        return best

    def grouped(self) -> list[tuple[Covariance, bool, Array]]:
        """Each covariance that a game chose, and whether with the best-of-set game taken off, with the games that did."""
        groups: dict[tuple[Any, ...], tuple[Choice, list[int]]] = {}
        for row, choice in enumerate(Chooser(self.first).choose(self.targets[False], self.targets[True])):
            absent, present, noise = choice.covariance
            key = (absent.tobytes(), present.tobytes(), noise, choice.less_best)
            groups.setdefault(key, (choice, []))[1].append(row)
        return [(choice.covariance, choice.less_best, np.array(rows)) for choice, rows in groups.values()]

    def whole(self, credit: Array, less_best: bool, rows: Array) -> Array:
        """Credits [b, k] of the games themselves, from those of the targets."""
        if less_best:
            credit = credit + best_of_set(self.structure, self.scores[rows])
        return credit * self.unit[rows, None]

    def surrogate(self, covariance: Covariance, less_best: bool, rows: Array, at: Array) -> tuple[Array, Array]:
        """Most likely values [b, M] at coalitions [M, k] of some of the games, and the credits [b, k] of that prediction."""
        smooth = covariance._replace(noise=max(covariance.noise, LEAST))
        posterior = Posterior(self.structure, smooth, self.first, needed=True)
        value, credit = posterior.prediction(self.targets[less_best][rows], at)
        if less_best:
            value = value + self.best(at)[rows]
        return value * self.unit[rows, None], self.whole(credit, less_best, rows)


def best_of_set(structure: Structure, scores: Array) -> Array:
    """Credits [B, k] of the games max(0, max_{i in S} s_i), scores [B, k]."""
    if structure.efficient and not structure.flat:
        return structure.levels.best(scores)
    credit: Array = tree_credits(Max(scores, clip=True), structure.tree, structure.rules)
    return credit


def _parts(values: Array) -> Array:
    """[B, 2h]: even and odd parts of values [B, m]."""
    parts: Array = even_and_odd(values[:, ::2, None], values[:, 1::2, None])[..., 0]
    return parts
