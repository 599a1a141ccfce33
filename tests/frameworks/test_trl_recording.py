"""TRL: the rollouts of a run on disk, by one argument of `group_reward` and `token_credit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters.recording import Recorder
from shapley_credit.adapters.trl import group_reward, token_credit
from transformers import AutoTokenizer
from trl import GRPOTrainer

from tiny_models import save_model
from trl_runs import count, train, variety


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"))


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def test_group_rewards_are_recorded(model: str, tmp_path: Path) -> None:
    def best(completions: list[str], **columns: Any) -> u.Max:
        return u.Max([variety(text) for text in completions], mask=[*[True] * (len(completions) - 1), False])

    reward = group_reward(best, record=Recorder(tmp_path / "rollouts"))
    train(GRPOTrainer, model, tmp_path, reward, scale_rewards="none")
    assert sorted(path.name for path in (tmp_path / "rollouts").iterdir()) == ["step-0.parquet", "step-1.parquet"]
    for step in range(2):
        group = rows(tmp_path / "rollouts" / f"step-{step}.parquet")
        assert {row["step"] for row in group} == {step}
        assert len({row["prompt"] for row in group}) == 1
        credit = [row["credit"] for row in group]
        assert sum(credit[:-1]) == pytest.approx(max(variety(row["completion"]) for row in group[:-1]))
        assert credit[-1] == 0.0  # the absent one


def halves(rewards: list[float], masks: list[list[int]], **columns: Any) -> dict[str, Any]:
    """The first half has three quarters of the reward; the middle token is of no segment."""
    lengths = [[sum(mask) // 2, 1, sum(mask) - sum(mask) // 2 - 1] for mask in masks]
    return {
        "segment_credit": [[0.75 * reward, 0.25 * reward] for reward in rewards],
        "segment_lengths": lengths,
        "segment_order": [[0, -1, 1] for _ in lengths],
    }


def test_segments_are_recorded_with_their_spans(model: str, tmp_path: Path) -> None:
    trainer = token_credit(GRPOTrainer, halves, record=Recorder(tmp_path / "rollouts", every=2))
    train(trainer, model, tmp_path, count, scale_rewards="none", max_steps=3)
    assert sorted(path.name for path in (tmp_path / "rollouts").iterdir()) == ["step-0.parquet", "step-2.parquet"]
    tokenizer = AutoTokenizer.from_pretrained(model)
    for row in rows(tmp_path / "rollouts" / "step-2.parquet"):
        assert row["credit"] == pytest.approx(row["reward"])
        first, last = row["segments"][0], row["segments"][-1]
        assert first["start"] == 0
        assert (first["credit"], last["credit"]) == (pytest.approx(0.75 * row["reward"]), pytest.approx(0.25 * row["reward"]))
        # One character a token at most, and one between the segments at least where it has a character.
        assert last["end"] <= len(row["completion"]) <= len(tokenizer.encode(row["completion"]))
        assert row["advantage"] == row["advantage"]


def test_asynchronous_training_says_no_step(tmp_path: Path) -> None:
    reward = group_reward(lambda completions, **columns: u.Max([1.0, 2.0]), record=Recorder(tmp_path))
    with pytest.raises(InputError, match="asynchronous GRPO passes none"):
        reward(prompts=["p", "p"], completions=["a", "b"])
