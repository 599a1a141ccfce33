"""Rollouts on disk from verl's and SkyRL's own trainers, and tables in wandb and Trackio without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from shapley_credit.adapters import skyrl_recording, verl_recording
from shapley_credit.adapters.recording import TABLE, Recorder
from skyrl.backends.skyrl_train.training_batch import TrainingInputBatch
from skyrl.train.dataset.preprocess import convert_prompts_responses_to_batch_tensors
from skyrl.train.utils.callbacks import CallbackHandler, CallbackInput, TrainingControl
from tensordict import TensorDict
from transformers import AutoTokenizer
from verl import DataProto
from verl.trainer.ppo.ray_trainer import RayPPOTrainer

from tiny_models import save_model


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoTokenizer.from_pretrained(save_model(tmp_path_factory.mktemp("model")))


def rows(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("*.parquet")
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def verl_batch(tokenizer: Any) -> DataProto:
    """Two responses to one prompt, padded left before and right after; the second has a tool's answer in it."""
    prompt, texts, masks = tokenizer.encode("Why?"), ["so it is", "no +1 yes"], [[1] * 8, [1, 1, 1, 0, 0, 0, 1, 1, 1]]
    width = 9
    ids = [tokenizer.encode(text) for text in texts]
    pad = [width - len(row) for row in ids]
    responses = torch.tensor([row + [0] * more for row, more in zip(ids, pad, strict=True)])
    flags = torch.tensor([row + [0] * more for row, more in zip(masks, pad, strict=True)])
    advantages = torch.zeros(2, width)
    advantages[0, :2], advantages[0, 2:8], advantages[1, :3], advantages[1, 6:] = 0.5, -1.0, 2.0, 3.0
    scores = torch.zeros(2, width)
    scores[0, 7], scores[1, 8] = 1.0, 4.0
    tensors = {
        "prompts": torch.tensor([[0, *prompt]] * 2),
        "responses": responses,
        "attention_mask": torch.cat(
            [torch.tensor([[0] + [1] * len(prompt)] * 2), torch.tensor([[1] * (width - more) + [0] * more for more in pad])], 1
        ),
        "response_mask": flags,
        "token_level_scores": scores,
        "advantages": advantages,
    }
    return DataProto(batch=TensorDict(tensors, batch_size=2), non_tensor_batch={"uid": np.array(["p", "p"], dtype=object)})


