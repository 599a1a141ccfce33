"""Methods of plans with what they are for, and games of known credits; test_plan_mutants imports it anew."""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import semivalues
from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]
TREE = [[6, 1, [2, 5]], [4, 3], [0, 7]]
LEVELS = (semivalues.banzhaf, semivalues.shapley, semivalues.beta(2, 1))
ESTIMATORS = [name for name in METHODS if name != "exact"]
UNBIASED = [name for name in ESTIMATORS if METHODS[name].unbiased]
OF_TREES = [name for name in ESTIMATORS if METHODS[name].scope != "flat"]
OF_LEVELS = [name for name in ESTIMATORS if METHODS[name].scope == "any"]


def table(k: int, seed: int = 0) -> Array:
    """A game with interactions of every order, smaller ones for larger sets."""
    rng = np.random.default_rng(seed)
    dividends = rng.normal(size=1 << k) / 2.0 ** np.bitwise_count(np.arange(1 << k))
    for bit in range(k):
        dividends.reshape(-1, 2, 1 << bit)[:, 1] += dividends.reshape(-1, 2, 1 << bit)[:, 0]
    return dividends


def codes(coalitions: Array) -> Array:
    places: Array = coalitions @ (1 << np.arange(coalitions.shape[1]))
    return places


def every(k: int) -> Array:
    return (np.arange(1 << k)[:, None] >> np.arange(k) & 1).astype(np.bool_)


def structures(name: str) -> list[tuple[Any, Any, Callable[[Array], Array]]]:
    """What a method is for: coalitions, levels, and the exact value of a table of 8 members."""
    cases: list[tuple[Any, Any, Callable[[Array], Array]]] = [(8, None, lambda values: sc.set_shapley(values, 8))]
    if name in OF_TREES:
        cases.append((TREE, None, lambda values: sc.owen(values, TREE)))
    if name in OF_LEVELS:
        cases.append((TREE, LEVELS, lambda values: sc.owen(values, TREE, levels=LEVELS)))
        cases.append((8, (semivalues.banzhaf,), lambda values: sc.set_semivalue(values, semivalues.banzhaf, 8)))
    return cases


CASES = [(name, *case) for name in ESTIMATORS for case in structures(name)]
IDS = [f"{name}-{'flat' if coalitions == 8 else 'tree'}-{levels}" for name, coalitions, levels, _ in CASES]


def budget_of(name: str, coalitions: Any, levels: Any) -> int:
    """A budget that leaves something to estimate."""
    least = METHODS[name].minimum(Structure(coalitions, levels))
    return max(least, 60)


def best_of(scores: Array) -> Callable[[Array], Array]:
    return lambda coalitions: np.where(coalitions, scores, 0).max(axis=1)


RNG = np.random.default_rng(11)
PAIRS = RNG.normal(size=(12, 12))
SCORES = RNG.random(12)
VOTERS, TEAMS = RNG.integers(1, 21, 16), RNG.random((30, 16)) < RNG.random((30, 1))
COVERS, WORTH = RNG.random((16, 60)) < 0.15, RNG.random(60)
KNOWN: dict[str, Callable[[Array], Array]] = {
    "weighted voting": lambda x: x @ VOTERS >= VOTERS.sum() // 2 + 1,
    "sum of unanimity": lambda x: ((~x).astype(float) @ TEAMS.T == 0) @ WORTH[:30],
    "max": best_of(RNG.random(16)),
    "coverage": lambda x: (x.astype(float) @ COVERS > 0) @ WORTH,
    "pairwise": lambda x: np.einsum("mi,ij,mj->m", x * 1.0, np.outer(VOTERS, VOTERS) % 7 - 3.0, x * 1.0),
}
SIXTEEN = {
    "owen": [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]],
    "winter": [[[0, 9], [2, 3, 14]], [[5, 6, 7], [8, 1]], [10, [11, 12, 13]], [4, 15]],
}
HITS, VOTES = RNG.random((30, 16)), RNG.integers(1, 10, 16)
SQUARE = RNG.normal(size=(16, 16))
GAMES: dict[str, Callable[[Array], Array]] = {
    "facility": lambda x: np.where(x[:, None, :], HITS, 0).max(axis=2).mean(axis=1),
    "mean": lambda x: np.where(x.any(axis=1), x @ SQUARE[0] / np.maximum(x.sum(axis=1), 1), 0),
    "threshold": lambda x: (x @ VOTES >= VOTES.sum() / 2) * 1.0,
    "quadratic": lambda x: np.einsum("mi,ij,mj->m", x * 1.0, SQUARE, x * 1.0),
}


PHRASES = [list(range(start, start + 4)) for start in range(0, 24, 4)]


def text(seed: int) -> Callable[[Array], Array]:
    """Six sentences of four phrases that support facts, the more the better, with an echo between neighbours."""
    rng = np.random.default_rng([9, seed])
    supports, worth, echo = rng.random((24, 12)) < 0.15, rng.random(12), rng.normal(size=23) * 0.2

    def game(x: Array) -> Array:
        reward: Array = (x @ supports > 0) @ worth + (x[:, 1:] & x[:, :-1]) @ echo - 0.01 * x.sum(axis=1)
        return reward

    return game


def windows(game: Callable[[Array], Array], k: int, widest: int) -> Array:
    """Credits from contiguous windows alone, as OSPO (2601.08403) has them: Shapley weights, not renormalised."""
    spans = [(a, b) for a in range(k) for b in range(a + 1, min(k, a + widest) + 1)]
    rows = np.array([[a <= i < b for i in range(k)] for a, b in [(0, 0), (0, k), *spans]])
    value = {row.tobytes(): v for row, v in zip(rows, game(rows), strict=True)}
    credit = np.zeros(k)
    for row in rows:
        for i in np.flatnonzero(~row):
            joined = row | (np.arange(k) == i)
            if joined.tobytes() in value:
                credit[i] += (value[joined.tobytes()] - value[row.tobytes()]) / (k * comb(k - 1, int(row.sum())))
    return credit
