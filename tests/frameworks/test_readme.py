"""The trainer of the README runs as it is printed, on a tiny model in the place of the one it names."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trl

from tiny_models import save_model

README = Path(__file__).parents[2] / "README.md"


def test_trainer_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = README.read_text(encoding="utf-8").split("## In a trainer\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (name,) = re.findall(r'GRPOTrainer\("([^"]+)"', block)
    save_model(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    # The defaults of a GPU; what the README sets stays as it is.
    small = partial(trl.GRPOConfig, use_cpu=True, bf16=False, max_completion_length=16, max_steps=1, report_to=[])
    monkeypatch.setattr(trl, "GRPOConfig", small)
    finished: list[Any] = []
    train = trl.GRPOTrainer.train
    monkeypatch.setattr(trl.GRPOTrainer, "train", lambda trainer: finished.append((trainer, train(trainer))))
    exec(compile(block, "README.md", "exec"), {})
    ((trainer, _),) = finished
    assert trainer.state.global_step == 1
    assert "best_of_group" in trainer.reward_func_names
