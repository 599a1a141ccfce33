"""Digits at sizes that brute force can't reach: exact rationals, published indices, second routes, efficiency."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u

from roles import ROLES, using
from shapley_kernels import quadrature

every_role = pytest.mark.parametrize("role", ROLES)
RNG = np.random.default_rng(17)


@pytest.mark.parametrize("m", [1, 2, 3, 50, 501, 2000])
def test_nodes_keep_their_digits_at_both_ends(m: int) -> None:
    t, one_minus_t, weights = quadrature.nodes(m)
    assert np.all(np.diff(t) > 0)
    for power in {0, 1, m // 2, m - 1, 2 * m - 1}:
        for ends in (t, one_minus_t):
            assert (weights * ends**power).sum() * (power + 1) == pytest.approx(1.0, abs=5e-14)


def test_fewer_nodes_than_exact_ones_are_enough() -> None:
    """The bound that cuts ceil(k/2) nodes to about 4.3 sqrt k, against exact quadrature."""
    for k in (100, 301, 1000):
        few = quadrature.count(k, float(np.finfo(np.float64).eps) / 4)
        assert few < k // 2
        p = RNG.random(k)
        results = []
        for m in (few, (k + 1) // 2):
            t, _, weights = quadrature.nodes(m)
            factors = 1 - t[:, None] * p
            results.append((weights * factors[:, 1:].prod(axis=1)).sum())
        assert abs(results[0] - results[1]) < 1e-15


@every_role
def test_noisy_or_of_40_members_is_the_exact_rational(role: str) -> None:
    numerators = RNG.integers(1, 64, 40)
    p = [Fraction(int(x), 64) for x in numerators]
    with using(role):
        credit = sc.set_shapley(u.NoisyOr(numerators / 64))
    for i in (0, 7, 39):
        polynomial = [Fraction(1)]
        for j, chance in enumerate(p):
            if j != i:
                padded = [*polynomial, Fraction(0)]
                polynomial = [a - chance * b for a, b in zip(padded, [Fraction(0), *polynomial], strict=True)]
        truth = p[i] * sum(c / (power + 1) for power, c in enumerate(polynomial))
        assert credit[i] == pytest.approx(float(truth), rel=1e-13)


@every_role
def test_small_chances_keep_their_digits(role: str) -> None:
    with using(role):
        credit = sc.set_shapley(u.NoisyOr([1e-18, 1e-18]))
    assert credit == pytest.approx([1e-18, 1e-18], rel=1e-12)


LARGE: list[tuple[Any, float]] = [
    (lambda: u.NoisyOr(RNG.random(2000) * 0.01), 1e-14),
    (lambda: u.Max(RNG.normal(size=2000)), 1e-13),
    (lambda: u.Mean(RNG.normal(size=2000)), 1e-13),
    (lambda: u.DCG(RNG.random(2000)), 1e-12),
    (lambda: u.MeanPairwise(np.abs(np.subtract.outer(np.arange(500.0), np.arange(500.0)))), 1e-11),
    (lambda: u.Entropy(RNG.integers(0, 5, 300)), 1e-13),
    (lambda: u.UniqueFraction(RNG.integers(0, 40, 300)), 1e-13),
    (lambda: u.Plurality(RNG.integers(0, 3, 60), ties="shared"), 1e-13),
    (lambda: u.MinGap(RNG.random(100)), 1e-14),
    (lambda: u.MinGap(10.0 ** -np.arange(60.0)), 1e-14),
    (lambda: u.MNLShare(10.0 ** RNG.uniform(-8, 8, 300)), 1e-13),
    (lambda: u.LogSumExp(RNG.uniform(-18, 18, 300)), 1e-12),
    (lambda: u.SqrtSum(10.0 ** RNG.uniform(-8, 8, 300)), 1e-8),
]


@pytest.mark.parametrize(("make", "slack"), LARGE, ids=range(len(LARGE)))
@every_role
def test_credits_of_many_members_add_up(make: Any, slack: float, role: str) -> None:
    utility = make()
    with using(role):
        credit = sc.set_shapley(utility)
    everyone = range(utility.k)
    assert credit.sum() == pytest.approx(utility.value(everyone) - utility.value(()), abs=slack)


@every_role
def test_pass_at_k_is_the_game_of_two_counts(role: str) -> None:
    """The closed form against the mean over hypergeometric draws."""
    correct, m = np.arange(200) % 7 == 0, 5
    table = [[1 - comb(a, m) / comb(a + b, m) if a + b >= m else 0.0 for b in range(201)] for a in range(201)]
    with using(role):
        closed, averaged = sc.set_shapley(u.PassAtK(correct, m)), sc.set_shapley(u.Typed(correct, table))
    assert np.abs(closed - averaged).max() < 1e-13


@pytest.mark.parametrize("ties", ["strict", "shared"])
@pytest.mark.parametrize("sizes", [(150, 7, 5), (40, 45, 38), (3, 60, 60), (1, 199)])
def test_a_vote_is_a_game_of_counts(sizes: tuple[int, ...], ties: str) -> None:
    """The integral against the mean over hypergeometric draws, at sizes where binomial chances underflow."""
    labels = np.repeat(np.arange(len(sizes)), sizes)

    def value(*counts: int) -> float:
        winners = sum(count == max(counts) for count in counts)
        return 0.0 if counts[0] < max(1, *counts) else 1 / winners if ties == "shared" else float(winners == 1)

    voted, averaged = sc.set_shapley(u.Plurality(labels, ties=ties)), sc.set_shapley(u.Typed.of_counts(labels, value))
    assert np.abs(voted - averaged).max() < 1e-13


def test_a_majority_is_a_game_of_two_counts() -> None:
    correct = np.arange(300) % 9 == 0
    counted = sc.set_shapley(u.WeightedVoting.majority(correct))
    averaged = sc.set_shapley(u.Typed.of_counts(correct.astype(int), lambda wrong, right: float(right > wrong)))
    assert np.abs(counted - averaged).max() < 1e-13


def test_pass_at_k_of_many_attempts() -> None:
    """Without a table of all sizes, which would not fit."""
    attempts = np.arange(60_000)
    credit = sc.set_shapley(u.PassAtK(attempts < 500, 1000, mask=attempts % 2 == 0))
    missed = np.log1p(-250 / (30_000 - np.arange(1000))).sum()
    assert credit.sum() == pytest.approx(1 - np.exp(missed), abs=1e-12)


def test_power_in_the_european_union_of_27() -> None:
    weights = [29] * 4 + [27] * 2 + [14, 13] + [12] * 5 + [10] * 3 + [7] * 5 + [4] * 5 + [3]
    power = sc.set_shapley(u.WeightedVoting(weights, 255))
    assert power[0] == pytest.approx(float(Fraction(126658297, 1460244240)), abs=1e-15)
    assert power[-1] == pytest.approx(float(Fraction(656778013, 80313433200)), abs=1e-15)
    assert power.sum() == pytest.approx(1.0, abs=1e-14)


def test_structured_and_tabulated_values_agree_on_a_tree_of_16() -> None:
    scores = RNG.normal(size=16)
    tree = sc.CoalitionTree.from_labels(np.arange(16) // 8, np.arange(16) // 2)
    for utility in (u.Max(scores, -3.0), u.DCG(scores), u.Entropy(np.arange(16) % 3)):
        table = sc.owen(lambda s, v=utility: v.value(s), tree, 16)
        assert np.abs(sc.owen(utility, tree) - table).max() < 1e-12
    assert np.isfinite(sc.set_semivalue(u.Max(RNG.normal(size=400)), semivalues.banzhaf)).all()
