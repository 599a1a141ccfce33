"""The recipes of docs/recipes.md, taken from the page, against the published formulas, computed without the library."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose
from shapley_credit import utilities as u
from shapley_credit.credit.baselines import BASELINES, SCALES
from shapley_credit.testing import oracle
from shapley_credit.testing.instances import Array

from attempt_games import CHANCE, GRID, REWARDS, SAMPLES, SCORE, K, expected
from errors_seen import tolerance
from pages import DOCS, run_sessions

pytestmark = pytest.mark.checkout
EXACT = tolerance(np.float64)
PAGE = "recipes.md"


@pytest.fixture(scope="module")
def recipes() -> dict[str, Any]:
    return run_sessions(PAGE)


def verdicts(k: int) -> Array:
    """All groups of k attempts, each right or wrong."""
    return np.array(list(product([0.0, 1.0], repeat=k)))


# The best of a group.


def pkpo_sorted(g: Array, m: int) -> Array:
    """s_i - baseline_i of ascending rewards [.., n]: equations 19 to 21, and 34 by its sets (Walder & Karkhanis 2025)."""
    n = g.shape[-1]
    result = np.zeros(g.shape)
    for i in range(1, n + 1):
        result[..., i - 1] = comb(i - 1, m - 1) * g[..., i - 1]
        for j in range(max(i + 1, m), n + 1):
            result[..., i - 1] += comb(j - 2, m - 2) * g[..., j - 1]
        for others in combinations([j for j in range(n) if j != i - 1], m - 1):
            result[..., i - 1] -= g[..., others].max(axis=-1)
    return result / comb(n, m)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_pkpo(recipes: dict[str, Any], m: int) -> None:
    order = np.argsort(GRID, axis=1)
    published = np.empty(GRID.shape)
    np.put_along_axis(published, order, pkpo_sorted(np.take_along_axis(GRID, order, axis=1), m), axis=1)
    assert_allclose(recipes["pkpo"](GRID, m), published, atol=EXACT)


@pytest.mark.parametrize("m", [2, 3, 6])
def test_pkpo_of_right_and_wrong(recipes: dict[str, Any], m: int) -> None:
    """m/n to the right ones if m - 1 others would all fail."""
    for correct in verdicts(6):
        fail = comb(6 - int(correct.sum()), m - 1) / comb(5, m - 1)
        assert_allclose(recipes["pkpo"](correct, m), correct * fail * m / 6, atol=EXACT)


def test_pkpo_of_all_sizes_is_the_shapley_value(recipes: dict[str, Any]) -> None:
    mixture = sum(recipes["pkpo"](GRID, m) / m for m in range(1, 5))
    assert_allclose(sc.set_shapley(u.Max(GRID)), mixture, atol=EXACT)
    assert_allclose(recipes["pkpo"](GRID, 1), GRID / 4, atol=EXACT)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_maxpo(recipes: dict[str, Any], m: int) -> None:
    """s_i less the mean over j of what j adds where i is left out too (Takashiro et al. 2026)."""

    def gain(i: int, among: list[int]) -> Array:
        gains = [GRID[:, [*S, i]].max(axis=1) - (GRID[:, S].max(axis=1) if S else 0.0) for S in combinations(among, m - 1)]
        return np.asarray(np.mean(gains, axis=0))

    found = recipes["maxpo"](GRID, m)
    for i in range(4):
        others = [j for j in range(4) if j != i]
        baseline = np.mean([gain(j, [x for x in others if x != j]) for j in others], axis=0)
        assert_allclose(found[:, i], gain(i, others) - baseline, atol=EXACT)
    assert_allclose(found.sum(axis=1), 0.0, atol=EXACT)
    correct = verdicts(4)
    numerator = recipes["maxpo"](correct, m) * (4 - m) / 4
    rate = np.array([1 - comb(int(4 - row.sum()), m) / comb(4, m) for row in correct])[:, None]
    assert_allclose(recipes["pass_at_k_training"](correct, m) * (np.sqrt(rate * (1 - rate)) + 1e-6), numerator, atol=EXACT)


def chosen(n: int, m: int) -> int:
    return comb(n, m) if n >= 0 else 0


@pytest.mark.parametrize("n", range(2, 8))
def test_pass_at_k_training(recipes: dict[str, Any], n: int) -> None:
    """(1 - rho) / sigma to the right, (1 - rho - C(n-c-1, m-1) / C(n-1, m-1)) / sigma to the wrong (Chen et al. 2025)."""
    for m in range(1, n + 1):
        for correct, found in zip(verdicts(n), recipes["pass_at_k_training"](verdicts(n), m), strict=True):
            wrong = n - int(correct.sum())
            rho = 1 - comb(wrong, m) / comb(n, m)
            sigma = np.sqrt(rho * (1 - rho)) + 1e-6
            missed = chosen(wrong - 1, m - 1) / comb(n - 1, m - 1)
            assert_allclose(found * sigma, np.where(correct == 1, 1 - rho, 1 - rho - missed), atol=EXACT)


@pytest.mark.parametrize("k", [2, 5, 8])
def test_maxrl(recipes: dict[str, Any], k: int) -> None:
    for rewards in verdicts(k):
        mean = rewards.mean()
        published = (rewards - mean) / mean if mean else np.zeros(k)
        assert_allclose(recipes["maxrl"](rewards), published, atol=EXACT)


def test_best_minus_second(recipes: dict[str, Any]) -> None:
    credit = recipes["best_minus_second"](GRID)
    for rewards, found in zip(GRID, credit, strict=True):
        *_, second, best = sorted(rewards)
        assert_allclose(found, np.where(rewards == best, best - second, 0), atol=EXACT)


# Sets as a whole.


def marginal_advantage(value: Callable[[list[int]], float], k: int, m: int) -> Array:
    """The mean over the m-sets with i less that over all m-sets."""
    sets = [list(members) for members in combinations(range(k), m)]
    worth = {tuple(members): value(members) for members in sets}
    everyone = np.mean(list(worth.values()))
    return np.array([np.mean([v for members, v in worth.items() if i in members]) - everyone for i in range(k)])


def test_set_rl(recipes: dict[str, Any]) -> None:
    k = 5
    table = np.random.default_rng(0).normal(size=1 << k)

    def value(members: Any) -> float:
        return float(table[sum(1 << i for i in members)])

    total = np.full(k, (table[-1] - table[0]) / k)
    for m in range(1, k + 1):
        found = recipes["set_rl"](value, k, m)
        assert_allclose(found, marginal_advantage(value, k, m), atol=EXACT)
        if m < k:
            total += found / (k - m)
    assert_allclose(sc.set_shapley(value, k), total, atol=EXACT)


@pytest.mark.parametrize("graded", [False, True])
def test_poly_epo(recipes: dict[str, Any], graded: bool) -> None:
    rng = np.random.default_rng(1)
    k, m = 8, 4
    for _ in range(3):
        rewards = rng.normal(size=k) if graded else rng.integers(0, 2, k).astype(float)
        strategies = rng.integers(0, 4, k)

        def published(members: list[int], rewards: Array = rewards, strategies: Any = strategies) -> float:
            kinds = {strategies[i] for i in members}
            return float(sum(rewards[i] for i in members) / m * len(kinds) / m)

        found = recipes["poly_epo"](rewards, strategies, m)
        assert_allclose(found, marginal_advantage(published, k, m), atol=EXACT)
        if not graded:
            assert_allclose((k - m) * sc.set_shapley(typed_product(rewards, strategies, m)), found, atol=EXACT)


def typed_product(rewards: Array, strategies: Array, m: int) -> u.Typed:
    """Mean reward times share of strategies, of sets of m, as a function of the wrong and right ones of each strategy."""

    def value(*counts: int) -> float:
        pairs = np.reshape(counts, (-1, 2))
        return float(pairs[:, 1].sum() * np.count_nonzero(pairs.sum(axis=1)) / m**2 * (pairs.sum() == m))

    return u.Typed.of_counts(2 * strategies + rewards.astype(int), value, kinds=8)


def test_darling_diversity(recipes: dict[str, Any]) -> None:
    classes = np.random.default_rng(2).integers(0, 4, (20, 6))
    for row, found in zip(classes, recipes["darling_diversity"](classes), strict=True):
        assert_allclose(found, [sum(a != b for b in row) / 5 for a in row], atol=EXACT)


def test_gcpo(recipes: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    rewards, embedding = rng.random(5), rng.normal(size=(5, 3))
    x = rewards[:, None] * embedding

    def value(members: list[int]) -> float:
        return float(np.linalg.det(np.eye(3) + x[members].T @ x[members]) - 1)

    assert_allclose(recipes["gcpo"](rewards, embedding), in_all_orders(value, 5), atol=1e3 * EXACT)


# Candidates inside one response.


def in_all_orders(value: Callable[[list[int]], float], k: int) -> Array:
    return np.array([float(x) for x in oracle.shapley(lambda members: Fraction(value(list(members))), k)])


def test_multi_answer(recipes: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        answers, correct = rng.integers(0, 3, 5), rng.random(5) < 0.6
        found = recipes["multi_answer"](answers, correct)
        copies = [sum((answers == a) & correct) for a in answers]
        assert_allclose(found, [1 / n if right else 0 for n, right in zip(copies, correct, strict=True)], atol=EXACT)
        assert_allclose(
            found,
            in_all_orders(lambda members, a=answers, r=correct: len({a[i] for i in members if r[i]}), 5),  # type: ignore[misc]
            atol=EXACT,
        )


def test_vpo(recipes: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    rewards, weights = rng.normal(size=(5, 3)), rng.dirichlet(np.ones(3), 7)

    def value(members: list[int]) -> float:
        return float(np.mean([max(w @ rewards[i] for i in members) for w in weights])) if members else 0.0

    assert_allclose(recipes["vpo"](rewards, weights), in_all_orders(value, 5), atol=EXACT)


# Documents and training data.


def test_max_shapley(recipes: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    relevance, weights = rng.random((5, 4)), rng.random(4)
    for given in (None, weights):
        w = np.ones(4) if given is None else given

        def value(members: list[int], w: Array = w) -> float:
            return float(sum(w[e] * max((relevance[i, e] for i in members), default=0.0) for e in range(4)))

        assert_allclose(recipes["max_shapley"](relevance, given), in_all_orders(value, 5), atol=EXACT)


def knn_recursion(matches: Array, neighbors: int) -> Array:
    """Jia et al. 2019, theorem 1, nearest first."""
    n = len(matches)
    phi = np.zeros(n)
    phi[-1] = matches[-1] / n
    for i in range(n - 1, 0, -1):
        phi[i - 1] = phi[i] + (matches[i - 1] - matches[i]) / neighbors * min(neighbors, i) / i
    return phi


def soft_recursion(matches: Array, neighbors: int, classes: int) -> Array:
    """Wang & Jia 2023, nearest first, at least as many points as neighbours."""
    n = len(matches)
    harmonic = sum(1 / j for j in range(1, neighbors + 1))
    phi = np.zeros(n)
    phi[-1] = (matches[-1] - matches[:-1].mean()) / n * (harmonic - 1) + (matches[-1] - 1 / classes) / n
    for i in range(n - 1, 0, -1):
        step = harmonic + (min(i, neighbors) * (n - 1) / i - neighbors) / neighbors
        phi[i - 1] = phi[i] + (matches[i - 1] - matches[i]) / (n - 1) * step
    return phi


@pytest.mark.parametrize("neighbors", [1, 3, 7])
def test_knn(recipes: dict[str, Any], neighbors: int) -> None:
    rng = np.random.default_rng(6)
    distances, matches = rng.random((4, 7)), rng.integers(0, 2, (4, 7)).astype(float)
    hard, soft = np.zeros((4, 7)), np.zeros((4, 7))
    for test, order in enumerate(np.argsort(distances, axis=1)):
        hard[test, order] = knn_recursion(matches[test, order], neighbors)
        soft[test, order] = soft_recursion(matches[test, order], neighbors, 3)
    assert_allclose(recipes["knn_shapley"](matches, distances, neighbors), hard.mean(axis=0), atol=EXACT)
    assert_allclose(recipes["soft_knn"](matches, distances, neighbors, 3), soft.mean(axis=0), atol=EXACT)


# What they follow: every draw of a small policy.


def gradient(value: Callable[[Array], float], m: int) -> Array:
    """grad V_m of a function of m arms, exactly."""
    values = np.array([value(arms[:m]) for arms in SAMPLES])
    direction: Array = np.einsum("d,d,dia->a", CHANCE, values, SCORE[:, :m])
    return direction


def best(arms: Array) -> float:
    return float(REWARDS[arms].max())


def passes(arms: Array) -> float:
    return float((arms == 2).any())


def polychromic(arms: Array) -> float:
    return float(REWARDS[arms].mean() * len(set(arms.tolist())) / len(arms))


def deviation(m: int) -> Array:
    rates = np.array([np.mean([passes(arms[list(members)]) for members in combinations(range(K), m)]) for arms in SAMPLES])
    spread: Array = np.sqrt(rates * (1 - rates))[:, None]
    return spread + 1e-6


def centred(credit: Array) -> Array:
    mean: Array = credit.mean(axis=1, keepdims=True)
    return credit - mean


Recipes = dict[str, Any]
# Credits of all draws, and what the page says that they follow: sum of factor times grad V_m.
FOLLOWED: dict[str, tuple[Callable[[Recipes], Array], list[tuple[float, Callable[[Array], float], int]]]] = {
    "pkpo": (lambda r: r["pkpo"](REWARDS[SAMPLES], 2), [(1, best, 2)]),
    "pass@k training": (lambda r: r["pass_at_k_training"](SAMPLES == 2, 2) * deviation(2), [(1 / 2, passes, 2)]),
    "maxrl": (lambda r: r["maxrl"]((SAMPLES == 2) * 1.0), [(K, passes, 1), (K / 2, passes, 2)]),
    "maxpo": (lambda r: r["maxpo"](REWARDS[SAMPLES], 2), [(K / 2, best, 2)]),
    "best minus second": (lambda r: r["best_minus_second"](REWARDS[SAMPLES]), [(1, best, K)]),
    "best minus second, centred": (lambda r: centred(r["best_minus_second"](REWARDS[SAMPLES])), [(1, best, K - 1)]),
    "set rl": (
        lambda r: np.array([r["set_rl"](lambda i, y=y: best(y[i]), K, 2) for y in SAMPLES]),
        [(1 / 2, best, 2)],
    ),
    "poly-epo": (lambda r: np.array([r["poly_epo"](REWARDS[y], y, 2) for y in SAMPLES]), [(1 / 2, polychromic, 2)]),
    "darling": (lambda r: r["darling_diversity"](SAMPLES), [(K / 2, lambda arms: float(arms[0] != arms[1]), 2)]),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_the_page_says_is_followed(recipes: Recipes, name: str) -> None:
    credit, terms = FOLLOWED[name]
    promised = sum(factor * gradient(value, m) for factor, value, m in terms)
    assert np.abs(promised).max() > 0.01
    assert_allclose(expected(credit(recipes)), promised, atol=EXACT)


def test_every_normaliser_is_on_the_page() -> None:
    table = (DOCS / PAGE).read_text(encoding="utf-8").split("## Normalisers")[1].split("##")[0]
    assert set(re.findall(r'baseline="(\w+)"', table)) == set(BASELINES)
    assert set(re.findall(r'scale="(\w+)"', table)) == {*SCALES, "decoupled"}
