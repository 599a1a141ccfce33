"""The estimators of verl and SkyRL on arrays alone: each pays what its method pays."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import skyrl, verl
from shapley_credit.adapters.estimators import group_estimator, segment_estimator
from shapley_credit.adapters.rewards import segment_rewards, segments_of
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.credit import segments
from shapley_credit.methods import ospo
from shapley_credit.methods.gapo import gapo
from shapley_credit.methods.shape_grpo import shape_credit, shape_grpo

REWARDS = np.array([[0, 0, 3.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 2.0], [4.0, 0, 0, 0]], np.float32)
MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 0]], np.int64)
UIDS = ["p", "q", "p", "q"]


@pytest.mark.parametrize("index", [UIDS, np.array(UIDS, object)], ids=["list", "object array"])
def test_shapley_estimator(index: Any) -> None:
    advantages, returns = verl.ESTIMATORS["shapley"](REWARDS, MASK, index, config={}, reward_baselines=None)
    # Max of (3, 2): credits 2 and 1. Max of (1, 4): credits 0.5 and 3.5.
    expected = np.array([0.5, -1.5, -0.5, 1.5])[:, None] * MASK
    np.testing.assert_array_equal(advantages, expected)
    assert advantages.dtype == np.float32
    assert returns is advantages


@pytest.mark.torch
def test_estimators_answer_in_torch() -> None:
    import torch

    for dtype in (torch.float32, torch.bfloat16):
        advantages, _ = verl.ESTIMATORS["shapley"](torch.tensor(REWARDS).to(dtype), torch.tensor(MASK), np.array(UIDS, object))
        assert advantages.dtype == torch.float32
        np.testing.assert_array_equal(advantages.numpy(), verl.ESTIMATORS["shapley"](REWARDS, MASK, UIDS)[0])


def test_group_estimator_hands_over_columns_of_the_group() -> None:
    def distinct(rewards: Any, answer: Any, **_: Any) -> u.DistinctCount:
        return u.DistinctCount(np.unique(answer, return_inverse=True)[1])

    columns = {"answer": np.array(["x", "y", "x", "z"], object), "uid": np.array(UIDS, object)}
    advantages, _ = group_estimator(distinct, baseline="none")(REWARDS, MASK, UIDS, non_tensor_batch=columns)
    np.testing.assert_array_equal(advantages, np.array([0.5, 1.0, 0.5, 1.0])[:, None] * MASK)


TEXTS = ["Red. Blue, red. ", "(red) or blue?", "Red red blue. Red!", "blue"]


def reward_of(text: str) -> float:
    """0 for the segment "(red) or blue?" without its colours, more than its parts for red beside red."""
    return float(text.lower().count("red") ** 2 - text.count("blue")) / 3


KINDS = [
    ("own", 0.0, "segment"),
    ("own", 0.0, "token"),
    ("to_go", 0.0, "segment"),
    ("marginal", 0.0, "segment"),
    ("marginal", 0.3, "token"),
]


@given(st.permutations(range(4)), st.sampled_from(KINDS), st.sampled_from(["group_std", "none"]))
def test_ospo_of_segments_is_the_method_to_the_last_bit(order: list[int], kind: tuple[str, float, str], scale: str) -> None:
    """Signed credits of words, the glue between them in several stretches, holes in the mask."""
    rule, lam, spread = kind
    texts = [segments.segment(TEXTS[row], segments.matching(r"\w+")) for row in order]
    offsets = [np.array([found.span() for found in re.finditer(r"\w+|[^\w\s]", text.text)]) for text in texts]
    width = max(map(len, offsets))
    offsets = [np.concatenate([table, np.zeros((width - len(table), 2), int)]) for table in offsets]
    mask = np.array([table[:, 1] > 0 for table in offsets], np.int64)
    mask[order.index(0), 1] = 0
    expected = ospo.ospo(texts, reward_of, mask, offsets, groups=UIDS, credit=rule, lam=lam, spread=spread, scale=scale)
    stretches = [text.stretches(table, row) for text, table, row in zip(texts, offsets, mask, strict=True)]
    columns = {
        "segment_credit": [found.values for found in ospo.segment_credit(texts, reward_of).estimates],
        "segment_lengths": [lengths for lengths, _ in stretches],
        "segment_order": [owners for _, owners in stretches],
    }
    if rule == "marginal":
        grown = ospo.segment_marginals(texts, reward_of)
        written = [text.stretches(*row) for text, row in zip(grown.steps, zip(offsets, mask, strict=True), strict=True)]
        counts = [
            np.bincount(owners, lengths, len(m)).astype(int) for m, (lengths, owners) in zip(grown.values, written, strict=True)
        ]
        columns |= {"segment_marginal": grown.values, "marginal_lengths": counts}
    batch = {name: np.array([*rows, None], object)[:-1] for name, rows in columns.items()}
    assert any(len(own) > len(phi) for own, phi in zip(columns["segment_lengths"], columns["segment_credit"], strict=True))
    estimator = segment_estimator(credit=rule, lam=lam, spread=spread, scale=scale)
    np.testing.assert_array_equal(estimator(mask * 1.0, mask, UIDS, non_tensor_batch=batch)[0], expected)
    if spread == "segment" and scale == "group_std":
        named = verl.ESTIMATORS["ospo" if rule == "own" else f"ospo_{rule}"]
        np.testing.assert_array_equal(named(mask * 1.0, mask, UIDS, non_tensor_batch=batch)[0], expected)


SEGMENTS = {
    "segment_credit": np.array([[2.0, 1.0], [1.0], [0.0, 1.0], [4.0]], object),
    "segment_lengths": np.array([[1, 2], [2], [2, 1], [1]], object),
}


def test_ospo_by_hand() -> None:
    # Prompt p has credits 2, 1, 0, 1: mean 1, deviation sqrt(2 / 3). Prompt q has 1 and 4: mean 2.5, deviation 3 / sqrt(2).
    high, middle = np.sqrt(3 / 2), 1 / np.sqrt(2)
    expected = np.array([[high, 0, 0, 0], [-middle, -middle, 0, 0], [0, -high, -high, 0], [middle, 0, 0, 0]])
    advantages, returns = verl.ESTIMATORS["ospo"](REWARDS, MASK, UIDS, non_tensor_batch=SEGMENTS)
    np.testing.assert_allclose(advantages, expected, rtol=1e-6)
    assert returns is advantages
    unscaled, _ = verl.ESTIMATORS["shape_grpo"](REWARDS, MASK, UIDS, non_tensor_batch=SEGMENTS)
    np.testing.assert_array_equal(unscaled, [[1, 0, 0, 0], [-1.5, -1.5, 0, 0], [0, -1, -1, 0], [1.5, 0, 0, 0]])


@given(st.data())
def test_segments_travel_as_rewards_by_token(data: st.DataObject) -> None:
    """All that segments say is back behind a framework's tensors, credits of 0 and holes in the mask too."""
    lengths = [data.draw(st.lists(st.integers(1, 3), min_size=1 + (row == 0), max_size=4)) for row in range(4)]
    numbers = st.floats(-4, 4, width=16).map(lambda x: x * (abs(x) > 1))
    credit = [data.draw(st.lists(numbers, min_size=len(row), max_size=len(row))) for row in lengths]
    mask = np.zeros((4, 16), np.int64)
    for row, own in enumerate(lengths):
        mask[row, data.draw(st.permutations(range(16)))[: sum(own)]] = 1
    rewards = segment_rewards(mask, credit, lengths)
    assert rewards.dtype == np.float32
    np.testing.assert_allclose(rewards.sum(1, dtype=np.float64), [sum(row) for row in credit], rtol=0, atol=1e-30)
    assert not rewards[mask == 0].any()
    back, ends = segments_of(rewards.astype(np.float64), mask != 0)
    assert [row.tolist() for row in back] == credit
    assert [row.tolist() for row in ends] == lengths
    columns = {"segment_credit": credit, "segment_lengths": lengths}
    expected, _ = verl.ESTIMATORS["ospo"](rewards, mask, UIDS, non_tensor_batch=columns)
    np.testing.assert_array_equal(verl.ESTIMATORS["ospo"](rewards, mask, UIDS)[0], expected)


