"""SkyRL: estimators in its registry, and rewards by token through its own tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray import cloudpickle
from shapley_credit import InputError, token_advantages, turn_advantages
from shapley_credit.adapters import skyrl as adapter
from shapley_credit.adapters.registered import BY_TOKEN, ESTIMATORS
from shapley_credit.methods.group_rules import group_advantages
from shapley_credit.methods.ospo import segment_advantages
from skyrl.backends.skyrl_train.training_batch import TrainingInputBatch
from skyrl.backends.skyrl_train.utils.ppo_utils import AdvantageEstimatorRegistry, compute_advantages_and_returns
from skyrl.train.config.config import AlgorithmConfig, DynamicSamplingConfig, make_config
from skyrl.train.dataset.preprocess import convert_prompts_responses_to_batch_tensors
from skyrl.train.trainer import RayPPOTrainer

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
    for name in set(ESTIMATORS) - set(BY_TOKEN) - {"maxrl"}:
        assert AdvantageEstimatorRegistry.get(name) is ESTIMATORS[name]
    assert set(BY_TOKEN) <= set(AdvantageEstimatorRegistry.list_available())
    assert AdvantageEstimatorRegistry.get("group_maxrl") is ESTIMATORS["maxrl"]
    assert AdvantageEstimatorRegistry.get("maxrl") is not ESTIMATORS["maxrl"]  # SkyRL has one of its own


def test_estimators_travel_to_other_processes() -> None:
    """SkyRL's registry sends them by cloudpickle."""
    rewards, mask, _ = tensors([[0, 0, 4.0], [0, 9.0], [2.0]], [[1, 1, 1], [1, 1], [1]])
    for name in ("shapley", "turns"):
        estimator = AdvantageEstimatorRegistry.get(name)
        sent = cloudpickle.loads(cloudpickle.dumps(estimator))
        assert torch.equal(sent(rewards, mask, UIDS)[0], estimator(rewards, mask, UIDS)[0])


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


@dataclass
class CreditConfig(AlgorithmConfig):  # type: ignore[misc]
    shapley_credit: dict[str, Any] = field(default_factory=dict)


def configured(*overrides: str) -> Any:
    return make_config(algorithm_cls=CreditConfig).from_cli_overrides([*overrides])


def test_parameters_come_from_the_command_line() -> None:
    rewards, mask, _ = tensors([[1.0], [0.0], [1.0]], [[1], [1], [1]])
    for name, parameters in (("pkpo", {"m": 2}), ("group_maxrl", {"scale": "group_std"})):
        words = [f"trainer.algorithm.shapley_credit.{key}={value}" for key, value in parameters.items()]
        config = configured(f"trainer.algorithm.advantage_estimator={name}", *words).trainer.algorithm
        found, _ = compute_advantages_and_returns(rewards, mask, ["p"] * 3, config.advantage_estimator, config=config)
        paid = group_advantages(name.removeprefix("group_"), [1.0, 0.0, 1.0], 3, **parameters)
        assert torch.equal(found[:, 0], torch.tensor(paid, dtype=torch.float32))
    with pytest.raises(InputError, match="pkpo takes m, baseline, scale, floor; got 'k'"):
        config = configured("trainer.algorithm.shapley_credit.k=3").trainer.algorithm
        compute_advantages_and_returns(rewards, mask, UIDS, "pkpo", config=config)
    with pytest.raises(InputError, match=r"gapo reads the column answer .* this framework passes no such column"):
        compute_advantages_and_returns(rewards, mask, UIDS, "gapo", config=AlgorithmConfig())


def test_filters_on_equal_totals_are_warned_of() -> None:
    rewards, mask, _ = tensors([[0.5, 1.0], [1.0], [1.5]], [[1, 1], [1], [1]])
    for config, name in (
        (AlgorithmConfig(zero_variance_filter=True), "zero_variance_filter"),
        (AlgorithmConfig(dynamic_sampling=DynamicSamplingConfig(type="filter")), "dynamic_sampling"),
    ):
        with pytest.warns(UserWarning, match=f"{name} drops prompts whose responses earn the same in all"):
            compute_advantages_and_returns(rewards, mask, UIDS, "turns", config=config)


def test_responses_whose_loss_mask_is_0_are_absent() -> None:
    """Aborted or filtered out; estimators see no loss mask, and know it by rewards that are marked."""
    masks = [[1, 0, 1], [0, 0], [1, 1]]
    output = {"response_ids": [[1] * len(mask) for mask in masks], "loss_masks": masks, "rewards": [4.0, 9.0, 2.0]}
    alone = [[1, 0, 1], [1], [1, 1]]
    turns = adapter.turn_token_rewards(output)
    steps = adapter.token_rewards(output, [[3.0, 1.0], [9.0], [1.0, 1.0]], [[1, 1], [2], [1, 1]])
    for made, kept, name in (
        (turns, [[0, 0, 4.0], [0.0], [0, 2.0]], "turns"),
        (turns, [[0, 0, 4.0], [0.0], [0, 2.0]], "shapley"),
        (steps, [[3.0, 0, 1.0], [0.0], [1.0, 1.0]], "ospo"),
    ):
        rewards, mask, loss_mask = tensors(made["rewards"], masks)
        found, _ = compute_advantages_and_returns(rewards, mask, ["p"] * 3, name, config=None)
        rewards, mask, _ = tensors(kept, alone)
        wanted, _ = compute_advantages_and_returns(rewards, mask, ["p", "q", "p"], name, config=None)
        rows = torch.tensor([0, 2])
        assert torch.equal((found * loss_mask)[rows], (wanted * loss_mask)[rows])
        assert not found[1].any()
        assert found.any()


def step_wise(name: str) -> Any:
    """Two rollouts of two steps and one, as the trainer of SkyRL credits them; each step has a row."""
    masks = [[1, 1, 0], [1, 0, 1], [1, 1]]
    prompts, responses = [[5, 6], [5, 6, 7], [5, 6]], [[1] * len(mask) for mask in masks]
    made = convert_prompts_responses_to_batch_tensors(
        SimpleNamespace(pad_token_id=0), prompts, responses, [[0.0, 0.0, 1.0], [0.0, 0.0, 3.0], [0.0, 2.0]], masks
    )
    data = TrainingInputBatch({"rewards": made[3], "response_mask": made[2], "loss_mask": made[4], "values": None})
    data.metadata = {"is_last_step": [False, True, True], "uids": ["p"] * 3, "avg_response_length": 1.0}
    config = configured("generator.step_wise_trajectories=true", f"trainer.algorithm.advantage_estimator={name}")
    return RayPPOTrainer.compute_advantages_and_returns(SimpleNamespace(cfg=config, all_metrics={}), data)


def test_step_wise_training_pays_whole_rollouts() -> None:
    """The trainer hands over the last step of each rollout, so that members are rollouts, and copies what it gets to all."""
    data = step_wise("shapley")
    # The best of 3 and 2: 2 and 1, less the mean.
    assert torch.equal(data["advantages"], torch.tensor([0.5, 0.5, -0.5])[:, None] * data["response_mask"])
    for name in BY_TOKEN:
        with pytest.raises(InputError, match="step-wise training copies the advantages of the last step"):
            step_wise(name)
