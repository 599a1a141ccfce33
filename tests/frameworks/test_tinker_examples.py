"""docs/examples/tinker_credit.py runs whole, with the cookbook's own loop and a service that answers from a script."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Awaitable
from itertools import groupby, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shapley_credit as sc
import tinker
import torch
from shapley_credit import utilities as u
from shapley_credit.methods.ospo import segment_advantages

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tinker_credit.py"

# What the model answers, in turn: a group of eight has each twice.
ANSWERS = ["Red red.", "It is red. It sings.\n\nIt flies.", "Blue!", ""]


class Bytes:
    """A tokenizer with a token for each byte."""

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return [1] * add_special_tokens + [3 + byte for byte in text.encode()]

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        return bytes(int(token) - 3 for token in ids if token > 2).decode(errors="replace")


class Service:
    """What the loop asks of Tinker's service, as far as it reads the answers."""

    def __init__(self) -> None:
        self.trained: list[tuple[list[Any], str]] = []
        self.asked = 0

    async def create_lora_training_client_async(self, base_model: str, rank: int) -> Service:
        return self

    async def save_weights_and_get_sampling_client_async(self) -> Service:
        return self

    def get_tokenizer(self) -> Bytes:
        return Bytes()

    async def sample(self, prompt: Any, num_samples: int, sampling_params: Any) -> Any:
        tokens = Bytes().encode(ANSWERS[self.asked % len(ANSWERS)], add_special_tokens=False)
        self.asked += 1
        sequence = SimpleNamespace(tokens=tokens, logprobs=[-1.0] * len(tokens), stop_reason="stop", sequence_id=None)
        return SimpleNamespace(sequences=[sequence], prompt_cache_hit_tokens=0)

    def forward_backward(self, data: list[Any], loss_fn: str, loss_fn_config: Any = None) -> Awaitable[Any]:
        self.trained.append((data, loss_fn))
        return self.answer([{"logprobs": tinker.TensorData.from_torch(torch.zeros(1))} for _ in data])

    def optim_step(self, parameters: Any) -> Awaitable[Any]:
        return self.answer([])

    async def answer(self, outputs: list[Any]) -> Any:
        return SimpleNamespace(loss_fn_outputs=outputs, metrics=None)


def trained(credit: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[Any]]:
    """The example after one step, and the data that it trained on."""
    service = Service()
    monkeypatch.setattr(tinker, "ServiceClient", lambda: service)
    for name, value in {"CREDIT": credit, "STEPS": "1"}.items():
        monkeypatch.setenv(name, value)
    example = runpy.run_path(str(EXAMPLE))
    asyncio.run(example["main"]())
    ((data, loss),) = service.trained
    assert loss == "importance_sampling"
    return example, data


def rows_of(data: list[Any]) -> list[dict[str, torch.Tensor]]:
    """The inputs of the loss of each datum that has sampled tokens, those whose log-probability is not 0."""
    rows = [{name: tensor.to_torch() for name, tensor in datum.loss_fn_inputs.items()} for datum in data]
    assert all(row.keys() == {"target_tokens", "logprobs", "advantages"} for row in rows)
    return [row for row in rows if row["logprobs"].any()]


def paid(data: list[Any]) -> list[list[float]]:
    return [row["advantages"][row["logprobs"] != 0].tolist() for row in rows_of(data)]


def test_group(monkeypatch: pytest.MonkeyPatch) -> None:
    example, data = trained("group", monkeypatch)
    texts = [text.strip() for text in ANSWERS * 2]
    credit = sc.set_shapley(u.Max([example["score"](text) for text in texts]) + 0.5 * u.DistinctCount(texts), 8)
    expected = [value for value, text in zip(sc.advantages(credit, 8), texts, strict=True) if text]
    assert [row[0] for row in paid(data)] == pytest.approx(expected * 2)
    assert all(len(set(row)) == 1 for row in paid(data))


def test_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    example, data = trained("turns", monkeypatch)
    rows = rows_of(data)
    assert len(rows) == 2 * 8
    masks = [(row["logprobs"] != 0).int().tolist() for row in rows]
    assert {sum(b > a for a, b in pairwise([0, *mask])) for mask in masks} <= {2, 3}  # an empty answer is no turn
    earned = []
    for row, mask in zip(rows, masks, strict=True):
        runs = groupby(zip(mask, row["target_tokens"].tolist(), strict=True), key=lambda pair: pair[0])
        texts = [Bytes().decode([token for _, token in part]) for sampled, part in runs if sampled]
        earned.append([example["score"](text) for text in texts])
    wanted = sc.turn_advantages(earned, masks, 8, baseline="leave_one_out")
    assert any(len(set(row.tolist())) > 2 for row in wanted)
    for row, expected in zip(rows, wanted, strict=True):
        assert row["advantages"].tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    _, data = trained("sentences", monkeypatch)
    # How many different words there are; of "it", in three sentences, half to either paragraph.
    credit = [[2.0], [2.25, 1.25, 1.5], [1.0], [0.0]] * 2
    rows = segment_advantages(credit, 8)
    found = paid(data)[:6]
    assert [row[0] for row in found[:3]] == pytest.approx([rows[0][0], rows[1][0], rows[2][0]], rel=1e-6)
    lengths = [len("It is red. "), len("It sings.\n\n"), len("It flies.")]
    expected = [value for value, count in zip(rows[1], lengths, strict=True) for _ in range(count)]
    assert found[1] == pytest.approx(expected, rel=1e-6)
