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
from shapley_credit.credit import segments
from shapley_credit.errors import InputError
from shapley_credit.methods import ospo, shape_grpo
from shapley_credit.testing.oracle import shapley

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
        value="shapley",
    )
    credit = shape_grpo.shape_credit(rewards, present=present, scale="mean")
    whole = np.array([1.0, 3.0])
    mean = whole.mean()  # of the responses, not of their candidates
    first = [0, whole[0] - 2, credit[0, 1] - mean, *[credit[0, 0] - mean] * 2, 0, 0]
    second = [0, *[credit[1, 0] - mean] * 2, 0, credit[1, 1] - mean, whole[1] - 2, credit[1, 2] - mean]
    assert_allclose(got, np.array([first, second]), atol=1e-6)


def test_by_default_a_candidate_is_paid_what_the_best_falls_by_without_it() -> None:
    """Leave-one-out credit 2, 0 and 0, 0, times the two candidates; 1 and 4 are missing, and shared. The mean reward is 3.5."""
    text: dict[str, Any] = {"candidates": [[0, 1]] * 2, "lengths": [[1, 1]] * 2, "groups": 2}
    found = shape_grpo.shape_grpo([[3.0, 1.0], [4.0, 4.0]], np.ones((2, 2)), **text)
    assert_allclose(found, [[2 * (2 + 0.5) - 3.5, 2 * 0.5 - 3.5], [0.5, 0.5]])
    assert_allclose(shape_grpo.shape_grpo([[3.0, 1.0], [4.0, 4.0]], np.ones((2, 2)), value="leave_one_out", **text), found)
    ahead = shape_grpo.shape_grpo(
        [[3.0, 1.0, 1.0]] * 2,
        np.ones((2, 3)),
        credit="to_go",
        baseline="none",
        groups=2,
        candidates=[[0, 1, 2]] * 2,
        lengths=[[1] * 3] * 2,
    )
    assert_allclose(
        ahead, [[3.0, 3.0, 2 / 3]] * 2, rtol=1e-6
    )  # Shapley credits 7/3, 1/3, 1/3; a token's choice is whether to go on


def test_shape_refuses_text_of_an_absent_candidate() -> None:
    with pytest.raises(InputError, match="response 0 has a segment of candidate 1"):
        shape_grpo.shape_grpo(
            [[1.0, 2.0]], [[1, 1]], groups=["p"], present=[[True, False]], candidates=[[0, 1]], lengths=[[1, 1]]
        )


def test_shape_refuses_groups_that_do_not_divide_the_responses() -> None:
    with pytest.raises(InputError, match="groups=2"):
        shape_grpo.shape_grpo([[1.0]] * 3, [[1]] * 3, groups=2, candidates=[[0]] * 3, lengths=[[1]] * 3)


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


def test_ospo_compares_responses_and_scales_by_segments() -> None:
    texts = ["red blue", "blue blue red", "red green", "red green"]
    parts = [segments.segment(text, segments.words) for text in texts]
    offsets = [np.array([found.span() for found in re.finditer(r"\w+", text)]) for text in texts]
    offsets = [np.concatenate([rows, np.zeros((3 - len(rows), 2), int)]) for rows in offsets]
    mask = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0], [1, 1, 0]])
    got = ospo.ospo(parts, colour_reward, mask, offsets, groups=["p", "p", "q", "q"])
    phi = [estimate.values for estimate in ospo.segment_credit(parts, colour_reward).estimates]
    for rows in ([0, 1], [2, 3]):
        mean = np.mean([phi[row].sum() for row in rows])
        flat = np.concatenate([phi[row] - mean / len(phi[row]) for row in rows])
        assert_allclose(got[rows][mask[rows] > 0], flat / flat.std(ddof=1), rtol=1e-6)


def test_ospo_says_what_must_go_together() -> None:
    with pytest.raises(InputError, match="must go together"):
        ospo.ospo([response("red.")], colour_reward, np.ones((2, 1)), [np.array([(0, 3)])], groups=["p"])
    with pytest.raises(InputError, match="at least one response"):
        ospo.segment_credit([], colour_reward)
