"""What rules of groups follow, by sums over all draws of a small policy: the column `follows` of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages

from attempt_games import CHANCE, REWARDS, SAMPLES, SCORE, K, expected
from errors_seen import tolerance
from group_formulas import entropy

Array = np.ndarray[Any, Any]
EXACT: dict[str, Any] = {"rtol": 0.0, "atol": 10 * tolerance(np.float64)}

# What the arms are: arm 2 is right, arms 1 and 2 give answers that count, and each covers items.
RIGHT = np.array([0.0, 0.0, 1.0])
COUNTS = np.array([0.0, 1.0, 1.0])
ANSWER = ["x", "y", "z"]
COVERS = [["a"], ["a", "b"], ["b", "c", "d"]]
VECTORS = np.array([[1.0, 0.0], [0.6, 0.8], [0.2, -0.9]])

Term = tuple[float, int]  # factor, m


def best(arms: Array) -> float:
    return float(REWARDS[arms].max())


def passes(arms: Array) -> float:
    return float(RIGHT[arms].any())


def counted(arms: Array) -> list[int]:
    return [int(arm) for arm in arms if COUNTS[arm]]


def different(arms: Array) -> float:
    return float(len(set(counted(arms))))


def covered(arms: Array) -> float:
    return float(len({item for arm in counted(arms) for item in COVERS[arm]}))


def volume(arms: Array) -> float:
    weighted = REWARDS[arms, None] * VECTORS[arms]
    return float(np.linalg.det(np.eye(2) + weighted.T @ weighted) - 1)


def shannon(arms: Array) -> float:
    return entropy(counted(arms))


def variety(arms: Array) -> float:
    """Entropy of all answers, of which arm 0 gives none, less the responses without one."""
    return shannon(arms) - Counter(arms.tolist())[0]


HARMONIC: list[Term] = [(1 / m, m) for m in range(1, K + 1)]
RULES: dict[str, tuple[Array, Callable[[Array], float], list[Term], list[Term]]] = {
    # rewards of the arms, v, what is followed under the rule's own baseline, and under none
    "shapley": (REWARDS, best, HARMONIC[:-1], HARMONIC),
    "banzhaf": (
        REWARDS,
        best,
        [(comb(K - 1, m) / 2 ** (K - 2), m) for m in range(1, K)],
        [(comb(K, m) / 2 ** (K - 1), m) for m in range(1, K + 1)],
    ),
    "leave_one_out": (REWARDS, best, [(1, K)], [(1, K)]),
    "best_minus_second": (REWARDS, best, [(1, K)], [(1, K)]),
    "pkpo": (REWARDS, best, [(1, 2)], [(1, 2)]),
    "maxpo": (REWARDS, best, [(K / 2, 2)], [(K / 2, 2)]),
    "maxrl": (REWARDS, best, [(K * factor, m) for factor, m in HARMONIC[:-1]], [(K * factor, m) for factor, m in HARMONIC]),
    "gapo": (REWARDS, variety, HARMONIC[:-1], HARMONIC),
    "distinct": (COUNTS, different, HARMONIC[:-1], HARMONIC),
    "entropy": (COUNTS, shannon, HARMONIC[:-1], HARMONIC),
    "coverage": (COUNTS, covered, HARMONIC[:-1], HARMONIC),
    "gcpo": (REWARDS, volume, HARMONIC[:-1], HARMONIC),
}


def gradient(value: Callable[[Array], float], m: int) -> Array:
    """grad V_m by the policy's logits, exactly."""
    values = np.array([value(arms[:m]) for arms in SAMPLES])
    return np.asarray(np.einsum("d,d,dia->a", CHANCE, values, SCORE[:, :m]))


def paid(name: str, rewards: Array, **given: Any) -> Array:
    """The advantages of all draws of K arms, each draw a group, [draws, K]."""
    arms = SAMPLES.reshape(-1)
    columns = {
        "answer": [None if name == "gapo" and arm == 0 else ANSWER[arm] for arm in arms],
        "covers": [COVERS[arm] for arm in arms],
        "embedding": VECTORS[arms],
    }
    return np.reshape(group_advantages(name, rewards[arms], K, columns=columns, **given), SAMPLES.shape)


def promised(value: Callable[[Array], float], terms: list[Term]) -> Array:
    return np.asarray(sum(factor * gradient(value, m) for factor, m in terms))


def test_every_rule_that_follows_something_is_here() -> None:
    assert {*RULES, "pass_at_k", "gdpo"} == set(GROUP_RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_follows_what_its_table_says(name: str) -> None:
    rewards, value, under_own, under_none = RULES[name]
    own = {"scale": "none"} if GROUP_RULES[name].scale != "none" else {}
    for given, terms in ((own, under_own), ({**own, "baseline": "none"}, under_none)):
        wanted = promised(value, terms)
        assert np.abs(wanted).max() > 0.01
        assert_allclose(expected(paid(name, rewards, **given)), wanted, **EXACT)


@pytest.mark.parametrize("m", [1, 2])
def test_pass_at_k_follows_passes_before_its_division(m: int) -> None:
    wrong = (RIGHT[SAMPLES] == 0).sum(axis=1)
    rate = 1 - np.array([comb(w, m) for w in wrong]) / comb(K, m)
    spread = np.sqrt(rate * (1 - rate)) + 1e-6
    found = expected(paid("pass_at_k", RIGHT, m=m) * spread[:, None])
    assert_allclose(found, promised(passes, [((K - m) / m, m)]), **EXACT)


@pytest.mark.parametrize("m", [1, 2])
def test_the_best_of_m_for_every_m(m: int) -> None:
    assert_allclose(expected(paid("pkpo", REWARDS, m=m)), promised(best, [(1, m)]), **EXACT)
    assert_allclose(expected(paid("maxpo", REWARDS, m=m)), promised(best, [(K / m, m)]), **EXACT)


def test_right_and_wrong_make_maxrl_follow_all_passes() -> None:
    wanted = promised(passes, [(K * factor, m) for factor, m in HARMONIC[:-1]])
    assert_allclose(expected(paid("maxrl", RIGHT)), wanted, **EXACT)


def test_maxpo_adds_up_to_nothing_and_pkpo_does_not() -> None:
    assert_allclose(paid("maxpo", REWARDS, m=2).sum(axis=1), 0.0, **EXACT)
    assert paid("pkpo", REWARDS, m=2).sum(axis=1).max() > 0.1
    # The baseline of maxpo leaves the direction of pkpo as it is, and takes off noise.
    noise = [np.einsum("d,dia->", CHANCE, (paid(name, REWARDS, m=2)[:, :, None] * SCORE) ** 2) for name in ("maxpo", "pkpo")]
    assert noise[0] / (K / 2) ** 2 < noise[1]