def test_rewards_by_token_end_segments() -> None:
    rewards = np.array([[0.0, 2.0, 0.0, 5.0, 0.0], [0.0] * 5, [1.0, 1.0, 9.0, 0.0, 0.0], [3.0] * 5])
    mask = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [0] * 5]) != 0
    credit, lengths = segments_of(rewards, mask)
    # The 9 stands on a token that is not trained, behind the last one that is.
    assert [row.tolist() for row in credit] == [[2.0, 5.0], [0.0], [1.0, 10.0], []]
    assert [row.tolist() for row in lengths] == [[2, 2], [3], [1, 1], []]
    # 2 + 5, 0, 1 + 10 in a group of three: mean 6 of a response. The last has no tokens, and a group of its own.
    found, _ = segment_estimator(scale="none")(rewards, mask, ["p", "p", "p", "q"])
    expected = np.array([[-1.0, -1.0, 0, 2.0, 2.0], [-6.0, -6.0, -6.0, 0, 0], [-2.0, 7.0, 0, 0, 0], [0.0] * 5])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_segment_without_tokens_leaves_its_reward_to_the_others() -> None:
    rewards = segment_rewards([[1, 1, 1], [1]], [[1.0, 3.0, 4.0], [0.0]], [[2, 0, 1], [1]])
    assert [row.tolist() for row in rewards] == [[0.0, 2.5, 5.5], [float(np.finfo(np.float32).tiny)]]
    with pytest.raises(InputError, match="row 1"):
        segment_rewards([[1, 1, 1], [1]], [[1.0], [0.0]], [[3], [2]])


