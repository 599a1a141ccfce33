"""Means and intervals of estimates over many seeds: unbiased where that is promised, and covering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.blackbox import adjusted
from shapley_credit.blackbox.kriging.covariance import Covariance
from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.random_coalitions import Coalitions
from shapley_credit.blackbox.solution import quantile
from shapley_credit.blackbox.structure import Structure

from plan_cases import CASES, KNOWN, UNBIASED, Array, codes, every, table


@pytest.mark.parametrize(
    ("name", "coalitions", "levels", "exact"),
    [case for case in CASES if case[0] in UNBIASED],
    ids=lambda value: str(value)[:12],
)
def test_unbiased_methods_are_unbiased_and_their_intervals_cover(
    name: str, coalitions: Any, levels: Any, exact: Callable[[Array], Array]
) -> None:
    values = table(8, 5)
    truth = exact(values)
    structure = Structure(coalitions, levels)
    per_replicate = (METHODS[name].minimum(structure) - 2) // 2
    budget = METHODS[name].minimum(structure) + 6 * per_replicate
    seeds = {"boosted": 30, "adjusted": 60}.get(name, 300)
    estimates = []
    for seed in range(seeds):
        plan = sc.plan(coalitions, budget=budget, method=name, levels=levels, seed=seed)
        estimates.append(plan.solve(values[codes(plan.coalitions)]))
    found = np.array([estimate.values for estimate in estimates])
    error = found.mean(axis=0) - truth
    spread = found.std(axis=0, ddof=1) / np.sqrt(seeds)
    assert (np.abs(error) <= 4.5 * spread + 1e-12).all()
    if seeds == 300:
        low, high = zip(*(estimate.interval() for estimate in estimates), strict=True)
        covered = ((np.array(low) <= truth) & (truth <= np.array(high))).mean()
        assert 0.92 <= covered <= 0.98


@pytest.mark.parametrize("name", ["kriging", "regression"])
def test_intervals_of_biased_methods_cover_where_their_model_holds(name: str) -> None:
    """Kriging on games drawn from one of its covariances; regression on a fixed game, asked for some of its coalitions."""
    covered = []
    everything = every(8).astype(np.float64)
    covariance = Covariance(np.full(8, 0.2), np.full(8, 0.2), 0.0).between(everything, everything)
    factor = np.linalg.cholesky(covariance + 1e-9 * np.eye(256))
    for seed in range(100 if name == "kriging" else 500):
        game = factor @ np.random.default_rng([7, seed]).normal(size=256) if name == "kriging" else table(8, 5)
        plan = sc.plan(8, budget=80, method=name, seed=seed)
        low, high = plan.solve(game[codes(plan.coalitions)]).interval()
        truth = sc.set_shapley(game, 8)
        covered.append((low <= truth) & (truth <= high))
    assert 0.92 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize(
    ("name", "budget", "seeds"),
    [
        ("auto", 160, 40),
        ("auto", 400, 20),
        ("adjusted", 400, 20),
        ("boosted", 400, 10),
        ("rotation", 160, 60),
        ("rotation", 400, 60),
        ("antithetic", 400, 60),
        ("stratified", 400, 60),
        ("regression", 400, 60),
    ],
)
def test_intervals_cover_on_known_games(name: str, budget: int, seeds: int) -> None:
    """Of the intervals of 95%, 92% to 98% hold the credit, over games that are not found exactly, and 90% at least on each."""
    everything, held = every(16), dict[str, float]()
    for game, value in KNOWN.items():
        values = value(everything).astype(np.float64)
        truth, rounding = sc.set_shapley(sc.utilities.Table(values)), 1e-12 * np.abs(values).max()
        covered, errors = [], []
        for seed in range(seeds):
            plan = sc.plan(16, budget=budget, method=name, seed=seed)
            result = plan.solve(values[codes(plan.coalitions)])
            low, high = result.interval()
            covered.append((low <= truth + rounding) & (truth <= high + rounding))
            errors.append(np.abs(result.values - truth).max())
        assert np.mean(covered) >= 0.9, (game, np.mean(covered))
        if max(errors) > 100 * rounding:
            held[game] = float(np.mean(covered))
    assert len(held) >= 3
    assert 0.92 <= np.mean(list(held.values())) <= 0.98, held


def test_an_and_game_is_not_biased_by_the_ends_of_a_grid() -> None:
    """Owen sampling with equal weights at both end points tends to .169 here; the truth is 1/8."""
    found = []
    for seed in range(200):
        plan = sc.plan(8, budget=150, method="rotation", seed=seed)
        found.append(plan.solve(plan.coalitions.all(axis=1)).values)
    np.testing.assert_allclose(np.mean(found, axis=0), 1 / 8, atol=0.03)
    np.testing.assert_allclose(np.mean(found), 1 / 8, atol=1e-12)


@pytest.mark.parametrize(
    ("freedom", "reach"),
    [(1, 12.7062047), (2, 4.30265273), (3, 3.18244631), (10, 2.22813885), (99, 1.98421695), (np.inf, 1.95996398)],
)
def test_interval_is_of_student(freedom: float, reach: float) -> None:
    assert quantile(0.95, freedom) == pytest.approx(reach, rel=1e-7)


def by_heart(structure: Structure, coalitions: Coalitions, values: Array, at: Coalitions) -> tuple[Array, Array]:
    """A surrogate that knows what it has seen, and is wrong about all else."""
    tables = np.zeros((len(values), 1 << structure.k))
    tables[:, codes(coalitions)] = values
    return tables[:, codes(at)], sc.set_semivalue(sc.utilities.Table(tables), structure.rules[0])


@pytest.mark.parametrize("rule", [semivalues.shapley, semivalues.banzhaf], ids=str)
def test_adjusted_is_not_biased_by_a_surrogate_that_learns_by_heart(rule: semivalues.Semivalue) -> None:
    """What it was fitted on says nothing of how wrong it is elsewhere: others of the draws must say that."""
    structure, values = Structure(8, (rule,)), table(8, 5)
    truth, solve = sc.set_semivalue(sc.utilities.Table(values), rule), adjusted.solver(by_heart)
    credits, errors, alone = [], [], []
    for seed in range(300):
        asked, split = adjusted.design(structure, 150, seed)
        assert split.seen == 74
        solution = solve(structure, asked, split, values[codes(asked)][None])
        credits.append(solution.credit[0])
        errors.append(solution.stderr[0] * quantile(0.95, solution.freedom))
        alone.append(by_heart(structure, asked[:74], values[codes(asked[:74])][None], asked)[1][0])
    spread = np.std(credits, axis=0, ddof=1) / np.sqrt(300)
    assert (np.abs(np.mean(credits, axis=0) - truth) <= 4.5 * spread).all()
    assert (np.abs(np.mean(alone, axis=0) - truth) > 4.5 * spread).mean() > 0.5
    assert 0.92 <= (np.abs(np.array(credits) - truth) <= errors).mean() <= 0.98


def knows_all(structure: Structure, coalitions: Coalitions, values: Array, at: Coalitions) -> tuple[Array, Array]:
    """A surrogate that is told the game of the tests."""
    return table(8, 5)[None, codes(at)], sc.set_shapley(sc.utilities.Table(table(8, 5)[None]))


def test_adjusted_is_exact_where_its_surrogate_is() -> None:
    structure = Structure(8, None)
    asked, split = adjusted.design(structure, 150, 0)
    solution = adjusted.solver(knows_all)(structure, asked, split, table(8, 5)[None, codes(asked)])
    np.testing.assert_allclose(solution.credit[0], sc.set_shapley(sc.utilities.Table(table(8, 5))), atol=1e-13)
    assert solution.stderr.max() <= 1e-13
