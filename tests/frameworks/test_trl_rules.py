"""TRL: GRPO and RLOO whose advantages come from a rule for groups, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shapley_credit import InputError
from shapley_credit.adapters.partial_batches import _warned
from shapley_credit.adapters.trl import group_credit
from shapley_credit.adapters.utility_text import with_utility
from shapley_credit.methods.group_rules import group_advantages
from trl import GRPOTrainer, RLOOTrainer

from tiny_models import dataset, save_model, weights
from trl_runs import count, recorded, rollouts, train, variety


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"))


def lengths(completions: Sequence[str], **_: Any) -> list[float]:
    return [float(len(text)) for text in completions]


def right(completions: Sequence[str], log_extra: Any, **_: Any) -> list[float]:
    """Whether there is a letter; the answer is the first character."""
    log_extra("answer", [text[:1] or None for text in completions])
    log_extra("embedding", embeddings(completions))
    return [float(any(map(str.isalpha, text))) for text in completions]


def embeddings(completions: Sequence[str]) -> list[list[float]]:
    return [[len(text) / 8.0, len(set(text)) / 8.0] for text in completions]


def partly(completions: Sequence[str], log_extra: Any, **_: Any) -> list[float | None]:
    log_extra("answer", [text[:1] for text in completions])
    return [None if place % 4 == 1 else variety(text) for place, text in enumerate(completions)]


def paid(base: Any, model: str, folder: Path, rewards: Any, rule: str, rule_given: dict[str, Any], **given: Any) -> Any:
    """What a run of one step generated and paid."""
    scale = {"scale_rewards": "none"} if issubclass(base, GRPOTrainer) else {}
    kind = recorded(group_credit(base, rule, **rule_given))
    trainer = train(kind, model, folder, rewards, **{"max_steps": 1, "per_device_train_batch_size": 8, **scale, **given})
    return trainer.generated[0], trainer


def answers(batch: Any) -> dict[str, Any]:
    return {"answer": [text[:1] or None for text in batch["completions"]]}


@pytest.mark.parametrize("base", [GRPOTrainer, RLOOTrainer])
@pytest.mark.parametrize(
    ("rule", "given"),
    [("maxrl", {}), ("pkpo", {"m": 3, "scale": "batch_std"}), ("leave_one_out", {"baseline": "mean"})],
    ids=["maxrl", "pkpo", "leave_one_out"],
)
def test_rules_of_rewards(base: Any, rule: str, given: dict[str, Any], model: str, tmp_path: Path) -> None:
    batch, trainer = paid(base, model, tmp_path, [count, lengths], rule, given, reward_weights=[1.0, 0.5])
    assert type(trainer).__mro__[1].__name__ == f"GroupCredit{base.__name__}"
    rewards = batch["scores"].numpy() @ np.array([1.0, 0.5])
    expected = group_advantages(rule, rewards, 4, **given)
    assert np.abs(expected).max() > 0.1
    assert batch["advantages"].tolist() == np.float32(expected).tolist()
    start = torch.cat([p.flatten() for p in type(trainer.model).from_pretrained(model).parameters()])
    assert not torch.equal(weights(trainer), start)


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("gapo", {}),
        ("distinct", {"scale": "group_std"}),
        ("shapley", {"utility": "entropy"}),
        ("banzhaf", {"utility": "volume"}),
        ("shapley", {"utility": "0.7 * Max(reward) + 0.3 * DistinctCount(answer)"}),
    ],
    ids=["gapo", "distinct", "entropy", "volume", "text"],
)
def test_rules_that_read_what_a_reward_function_logs(rule: str, given: dict[str, Any], model: str, tmp_path: Path) -> None:
    batch, _ = paid(GRPOTrainer, model, tmp_path, right, rule, given)
    columns = {**answers(batch), "embedding": embeddings(batch["completions"])}
    expected = group_advantages(rule, batch["scores"][:, 0].tolist(), 4, columns=columns, **with_utility(rule, given))
    assert np.abs(expected).max() > 0.1
    assert batch["advantages"].tolist() == np.float32(expected).tolist()


def test_a_completion_that_nobody_scored_is_absent(model: str, tmp_path: Path) -> None:
    for rule in ("maxrl", "gapo"):
        batch, _ = paid(GRPOTrainer, model, tmp_path, partly, rule, {})
        scores = batch["scores"][:, 0]
        assert scores.isnan().tolist() == [False, True, False, False] * 2
        expected = group_advantages(rule, scores.tolist(), 4, columns=answers(batch))
        assert batch["advantages"].tolist() == np.float32(expected).tolist()
        assert not batch["advantages"][scores.isnan()].any()
        assert batch["advantages"].any()


def test_gdpo_is_that_of_trl(model: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"reward_weights": [1.0, 0.25], "max_steps": 1, "per_device_train_batch_size": 8}
    kind = recorded(GRPOTrainer)
    plain = train(kind, model, tmp_path, [count, lengths], multi_objective_aggregation="normalize_then_sum", **given)
    batch, _ = paid(GRPOTrainer, model, tmp_path, [count, lengths], "gdpo", {}, **given)
    assert torch.equal(batch["scores"], plain.generated[0]["scores"])
    assert batch["advantages"].abs().max() > 0.5
    # TRL adds 1e-4 to deviations.
    torch.testing.assert_close(batch["advantages"], plain.generated[0]["advantages"], rtol=1e-3, atol=1e-3)


def test_a_utility_of_ones_own_and_columns_of_the_dataset(model: str, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def utility(rewards: Any, **columns: Any) -> Any:
        from shapley_credit import utilities as u

        seen.append(columns)
        return u.Max(rewards)

    batch, _ = paid(GRPOTrainer, model, tmp_path, right, "shapley", {"utility": utility, "baseline": "length_weighted"})
    assert [set(map(str, group["wanted"])) == {str(group["wanted"][0])} for group in seen] == [True, True]
    assert [list(group["answer"]) for group in seen] == [answers(batch)["answer"][:4], answers(batch)["answer"][4:]]
    lengths = {"lengths": batch["completion_mask"].sum(1).tolist()}
    expected = group_advantages("shapley", batch["scores"][:, 0].tolist(), 4, columns=lengths, baseline="length_weighted")
    assert batch["advantages"].tolist() == np.float32(expected).tolist()


@pytest.mark.parametrize("given", [{}, {"baseline": "length_weighted"}], ids=["rewards", "columns"])
def test_groups_of_an_evaluation_that_are_too_small(given: dict[str, Any], model: str, tmp_path: Path) -> None:
    """4 completions a prompt in training, 2 in evaluation: sets of 3 are there in one of them only."""
    _warned().discard("pkpo")
    evaluation = {"eval_strategy": "steps", "eval_steps": 1, "num_generations_eval": 2, "per_device_eval_batch_size": 4}
    with pytest.warns(UserWarning, match="pkpo with m=3 pays groups of at least 3 responses; the largest here has 2"):
        _, trainer = paid(GRPOTrainer, model, tmp_path, count, "pkpo", {"m": 3, **given}, **evaluation)
    told = {batch["training"]: bool(batch["advantages"].any()) for batch in trainer.generated}
    assert told == {True: True, False: False}
    with pytest.raises(InputError, match="the largest here has 4"):
        paid(GRPOTrainer, model, tmp_path, count, "pkpo", {"m": 5, **given})


@pytest.mark.parametrize("rule", ["maxrl", "gapo"])
def test_evaluation_with_an_uneven_last_batch(rule: str, model: str, tmp_path: Path) -> None:
    """3 prompts, 2 completions each, 4 rows a batch: the last one has 2."""
    given: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 1, "evaluated": 3}
    given |= {"num_generations_eval": 2, "per_device_eval_batch_size": 4}
    _, trainer = paid(GRPOTrainer, model, tmp_path, right, rule, {}, **given)
    evaluated = [batch for batch in trainer.generated if not batch["training"]]
    assert [len(batch["advantages"]) for batch in evaluated] == [4, 2]
    for batch in evaluated:
        expected = group_advantages(rule, batch["scores"][:, 0].tolist(), 2, columns=answers(batch))
        assert batch["advantages"].tolist() == np.float32(expected).tolist()


def test_completions_that_are_masked_as_truncated_are_members_of_their_group(model: str, tmp_path: Path) -> None:
    """As in TRL: their rewards count in the baseline, and they have no token that learns. One in four is."""
    given = {"mask_truncated_completions": True, "rollout_func": rollouts}
    batch, _ = paid(GRPOTrainer, model, tmp_path, count, "maxrl", {}, **given)
    assert batch["completion_mask"].any(1).tolist() == [False, True, True, True] * 2
    expected = group_advantages("maxrl", batch["scores"][:, 0].tolist(), 4)
    assert np.abs(expected).max() > 0.1
    assert batch["advantages"].tolist() == np.float32(expected).tolist()


def test_a_baseline_by_length_counts_trainable_tokens(model: str, tmp_path: Path) -> None:
    batch, _ = paid(GRPOTrainer, model, tmp_path, count, "maxrl", {"baseline": "length_weighted"}, rollout_func=rollouts)
    trained = (batch["completion_mask"] * batch["tool_mask"]).sum(1).tolist()
    assert trained != batch["completion_mask"].sum(1).tolist()
    rewards = batch["scores"][:, 0].tolist()
    expected = group_advantages("maxrl", rewards, 4, columns={"lengths": trained}, baseline="length_weighted")
    assert np.abs(expected).max() > 0.1
    assert batch["advantages"].tolist() == np.float32(expected).tolist()


def test_a_rollout_function_returns_columns_too(model: str, tmp_path: Path) -> None:
    def answering(prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
        return {**rollouts(prompts, trainer), "answer": [place % 3 for place, _ in enumerate(prompts)]}

    batch, _ = paid(GRPOTrainer, model, tmp_path, count, "gapo", {}, rollout_func=answering)
    expected = group_advantages("gapo", [1.0] * 8, 4, columns={"answer": [place % 3 for place in range(8)]})
    assert np.abs(expected).max() > 0.1
    assert batch["advantages"].tolist() == np.float32(expected).tolist()


# What can't be right.


@pytest.mark.parametrize(
    ("rule", "given", "match"),
    [
        ("to_go", {}, "parallel responses"),
        ("best", {}, "maxrl"),
        ("maxrl", {"m": 3}, "maxrl takes baseline, scale, floor; got 'm'"),
        ("gdpo", {"weights": [1.0]}, "reward_weights of the trainer"),
        ("gapo", {"scale": "batch_std"}, "'gapo' scales over the batch and reads columns"),
        ("shapley", {"scale": "batch_std", "utility": len}, "'shapley' scales over the batch and reads columns"),
        ("gdpo", {"baseline": "length_weighted"}, "'gdpo' scales over the batch and reads columns"),
        ("shapley", {"utility": "Mx(reward)"}, "no such utility; did you mean Max"),
        ("maxrl", {"baseline": ["mean"]}, "baseline must be one of"),
    ],
    ids=["segments", "unknown", "parameter", "weights", "batch", "function", "gdpo", "text", "baseline"],
)
def test_rules_that_there_are_not(rule: str, given: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        group_credit(GRPOTrainer, rule, **given)


@pytest.mark.parametrize(
    ("base", "given", "match"),
    [
        (GRPOTrainer, {}, r"set scale_rewards='none' \(it is 'group'\)"),
        (GRPOTrainer, {"scale_rewards": "none", "multi_objective_aggregation": "normalize_then_sum"}, "sum_then_normalize"),
        (RLOOTrainer, {"normalize_advantages": True}, "change them first by normalize_advantages"),
        (RLOOTrainer, {"reward_clip_range": (-1.0, 1.0)}, "change them first by reward_clip_range"),
    ],
    ids=["scale", "aggregation", "normalized", "clipped"],
)
def test_settings_that_would_be_applied_twice(base: Any, given: dict[str, Any], match: str, model: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        train(group_credit(base, "maxrl"), model, tmp_path, count, **given)


def test_columns_that_are_missing_or_the_same_for_all_completions(model: str, tmp_path: Path) -> None:
    told = r"'gapo' reads a column 'answer' .* call log_extra\('answer', \.\.\).* There are: none"
    with pytest.raises(InputError, match=told):
        paid(GRPOTrainer, model, tmp_path, count, "gapo", {})
    data = dataset().rename_column("wanted", "answer")
    with pytest.raises(InputError, match="That of the dataset is the same for all completions of a prompt"):
        paid(GRPOTrainer, model, tmp_path, count, "gapo", {}, data=data)
    with pytest.raises(InputError, match=r"group credit is for trl\.GRPOTrainer and trl\.RLOOTrainer"):
        group_credit(object, "maxrl")
