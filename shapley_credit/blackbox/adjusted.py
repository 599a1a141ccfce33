"""Unbiased values with a surrogate: its credits in closed form, and the mean of what it misses on draws it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox import replicates
from shapley_credit.blackbox.kriging import method as kriging
from shapley_credit.blackbox.random_coalitions import Coalitions, distinct, paired
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]

# From coalitions [m, k] and values [B, m]: predictions [B, M] at coalitions [M, k], and the credits [B, k] of the predictor.
Surrogate = Callable[[Structure, Coalitions, Array, Coalitions], tuple[Array, Array]]

LARGEST = 1024  # coalitions that a surrogate is fitted on


class Split(NamedTuple):
    """The coalitions of a plan: the first `seen` ones fit the surrogate, and `draws` are the replicates that judge it."""

    seen: int
    draws: replicates.Draws


def kind(structure: Structure) -> str:
    """The replicates that show what the surrogate misses."""
    return "rotation" if structure.efficient else "arrival"


def minimum(structure: Structure) -> int:
    """Two replicates, and as many evaluations again for the surrogate, at least what kriging needs."""
    draws = 2 * replicates.cost(structure, kind(structure))
    return draws + max(draws, kriging.minimum(structure))


def shown(budget: int) -> int:
    """Coalitions for the surrogate: half of the budget, at most 1,024; even, as they come in pairs."""
    return min(budget // 4 * 2, LARGEST)


def suffices(structure: Structure, budget: int, seen: int) -> bool:
    """Whether a budget pays for two replicates beside a surrogate that has at least the `seen` coalitions of kriging."""
    draws = 2 * replicates.cost(structure, kind(structure))
    return budget >= max(minimum(structure), seen + draws)


def design(structure: Structure, budget: int, seed: int, seen: int = 0) -> tuple[Coalitions, Split]:
    """Coalitions for the surrogate, those that kriging has `seen` among them, and the rest of the budget for replicates."""
    pairs = paired(structure, max(shown(budget), seen), seed)
    name = kind(structure)
    rows, draws = replicates.draw(structure, name, (budget - len(pairs)) // replicates.cost(structure, name), seed)
    both, place = distinct(np.concatenate([pairs, rows]))
    of_rows = place[len(pairs) :]
    return both, Split(len(pairs), replicates.Draws(of_rows[draws.before], of_rows[draws.after]))


def solver(surrogate: Surrogate) -> Callable[[Structure, Coalitions, Split, Array], Solution]:
    """phi = phi(surrogate) + mean over replicates of the contributions to v - surrogate, values [B, m] -> [B, k]."""

    def solve(structure: Structure, coalitions: Coalitions, split: Split, values: Array) -> Solution:
        predicted, credit = surrogate(structure, coalitions[: split.seen], values[:, : split.seen], coalitions)
        if structure.efficient:  # the credits add up to what they are compared with, rounding included
            credit += ((predicted[:, 1] - predicted[:, 0] - credit.sum(axis=1)) / structure.k)[:, None]
        missed = replicates.solve(structure, coalitions, split.draws, values - predicted)
        return missed._replace(credit=missed.credit + credit)

    return solve


def most_likely(structure: Structure, coalitions: Coalitions, values: Array, at: Coalitions) -> tuple[Array, Array]:
    """The prediction of kriging."""
    games = kriging.Games(structure, coalitions, values)
    predicted, credit = np.empty((len(values), len(at))), np.empty((len(values), structure.k))
    for covariance, less_best, rows in games.grouped():
        predicted[rows], credit[rows] = games.surrogate(covariance, less_best, rows, at.astype(np.float64))
    return predicted, credit


def boosted(structure: Structure, coalitions: Coalitions, values: Array, at: Coalitions) -> tuple[Array, Array]:
    """Gradient-boosted trees; each leaf is a product game, [all of some members and none of others]."""
    from shapley_credit.blackbox.boosting import fit

    predicted, credit = np.empty((len(values), len(at))), np.empty((len(values), structure.k))
    for row, game in enumerate(values):
        model = fit(coalitions, game)
        predicted[row], credit[row] = model.predict(at), model.credits(structure)
    return predicted, credit
