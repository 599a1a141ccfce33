"""docs/examples/skyrl_turns.py: its command line is SkyRL's, and its rewards pay every turn through SkyRL's trainer."""

from __future__ import annotations

import asyncio
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from shapley_credit import turn_advantages
from skyrl.backends.skyrl_train.training_batch import TrainingInputBatch
from skyrl.train.dataset.preprocess import convert_prompts_responses_to_batch_tensors
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator, TrajectoryOutput
from skyrl.train.trainer import RayPPOTrainer

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "skyrl_turns.py"

# Rewards by token as SkyRL's agent loop builds them, at the ends of turns; the third ran out of tokens and is filtered out.
MASKS = [[1, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1], [1, 0, 1]]
REWARDS = [[0.0, 0.5, 0.0, 1.0], [0.0, 0.0, 0.5, 0.0, 0.0], [0.0, 9.0], [0.25, 0.0, 0.5]]
STOPS = ["stop", "stop", "length", "stop"]
UIDS = ["p"] * 4


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture
def configuration(example: dict[str, Any]) -> Any:
    """What SkyRL makes of the command line."""
    command = example["__doc__"].split("skyrl_turns.py ")[1].split("\n\n")[0].replace("\\", " ").replace('"', "")
    words = re.findall(r"\S+=\S+", command)
    assert len(words) >= 8
    return example["Config"].from_cli_overrides(words)


def generated(example: dict[str, Any], configuration: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What SkyRL's generator returns where its agent loop answers with the rollouts above."""

    async def agent_loop(self: Any, prompt: Any, *_: Any, **__: Any) -> TrajectoryOutput:
        mask, row = list(MASKS[prompt]), list(REWARDS[prompt])
        return TrajectoryOutput([1] * len(mask), row, STOPS[prompt], mask, [5, 6], None, {}, None)

    monkeypatch.setattr(SkyRLGymGenerator, "agent_loop", agent_loop)
    configuration.generator.apply_overlong_filtering = True
    generator = object.__new__(example["TurnGenerator"])
    vars(generator).update(
        generator_cfg=configuration.generator,
        batched=False,
        _compute_cache_salt=lambda: None,
    )
    asked = {"prompts": range(4), "env_classes": ["search"] * 4, "env_extras": [{}] * 4}
    return asyncio.run(generator.generate(asked, disable_tqdm=True))


def test_the_command_line_is_skyrl_s(configuration: Any) -> None:
    assert configuration.trainer.algorithm.advantage_estimator == "turns"
    assert configuration.trainer.algorithm.shapley_credit == {"baseline": "leave_one_out"}
    assert configuration.generator.max_turns == 4


def test_turns_are_paid_through_the_trainer(
    example: dict[str, Any], configuration: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    example["register"]()
    output = generated(example, configuration, monkeypatch)
    assert [sum(mask) for mask in output["loss_masks"]] == [3, 3, 0, 2]
    trainer = SimpleNamespace(cfg=configuration, all_metrics={})
    credited, uids = RayPPOTrainer.postprocess_generator_output(trainer, output, UIDS)
    assert trainer.all_metrics["reward/avg_raw_reward"] == pytest.approx(sum(map(sum, REWARDS[:2])) / 4 + 0.75 / 4)
    made = convert_prompts_responses_to_batch_tensors(
        SimpleNamespace(pad_token_id=0),
        credited["prompt_token_ids"],
        credited["response_ids"],
        credited["rewards"],
        credited["loss_masks"],
    )
    data = TrainingInputBatch({"rewards": made[3], "response_mask": made[2], "loss_mask": made[4], "values": None})
    data.metadata = {"uids": uids, "avg_response_length": 1.0}
    found = RayPPOTrainer.compute_advantages_and_returns(trainer, data)["advantages"]
    # Less 1.5, .5 and .75: each turn's to go less the mean of what the two others earn in all.
    there = torch.tensor([0, 1, 3])
    earned = [[0.5, 1.0], [0.0, 0.5, 0.0], [0.25, 0.5]]
    wanted = turn_advantages(earned, made[4][there], 3, baseline="leave_one_out")
    torch.testing.assert_close(found[there], wanted, rtol=0, atol=1e-6)
    assert found[0, -1].item() == pytest.approx(1.0 - 0.625)
    assert not found[2].any()


def test_training_starts_with_the_registered_names(example: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of main: the names are there when the configuration is checked, and before Ray is."""
    called: list[Any] = []
    named = example["main"].__globals__
    for name in ("register", "validate_cfg", "initialize_ray"):
        monkeypatch.setitem(named, name, lambda *args, name=name: called.append(name))
    monkeypatch.setitem(
        named, "train", SimpleNamespace(remote=lambda cfg: called.append(cfg.trainer.algorithm.advantage_estimator))
    )
    monkeypatch.setitem(named, "ray", SimpleNamespace(get=lambda done: None))
    monkeypatch.setattr(sys, "argv", ["skyrl_turns.py", "trainer.algorithm.advantage_estimator=turns"])
    example["main"]()
    assert called == ["register", "validate_cfg", "initialize_ray", "turns"]
