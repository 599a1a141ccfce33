"""What credit of turns optimises, by sums over all pairs of rollouts of a small policy: docs/turns.md."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pages import run_sessions
from small_policies import Array, softmax

# A turn is a letter, x or y, and then "." for the end or "?" for a question to the environment, which answers 0 or 1.
LONGEST = 3
SEEDS = st.integers(0, 99)
TOKENS: dict[str, Any] = {"rtol": 0.0, "atol": 2e-6}  # advantages are float32


def written(before: str = "", turn: int = 1) -> list[str]:
    """All rollouts that go on from what is there, of up to LONGEST turns."""
    found = []
    for letter in "xy":
        found.append(before + letter + ".")
        if turn < LONGEST:
            found += [text for answer in "01" for text in written(before + letter + "?" + answer, turn + 1)]
    return found


class World:
    """A policy with logits of its own behind every prefix, an environment with chances, a reward behind every token."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.texts = written()
        prefixes = sorted({text[:t] for text in self.texts for t in range(len(text) + 1)})
        self.reward = {prefix: float(rng.normal()) for prefix in prefixes} | {"": 0.0}
        self.value = {prefix: float(rng.normal()) for prefix in prefixes}
        nodes = {prefix: number for number, prefix in enumerate(prefixes)}
        logits, answers = rng.normal(size=(len(nodes), 2)), rng.random(len(nodes))
        self.chances, self.scores, self.masks = np.ones(len(self.texts)), [], []
        for i, text in enumerate(self.texts):
            rows = np.zeros((len(text), *logits.shape))
            for t, token in enumerate(text):
                node = nodes[text[:t]]
                if token in "01":
                    self.chances[i] *= answers[node] if token == "1" else 1 - answers[node]
                    continue
                if token == "." and text.count("?") == LONGEST - 1:
                    continue  # after the last question there is no choice
                action, policy = "xy.?".index(token) % 2, softmax(logits[node])
                self.chances[i] *= policy[action]
                rows[t, node] = np.eye(2)[action] - policy
            self.scores.append(rows)
            self.masks.append([int(token not in "01") for token in text])

    def rewards(self, text: str) -> list[float]:
        return [self.reward[text[: t + 1]] for t in range(len(text))]

    def turns(self, text: str) -> list[float]:
        """What each turn earns, the answers of the environment with the question."""
        found, row = [0.0], self.rewards(text)
        for token, before, reward in zip(text, " " + text, row, strict=False):
            found += [0.0] * (before in "01" and token in "xy")
            found[-1] += reward
        return found

    def values(self, text: str) -> list[float]:
        """A value of what is written up to the end of each turn, the end of the last one too."""
        return [self.value[text[: t + 1]] for t, token in enumerate(text) if token in ".?"]

    def gradient(self, worth: Any) -> Array:
        """Of the mean of worth(text), by all logits."""
        terms = [p * worth(text) * s.sum(axis=0) for p, text, s in zip(self.chances, self.texts, self.scores, strict=True)]
        return np.asarray(np.sum(terms, axis=0))

    def followed(self, numbers: Any, **how: Any) -> Array:
        """The mean of the policy gradient with credit of turns, over all pairs of rollouts to a prompt."""
        n = len(self.texts)
        both = [i for pair in product(range(n), repeat=2) for i in pair]
        paid = sc.turn_advantages([numbers(self.texts[i]) for i in both], [self.masks[i] for i in both], 2, **how)
        weights = [np.zeros(len(text)) for text in self.texts]
        for place, (i, row) in enumerate(zip(both, paid, strict=True)):
            weights[i] += self.chances[i] * self.chances[both[place ^ 1]] / 2 * row.astype(np.float64)
        terms = [np.tensordot(row, score, axes=1) for row, score in zip(weights, self.scores, strict=True)]
        return np.asarray(np.sum(terms, axis=0))


@pytest.mark.parametrize("baseline", ["turn", "leave_one_out", "none"])
@settings(max_examples=5)
@given(seed=SEEDS)
def test_to_go_is_unbiased_for_any_policy_and_environment(baseline: str, seed: int) -> None:
    world = World(seed)
    assert_allclose(
        world.followed(world.rewards, baseline=baseline), world.gradient(lambda text: sum(world.rewards(text))), **TOKENS
    )


