"""TRL on two gloo ranks whose groups straddle them: what a single rank would have paid, exactly."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit.adapters.trl import group_reward
from shapley_credit.methods.ospo import segment_advantages

SCRIPT = Path(__file__).parent / "on_two_ranks.py"


class OneRank:
    """The trainer of a run on one rank, as far as a reward function can see it."""

    def __init__(self, num_generations: int) -> None:
        self.num_generations = num_generations
        self.model = SimpleNamespace(training=True)
        self.accelerator = SimpleNamespace(num_processes=1)
        self.figures: dict[str, list[float]] = {}

    def log_metric(self, name: str, value: float) -> None:
        self.figures.setdefault(name, []).append(value)


LAYOUTS = [(2, 4), (3, 2)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two ranks have left what they saw, with every layout."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT)]
    subprocess.run([*command, str(folder), *(f"{rows},{size}" for rows, size in LAYOUTS)], check=True, timeout=400)
    return folder


@pytest.mark.parametrize(("per_device", "num_generations"), LAYOUTS)
def test_groups_that_straddle_ranks(per_device: int, num_generations: int, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = [json.loads((runs / f"{per_device},{num_generations}.{rank}.json").read_text()) for rank in range(2)]
    steps = list(zip(*(rank["seen"] for rank in ranks), strict=True))
    assert len(steps) == 2
    monkeypatch.setenv("RANK", "0")
    scripted = load()
    for step in steps:
        prompts, completions = (list(chain.from_iterable(part[name] for part in step)) for name in ("prompts", "completions"))
        groups = [prompts[low : low + num_generations] for low in range(0, len(prompts), num_generations)]
        assert all(len(set(group)) == 1 for group in groups)
        assert any(low < per_device < low + num_generations for low in range(0, len(prompts), num_generations))
        trainer = OneRank(num_generations)
        given = {"log_metric": trainer.log_metric, "prompts": prompts, "completions": completions}
        expected = [
            group_reward(scripted.best)(**given),
            asyncio.run(group_reward(scripted.distinct)(**given)),
            asyncio.run(group_reward(scripted.shortest)(**given)),
        ]
        found = list(chain.from_iterable(part["rewards"] for part in step))
        assert found == [pytest.approx(row, abs=1e-6) for row in zip(*expected, strict=True)]
        check_tokens(step, [sum(row) for row in found], num_generations, scripted.rule)
    assert ranks[0]["log"][0]["credit/efficiency_residual"] == pytest.approx(0.0, abs=1e-6)


def check_tokens(step: Any, rewards: list[float], size: int, rule: Any) -> None:
    """The advantages of tokens are those that the method gives the whole batch at once."""
    masks = [[flag for flag in mask if flag] for part in step for mask in part["masks"]]
    answers = [rule(rewards=rewards[low : low + size], masks=masks[low : low + size]) for low in range(0, len(rewards), size)]
    credit, lengths = (list(chain.from_iterable(part)) for part in zip(*answers, strict=True))
    paid = segment_advantages(credit, size, scale="none")
    expected = sc.token_advantages(None, masks, segment_credit=paid, segment_lengths=lengths)
    rows = [row for part in step for row in part["advantages"]]
    for row, right in zip(rows, expected, strict=True):
        assert row[: len(right)] == pytest.approx(right.tolist(), abs=1e-5)
        assert not any(row[len(right) :])


def load() -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location("on_two_ranks", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
