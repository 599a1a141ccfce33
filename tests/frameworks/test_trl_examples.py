"""The examples of docs/examples as they stand, for two steps of a tiny model."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
import torch
import trl
from shapley_credit import utilities as u
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from trl import GRPOConfig, GRPOTrainer

from tiny_models import save_model, settings
from trl_runs import Watched, logged, recorded

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def run(name: str, kind: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, **given: Any) -> tuple[Any, Any]:
    """The module of an example and its trainer, after `main()`."""
    small = settings(folder, **given)
    monkeypatch.setenv("MODEL", save_model(folder / "model"))
    monkeypatch.setenv("OUTPUT", str(folder))
    monkeypatch.setattr(trl, "GRPOConfig", lambda **own: GRPOConfig(**{**own, **small}))
    trainers: list[Any] = []
    train = GRPOTrainer.train

    def watched(self: Any) -> None:
        trainers.append(self)
        train(self)

    monkeypatch.setattr(kind, "train", watched)
    monkeypatch.setattr(trl, "GRPOTrainer", kind)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    torch.manual_seed(0)
    example.main()
    (trainer,) = trainers
    assert trainer.state.global_step == 2
    return example, trainer


def test_group_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = recorded(GRPOTrainer)
    example, trainer = run("trl_group_reward", kind, tmp_path, monkeypatch, max_completion_length=48)
    assert trainer.args.scale_rewards == "none"
    answers = {question["prompt"]: question["answer"] for question in example.QUESTIONS}
    right = [answers[prompt] for prompt in trainer._logs["prompt"]]
    assert len(trainer.generated) == 2
    assert any(example.last_number(text) is not None for batch in trainer.generated for text in batch["completions"])
    texts = trainer.generated[-1]["completions"]
    scores = [example.score(text, answer) for text, answer in zip(texts, right[-4:], strict=True)]
    utility = u.Max(scores) + 0.05 * u.DistinctCount([example.last_number(text) for text in texts])
    assert trainer.generated[-1]["scores"][:, 0].tolist() == np.float32(sc.set_shapley(utility, 4)).tolist()
    assert logged(trainer, "credit/efficiency_residual") == pytest.approx([0.0] * 2, abs=1e-6)


def test_candidates_of_one_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, trainer = run("trl_candidates", Watched, tmp_path, monkeypatch, max_completion_length=64)
    assert logged(trainer, "credit/efficiency_residual") == pytest.approx([0.0] * 2, abs=1e-5)
    assert example.reward(["birds\nfish in the sea\nbirds", ""])[1] == 0.0
    ids = example.tokenizer()("birds\nfish in the sea\nbirds").input_ids
    found = example.leave_one_out([ids], [[1] * len(ids)])
    (credit,), (lengths,) = found["segment_credit"], found["segment_lengths"]
    assert sum(lengths) == len(ids)
    # Without the sea the list loses it; each copy of the birds is there twice. The rest is shared evenly.
    assert credit[1] > credit[0] == credit[2]
    assert credit.sum() == pytest.approx(example.reward(["birds\nfish in the sea\nbirds"])[0])


def test_owen_values_of_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, trainer = run("trl_owen_sentences", Watched, tmp_path, monkeypatch, max_completion_length=96)
    assert len(trainer.batches) == 2
    assert logged(trainer, "credit/efficiency_residual") == pytest.approx([0.0] * 2, abs=1e-5)
    sentences = 0
    for batch in trainer.batches:
        mask = batch["completion_mask"] * batch["tool_mask"]
        kept = [int(row.sum()) for row in batch["completion_mask"]]
        ids = [row[:count].tolist() for row, count in zip(batch["completion_ids"], kept, strict=True)]
        masks = [row[:count].tolist() for row, count in zip(mask, kept, strict=True)]
        done = segment_completions(ids, masks, example.tokenizer(), segments.paragraphs, example.SENTENCES)
        wide = [np.concatenate([table, np.zeros((mask.shape[1] - len(table), 2), int)]) for table in done.offsets]
        expected = ospo.ospo(done.texts, example.score, mask, wide, groups=len(ids), budget=example.BUDGET)
        assert expected.any()
        torch.testing.assert_close(batch["advantages"], expected, rtol=1e-4, atol=1e-5)
        sentences += sum(len(text) > 1 for text in done.texts)
        assert all(len(row) == len(set(row.tolist())) for row in done.segment_order)  # a sentence stands in one place
    assert sentences > 0
