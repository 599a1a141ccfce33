"""SkyRL: estimators in its registry, and rewards by token through its own tensors."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from shapley_credit import InputError, token_advantages, turn_advantages
from shapley_credit.adapters import skyrl as adapter
from shapley_credit.adapters.registered import ESTIMATORS
from shapley_credit.methods.ospo import segment_advantages
from skyrl.backends.skyrl_train.utils.ppo_utils import AdvantageEstimatorRegistry, compute_advantages_and_returns
from skyrl.train.config.config import AlgorithmConfig
from skyrl.train.dataset.preprocess import convert_prompts_responses_to_batch_tensors

UIDS = ["p", "q", "p"]


@pytest.fixture(autouse=True)
def registered() -> None:
    adapter.register()
    adapter.register()


def tensors(rewards: list[list[float]], masks: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rewards, response mask and loss mask as SkyRL lays them out: one block, padded to the left."""
    prompts = [[5, 6], [7], [8, 9, 10]]
    responses = [[1] * len(mask) for mask in masks]
    tokenizer = SimpleNamespace(pad_token_id=0)
    found = convert_prompts_responses_to_batch_tensors(tokenizer, prompts, responses, rewards, masks)
    return found[3], found[2], found[4]


def test_registry_knows_the_estimators() -> None:
    for name in set(ESTIMATORS) - {"gapo"}:
        assert AdvantageEstimatorRegistry.get(name) is ESTIMATORS[name]


def test_shapley_of_the_best_response() -> None:
    rewards, mask, _ = tensors([[0, 0, 4.0], [0, 9.0], [2.0]], [[1, 1, 1], [1, 1], [1]])
    found, returns = compute_advantages_and_returns(rewards, mask, UIDS, "shapley", config=None)
    assert mask[:, 0].tolist() == [1, 0, 0]  # right-aligned
    assert torch.equal(found, torch.tensor([1.0, 0.0, -1.0])[:, None] * mask)
    assert torch.equal(returns, found)


def test_credits_of_segments_travel_as_rewards_by_token() -> None:
    masks = [[1, 0, 1], [1, 1], [1]]
    output = {"response_ids": [[1] * len(mask) for mask in masks], "loss_masks": masks, "rewards": [4.0, 9.0, 2.0]}
    credited = adapter.token_rewards(output, [[3.0, 1.0], [9.0], [2.0]], [[1, 1], [2], [1]])
    rewards, mask, loss_mask = tensors(credited["rewards"], masks)
    assert torch.equal(rewards, torch.tensor([[3.0, 0.0, 1.0], [0.0, 0.0, 9.0], [0.0, 0.0, 2.0]]))
    # Responses to p earn 3 + 1 and 2: mean 3; 1.5, -.5 and -1 of it. The token between the first two comes from a tool.
    found, _ = compute_advantages_and_returns(rewards, mask, UIDS, "ospo", config=AlgorithmConfig())
    torch.testing.assert_close(
        found * loss_mask, torch.tensor([[1.5, 0.0, -0.5], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]) / 1.75**0.5
    )
    with pytest.raises(InputError, match="use a KL loss instead"):
        compute_advantages_and_returns(rewards, mask, UIDS, "ospo", config=AlgorithmConfig(use_kl_in_reward=True))


def test_ospo_is_the_method_to_the_last_bit() -> None:
    """Credits of 0, tools in the midst of a segment and behind the last one."""
    masks = [[1, 0, 1, 1, 0, 1], [1, 1, 0], [1, 0]]
    credit, lengths = [[0.0, 1.5, -0.75], [3.0, 0.0], [0.25]], [[2, 1, 1], [1, 1], [1]]
    output = {"response_ids": [[1] * len(mask) for mask in masks], "loss_masks": masks, "rewards": [0.75, 3.0, 0.25]}
    rewards, mask, loss_mask = tensors(adapter.token_rewards(output, credit, lengths)["rewards"], masks)
    found, _ = compute_advantages_and_returns(rewards, mask, UIDS, "ospo", config=AlgorithmConfig())
    paid = segment_advantages(credit, UIDS)
    assert torch.equal(found * loss_mask, token_advantages(None, loss_mask, segment_credit=paid, segment_lengths=lengths))


def test_turns_travel_as_rewards_by_token() -> None:
    """SkyRL's response mask covers what tools answer; its loss mask, which estimators do not see, drops that afterwards."""
    masks = [[1, 0, 1, 1, 0, 1], [1, 1, 0], [1, 0, 1]]
    output = {"response_ids": [[1] * len(mask) for mask in masks], "loss_masks": masks, "rewards": [0.75, 3.0, 0.25]}
    earned = [[1.0, 0.0, 2.0], [3.0], [0.5, 0.0]]
    rewards, mask, loss_mask = tensors(adapter.turn_token_rewards(output, earned)["rewards"], masks)
    assert mask.sum() > loss_mask.sum()
    for gamma in (1.0, 0.5):
        config = AlgorithmConfig(gamma=gamma)
        found, _ = compute_advantages_and_returns(rewards, mask, UIDS, "turns", config=config, gamma=gamma)
        assert torch.equal(found, turn_advantages(earned, loss_mask, UIDS, gamma=gamma))
        assert found[loss_mask == 0].abs().max() == 0
    # To p: 3, 2, 2 against .5, 0.
    found, _ = compute_advantages_and_returns(rewards, mask, UIDS, "turns", config=None)
    assert torch.equal(found[0], torch.tensor([2.5, 0.0, 2.0, 2.0, 0.0, 1.5]))
    outcome, mask, _ = tensors(adapter.turn_token_rewards(output)["rewards"], masks)
    whole, _ = compute_advantages_and_returns(outcome, mask, UIDS, "turns", config=None)
    assert torch.equal(whole[0], torch.tensor([0.5, 0.0, 0.5, 0.5, 0.0, 0.5]))
    # What is not sent this way is a single turn: all of a response, paid the same.
    plain, mask, _ = tensors([[0.0] * 5 + [0.75], [0.0, 0.0, 3.0], [0.0, 0.0, 0.25]], masks)
    assert torch.equal(compute_advantages_and_returns(plain, mask, UIDS, "turns", config=None)[0][0], torch.full((6,), 0.5))
