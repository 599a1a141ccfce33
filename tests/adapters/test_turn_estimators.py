"""Turns in verl and SkyRL, on arrays alone: each pays what `turn_advantages` pays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import InputError
from shapley_credit.adapters import skyrl
from shapley_credit.adapters.estimators import turn_estimator
from shapley_credit.adapters.registered import ESTIMATORS
from shapley_credit.adapters.rewards import UNTRAINED, turn_rewards

from token_layouts import Array, padded

UIDS = ["p", "q", "p"]
MASKS = [[1, 1, 0, 1, 0, 1], [1, 0, 1], [0, 1, 0, 0, 1, 1]]
# Of turns; the tool's answers of the first rollout earn 1 in all.
EARNED = [[3.0, 0.0, 2.0], [4.0, 1.0], [1.0, 5.0]]
BY_TOKEN = [[0.0, 2.0, 1.0, 0.0, 0.0, 2.0], [4.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0, 0.0, 5.0]]
MASK = np.array([[*row, *[0] * (6 - len(row))] for row in MASKS])
REWARDS = np.array([[*row, *[0.0] * (6 - len(row))] for row in BY_TOKEN], np.float32)
# To go: 5, 2, 2 against 6, 5; the third turn has only the whole of the other. The one response to q has nobody beside it.
TO_GO = np.array([[-1.0, -1.0, 0, -3.0, 0, -4.0], [0.0] * 6, [0, 1.0, 0, 0, 3.0, 3.0]])


def test_turns_by_hand() -> None:
    advantages, returns = ESTIMATORS["turns"](REWARDS, MASK, UIDS, config={}, reward_baselines=None)
    assert_array_equal(advantages, TO_GO)
    assert returns is advantages
    assert advantages.dtype == np.float32
    own, _ = ESTIMATORS["turns_own"](REWARDS, MASK, UIDS)
    assert_array_equal(own, sc.turn_advantages(REWARDS, MASK, UIDS, credit="own"))
    assert not np.array_equal(own, advantages)


@pytest.mark.torch
def test_tensors() -> None:
    import torch

    for dtype in (torch.float32, torch.bfloat16):
        advantages, _ = ESTIMATORS["turns"](torch.tensor(REWARDS, dtype=dtype), torch.tensor(MASK), np.array(UIDS, object))
        assert advantages.dtype == torch.float32
        assert_array_equal(advantages.numpy(), TO_GO)
    marked = torch.tensor(padded_rows(turn_rewards(MASKS, EARNED)))
    everything = torch.tensor(padded([[True] * len(row) for row in MASKS], left=True))
    advantages, _ = ESTIMATORS["turns"](marked, everything, UIDS)
    assert_array_equal(right_aligned(TO_GO), advantages.numpy())


def padded_rows(rows: Any) -> Array:
    """To the left, as SkyRL pads."""
    return np.array([[*[0.0] * (6 - len(row)), *row] for row in rows], np.float32)


def right_aligned(table: Array) -> Array:
    return padded_rows([row[: len(mask)] for row, mask in zip(table, MASKS, strict=True)])


def test_the_discount_is_that_of_the_framework_unless_it_is_given() -> None:
    half = sc.turn_advantages(REWARDS, MASK, UIDS, gamma=0.5)
    assert_array_equal(ESTIMATORS["turns"](REWARDS, MASK, UIDS, config=SimpleNamespace(gamma=0.5))[0], half)  # verl
    assert_array_equal(ESTIMATORS["turns"](REWARDS, MASK, UIDS, config=None, gamma=0.5, lambd=0.9)[0], half)  # SkyRL
    whole = turn_estimator(gamma=1.0)
    assert_array_equal(whole(REWARDS, MASK, UIDS, config=SimpleNamespace(gamma=0.5), gamma=0.5)[0], TO_GO)
    with pytest.raises(InputError, match=r"credit 'own' has none; got gamma=0.5"):
        ESTIMATORS["turns_own"](REWARDS, MASK, UIDS, config=SimpleNamespace(gamma=0.5))


HOW: list[dict[str, Any]] = [
    {"baseline": "mean", "scale": "group_std"},
    {"discounted": True, "gamma": 0.5},
    {"credit": "own", "baseline": "turn"},
    {"prefix_values": True, "scale": "batch_std", "baseline": "none"},
]


@pytest.mark.parametrize("how", HOW)
def test_parameters_reach_the_rule(how: dict[str, Any]) -> None:
    wanted = sc.turn_advantages(REWARDS, MASK, UIDS, **how)
    assert_array_equal(turn_estimator(**how)(REWARDS, MASK, UIDS)[0], wanted)
    columns = {"turn_rewards": np.array([*EARNED, None], object)[:-1]}
    assert_array_equal(turn_estimator(**how)(0 * REWARDS, MASK, UIDS, non_tensor_batch=columns)[0], wanted)


def test_what_estimators_refuse() -> None:
    for wrong, told in (({"gamma": 2.0}, "gamma"), ({"credit": "ahead"}, "credit of turns"), ({"baseline": "b"}, "baseline")):
        with pytest.raises(InputError, match=told):  # when it is made, not when training has started
            turn_estimator(**wrong)
    with pytest.raises(InputError, match="index must say which prompt"):
        ESTIMATORS["turns"](REWARDS, MASK)
    columns = {"turn_rewards": np.array([[1.0, None, 0.0], [1.0, 2.0], [0.0, 0.0]], object)}
    with pytest.raises(InputError, match=r"turn_rewards must hold real numbers; found None at \[0, 1\]"):
        ESTIMATORS["turns"](REWARDS, MASK, UIDS, non_tensor_batch=columns)
    columns = {"turn_rewards": np.array([[1.0, 0.0], [1.0, 2.0], [0.0]], object)}
    with pytest.raises(InputError, match=r"row 0 of rewards has 2 numbers.*one for each of its 3 turns"):
        ESTIMATORS["turns"](REWARDS, MASK, UIDS, non_tensor_batch=columns)
    with pytest.raises(InputError, match="mask must hold 1 for trainable tokens"):
        ESTIMATORS["turns"](REWARDS, 2 * MASK, UIDS)
    for number in (np.nan, np.inf):
        with pytest.raises(InputError, match="row 1 of token_level_rewards holds NaN or an infinite number"):
            ESTIMATORS["turns"](np.where(REWARDS == 4.0, number, REWARDS), MASK, UIDS)


# SkyRL: the mask travels in the rewards.


@settings(max_examples=30)
@given(st.data())
def test_turns_travel_as_rewards_by_token(data: st.DataObject) -> None:
    masks = data.draw(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=8), min_size=1, max_size=5))
    number = st.one_of(st.just(0.0), st.floats(-4, 4, width=16))
    rewards = [data.draw(st.lists(number, min_size=len(row), max_size=len(row))) for row in masks]
    uids = [data.draw(st.sampled_from("pq")) for _ in masks]
    output = {"response_ids": [[1] * len(row) for row in masks], "loss_masks": masks, "rewards": [0.0] * len(masks)}
    credited = skyrl.turn_token_rewards(output, rewards)["rewards"]
    for row, mask in zip(credited, masks, strict=True):
        assert [reward == UNTRAINED for reward in row] == [not flag for flag in mask]
    width = max(map(len, masks))
    table, seen = np.zeros((len(masks), width), np.float32), np.zeros((len(masks), width), np.int64)
    for i, row in enumerate(credited):
        table[i, width - len(row) :], seen[i, width - len(row) :] = row, 1
    wanted = sc.turn_advantages(rewards, masks, uids)
    for row, own in zip(ESTIMATORS["turns"](table, seen, uids)[0], wanted, strict=True):
        assert_allclose(row[width - len(own) :], own, rtol=0, atol=1e-5)


def test_rewards_of_whole_responses_are_those_of_their_last_turns() -> None:
    output: dict[str, Any] = {
        "response_ids": [],
        "loss_masks": [[1, 0, 1, 1, 0], [0, 1], []],
        "rewards": [3.0, np.float32(2.0), 1.0],
        "more": 1,
    }
    answer = skyrl.turn_token_rewards(output)
    assert answer["rewards"] == [[0.0, UNTRAINED, 0.0, 3.0, UNTRAINED], [UNTRAINED, 2.0], []]
    assert answer["more"] == 1
    assert output["rewards"][0] == 3.0
    by_turn = skyrl.turn_token_rewards(output, [[1.0, 2.0], [5.0], []])
    assert by_turn["rewards"] == [[1.0, UNTRAINED, 0.0, 2.0, UNTRAINED], [UNTRAINED, 5.0], []]
    with pytest.raises(InputError, match=r"row 0 of rewards has 1 numbers.*2 turns"):
        skyrl.turn_token_rewards(output, [[1.0], [5.0, 1.0], []])
