"""The generators of docs/examples for SkyRL: group rewards and credits of sentences, through SkyRL's trainer."""

from __future__ import annotations

import asyncio
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shapley_credit as sc
import torch
from shapley_credit import utilities as u
from shapley_credit.methods.ospo import segment_advantages
from skyrl.backends.skyrl_train.training_batch import TrainingInputBatch
from skyrl.train.dataset.preprocess import convert_prompts_responses_to_batch_tensors
from skyrl.train.generators.base import BatchMetadata, TrajectoryID
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator, TrajectoryOutput
from skyrl.train.trainer import RayPPOTrainer

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
UIDS = ["p", "q", "p", "q", "p"]
TEXTS = ["it is 4", "It is red. It sings.\n\nIt flies.", "so 5", "Red red.", "it is 4"]
SCORES = [1.0, 0.25, 0.0, 0.5, 9.0]
STOPS = ["stop"] * 4 + ["length"]  # the last one is filtered out

TOKENIZER = SimpleNamespace(
    pad_token_id=0, decode=lambda ids, skip_special_tokens=True: bytes(token - 3 for token in ids).decode(errors="replace")
)


def loaded(name: str) -> tuple[dict[str, Any], Any]:
    """The module of an example, and what SkyRL makes of its command line."""
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    command = example["__doc__"].split(f"{name}.py ")[1].split("\n\n")[0].replace("\\", " ").replace('"', "")
    words = re.findall(r"\S+=\S+", command)
    assert len(words) >= 6
    return example, example["SkyRLTrainConfig"].from_cli_overrides(words)


def credited(example: dict[str, Any], kind: str, cfg: Any, monkeypatch: pytest.MonkeyPatch, phase: Any = "train") -> Any:
    """What the generator of the example returns where SkyRL's agent loop answers with the texts above."""

    async def agent_loop(self: Any, prompt: Any, *_: Any, **__: Any) -> TrajectoryOutput:
        ids = [3 + byte for byte in TEXTS[prompt].encode()]
        row = [0.0] * (len(ids) - 1) + [SCORES[prompt]]
        return TrajectoryOutput(ids, row, STOPS[prompt], [1] * len(ids), [5, 6], None, {}, None)

    monkeypatch.setattr(SkyRLGymGenerator, "agent_loop", agent_loop)
    cfg.generator.apply_overlong_filtering = True
    generator = object.__new__(example[kind])
    vars(generator).update(generator_cfg=cfg.generator, batched=False, tokenizer=TOKENIZER, _compute_cache_salt=lambda: None)
    asked = {
        "prompts": range(5),
        "env_classes": ["gsm8k"] * 5,
        "env_extras": [{}] * 5,
        "trajectory_ids": [TrajectoryID(uid, place) for place, uid in enumerate(UIDS)],
        "batch_metadata": BatchMetadata(1, phase),
    }
    return asyncio.run(generator.generate(asked, disable_tqdm=True))


def advantages(cfg: Any, output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What SkyRL's trainer makes of the rewards, and the loss mask."""
    trainer = SimpleNamespace(cfg=cfg, all_metrics={})
    output, uids = RayPPOTrainer.postprocess_generator_output(trainer, output, UIDS)
    made = convert_prompts_responses_to_batch_tensors(
        TOKENIZER, output["prompt_token_ids"], output["response_ids"], output["rewards"], output["loss_masks"]
    )
    data = TrainingInputBatch({"rewards": made[3], "response_mask": made[2], "loss_mask": made[4], "values": None})
    data.metadata = {"uids": uids, "avg_response_length": 1.0}
    return RayPPOTrainer.compute_advantages_and_returns(trainer, data)["advantages"], made[4]


def test_group_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    example, cfg = loaded("skyrl_group_reward")
    output = credited(example, "GroupGenerator", cfg, monkeypatch)
    # To p: 1 and 0, of different answers, the third filtered out. To q: .25 and .5, no number in either.
    assert output["rewards"] == pytest.approx([1.05, 0.125, 0.05, 0.375, 0.0])
    worth = u.Max([1.0, 0.0]) + 0.05 * u.DistinctCount([4, 5])
    assert [output["rewards"][place] for place in (0, 2)] == pytest.approx(sc.set_shapley(worth, 2).tolist())
    found, mask = advantages(cfg, output)
    # No deviation, and SkyRL's own mean over all that were generated, filtered or not.
    mean = 1.1 / 3
    assert [row[mask[i] != 0].unique().tolist() for i, row in enumerate(found[:4])] == [
        pytest.approx([value], abs=1e-6) for value in (1.05 - mean, -0.125, 0.05 - mean, 0.125)
    ]


def test_evaluation_shows_the_rewards_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    example, cfg = loaded("skyrl_group_reward")
    output = credited(example, "GroupGenerator", cfg, monkeypatch, "eval")
    assert [sum(row) for row in output["rewards"]] == SCORES


def test_owen_values_of_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    example, cfg = loaded("skyrl_owen_sentences")
    example["register"]()
    found, mask = advantages(cfg, credited(example, "SentenceGenerator", cfg, monkeypatch))
    # Different words; of "it", in all three sentences of the second response, half to either paragraph.
    credit = [[3.0], [2.25, 1.25, 1.5], [2.0], [2.0]]
    wanted = segment_advantages(credit, UIDS[:4])
    for place in range(4):
        own = found[place][mask[place] != 0].tolist()
        lengths = [11, 11, 9] if place == 1 else [len(TEXTS[place])]
        expected = [value for value, count in zip(wanted[place], lengths, strict=True) for _ in range(count)]
        assert own == pytest.approx(expected, rel=1e-5)
    assert not found[4].any()


@pytest.mark.parametrize("name", ["skyrl_group_reward", "skyrl_owen_sentences"])
def test_the_program_starts_the_training(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    example, _ = loaded(name)
    called: list[Any] = []
    named = example["main"].__globals__
    for step in ("register", "validate_cfg", "initialize_ray"):
        if step in named:
            monkeypatch.setitem(named, step, lambda *args, step=step: called.append(step))
    monkeypatch.setitem(named, "train", SimpleNamespace(remote=lambda cfg: called.append(cfg.generator.n_samples_per_prompt)))
    monkeypatch.setitem(named, "ray", SimpleNamespace(get=lambda done: None))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "generator.n_samples_per_prompt=8"])
    example["main"]()
    assert called == [*["register"][: "register" in named], "validate_cfg", "initialize_ray", 8]
