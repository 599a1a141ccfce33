"""TRL: credit where TRL itself calls tools, or the tools of an environment, between what a model writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import shapley_credit as sc
import torch
import trl
from datasets import Dataset
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import group_credit, group_reward, token_credit, turn_credit
from tokenizers import AddedToken
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from tiny_models import save_model, settings

CALL = json.dumps({"name": "search", "arguments": {"query": "q"}})


class Scripted(GRPOTrainer):  # type: ignore[misc]
    """A trainer whose model calls the tool place % 3 times in the rollout of that place, and then answers."""

    batch: dict[str, Any]

    def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        asked = [self.processing_class.decode(ids).count("<tool_response>") for ids in prompt_ids]
        if not any(asked):
            self.calling = list(range(len(prompt_ids)))
        # TRL asks again for those alone that called.
        self.calling = [place for place in self.calling if not any(asked) or place % 3 >= asked[0]]
        said = [f"<tool_call>\n{CALL}\n</tool_call>" if place % 3 > asked[0] else "so" for place in self.calling]
        return [self.processing_class(f"{text}<|im_end|>")["input_ids"] for text in said], None

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self.batch = super()._generate_and_score_completions(inputs)
        return self.batch


def search(query: str) -> str:
    """Search.

    Args:
        query: What to look for.

    Returns:
        What was found.
    """
    return f"found {query}"


class Shop:
    def reset(self, **_: Any) -> None:
        self.asked = 0

    def search(self, query: str) -> str:
        """Search.

        Args:
            query: What to look for.

        Returns:
            What was found.
        """
        self.asked += 1
        return f"sold {query}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model with the chat template and the special tokens of Qwen3."""
    folder = Path(save_model(tmp_path_factory.mktemp("model")))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    words = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]
    tokenizer.add_tokens([AddedToken(word, special=False) for word in words])
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text(encoding="utf-8")
    tokenizer.save_pretrained(folder)
    known = Qwen2ForCausalLM.from_pretrained(folder)
    known.resize_token_embeddings(len(tokenizer))
    # TRL drops the answers of tools for which there is no place.
    known.config.max_position_embeddings = 4096
    known.save_pretrained(folder)
    return str(folder)


def messages(completions: Sequence[Any], **_: Any) -> list[float]:
    return [float(len(completion)) for completion in completions]


def run(kind: Any, model: str, folder: Path, rewards: Callable[..., Any] = messages, **tools: Any) -> dict[str, Any]:
    """What the one batch of a run was, and what it was paid."""
    small = {"max_steps": 1, "per_device_train_batch_size": 8, "max_completion_length": 400}
    args = GRPOConfig(**settings(folder, scale_rewards="none", **small))
    data = Dataset.from_dict({"prompt": [[{"role": "user", "content": text}] for text in ("ab", "cde")]})
    trainer = kind(model, rewards, args=args, train_dataset=data, **tools)
    trainer.train()
    found: dict[str, Any] = trainer.batch
    return found


@pytest.fixture(params=["tools", "environment"])
def tools(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    return {"tools": [search]} if request.param == "tools" else {"environment_factory": Shop}


TURNS = [1 + place % 3 for place in range(8)]


def test_turns_between_the_answers_of_tools(tools: dict[str, Any], model: str, tmp_path: Path) -> None:
    groups: list[Any] = []

    def calls(completions: Any, masks: Any, rewards: Any, **_: Any) -> Any:
        turns = [1 + sum(b > a for a, b in pairwise(mask)) for mask in masks]
        groups.extend(zip(turns, rewards, strict=True))
        return [[-0.1] * (count - 1) + [reward] for count, reward in zip(turns, rewards, strict=True)]

    batch = run(turn_credit(Scripted, calls), model, tmp_path, **tools)
    assert groups == [(turns, 2.0 * turns - 1.0) for turns in TURNS]  # an answer of the tool is a message too
    mask = batch["completion_mask"] * batch["tool_mask"]
    expected = sc.turn_advantages([[-0.1] * (turns - 1) + [2.0 * turns - 1.0] for turns in TURNS], mask, 4)
    assert (batch["tool_mask"] == 0).any()
    assert torch.equal(batch["advantages"], expected)


def test_groups_and_tokens_of_rollouts_with_tools(tools: dict[str, Any], model: str, tmp_path: Path) -> None:
    rewards = [2.0 * turns - 1.0 for turns in TURNS]
    plain = run(group_credit(Scripted, "maxrl"), model, tmp_path, **tools)["advantages"]
    assert plain.shape == (8,)
    credit = sc.set_shapley(u.Max([rewards[:4], rewards[4:]]))
    torch.testing.assert_close(plain.double(), 4.0 * torch.tensor(sc.advantages(credit.reshape(-1), 4)))
    best = group_reward(lambda completions, **_: u.Max([float(len(completion)) for completion in completions]))
    paid = run(Scripted, model, tmp_path, best, **tools)["advantages"]
    torch.testing.assert_close(4.0 * paid, plain)

    def whole(rewards: Any, masks: Any, **_: Any) -> Any:
        return [[reward] for reward in rewards], [[sum(mask)] for mask in masks]

    batch = run(token_credit(Scripted, whole), model, tmp_path, **tools)
    mask = batch["completion_mask"] * batch["tool_mask"]
    torch.testing.assert_close(batch["advantages"], torch.tensor(sc.advantages(rewards, 4)).float()[:, None] * mask)