def test_verls_trainer_records_where_it_dumps(tmp_path: Path, tokenizer: Any) -> None:
    class Trainer(RayPPOTrainer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.tokenizer, self.global_steps = tokenizer, 4
            self._dump_executor = ThreadPoolExecutor(1)
            self._dump_futures: list[Any] = []

    verl_recording.record(Recorder(tmp_path / "ours", every=2), Trainer)
    trainer = Trainer()
    trainer._log_rollout_data(verl_batch(tokenizer), {}, {}, str(tmp_path / "verl"))
    trainer.global_steps = 5
    trainer._log_rollout_data(verl_batch(tokenizer), {}, {}, str(tmp_path / "verl"))
    trainer._dump_executor.shutdown()
    assert sorted(path.name for path in (tmp_path / "verl").iterdir()) == ["4.jsonl", "5.jsonl"]  # its own dump goes on
    dumped = [json.loads(line) for line in (tmp_path / "verl" / "4.jsonl").read_text().splitlines()]
    first, second = rows(tmp_path / "ours")
    assert [first["completion"], second["completion"]] == [row["output"] for row in dumped] == ["so it is", "no +1 yes"]
    assert first | {"segments": None} == {
        "step": 4,
        "prompt_id": "p",
        "prompt": "Why?",
        "completion": "so it is",
        "reward": 1.0,
        "advantage": pytest.approx((2 * 0.5 - 6 * 1.0) / 8),
        "segments": None,
    }
    assert first["segments"] == [{"start": 0, "end": 2, "credit": 0.5}, {"start": 2, "end": 8, "credit": -1.0}]
    assert second["segments"] == [{"start": 0, "end": 3, "credit": 2.0}, {"start": 6, "end": 9, "credit": 3.0}]


def test_skyrls_callback_records_each_step(tmp_path: Path, tokenizer: Any) -> None:
    texts = ["so it is", "no +1 yes", "padding"]
    prompts, responses = (
        [tokenizer.encode(text) for text in ("Why?", "Where is it?", "x")],
        [tokenizer.encode(t) for t in texts],
    )
    masks = [[1] * 8, [1, 1, 1, 0, 0, 0, 1, 1, 1], [0] * 7]
    made = convert_prompts_responses_to_batch_tensors(tokenizer, prompts, responses, [[0.0] * len(m) for m in masks], masks)
    sequences, attention, response, _, loss = made[:5]
    advantages = torch.zeros(response.shape)
    advantages[0, -8:-6], advantages[0, -6:], advantages[1] = 0.5, -1.0, 2.0
    batch = TrainingInputBatch(
        {
            "sequences": sequences,
            "attention_mask": attention,
            "response_mask": response,
            "loss_mask": loss,
            "advantages": advantages,
        }
    )
    batch.metadata = {"pad_size": 1}
    handler = CallbackHandler([skyrl_recording.recording(Recorder(tmp_path))])
    given = CallbackInput(global_step=3, epoch=0, total_steps=9, steps_per_epoch=9, batch=batch)
    handler.on_step_end(SimpleNamespace(tokenizer=tokenizer), given, TrainingControl())
    first, second = rows(tmp_path)
    assert (first["step"], first["prompt"], second["prompt"]) == (3, "Why?", "Where is it?")
    assert [first["completion"], second["completion"]] == texts[:2]
    assert first["segments"] == [{"start": 0, "end": 2, "credit": 0.5}, {"start": 2, "end": 8, "credit": -1.0}]
    assert second["segments"] == [{"start": 0, "end": 3, "credit": 2.0}, {"start": 6, "end": 9, "credit": 2.0}]
    assert (first["advantage"], second["advantage"]) == (pytest.approx(-0.625), 2.0)


COLUMNS: dict[str, list[Any]] = {
    "prompt_id": ["p", "p"],
    "completion": ["so", "thus"],
    "credit": [1.0, 3.0],
    "segments": [[], []],
}


@pytest.fixture
def wandb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import wandb

    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(mode="offline", project="credit", dir=tmp_path) as run:
        yield run


def test_wandb_gets_a_table_offline(tmp_path: Path, wandb_run: Any) -> None:
    Recorder(tmp_path / "rollouts").write(1, COLUMNS)
    assert wandb_run.step == 0  # the trainer's own log closes the step
    (path,) = (Path(wandb_run.dir) / "media").rglob("*.table.json")
    table = json.loads(path.read_text())
    assert table["columns"] == ["step", "prompt_id", "completion", "credit"]
    assert table["data"] == [[1, "p", "so", 1.0], [1, "p", "thus", 3.0]]


IN_TRACKIO = """
import json, sys, trackio
from shapley_credit.adapters.recording import Recorder
from trackio.sqlite_storage import SQLiteStorage
trackio.init(project="credit", name="one", embed=False)
Recorder(sys.argv[1]).write(3, json.loads(sys.argv[2]))
trackio.finish()
print(json.dumps(SQLiteStorage.get_logs("credit", "one")))
"""


def test_trackio_gets_a_table_in_its_local_store(tmp_path: Path) -> None:
    # Trackio reads where its store is when it is imported.
    here = os.environ | {"TRACKIO_DIR": str(tmp_path / "store")}
    command = [sys.executable, "-W", "ignore", "-c", IN_TRACKIO, str(tmp_path / "rollouts"), json.dumps(COLUMNS)]
    done = subprocess.run(command, env=here, check=True, capture_output=True, text=True, timeout=300)
    (logged,) = json.loads(done.stdout.splitlines()[-1])
    assert logged["step"] == 3
    assert logged[TABLE]["_value"] == [
        {"step": 3, "prompt_id": "p", "completion": "so", "credit": 1.0},
        {"step": 3, "prompt_id": "p", "completion": "thus", "credit": 3.0},
    ]
