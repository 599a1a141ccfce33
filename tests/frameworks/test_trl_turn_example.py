"""docs/examples/trl_turns.py as it stands, for one step of a tiny model that calls the tool of the example by a script."""

from __future__ import annotations

import json
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import shapley_credit as sc
import torch
import trl
from tokenizers import AddedToken
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from tiny_models import save_model, settings
from trl_runs import recorded

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "trl_turns.py"
CALL = json.dumps({"name": "multiply", "arguments": {"a": 17, "b": 23}})
ANSWERS = ["391", "so 5"]


class Scripted(recorded(GRPOTrainer)):  # type: ignore[misc]
    """A trainer whose model calls the tool in every second pair of rollouts, and then answers 391 or 5."""

    def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        if len(prompt_ids) == 8:
            calling = [place % 4 >= 2 for place in range(8)]
            said = [f"<tool_call>\n{CALL}\n</tool_call>" if calls else ANSWERS[i % 2] for i, calls in enumerate(calling)]
        else:  # those that called
            said = [ANSWERS[place % 2] for place in range(len(prompt_ids))]
        self.told = [self.processing_class.decode(ids) for ids in prompt_ids]
        return [self.processing_class(f"{text}<|im_end|>")["input_ids"] for text in said], None

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self.batch = super()._generate_and_score_completions(inputs)
        return self.batch


def tool_model(folder: Path) -> str:
    """The tiny model with the chat template and the special tokens of Qwen3."""
    tokenizer = AutoTokenizer.from_pretrained(save_model(folder))
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    words = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]
    tokenizer.add_tokens([AddedToken(word, special=False) for word in words])
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text(encoding="utf-8")
    tokenizer.save_pretrained(folder)
    model = Qwen2ForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    model.config.max_position_embeddings = 4096  # TRL drops the answers of tools for which there is no place
    model.save_pretrained(folder)
    return str(folder)


def test_turns_between_the_answers_of_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.setenv("MODEL", tool_model(tmp_path / "model"))
    monkeypatch.setenv("OUTPUT", str(tmp_path))
    small = settings(tmp_path, max_steps=1, per_device_train_batch_size=8, max_completion_length=400)
    monkeypatch.setattr(trl, "GRPOConfig", lambda **own: GRPOConfig(**{**own, **small}))
    trainers: list[Any] = []
    train = GRPOTrainer.train
    monkeypatch.setattr(Scripted, "train", lambda self: trainers.append((self, train(self))), raising=False)
    monkeypatch.setattr(trl, "GRPOTrainer", Scripted)
    example = runpy.run_path(str(EXAMPLE))
    example["main"]()
    ((trainer, _),) = trainers
    assert trainer.state.global_step == 1
    assert all("<tool_response>\n391\n</tool_response>" in text for text in trainer.told)
    (batch,) = trainer.generated
    mask = batch["completion_mask"] * batch["tool_mask"]
    turns = [1 + sum(b > a for a, b in pairwise(row)) for row in mask.tolist()]
    assert turns == [1, 1, 2, 2] * 2
    outcomes = batch["scores"][:, 0].tolist()
    asked = [prompt[0]["content"] for prompt in trainer._logs["prompt"]]
    assert outcomes == [float("17 * 23" in asked[place] and place % 2 == 0) for place in range(8)]
    earned = [[-example["COST"]] * (count - 1) + [outcome] for count, outcome in zip(turns, outcomes, strict=True)]
    expected = sc.turn_advantages(earned, mask, 4, baseline="leave_one_out")
    assert expected.any()
    assert torch.equal(trainer.batch["advantages"], expected)