def test_candidates_that_are_segments_are_paid_as_by_the_method() -> None:
    rewards = np.array([[3.0, 1.0], [2.0, 2.0], [0.0, 2.0], [4.0, 1.0]])
    lengths, mask = [[1, 2]] * 4, np.ones((4, 3), np.int64)
    expected = shape_grpo(rewards, mask, candidates=[[0, 1]] * 4, lengths=lengths, groups=UIDS)
    columns = {"segment_credit": shape_credit(rewards, scale="mean"), "segment_lengths": lengths}
    found, _ = verl.ESTIMATORS["shape_grpo"](mask * 1.0, mask, UIDS, non_tensor_batch=columns)
    np.testing.assert_array_equal(found, expected)


def test_shape_grpo_of_candidates_is_the_method() -> None:
    columns = {
        "candidate_rewards": np.array([[3.0, 1.0], [1.0], [0.0, 2.0], [4.0]], object),
        "segment_candidate": np.array([[-1, 1, 0], [0], [0, 1], [-1]], object),
        "segment_lengths": np.array([[1, 1, 1], [2], [2, 1], [1]], object),
    }
    expected = shape_grpo(
        [[3.0, 1.0], [1.0, 0.0], [0.0, 2.0], [4.0, 0.0]],
        MASK,
        candidates=list(columns["segment_candidate"]),
        lengths=list(columns["segment_lengths"]),
        groups=UIDS,
        present=[[1, 1], [1, 0], [1, 1], [1, 0]],
    )
    advantages, _ = verl.ESTIMATORS["shape_grpo"](REWARDS, MASK, np.array(UIDS, object), non_tensor_batch=columns)
    np.testing.assert_array_equal(advantages, expected)
    assert np.unique(advantages).size > 3


def test_gapo_of_answers_is_the_method() -> None:
    answers = np.array(["lime", 7, None, "lime", 7, "lime"], object)
    mask = np.ones((6, 2), np.int64)
    uids = ["p", "p", "q", "q", "q", "p"]
    advantages, _ = verl.ESTIMATORS["gapo"](mask * 1.0, mask, uids, non_tensor_batch={"answer": answers})
    expected = gapo([[0, 1, 0], [0, 1, 2]], np.ones((6, 2)), valid=[[1, 1, 1], [0, 1, 1]])
    np.testing.assert_allclose(advantages[[0, 1, 5, 2, 3, 4]], expected, rtol=1e-6)
    with pytest.raises(InputError, match="gapo reads the column answer"):
        verl.ESTIMATORS["gapo"](mask * 1.0, mask, uids)


def test_estimators_refuse_what_cannot_be_right() -> None:
    with pytest.raises(InputError, match="credits of segments"):
        verl.ESTIMATORS["ospo"](REWARDS, MASK, UIDS)
    with pytest.raises(InputError, match="KL"):
        verl.ESTIMATORS["shape_grpo"](REWARDS + 1, MASK, UIDS, config=SimpleNamespace(use_kl_in_reward=True))
    for index in (None, UIDS[:2]):
        with pytest.raises(InputError, match="index must say which prompt"):
            verl.ESTIMATORS["shapley"](REWARDS, MASK, index)


@pytest.mark.parametrize("asked", ["marginal", sc.marginal_vector])
def test_completions_side_by_side_have_no_order(asked: Any) -> None:
    with pytest.raises(InputError, match="written side by side and have no order"):
        group_credit(u.Max([1.0, 2.0]), 2, asked)
    with pytest.raises(InputError, match="written side by side and have no order"):
        group_estimator(lambda rewards, **_: u.Max(rewards), semivalue=asked)(REWARDS, MASK, UIDS)


# SkyRL.


def test_token_rewards_of_skyrl_add_up_and_land_on_trained_tokens() -> None:
    output = {
        "response_ids": [[1, 2, 3], [4, 5]],
        "loss_masks": [[1, 0, 1], [1, 1]],
        "rewards": [2.0, 5.0],
        "stop_reasons": None,
    }
    answer = skyrl.token_rewards(output, [[0.5, 1.5], [5.0]], [[1, 1], [2]])
    assert answer["rewards"] == [[0.5, 0.0, 1.5], [0.0, 5.0]]
    assert output["rewards"] == [2.0, 5.0]
    assert {name: answer[name] for name in output if name != "rewards"} == {
        name: value for name, value in output.items() if name != "rewards"
    }
    with pytest.raises(InputError, match="row 1"):
        skyrl.token_rewards(output, [[0.5], [5.0]], [[2], [1]])
