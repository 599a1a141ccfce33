"""TRL on four gloo ranks: what a single rank would have paid, exactly, and no row sent but those of groups that straddle."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import group_reward
from shapley_credit.credit.rules import segment_advantages
from shapley_credit.methods.group_rules import group_advantages

from trainers import Trainer

SCRIPT = Path(__file__).parent / "on_ranks.py"
Step = list[dict[str, Any]]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("on_ranks", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPTED = load()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of four ranks has left."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4", str(SCRIPT)]
    subprocess.run([*command, str(folder)], check=True, timeout=400)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(4)]


def steps(ranks: list[dict[str, Any]], run: str) -> Iterator[tuple[Step, int]]:
    """What all ranks saw in each step, and how many completions a prompt had."""
    size = int(run.split(",")[1])
    for step in zip(*(rank["runs"][run]["seen"] for rank in ranks), strict=True):
        yield list(step), size


def joined(step: Step, name: str) -> list[Any]:
    return list(chain.from_iterable(part[name] for part in step))


def sent_as_counted(step: Step, size: int) -> list[list[list[int]]]:
    """What each rank must send: its rows of a group that starts on an earlier rank, to that rank."""
    home = [rank for rank, part in enumerate(step) for _ in part["prompts"]]
    first = [home[row - row % size] for row in range(len(home))]
    counts = [[0] * len(step) for _ in step]
    for rank, owner in zip(home, first, strict=True):
        counts[rank][owner] += rank != owner
    return [[[owner, rows] for owner, rows in enumerate(row) if rows] for row in counts]


@pytest.mark.parametrize(("per_device", "size"), SCRIPTED.LAYOUTS)
def test_rewards_of_sets_and_credit_of_tokens(per_device: int, size: int, ranks: list[dict[str, Any]]) -> None:
    seen = list(steps(ranks, f"token {per_device},{size}"))
    assert [step[0]["kind"] for step, _ in seen] == ["train"] * 2 + ["eval"] * 2 * ((per_device, size) == (2, 4))
    for step, _ in seen:
        prompts, texts = joined(step, "prompts"), joined(step, "completions")
        assert all(len(set(prompts[low : low + size])) == 1 for low in range(0, len(prompts), size))
        assert not len(prompts) % size
        given = {"log_metric": Trainer(size).log_metric, "prompts": prompts, "completions": texts}
        expected = [
            group_reward(SCRIPTED.best)(**given),
            asyncio.run(group_reward(SCRIPTED.distinct)(**given)),
            asyncio.run(group_reward(SCRIPTED.shortest)(**given)),
        ]
        rewards = np.array(expected, np.float32).T
        assert joined(step, "rewards") == rewards.tolist()
        check_tokens(step, rewards.sum(1, dtype=np.float32).tolist(), size)
        # Three rewards and the credit of tokens.
        assert [part["sent"] for part in step] == [rows * 4 for rows in sent_as_counted(step, size)]
    assert ((per_device, size) == (2, 2)) == all(not part["sent"] for step, _ in seen for part in step)
    assert ranks[0]["runs"][f"token {per_device},{size}"]["log"][0]["credit/efficiency_residual"] == pytest.approx(0, abs=1e-6)


def check_tokens(step: Step, rewards: list[float], size: int) -> None:
    """The advantages of tokens are those that the method gives the whole batch at once."""
    masks, groups = joined(step, "masks"), range(0, len(rewards), size)
    answers = [SCRIPTED.halves(rewards=rewards[low : low + size], masks=masks[low : low + size]) for low in groups]
    credit, lengths = (list(chain.from_iterable(part)) for part in zip(*answers, strict=True))
    paid = segment_advantages(credit, size, scale="none")
    check_rows(step, sc.token_advantages(None, masks, segment_credit=paid, segment_lengths=lengths))


def check_rows(step: Step, expected: list[Any]) -> None:
    for row, right in zip(joined(step, "advantages"), expected, strict=True):
        assert row[: len(right)] == right.tolist()
        assert not any(row[len(right) :])


def test_evaluation_with_a_last_batch_that_is_filled_up(ranks: list[dict[str, Any]]) -> None:
    """3 rows a rank, 4 completions a prompt, 5 prompts: 12 rows, then 8 and the first 4 once more."""
    evaluated = [step for step, _ in steps(ranks, "token 2,4") if step[0]["kind"] == "eval"]
    assert [[len(part["prompts"]) for part in step] for step in evaluated] == [[3] * 4] * 2
    assert joined(evaluated[1], "prompts")[8:] == joined(evaluated[0], "prompts")[:4]


def test_turns_of_groups_that_straddle(ranks: list[dict[str, Any]]) -> None:
    for step, size in steps(ranks, "turns 2,4"):
        masks, outcomes = joined(step, "masks"), joined(step, "rewards")
        ends = [[0.0] * (len(mask) - 1) + reward for mask, reward in zip(masks, outcomes, strict=True)]
        check_rows(step, sc.turn_advantages(ends, masks, size, baseline="leave_one_out"))
        assert [part["sent"] for part in step] == sent_as_counted(step, size)


@pytest.mark.parametrize("rule", ["gapo", "maxrl"])
def test_rules_by_name_of_groups_that_straddle(rule: str, ranks: list[dict[str, Any]]) -> None:
    for step, size in steps(ranks, f"{rule} 3,2"):
        outcomes = [reward for (reward,) in joined(step, "rewards")]
        columns = {"answer": [text[:1] for text in joined(step, "completions")]}
        expected = group_advantages(rule, outcomes, size, columns=columns)
        assert joined(step, "advantages") == expected.astype(np.float32).tolist()
        # Rewards alone are on every rank.
        assert [part["sent"] for part in step] == (sent_as_counted(step, size) if rule == "gapo" else [[]] * 4)


@pytest.mark.parametrize("broken", ["fails", "fails_later", "segments"])
def test_what_one_rank_raises_all_raise(broken: str, ranks: list[dict[str, Any]]) -> None:
    told = "InputError: process 2 could not score its groups, so that no process can go on. KeyError: 'no such judge'"
    assert [rank[broken] for rank in ranks] == [told, told, "KeyError: 'no such judge'", told]


def test_batches_that_the_sampler_does_not_make(ranks: list[dict[str, Any]]) -> None:
    credit = sc.set_shapley(u.Max(np.arange(8.0).reshape(2, 4)), 4).reshape(-1)
    assert [len(rank["uneven"]) for rank in ranks] == list(SCRIPTED.UNEVEN)
    assert list(chain.from_iterable(rank["uneven"] for rank in ranks)) == credit.tolist()
    assert all(rank["figures"] == ranks[0]["figures"] for rank in ranks)
    mixed = "rows 4 to 7 of the batch should be 4 completions of one prompt"
    assert all(mixed in rank["mixed"] for rank in ranks)
