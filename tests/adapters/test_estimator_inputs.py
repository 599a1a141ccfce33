"""What an estimator refuses by name, and what it reads in numbers of few bits."""

from __future__ import annotations

from collections import UserList
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import token_batch
from shapley_credit.adapters.estimators import group_estimator
from shapley_credit.adapters.registered import ESTIMATORS
from shapley_credit.adapters.rewards import UNTRAINED
from shapley_credit.adapters.settings import parameters_of

MASK = np.array([[1, 0, 1], [1, 1, 0]])
REWARDS = np.array([[1.0, 0.0, 2.0], [0.0, 0.5, -1.0]])
UIDS = ["p", "p"]


def paid(name: str, rewards: Any = REWARDS, mask: Any = MASK, index: Any = UIDS, **columns: Any) -> Any:
    return ESTIMATORS[name](rewards, mask, index, non_tensor_batch=columns)[0]


REFUSED: dict[str, tuple[Any, str]] = {
    "texts": (lambda: paid("shapley", MASK.astype(str)), "token_level_rewards must hold real numbers, one for every token"),
    "complex rewards": (lambda: paid("shapley", MASK * 1j), "token_level_rewards must hold real numbers.* complex128"),
    "a complex mask": (lambda: paid("turns", REWARDS, MASK * 1j), "response_mask must hold real numbers"),
    "three axes": (lambda: paid("shapley", REWARDS[None], MASK[None], ["p"]), r"must be \[B, T\], of one shape"),
    "a number of groups": (lambda: paid("shapley", index=2), "index must say which prompt each of the 2 responses answers"),
    "a short column": (lambda: paid("gapo", answer=["x"]), "column answer must have an entry for each of the 2 rows; got 1"),
    "a long column": (lambda: paid("gapo", answer=["x", "y", "z"]), "column answer must have an entry for each of .*; got 3"),
    "no sessions": (lambda: paid("shapley", session_id=None), "column session_id must have an entry .*; got None"),
    "places as texts": (
        lambda: paid("turns", session_id=["a", "a"], output_index=["10", "9"]),
        "output_index must be integers; got <U2",
    ),
    "places with a gap": (
        lambda: paid("turns", session_id=["a", "a"], output_index=[float("nan"), 1.0]),
        "output_index must be integers; got float64",
    ),
    "a number for the turns": (lambda: paid("turns", turn_rewards=[1.0, 2.0]), "turn_rewards must hold a row of numbers"),
    "few rows of turns": (lambda: paid("turns", turn_rewards=[[1.0, 2.0]]), "column turn_rewards must have an entry"),
    "no segments": (
        lambda: paid("ospo", segment_credit=None, segment_lengths=[[2], [2]]),
        "column segment_credit must have an entry .*; got None",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_batch_is_refused_by_name(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        call()


def test_places_of_outputs_are_numbers() -> None:
    """The output of place 10 comes behind that of place 9, and the reward of the rollout is its own."""
    sessions = {"session_id": np.array(["a", "a", "b"], object), "output_index": np.array([10, 9, 0], object)}
    found = ESTIMATORS["shapley"](np.array([[4.0], [8.0], [2.0]]), np.ones((3, 1)), ["p"] * 3, non_tensor_batch=sessions)[0]
    assert found[:, 0].tolist() == [1.0, 1.0, -1.0]


@pytest.mark.parametrize("name", ["ospo", "shape_grpo", "ospo_marginal", "turns", "shapley"])
def test_a_batch_in_which_nobody_has_a_token_is_paid_0(name: str) -> None:
    assert_array_equal(paid(name, mask=0 * MASK), np.zeros((2, 3), np.float32))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["shapley", "ospo", "turns"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("flags", ["int32", "bool", "uint8", "bfloat16"])
def test_rewards_and_masks_of_any_bits(name: str, dtype: str, flags: str) -> None:
    import torch

    wanted = paid(name)
    given = torch.tensor(REWARDS).to(getattr(torch, dtype)), torch.tensor(MASK).to(getattr(torch, flags))
    found = paid(name, *given)
    assert found.dtype == torch.float32
    assert_array_equal(found.numpy(), wanted)
    assert wanted[:, 0].all()


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_marks_of_untrained_tokens_are_read_in_few_bits(dtype: str) -> None:
    import torch

    marked = torch.tensor(np.where(MASK, REWARDS, UNTRAINED)).to(getattr(torch, dtype))
    wanted = paid("turns", np.where(MASK, REWARDS, 0.0))
    assert_array_equal(paid("turns", marked, torch.ones(2, 3)).numpy(), wanted)
    assert not wanted[0, 1]


def test_rewards_are_added_in_float64() -> None:
    """In float32 2^24 + 1 is 2^24, and both responses would earn the same."""
    rewards = np.array([[2.0**24, 1.0, 0.0], [2.0**24, 0.0, 0.0]], np.float32)
    assert paid("shapley", rewards, np.ones((2, 3)))[:, 0].tolist() == [0.5, -0.5]


def test_a_row_is_named_by_its_place_in_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_batch, "BLOCK", 3)
    with pytest.raises(InputError, match="row 1 of token_level_rewards holds NaN"):
        paid("shapley", np.where(REWARDS < 0, np.nan, REWARDS), np.ones((2, 3)))


def test_marks_of_untrained_tokens_are_read_beside_candidates() -> None:
    columns = {"candidate_rewards": [[1.0, 3.0], [2.0]], "segment_candidate": [[0, 1], [0]], "segment_lengths": [[1, 1], [2]]}
    marked = np.where(MASK, REWARDS, UNTRAINED)
    wanted = paid("shape_grpo", **columns)
    assert_array_equal(paid("shape_grpo", marked, np.ones((2, 3), np.int64), **columns), wanted)
    assert wanted[0, 0] != 0 == wanted[0, 1]


def test_rollouts_of_prompts_that_alternate() -> None:
    """Three prompts with two sessions each, in one order and in another, and two outputs of the last rollout."""
    uids, sessions = ["p", "q", "r", "p", "q", "r", "r"], np.array(["b", "b", "b", "a", "a", "a", "a"], object)
    rewards = np.array([1.0, 2.0, 4.0, 3.0, 6.0, 9.0, 8.0])[:, None]
    found = paid("shapley", rewards, np.ones((7, 1)), uids, session_id=sessions)[:, 0]
    assert found.tolist() == [-1.0, -2.0, -2.0, 1.0, 2.0, 2.0, 2.0]  # half of what the better one has more


@pytest.mark.torch
def test_no_gradient_flows_through_rewards_and_tensors_without_values_are_refused() -> None:
    import torch

    rewards, mask = torch.tensor(REWARDS, requires_grad=True), torch.tensor(MASK)
    found = paid("shapley", rewards, mask)
    assert not found.requires_grad
    assert_array_equal(found.numpy(), paid("shapley"))
    with pytest.raises(InputError, match="token_level_rewards is on device meta"):
        paid("shapley", rewards.to("meta"), mask)
    with pytest.raises(InputError, match="response_mask can't be read as a dense array"):
        paid("shapley", rewards, mask.to_sparse())


def test_a_name_keeps_its_rule_when_parameters_are_set() -> None:
    """Steps of rewards, in the units of the reward: what is to go is not what the segments are worth themselves."""
    config, steps = {"shapley_credit": {"scale": "none"}}, np.array([[1.0, 2.0], [0.0, 4.0]])
    found = {name: ESTIMATORS[name](steps, np.ones((2, 2)), UIDS, config=config)[0] for name in ("ospo", "ospo_to_go")}
    assert not np.array_equal(found["ospo"], found["ospo_to_go"])
    turns = ESTIMATORS["turns_own"](REWARDS, MASK, UIDS, config={"shapley_credit": {"gamma": 1.0}})[0]
    assert_array_equal(turns, paid("turns_own"))
    assert not np.array_equal(turns, paid("turns"))


def test_sequences_of_a_configuration_are_lists() -> None:
    given = parameters_of({"shapley_credit": {"weights": UserList([1.0, 2.0]), "scale": "none", "m": 2}})
    assert given == {"weights": [1.0, 2.0], "scale": "none", "m": 2}
    assert type(given["weights"]) is list


def test_columns_that_bear_the_names_of_what_is_known_already() -> None:
    by_best = group_estimator(lambda rewards, **_: u.Max(rewards))
    assert_array_equal(by_best(REWARDS, MASK, UIDS, non_tensor_batch={"rewards": [9.0, 0.0]})[0], paid("shapley"))
    config = {"shapley_credit": {"baseline": "length_weighted"}}
    rewards, mask = np.array([[3.0, 0, 0], [6.0, 0, 0]]), np.array([[1, 1, 1], [1, 0, 0]])
    told: list[Any] = [{}, {"lengths": [1, 9]}]
    given = [ESTIMATORS["shapley"](rewards, mask, UIDS, config=config, non_tensor_batch=each)[0] for each in told]
    assert_array_equal(given[0], given[1])


def test_lengths_without_credits_and_responses_without_candidates() -> None:
    with pytest.raises(InputError, match="missing: segment_credit"):
        paid("ospo", segment_lengths=[[2], [2]])
    none = {"candidate_rewards": [[], []], "segment_candidate": [[-1], [-1]], "segment_lengths": [[2], [2]]}
    assert not paid("shape_grpo", **none).any()
