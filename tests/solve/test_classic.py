"""Published Shapley values, exact."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u

from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)


def voting(quota: int, weights: list[int]) -> Any:
    """The table of a weighted majority game, built by doubling."""
    total = np.zeros(1, np.int16)
    for weight in weights:
        total = np.concatenate([total, total + np.int16(weight)])
    return (total >= quota).astype(np.float64)


@every_role
def test_airport(role: str) -> None:
    """Littlechild & Owen 1973."""
    with using(role):
        assert sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0]), 4).tolist() == [2, 3, 4, 9]
        assert sc.set_shapley(lambda s: max((8, 11, 13, 18)[i] for i in s) if s else 0, 4) == pytest.approx([2, 3, 4, 9])


@every_role
def test_airport_of_100_players(role: str) -> None:
    """Castro, Gomez & Tejada 2009, table 2: costs 1 to 10."""
    sizes = [8, 12, 6, 14, 8, 9, 13, 10, 10, 10]
    published = [0.01, 0.020869565, 0.033369565, 0.046883079, 0.063549745, 0.082780515, 0.106036329, 0.139369662, 0.189369662]
    with using(role):
        credit = sc.set_shapley(u.Max(np.repeat(np.arange(1.0, 11.0), sizes)), 100)
    assert credit[np.cumsum(sizes) - 1] == pytest.approx([*published, 0.289369662], abs=5e-10)
    assert credit.sum() == pytest.approx(10.0, abs=1e-13)


@every_role
def test_glove_and_shoes(role: str) -> None:
    """One left and two right gloves; two left and three right shoes."""
    with using(role):
        glove = sc.set_shapley(lambda s: min(sum(i < 1 for i in s), sum(i >= 1 for i in s)), 3)
        shoes = sc.set_shapley(lambda s: min(sum(i < 2 for i in s), sum(i >= 2 for i in s)), 5)
    assert glove == pytest.approx([2 / 3, 1 / 6, 1 / 6], abs=1e-15)
    assert shoes == pytest.approx([13 / 20] * 2 + [7 / 30] * 3, abs=1e-15)


@every_role
def test_european_economic_community_1958(role: str) -> None:
    with using(role):
        power = sc.set_shapley(voting(12, [4, 4, 4, 2, 2, 1]), 6)
    assert power == pytest.approx([7 / 30] * 3 + [3 / 20] * 2 + [0], abs=1e-15)


@every_role
def test_security_council(role: str) -> None:
    with using(role):
        power = sc.set_shapley(voting(39, [7] * 5 + [1] * 10), 15)
    assert power == pytest.approx([421 / 2145] * 5 + [4 / 2145] * 10, abs=1e-14)


@every_role
def test_european_union_of_15(role: str) -> None:
    with using(role):
        power = sc.set_shapley(voting(62, [10, 10, 10, 10, 8, 5, 5, 5, 5, 4, 4, 3, 3, 3, 2]), 15)
    assert power[:4] == pytest.approx([7 / 60] * 4, abs=1e-14)


@every_role
def test_madrid_2015(role: str) -> None:
    with using(role):
        power = sc.set_shapley(voting(65, [48, 37, 27, 17]), 4)
    assert power == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6], abs=1e-15)


@pytest.mark.numba
def test_european_union_of_27() -> None:
    """2^27 values. On the Numba role only: the temporaries of the specification would take many gigabytes."""
    weights = [29] * 4 + [27] * 2 + [14, 13] + [12] * 5 + [10] * 3 + [7] * 5 + [4] * 5 + [3]
    with using("cpu"):
        power = sc.set_shapley(voting(255, weights).astype(np.float32), 27)
    largest = Fraction(126658297, 1460244240)
    smallest = Fraction(656778013, 80313433200)
    assert power[:4] == pytest.approx([float(largest)] * 4, abs=1e-8)
    assert power[-1] == pytest.approx(float(smallest), abs=1e-9)
    assert power.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-7)


@every_role
def test_knn_shapley_recursion(role: str) -> None:
    """Jia et al. 2019, theorem 1: from the farthest point inwards."""
    rng = np.random.default_rng(3)
    distances, matches, neighbors = rng.random(40), rng.integers(0, 2, 40).astype(float), 5
    order = np.argsort(distances)
    recursion = np.zeros(40)
    recursion[order[-1]] = matches[order[-1]] / 40
    for rank in range(38, -1, -1):
        near, far = order[rank], order[rank + 1]
        step = (matches[near] - matches[far]) / neighbors * min(neighbors, rank + 1) / (rank + 1)
        recursion[near] = recursion[far] + step
    with using(role):
        assert sc.set_shapley(u.DCG.knn(matches, distances, neighbors), 40) == pytest.approx(recursion, abs=1e-15)


@every_role
def test_binary_best_of_set_is_the_advantage_of_maxrl(role: str) -> None:
    """(r - mean) / mean = k phi - v(N) for binary rewards, c of k right."""
    with using(role):
        for right in range(1, 9):
            rewards = (np.arange(8) < right).astype(float)
            credit = sc.set_shapley(u.Max(rewards), 8)
            assert 8 * credit - 1 == pytest.approx((rewards - rewards.mean()) / rewards.mean(), abs=1e-15)
