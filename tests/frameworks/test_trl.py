"""TRL: steps of GRPO and RLOO with rewards of sets, and of GRPO with token credit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import shapley_credit as sc
import torch
import trl
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import group_reward, token_credit
from shapley_credit.adapters.trl_checks import _warned
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from trl import GRPOTrainer, RLOOTrainer

from tiny_models import save_model, weights
from trl_runs import Watched, count, logged, recorded, train, variety


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"))


class Recorder:
    """A set utility that remembers the groups it has seen."""

    def __init__(self) -> None:
        self.groups: list[dict[str, Any]] = []
        self.__name__ = "best"

    def __call__(self, **group: Any) -> u.Max:
        self.groups.append(group)
        return u.Max([variety(text) for text in group["completions"]])


@pytest.mark.parametrize("trainer_class", [GRPOTrainer, RLOOTrainer])
def test_set_rewards_train(trainer_class: Any, model: str, tmp_path: Path) -> None:
    best = Recorder()
    scale = {"scale_rewards": "none"} if trainer_class is GRPOTrainer else {}
    trainer = train(trainer_class, model, tmp_path, group_reward(best), max_steps=3, **scale)
    assert [len(group["completions"]) for group in best.groups] == [4, 4, 4]
    assert all(len(set(group["prompts"])) == len(set(group["wanted"])) == 1 for group in best.groups)
    # Efficient: the rewards of a group add up to its best.
    means = [max(variety(text) for text in group["completions"]) / 4 for group in best.groups]
    assert logged(trainer, "rewards/best/mean") == pytest.approx(means)
    assert logged(trainer, "credit/efficiency_residual") == pytest.approx([0.0] * 3, abs=1e-6)
    assert all(0.25 <= share <= 1.0 for share in logged(trainer, "credit/best_share"))
    assert len(logged(trainer, "credit/entropy")) == 3


def test_asynchronous_utilities_beside_others(model: str, tmp_path: Path) -> None:
    async def judged(completions: Sequence[str], **_: Any) -> u.Max:
        await asyncio.sleep(0.01)
        return u.Max([variety(text) for text in completions])

    async def distinct(completions: Sequence[str], **_: Any) -> Any:
        return lambda coalition: float(len({completions[i] for i in coalition}))

    rewards = [group_reward(judged), group_reward(distinct), count]
    trainer = train(
        GRPOTrainer, model, tmp_path, rewards, scale_rewards="none", per_device_train_batch_size=8, eval_strategy="steps",
        eval_steps=1, num_generations_eval=2, per_device_eval_batch_size=4,
    )  # fmt: skip
    assert all(mean >= 0.25 for mean in logged(trainer, "rewards/distinct/mean"))
    assert len(logged(trainer, "rewards/judged/mean")) == 2
    assert len(logged(trainer, "eval_rewards/judged/mean")) == 2
    assert logged(trainer, "eval_credit/efficiency_residual") == pytest.approx([0.0] * 2, abs=1e-6)


@pytest.mark.parametrize("trainer_class", [GRPOTrainer, RLOOTrainer])
def test_abstentions_and_logs_reach_the_trainer(trainer_class: Any, model: str, tmp_path: Path) -> None:
    """Of two groups the first has no utility, and the first completion of the second is absent."""
    asked: list[Any] = []

    def rule(completions: Sequence[str], log_metric: Any, log_extra: Any, **_: Any) -> Any:
        asked.append(completions)
        log_metric("groups", float(len(asked)))
        if len(asked) == 1:
            return None
        there = [False, True, True, True]
        log_extra("there", there)
        scores = [1.0, 2.0, 4.0, 8.0]
        return u.Max(scores, mask=there) + u.Additive(scores, mask=there)

    scale = {"scale_rewards": "none"} if trainer_class is GRPOTrainer else {"normalize_advantages": False}
    trainer = train(
        trainer_class,
        model,
        tmp_path,
        group_reward(rule),
        max_steps=1,
        per_device_train_batch_size=8,
        log_completions=True,
        **scale,
    )
    assert [len(completions) for completions in asked] == [4, 4]
    rewards = list(trainer._logs["rewards"]["rule"])
    assert [reward != reward for reward in rewards] == [True] * 5 + [False] * 3
    credit = sc.set_shapley(u.Max([2.0, 4.0, 8.0]) + u.Additive([2.0, 4.0, 8.0]))
    assert rewards[5:] == pytest.approx(credit.tolist())
    advantages = list(trainer._logs["advantages"])
    assert advantages[:5] == [0.0] * 5
    if trainer_class is GRPOTrainer:
        assert advantages[5:] == pytest.approx((credit - credit.mean()).tolist())
    assert list(trainer._logs["extra"]["there"]) == [None] * 4 + [False, True, True, True]
    assert logged(trainer, "groups") == [1.5]


# Token credit.


def whole(rewards: Sequence[float], masks: Sequence[Sequence[int]], **_: Any) -> tuple[Any, Any]:
    """Every completion one segment."""
    return [[reward] for reward in rewards], [[sum(mask)] for mask in masks]


def halves(rewards: Sequence[float], masks: Sequence[Sequence[int]], **_: Any) -> tuple[Any, Any]:
    """The first half of the tokens of a completion earns all of its reward."""
    lengths = [[sum(mask) // 2, sum(mask) - sum(mask) // 2] for mask in masks]
    return [[reward, 0.0] for reward in rewards], lengths


@pytest.mark.parametrize("loss", ["dapo", "dr_grpo", "grpo"])
def test_constant_token_credit_is_plain_grpo_to_the_last_bit(loss: str, model: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"scale_rewards": "none", "loss_type": loss, "per_device_train_batch_size": 8}
    plain = train(GRPOTrainer, model, tmp_path, count, **given)
    start = torch.cat([p.flatten() for p in type(plain.model).from_pretrained(model).parameters()])
    token = train(token_credit(GRPOTrainer, whole), model, tmp_path, count, **given)
    other = train(token_credit(GRPOTrainer, halves), model, tmp_path, count, **given)
    assert not torch.equal(weights(plain), start)
    assert torch.equal(weights(token), weights(plain))
    assert not torch.equal(weights(other), weights(plain))


@pytest.mark.parametrize("truncated", [False, True])
def test_token_credit_lands_on_the_tokens_of_its_segment(truncated: bool, model: str, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def rule(**group: Any) -> tuple[Any, Any]:
        seen.append(group)
        return halves(**group)

    kind = token_credit(Watched, rule)
    assert kind.__name__ == "TokenCreditWatched"
    trainer = train(
        kind, model, tmp_path, count, scale_rewards="none", per_device_train_batch_size=8, mask_truncated_completions=truncated
    )
    assert [len(group["completions"]) for group in seen] == [4] * 4
    assert all(len(set(group["wanted"])) == 1 for group in seen)
    assert all(
        len(ids) == len(mask) for group in seen for ids, mask in zip(group["completion_ids"], group["masks"], strict=True)
    )
    for batch in trainer.batches:
        mask = batch["completion_mask"] * batch["tool_mask"]
        assert batch["advantages"].shape == mask.shape
        assert batch["advantages"].dtype == torch.float32
        assert not batch["advantages"][mask == 0].any()
        rows = [row[own > 0] for row, own in zip(batch["advantages"], mask, strict=True) if own.sum() > 1]
        assert all(row[0] > row[-1] for row in rows)
    assert truncated == any(not any(mask) for group in seen for mask in group["masks"])
    assert logged(trainer, "credit/efficiency_residual") == pytest.approx([0.0] * 2, abs=1e-6)
    assert logged(trainer, "credit/best_share") == pytest.approx([1.0] * 2)
    assert logged(trainer, "credit/entropy") == pytest.approx([0.0] * 2)


def test_completions_that_nobody_scored_get_nothing_at_any_token(model: str, tmp_path: Path) -> None:
    def partly(completions: Sequence[str], **_: Any) -> list[float | None]:
        return [None if place % 4 == 1 else variety(text) for place, text in enumerate(completions)]

    def rule(rewards: Sequence[float], masks: Sequence[Sequence[int]], **_: Any) -> tuple[Any, Any]:
        assert [reward != reward for reward in rewards] == [False, True, False, False]
        return [[5.0, -1.0] for _ in masks], [[1, sum(mask) - 1] for mask in masks]

    _warned().clear()
    with pytest.warns(UserWarning, match="segments of a completion add up to 4, and its reward is"):
        trainer = train(token_credit(Watched, rule), model, tmp_path, partly, scale_rewards="none", max_steps=1)
    (batch,) = trainer.batches
    assert sorted(bool(row.any()) for row in batch["advantages"]) == [False, True, True, True]


@pytest.mark.parametrize(("setting", "scale"), [("group", "group_std"), ("none", "none")])
def test_token_advantages_are_those_of_the_method(setting: str, scale: str, model: str, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def rule(**group: Any) -> tuple[Any, Any]:
        seen.append(group)
        return halves(**group)

    trainer = train(
        token_credit(Watched, rule), model, tmp_path, count, scale_rewards=setting, max_steps=1, shuffle_dataset=False
    )
    batch, group = trainer.batches[0], seen[0]
    credit, lengths = halves(**group)
    paid = segment_advantages(credit, len(credit), scale=scale)
    expected = sc.token_advantages(None, group["masks"], segment_credit=paid, segment_lengths=lengths)
    width = batch["advantages"].shape[1]
    rows = [row.tolist() + [0.0] * (width - len(row)) for row in expected]
    assert sorted(batch["advantages"].tolist()) == sorted(rows)  # TRL shuffles the rows


@pytest.mark.parametrize(("rule_of_credit", "lam"), [("to_go", 0.0), ("marginal", 0.0), ("marginal", 0.5)])
def test_rules_that_accumulate_reach_the_loss(rule_of_credit: str, lam: float, model: str, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def rule(**group: Any) -> tuple[Any, ...]:
        seen.append(group)
        credit, lengths = halves(**group)
        grown = [[row[1], row[0]] for row in credit]
        return (credit if lam else None, lengths, grown) if rule_of_credit == "marginal" else (credit, lengths)

    kind = token_credit(Watched, rule, credit=rule_of_credit, lam=lam)
    trainer = train(kind, model, tmp_path, count, scale_rewards="none", max_steps=1, shuffle_dataset=False)
    batch, group = trainer.batches[0], seen[0]
    credit, lengths = halves(**group)
    marginal = [[row[1], row[0]] for row in credit] if rule_of_credit == "marginal" else None
    phi = None if rule_of_credit == "marginal" and not lam else credit
    expected = rule_tokens(
        group["masks"], phi, len(credit), segment_lengths=lengths, rule=rule_of_credit, marginal=marginal, lam=lam, scale="none"
    )
    width = batch["advantages"].shape[1]
    rows = [row.tolist() + [0.0] * (width - len(row)) for row in expected]
    assert sorted(batch["advantages"].tolist()) == sorted(rows)
    assert any(map(any, rows))


def test_marginal_credit_over_a_deviation_is_warned_of(model: str, tmp_path: Path) -> None:
    def rule(**group: Any) -> tuple[Any, ...]:
        credit, lengths = halves(**group)
        return None, lengths, credit

    _warned().clear()
    with pytest.warns(UserWarning, match="marginal credit is noisy and unbiased"):
        train(token_credit(Watched, rule, credit="marginal"), model, tmp_path, count, scale_rewards="group", max_steps=1)


def test_evaluation_with_an_uneven_last_batch(model: str, tmp_path: Path) -> None:
    """3 prompts, 2 completions each, 4 rows a batch: the last one has 2. Some completions are truncated, and masked."""
    given: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 1, "evaluated": 3, "max_steps": 1}
    given |= {"num_generations_eval": 2, "per_device_eval_batch_size": 4, "mask_truncated_completions": True}
    best = Recorder()
    kind = recorded(token_credit(GRPOTrainer, halves))
    trainer = train(kind, model, tmp_path, [group_reward(best), count], scale_rewards="none", **given)
    evaluated = [batch for batch in trainer.generated if not batch["training"]]
    assert [len(batch["advantages"]) for batch in evaluated] == [4, 2]
    assert [len(group["completions"]) for group in best.groups] == [4, 2, 2, 2]
    assert len(logged(trainer, "eval_credit/best_share")) == 1
    for batch in evaluated:
        rewards, lengths = batch["scores"].sum(1).tolist(), batch["completion_mask"].sum(1).tolist()
        masks = [[1] * length for length in lengths]
        credit, cuts = halves(rewards, masks)
        expected = rule_tokens(batch["completion_mask"], credit, 2, segment_lengths=cuts, scale="none")
        assert torch.equal(batch["advantages"], torch.as_tensor(expected))


# What can't be right.


def test_token_credit_refuses_trainers_of_one_advantage_a_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="RLOO"):
        token_credit(RLOOTrainer, whole)
    monkeypatch.setattr(trl, "__version__", "0.25.1")
    with pytest.raises(InputError, match=r"needs TRL 0\.26 or newer"):
        token_credit(GRPOTrainer, whole)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"scale_rewards": "batch"}, r"'group' or 'none' \(it is 'batch'\)"),
        ({"multi_objective_aggregation": "normalize_then_sum"}, "summed as they are"),
    ],
)
def test_token_credit_refuses_other_scales(given: dict[str, Any], match: str, model: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        train(token_credit(GRPOTrainer, whole), model, tmp_path, count, **given)


def test_token_credit_says_where_scale_and_baseline_are() -> None:
    with pytest.raises(InputError, match="takes no scale=; set scale_rewards='group' or 'none' in GRPOConfig"):
        token_credit(GRPOTrainer, whole, scale="none")
    with pytest.raises(InputError, match="takes no baseline=; own credit is less the mean of the group"):
        token_credit(GRPOTrainer, whole, baseline="none")
    with pytest.raises(InputError, match="takes no gamma=; it takes credit, lam, spread, record"):
        token_credit(GRPOTrainer, whole, gamma=0.5)


def test_token_credit_refuses_fused_losses(model: str, tmp_path: Path) -> None:
    class Fused(GRPOTrainer):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.args.use_liger_loss = True  # as in TRL up to 1.9

    with pytest.raises(InputError, match="Liger"):
        train(token_credit(Fused, whole), model, tmp_path, count, scale_rewards="none")


def test_token_credit_refuses_padded_prompts_under_unsloth(model: str, tmp_path: Path) -> None:
    class UnslothGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
        pass

    kind = token_credit(UnslothGRPOTrainer, whole)
    train(kind, model, tmp_path, count, scale_rewards="none", max_steps=1)  # one prompt in the batch
    with pytest.raises(InputError, match="prompts of one length"):
        train(kind, model, tmp_path, count, scale_rewards="none", per_device_train_batch_size=16, max_steps=1)
