"""TRL: GRPO whose advantages are those of turns, with rollouts in which a tool answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
import torch
from shapley_credit import InputError
from shapley_credit.adapters.trl import turn_credit
from trl import GRPOTrainer, RLOOTrainer

from tiny_models import save_model, weights
from trl_runs import count, recorded, rollouts, train, variety


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"))


def run(model: str, folder: Path, turn_rewards: Any = None, rule: dict[str, Any] | None = None, **given: Any) -> Any:
    given = {"per_device_train_batch_size": 8, "scale_rewards": "none", "rollout_func": rollouts, "rewards": count, **given}
    kind = recorded(turn_credit(given.pop("base", GRPOTrainer), turn_rewards, **(rule or {})))
    return train(kind, model, folder, given.pop("rewards"), **given)


def masks_of(batch: Any) -> Any:
    return batch["completion_mask"] * batch["tool_mask"]


@pytest.mark.parametrize(
    "rule",
    [{}, {"gamma": 0.5, "scale": "group_std"}, {"credit": "own"}, {"prefix_values": True}],
    ids=["to_go", "discount", "own", "prefixes"],
)
def test_turns_of_a_rollout_with_tools(rule: dict[str, Any], model: str, tmp_path: Path) -> None:
    groups: list[dict[str, Any]] = []

    def earned(**group: Any) -> Any:
        groups.append(group)
        return group["earned"]

    trainer = run(model, tmp_path, earned, rule, max_steps=1)
    assert type(trainer).__mro__[1].__name__ == "TurnCreditGRPOTrainer"
    (batch,) = trainer.generated
    assert [len(group["completions"]) for group in groups] == [4, 4]
    assert all(len(set(group["wanted"])) == 1 for group in groups)
    rewards = [row for group in groups for row in group["earned"]]
    assert max(map(len, rewards)) == 3
    expected = sc.turn_advantages(rewards, masks_of(batch), 4, **rule)
    assert expected.any()
    assert torch.equal(batch["advantages"], expected)
    assert batch["advantages"].dtype == torch.float32


def test_rewards_by_token(model: str, tmp_path: Path) -> None:
    """The answer of the tool earns something for the turn that called it."""
    trainer = run(model, tmp_path, lambda masks, **_: [[float(not flag) for flag in mask] for mask in masks], max_steps=1)
    (batch,) = trainer.generated
    turns = [1 + place % 3 for place in range(8)]
    expected = sc.turn_advantages([[1.0] * (n - 1) + [0.0] for n in turns], masks_of(batch), 4)
    assert torch.equal(batch["advantages"], expected)


def test_one_outcome_has_the_numbers_of_grpo(model: str, tmp_path: Path) -> None:
    trainer = run(model, tmp_path, rule={"baseline": "mean"})
    plain = train(
        GRPOTrainer, model, tmp_path, count, scale_rewards="none", per_device_train_batch_size=8, rollout_func=rollouts
    )
    for batch in trainer.generated:
        assert batch["trl"].any()
        assert torch.equal(batch["advantages"], batch["trl"][:, None] * masks_of(batch))
    assert torch.equal(weights(trainer), weights(plain))
    start = torch.cat([p.flatten() for p in type(plain.model).from_pretrained(model).parameters()])
    assert not torch.equal(weights(trainer), start)


def test_a_deviation_is_that_of_grpo(model: str, tmp_path: Path) -> None:
    (batch,) = run(model, tmp_path, rule={"baseline": "mean", "scale": "group_std"}, max_steps=1).generated
    rewards = batch["scores"][:, 0].reshape(2, 4)
    expected = (rewards - rewards.mean(1, keepdim=True)) / rewards.std(1, keepdim=True)
    torch.testing.assert_close(batch["advantages"], expected.reshape(-1, 1) * masks_of(batch))


def test_one_outcome_has_the_numbers_of_rloo(model: str, tmp_path: Path) -> None:
    (batch,) = run(model, tmp_path, rule={"baseline": "leave_one_out"}, max_steps=1, rollout_func=None).generated
    plain = train(recorded(RLOOTrainer), model, tmp_path, count, max_steps=1, per_device_train_batch_size=8)
    assert batch["completions"] == plain.generated[0]["completions"]
    expected = plain.generated[0]["advantages"][:, None] * batch["completion_mask"]
    assert expected.any()
    torch.testing.assert_close(batch["advantages"], expected, rtol=1e-6, atol=1e-6)


def test_completions_that_are_truncated_or_not_scored_are_absent(model: str, tmp_path: Path) -> None:
    def partly(completions: Sequence[str], **_: Any) -> list[float | None]:
        return [None if place % 4 == 1 else variety(text) for place, text in enumerate(completions)]

    (batch,) = run(model, tmp_path, rewards=partly, mask_truncated_completions=True, max_steps=1).generated
    assert batch["completion_mask"].any(1).tolist() == [False, True, True, True] * 2
    there, rest = [2, 3, 6, 7], [0, 1, 4, 5]
    mask, rewards = masks_of(batch)[there], batch["scores"][there, 0].tolist()
    ends = [[0.0] * (place % 3) + [reward] for place, reward in zip(there, rewards, strict=True)]
    expected = sc.turn_advantages(ends, mask, 2)
    assert expected.any()
    assert torch.equal(batch["advantages"][there], expected)
    assert not batch["advantages"][rest].any()


def test_rewards_by_turn_of_a_truncated_completion_are_not_read(model: str, tmp_path: Path) -> None:
    (batch,) = run(model, tmp_path, lambda earned, **_: earned, mask_truncated_completions=True, max_steps=1).generated
    there = [1, 2, 3, 5, 6, 7]
    earned = [[float((place + 2 * turn) % 5) for turn in range(1 + place % 3)] for place in there]
    assert torch.equal(batch["advantages"][there], sc.turn_advantages(earned, masks_of(batch)[there], 3))
    assert not batch["advantages"][[0, 4]].any()


def test_a_group_that_is_absent_as_a_whole(model: str, tmp_path: Path) -> None:
    def second(completions: Sequence[str], **_: Any) -> list[float | None]:
        return [None if place < 4 else variety(text) for place, text in enumerate(completions)]

    (batch,) = run(model, tmp_path, rewards=second, max_steps=1).generated
    assert not batch["advantages"][:4].any()
    assert batch["advantages"][4:].any()


def test_evaluation_with_an_uneven_last_batch(model: str, tmp_path: Path) -> None:
    """3 prompts, 2 completions each, 4 rows a batch: the last one has 2."""
    given: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 1, "evaluated": 3, "max_steps": 1}
    given |= {"num_generations_eval": 2, "per_device_eval_batch_size": 4}
    trainer = run(model, tmp_path, lambda earned, **_: earned, **given)
    evaluated = [batch for batch in trainer.generated if not batch["training"]]
    assert [len(batch["advantages"]) for batch in evaluated] == [4, 2]
    for batch in evaluated:
        turns = [1 + place % 3 for place in range(len(batch["advantages"]))]
        earned = [[float((place + 2 * turn) % 5) for turn in range(n)] for place, n in enumerate(turns)]
        assert torch.equal(batch["advantages"], sc.turn_advantages(earned, masks_of(batch), 2))


# What can't be right.


def test_what_turn_credit_refuses(model: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="turn credit is for"):
        turn_credit(RLOOTrainer)
    with pytest.raises(InputError, match="turns of its own groups"):
        turn_credit(GRPOTrainer, scale="batch_std")
    with pytest.raises(InputError, match="the baseline of turns"):
        turn_credit(GRPOTrainer, baseline="best")
    with pytest.raises(InputError, match="takes no record=; turns are not recorded"):
        turn_credit(GRPOTrainer, record="rollouts")
    with pytest.raises(InputError, match="takes no m=; it takes credit, gamma, discounted, baseline, scale, floor, prefix_val"):
        turn_credit(GRPOTrainer, m=2)
    with pytest.raises(InputError, match="marginal contributions pass prefix_values=True"):
        turn_credit(GRPOTrainer, credit="marginal")
    with pytest.raises(InputError, match=r"turn credit divides by what scale= of its rule says.*set scale_rewards='none'"):
        run(model, tmp_path, scale_rewards="group")
    for wrong, told in ((None, "got None"), ([[1.0]], r"got \[\[1.0\]\]"), (np.ones((4, 9)), "row 0 of rewards has 9 numbers")):
        with pytest.raises(InputError, match=told):
            run(model, tmp_path, lambda wrong=wrong, **_: wrong, max_steps=1)
    with pytest.raises(InputError, match="row 2 of rewards holds NaN"):
        run(model, tmp_path, lambda earned, **_: [*earned[:2], [float("nan")] * 3, earned[3]], max_steps=1)
