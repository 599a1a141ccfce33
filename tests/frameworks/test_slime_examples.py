"""docs/examples for slime, by contract: samples with the fields of 0.3.1, its arguments, and the hooks behind the rewards."""

from __future__ import annotations

import asyncio
import re
import runpy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shapley_credit as sc
import torch
from shapley_credit import utilities as u
from shapley_credit.adapters import slime
from shapley_credit.methods.ospo import segment_advantages

import slime_samples

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

ASKED: list[str] = []


class Bytes:
    """A tokenizer with a token for each byte, behind three others."""

    @classmethod
    def from_pretrained(cls, path: str) -> Bytes:
        ASKED.append(path)
        return cls()

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        return bytes(token - 3 for token in ids if token > 2).decode(errors="replace")


@dataclass
class Sample(slime_samples.Sample):
    """With the tokens of prompt and response, and what the dataset says is right."""

    tokens: list[int] = field(default_factory=list)
    label: str = ""


def sampled(group: int, parts: list[tuple[bool, str]], label: str = "42", masked: bool = True) -> Sample:
    """A sample whose response has these parts, each trained or not, behind a prompt of two tokens."""
    mask = [int(trained) for trained, text in parts for _ in text.encode()]
    text = "".join(text for _, text in parts)
    tokens = [1, 1, *(3 + byte for byte in text.encode())]
    more = {"tokens": tokens, "label": label, "response": text, "loss_mask": mask if masked else None}
    return Sample(group_index=group, response_length=len(mask), **more)  # type: ignore[arg-type]


def loaded(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The module of an example, whose tokenizer is one of bytes, and the options of its command line."""
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    if "tokenizer" in example:
        example["score" if "score" in example else "runs"].__globals__["AutoTokenizer"] = Bytes
    options = dict(re.findall(r"--(\S+) ([\w.]+)", example["__doc__"]))
    assert options["custom-rm-path"] == f"{name}.reward"
    return example, options


def trained(options: dict[str, str], samples: list[Sample], **told: Any) -> list[list[float]]:
    """The advantages that the hooks of the command line give the tokens of samples."""
    hooks = [options[f"custom-{name}-path"] for name in ("reward-post-process", "advantage-function")]
    pay, unpack = (getattr(slime, path.removeprefix("shapley_credit.adapters.slime.")) for path in hooks)
    args = slime_samples.told(**told)
    masks = [torch.tensor(sample.loss_mask or [1] * sample.response_length) for sample in samples]
    data = {"rewards": pay(args, samples)[1], "loss_masks": masks, "kl": [torch.zeros(len(mask)) for mask in masks]}
    unpack(args, data)
    return [row.tolist() for row in data["advantages"]]


def test_group_reward() -> None:
    example, options = loaded("slime_group_reward")
    assert "--group-rm " in example["__doc__"]
    assert options["advantage-estimator"] == "grpo"
    texts = ["so 42", "it is 41", "no", "42"]
    samples = [sampled(0, [(True, text)]) for text in texts]
    found = asyncio.run(example["reward"](slime_samples.ARGS, samples))
    wanted = sc.set_shapley(u.Max([1.0, 0.1, 0.0, 1.0]) + 0.05 * u.DistinctCount([42, 41, None, 42]), 4)
    assert found == pytest.approx(wanted.tolist())


def test_turns() -> None:
    example, options = loaded("slime_turns")
    args = SimpleNamespace(hf_checkpoint="model")
    samples = [
        sampled(0, [(True, "ask"), (False, "it is 42"), (True, "more"), (False, "nothing"), (True, "so 42")]),
        sampled(0, [(True, "ask"), (False, "nothing"), (True, "so 41")]),
        sampled(1, [(True, "42")], masked=False),
        sampled(1, [(True, "ask"), (False, "42")]),  # cut while the tool answers
    ]
    for sample in samples:
        sample.reward = asyncio.run(example["reward"](args, sample))
    earned = [[0.2, 0.0, 1.0], [0.0, 0.0], [1.0], [0.2]]  # what a tool says is not what the model answers
    assert ASKED[-1] == "model"
    assert [sample.metadata["turn_rewards"] for sample in samples] == earned
    assert [sample.reward for sample in samples] == pytest.approx([1.2, 0.0, 1.0, 0.2])
    assert "{baseline: leave_one_out}" in example["__doc__"]
    masks = [sample.loss_mask or [1] * sample.response_length for sample in samples]
    wanted = sc.turn_advantages(earned, masks, [0, 0, 1, 1], baseline="leave_one_out")
    found = trained(options, samples, baseline="leave_one_out")
    assert [list(row) for row in found] == [pytest.approx(row.tolist(), rel=1e-6) for row in wanted]


def test_owen_values_of_sentences() -> None:
    example, options = loaded("slime_owen_sentences")
    texts = ["It is red. It sings.\n\nIt flies.", "Red red."]
    samples = [sampled(0, [(True, text)], masked=False) for text in texts]
    for sample in samples:
        sample.reward = asyncio.run(example["reward"](SimpleNamespace(hf_checkpoint="model"), sample))
    assert [sample.reward for sample in samples] == [5.0, 2.0]
    # "it" is in all three: half of it to either paragraph.
    assert samples[0].metadata == {"segment_credit": pytest.approx([2.25, 1.25, 1.5]), "segment_lengths": [11, 11, 9]}
    wanted = segment_advantages([[2.25, 1.25, 1.5], [2.0]], 2)
    lengths = [[11, 11, 9], [8]]
    expected = [
        [value for value, count in zip(row, own, strict=True) for _ in range(count)]
        for row, own in zip(wanted, lengths, strict=True)
    ]
    assert trained(options, samples) == [pytest.approx(row, rel=1e-6) for row in expected]
