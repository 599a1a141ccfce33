"""The methods: their published figures, their known weaknesses, and what this library does about them."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import utilities as u
from shapley_credit.credit import segments
from shapley_credit.errors import InputError
from shapley_credit.methods import gapo, ospo, shape_grpo
from shapley_credit.methods.windows import window_advantages, window_credit, window_rewards, windows

from oracle import shapley

# GAPO.


def test_frequency_reward_as_published() -> None:
    reward = gapo.frequency_reward([0, 0, 0, 1, 1, 2, 9], 4, valid=[1, 1, 1, 1, 1, 1, 0])
    assert_allclose(reward, [0.75, 0.75, 0.75, 11 / 12, 11 / 12, 13 / 12, -1], rtol=1e-15)


@pytest.mark.parametrize("labels", [(0, 0, 1, 2), (3, 3, 3, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("valid", [(1, 1, 1, 1), (1, 0, 1, 1), (0, 0, 0, 0)])
def test_frequency_utility_is_the_sum_of_the_published_rewards(labels: tuple[int, ...], valid: tuple[int, ...]) -> None:
    utility = gapo.diversity_utility(labels, utility="frequency", options=5, valid=valid)
    for chosen in product((False, True), repeat=4):
        kept = np.flatnonzero(chosen)
        rewards = gapo.frequency_reward(np.array(labels)[kept], 5, valid=np.array(valid)[kept])
        assert_allclose(utility.value(kept), rewards.sum(), atol=1e-14)


@pytest.mark.parametrize("name", gapo.DIVERSITIES)
def test_diversity_credit_is_shapley_of_the_utility(name: str) -> None:
    labels, valid = [0, 0, 1, 2, 5], [1, 1, 1, 0, 1]
    utility = gapo.diversity_utility(labels, utility=name, options=3, valid=valid)
    expected = sc.set_shapley(lambda coalition: utility.value(list(coalition)), 5)
    assert_allclose(gapo.diversity_credit(labels, utility=name, options=3, valid=valid), expected, atol=1e-13)


def test_advantages_of_the_frequency_utility_are_those_published() -> None:
    labels = np.array([[0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 1, 1]])
    ours = sc.advantages(
        gapo.diversity_credit(labels, utility="frequency", options=4).ravel(), 6, scale="group_std", floor=1e-9
    )
    theirs = sc.advantages(gapo.frequency_reward(labels, 4).ravel(), 6, scale="group_std", floor=1e-9)
    assert_allclose(ours, theirs, atol=1e-12)


def test_distinct_credit_is_one_over_the_copies() -> None:
    assert_allclose(gapo.diversity_credit([7, 7, 7, 8], utility="distinct"), [1 / 3, 1 / 3, 1 / 3, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"utility": "frequency"}, "needs options="),
        ({"utility": "novelty"}, "must be one of entropy, distinct, frequency"),
        ({"utility": "frequency", "options": 0}, "whole number >= 1"),
        ({"valid": [1]}, "shape of labels"),
    ],
)
def test_gapo_says_what_it_needs(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gapo.diversity_credit([0, 1], **arguments)


# ShapE-GRPO.


def best(rewards: list[Fraction], members: tuple[int, ...]) -> Fraction:
    return max((rewards[i] for i in members), default=Fraction(0))


def test_published_shape_credit_is_shapley_of_the_best() -> None:
    for rewards in product((-2.0, -0.5, 0.0, 1.0), repeat=3):
        grid = [Fraction(reward) for reward in rewards]
        expected = shapley(partial(best, grid), 3)
        assert_allclose(shape_grpo.published_credit(rewards), np.array(expected, float), atol=1e-14)


def test_published_shape_pays_the_unreadable_most_when_rewards_are_negative() -> None:
    unreadable = 2
    credit = shape_grpo.published_credit([-1.0, -3.0, 0.0])
    assert credit.argmax() == unreadable
    ours = shape_grpo.shape_credit([-1.0, -3.0, 0.0], base=-4.0, present=[1, 1, 0])
    assert ours[unreadable] == 0
    assert_allclose(ours, [2.5, 0.5, 0])


def test_published_shape_shrinks_with_the_list_and_the_mean_scale_does_not() -> None:
    for members in (2, 8, 32):
        rewards = np.ones(members)
        assert_allclose(shape_grpo.published_credit(rewards), 1 / members)
        assert_allclose(shape_grpo.shape_credit(rewards, scale="mean"), 1.0)


def test_duplicates_share() -> None:
    assert_allclose(shape_grpo.shape_credit([0.0, 2.0, 2.0]), [0, 1, 1])


def test_shape_tokens_land_on_their_candidates() -> None:
    rewards = np.array([[1.0, 0.0, 5.0], [3.0, 1.0, 0.0]])
    present = np.array([[True, True, False], [True, True, True]])
    mask = np.array([[0, 1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1, 1]])
    got = shape_grpo.shape_grpo(
        rewards,
        mask,
        groups=["p", "p"],
        present=present,
        candidates=[[-1, 1, 0], [0, 1, -1, 2]],
        lengths=[[1, 1, 2], [2, 1, 1, 1]],
    )
    credit = shape_grpo.shape_credit(rewards, present=present, scale="mean")
    mean = credit[present].mean()
    whole = np.array([1.0, 3.0])
    first = [0, whole[0] - 2, credit[0, 1] - mean, *[credit[0, 0] - mean] * 2, 0, 0]
    second = [0, *[credit[1, 0] - mean] * 2, 0, credit[1, 1] - mean, whole[1] - 2, credit[1, 2] - mean]
    assert_allclose(got, np.array([first, second]), atol=1e-6)


def test_shape_refuses_text_of_an_absent_candidate() -> None:
    with pytest.raises(InputError, match="response 0 has a segment of candidate 1"):
        shape_grpo.shape_grpo(
            [[1.0, 2.0]], [[1, 1]], groups=["p"], present=[[True, False]], candidates=[[0, 1]], lengths=[[1, 1]]
        )


def test_shape_refuses_groups_that_do_not_divide_the_responses() -> None:
    with pytest.raises(InputError, match="groups=2"):
        shape_grpo.shape_grpo([[1.0]] * 3, [[1]] * 3, groups=2, candidates=[[0]] * 3, lengths=[[1]] * 3)


# The windows of OSPO.


@pytest.mark.parametrize("n", range(1, 13))
@pytest.mark.parametrize("width", [1, 3, 8])
def test_number_of_windows(n: int, width: int) -> None:
    reach = min(width, n)
    expected = 1 + reach * n - reach * (reach - 1) // 2 + (reach < n)
    found = windows(n, width, limit=1000)
    assert len(found) == expected == len(np.unique(found, axis=0))


def test_sampled_windows_keep_the_ends_and_the_seed() -> None:
    found = windows(30, 8, limit=96, seed=3)
    assert_array_equal(found, windows(30, 8, limit=96, seed=3))
    assert len(found) == 96 == len(np.unique(found, axis=0))
    assert not found[0].any()
    assert found[-1].all()


def test_weight_mass_of_windows_falls() -> None:
    def mass(n: int) -> float:
        held = windows(n, 8, limit=96)
        return float(window_credit(held, held.sum(axis=1)).mass.mean())

    assert round(mass(4), 2) == 0.58
    assert mass(20) < 0.06


def test_windows_are_not_efficient_and_owen_is() -> None:
    worth = u.Max([3.0, 1.0, 2.0, 5.0])
    held = windows(4, 2)
    found = window_credit(held, [worth.value(row) for row in held])
    assert abs(found.gap) > 1
    assert_allclose(sc.owen(worth, [[0, 1], [2, 3]]).sum(), 5)


def test_window_credit_by_the_formula() -> None:
    held = windows(3, 3)
    table = {row.tobytes(): float(value) for row, value in zip(held, [0, 1, 4, 2, 6, 7, 9], strict=True)}
    assert len(table) == 7
    # Member 1: {} -> {1}, {0} -> {0,1}, {2} -> {1,2}; {0,2} is no window.
    expected = (4 - 0) / 3 + (6 - 1) / 6 + (7 - 2) / 6
    assert_allclose(window_credit(held, [0, 1, 4, 2, 6, 7, 9]).values[1], expected)


def test_published_token_rule_loses_signs_and_zero_rewards() -> None:
    phrases = tokens = [(0, 2), (3, 5), (6, 8)]
    positive = window_rewards([0.1, 0.2, 0.3], phrases, tokens, 1.0)
    assert_allclose(positive, window_rewards([-0.3, -0.2, -0.1], phrases, tokens, 1.0))
    assert_array_equal(window_rewards([0.1, 0.2, 0.3], phrases, tokens, 0.0), np.zeros(3))
    negative = window_rewards([0.1, 0.2, 0.3], phrases, tokens, -1.0)
    assert negative.argmin() == positive.argmax()


def test_published_modes() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    assert_allclose(window_advantages(shares, 2.0).mean(), 2.0)
    rank = window_advantages(shares, 1.0, mode="rank")
    assert rank.argmin() == shares.argmax()
    assert_allclose(window_advantages(shares, 2.0, mode="hybrid"), 6 * (0.7 * shares + 0.1))
    assert_array_equal(window_advantages(shares, 2.0, clip=1.5), np.minimum(6 * shares, 1.5))


def test_one_phrase_shares_the_reward_evenly() -> None:
    assert_allclose(window_rewards([0.4], [(0, 3)], [(0, 3), (3, 6)], 1.0), np.full(2, 0.5))


@pytest.mark.parametrize("arguments", [(0, 8, 96), (3, 0, 96), (3, 8, 1)])
def test_windows_say_what_they_need(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="windows needs"):
        windows(*arguments)


# OSPO by Winter values.

WORDS = {"red": 1.0, "blue": -2.0, "green": 0.5}


def colour_reward(text: str) -> float:
    """Signed, with a bonus for red together with green; 0 for the empty text."""
    return sum(WORDS.get(word, 0.0) for word in re.findall(r"[a-z]+", text)) + 3.0 * ("red" in text and "green" in text)


def response(text: str) -> segments.SegmentedText:
    return segments.segment(text, segments.sentences("en"), segments.words)


def test_segment_credit_is_winter_and_adds_up_to_the_reward() -> None:
    texts = [response("red blue. green x."), response("blue. red red.")]
    found = ospo.segment_credit(texts, colour_reward)
    for text, estimate, reward in zip(texts, found.estimates, found.rewards, strict=True):
        expected = sc.owen(lambda members, text=text: colour_reward(text.render(members)), text.tree)
        assert_allclose(estimate.values, expected, atol=1e-14)
        assert_allclose(estimate.values.sum(), reward)
        assert_array_equal(estimate.stderr, 0)
    assert_allclose(found.rewards, [2.5, 0.0])


def test_a_reward_of_zero_still_has_signed_credits() -> None:
    found = ospo.segment_credit([response("blue. red red.")], colour_reward)
    values = found.estimates[0].values
    assert found.rewards[0] == 0
    assert values.min() < 0 < values.max()


def test_negative_rewards_keep_their_signs() -> None:
    found = ospo.segment_credit([response("red blue. blue x.")], colour_reward)
    assert_allclose(found.estimates[0].values, [1, -2, -2, 0], atol=1e-14)


def test_a_budget_keeps_efficiency() -> None:
    text = response(" ".join(["red blue green x."] * 4))
    found = ospo.segment_credit([text], colour_reward, budget=64)
    assert found.evaluations <= 64 < text.tree.budget()
    assert_allclose(found.estimates[0].values.sum(), found.rewards[0], atol=1e-9)
    exact = ospo.segment_credit([text], colour_reward, budget=10**6)
    assert_array_equal(exact.estimates[0].stderr, 0)


def test_equal_texts_are_asked_once() -> None:
    asked: list[str] = []

    def reward(text: str) -> float:
        asked.append(text)
        return colour_reward(text)

    ospo.segment_credit([response("red blue."), response("red blue.")], reward)
    assert len(asked) == len(set(asked))


def test_ospo_tokens_start_at_the_answer_and_repeat_nothing() -> None:
    text = "red blue red."
    parts = segments.segment(text, segments.words)
    offsets = np.array([(0, 0), (0, 0), (0, 3), (4, 8), (9, 12), (12, 13)])
    mask = np.array([0, 0, 1, 1, 1, 1])
    got = ospo.ospo([parts], colour_reward, mask[None], [offsets], groups=["p"], baseline="none", scale="none", spread="token")
    credit = ospo.segment_credit([parts], colour_reward).estimates[0].values
    assert_array_equal(got[0, :2], 0)
    by_word = [got[0, 2], got[0, 3], got[0, 4] + got[0, 5]]  # the full stop goes with its word
    assert_allclose(by_word, credit, atol=1e-6)
    assert_allclose(got.sum(), colour_reward(text), atol=1e-6)


def test_ospo_compares_segments_with_all_of_their_group() -> None:
    texts = ["red blue", "blue blue red", "red green", "red green"]
    parts = [segments.segment(text, segments.words) for text in texts]
    offsets = [np.array([found.span() for found in re.finditer(r"\w+", text)]) for text in texts]
    offsets = [np.concatenate([rows, np.zeros((3 - len(rows), 2), int)]) for rows in offsets]
    mask = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0], [1, 1, 0]])
    got = ospo.ospo(parts, colour_reward, mask, offsets, groups=["p", "p", "q", "q"])
    phi = [estimate.values for estimate in ospo.segment_credit(parts, colour_reward).estimates]
    for rows in ([0, 1], [2, 3]):
        flat = np.concatenate([phi[row] for row in rows])
        assert_allclose(got[rows][mask[rows] > 0], (flat - flat.mean()) / flat.std(ddof=1), rtol=1e-6)


def test_ospo_says_what_must_go_together() -> None:
    with pytest.raises(InputError, match="must go together"):
        ospo.ospo([response("red.")], colour_reward, np.ones((2, 1)), [np.array([(0, 3)])], groups=["p"])
    with pytest.raises(InputError, match="at least one response"):
        ospo.segment_credit([], colour_reward)