@settings(max_examples=5)
@given(seed=SEEDS, gamma=st.sampled_from([0.0, 0.5, 0.9]))
def test_discounted_by_place_follows_the_discounted_sum_and_without_it_nothing(seed: int, gamma: float) -> None:
    world = World(seed)
    truth = world.gradient(lambda text: sum(gamma**m * r for m, r in enumerate(world.turns(text))))
    assert_allclose(world.followed(world.rewards, gamma=gamma, discounted=True), truth, **TOKENS)
    plain = world.followed(world.rewards, gamma=gamma)
    assert np.abs(plain - truth).max() > 1e-3
    assert np.abs(plain - world.gradient(lambda text: sum(world.rewards(text)))).max() > 1e-3


def test_to_go_with_a_discount_is_the_gradient_of_no_objective() -> None:
    """A gradient has a symmetric Jacobian. One of two letters, a question, one of two letters, by two logits.

    What the first letter is taught depends on the chance of the second, discounted; what the second is taught depends on the
    chance of the first, and not discounted.
    """
    worth = {"xx": 1.0, "xy": 0.0, "yx": 0.0, "yy": 0.0}  # earned in the second turn

    def followed(first: float, second: float, gamma: float, discounted: bool) -> Array:
        total = np.zeros(2)
        policies = [softmax(np.array([logit, 0.0])) for logit in (first, second)]
        for a, b in product(range(2), repeat=2):
            out = sc.turn_advantages(
                [[0.0, worth["xy"[a] + "xy"[b]]]], [[1, 0, 1]], 1, baseline="none", gamma=gamma, discounted=discounted
            )
            score = [(c == 0) - policy[0] for c, policy in zip((a, b), policies, strict=True)]
            total += policies[0][a] * policies[1][b] * out[0][[0, 2]] * score
        return total

    def asymmetry(gamma: float, discounted: bool) -> float:
        step, at = 1e-2, (0.3, -0.2)
        by_second = followed(at[0], at[1] + step, gamma, discounted) - followed(at[0], at[1] - step, gamma, discounted)
        by_first = followed(at[0] + step, at[1], gamma, discounted) - followed(at[0] - step, at[1], gamma, discounted)
        return float(abs(by_second[0] - by_first[1]) / (2 * step))

    assert asymmetry(0.5, discounted=False) > 1e-2
    assert asymmetry(0.5, discounted=True) < 1e-4
    assert asymmetry(1.0, discounted=False) < 1e-4


@settings(max_examples=5)
@given(seed=SEEDS)
def test_the_mean_of_a_group_keeps_all_but_one_share_of_the_gradient(seed: int) -> None:
    world = World(seed)
    truth = world.gradient(lambda text: sum(world.rewards(text)))
    assert_allclose(world.followed(world.rewards, baseline="mean"), truth / 2, **TOKENS)


@pytest.mark.parametrize("baseline", ["turn", "leave_one_out", "none"])
@settings(max_examples=3)
@given(seed=SEEDS)
def test_own_credit_of_turns_is_biased(baseline: str, seed: int) -> None:
    world = World(seed)
    gap = world.followed(world.rewards, credit="own", baseline=baseline) - world.gradient(lambda text: sum(world.rewards(text)))
    assert np.abs(gap).max() > 1e-3


@pytest.mark.parametrize("baseline", ["turn", "none"])
@settings(max_examples=5)
@given(seed=SEEDS)
def test_prefix_values_follow_the_value_of_the_whole(baseline: str, seed: int) -> None:
    world = World(seed)
    truth = world.gradient(lambda text: world.values(text)[-1])
    assert_allclose(world.followed(world.values, prefix_values=True, baseline=baseline), truth, **TOKENS)


def test_the_baseline_by_turn_is_quieter_where_each_turn_earns() -> None:
    """What it is for: the same mean, and less noise than one baseline for all turns."""
    rng = np.random.default_rng(0)
    mask, earned = np.array([[1, 0, 1, 0, 1, 0]] * 4000), rng.normal(1.0, 0.1, size=(4000, 3))
    noise = [float(np.square(sc.turn_advantages(earned, mask, 4, baseline=name)).sum()) for name in ("turn", "leave_one_out")]
    assert noise[0] < 0.1 * noise[1]


@pytest.mark.checkout
def test_sessions_of_the_page_run_as_printed() -> None:
    assert run_sessions("turns.md")
