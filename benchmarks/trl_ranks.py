"""What a reward of whole groups costs a step of TRL on several processes, beside gathering all rows everywhere.

python -m benchmarks.trl_ranks           # 1, 2 and 4 processes over gloo; needs torch
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from benchmarks.markdown import table
from shapley_credit import utilities as u
from shapley_credit.adapters import trl_rewards
from shapley_credit.adapters.processes import Processes, packed
from shapley_credit.adapters.scoring import group_rewards

SIZE, TOKENS, STEPS, WARM = 8, 2048, 30, 5
# Rows a process: two groups, or one and a half.
LAYOUTS = {"whole": 2 * SIZE, "straddling": 3 * SIZE // 2}


class Counted(Processes):
    """Processes that add up the bytes that leave this one."""

    sent = 0

    def agree(self, item: Any) -> list[Any]:
        Counted.sent += len(packed(item)) * (self.size - 1)
        return super().agree(item)

    def exchange(self, parts: Mapping[int, bytes], sources: Iterable[int]) -> dict[int, bytes]:
        Counted.sent += sum(map(len, parts.values()))
        return super().exchange(parts, sources)


def best(completions: list[str], **_: Any) -> u.Max:
    return u.Max([float(len(text)) for text in completions])


def batch(rank: int, rows: int) -> dict[str, list[Any]]:
    """The rows of a process: prompts, completions of 2,048 tokens and some 8,000 characters, and their ids."""
    places = range(rank * rows, (rank + 1) * rows)
    return {
        "prompts": [f"prompt {place // SIZE} ".ljust(400, "?") for place in places],
        "completions": [chr(97 + place % 26) * (4 * TOKENS - place) for place in places],
        "completion_ids": [[(place * token) % 50_000 for token in range(TOKENS)] for place in places],
    }


def gathering(processes: Processes, columns: dict[str, list[Any]]) -> list[float | None]:
    """All rows to all processes, groups dealt out in turn, all credits to all processes."""
    parts = processes.agree(columns)
    texts = [text for part in parts for text in part["completions"]]
    groups = range(processes.rank, len(texts) // SIZE, processes.size)
    scored = [group_rewards(best(texts[group * SIZE : (group + 1) * SIZE]), SIZE)[0] for group in groups]
    found = processes.agree(scored)
    rewards = [reward for group in range(len(texts) // SIZE) for reward in found[group % len(found)][group // len(found)]]
    rows = len(columns["prompts"])
    return rewards[processes.rank * rows : (processes.rank + 1) * rows]


def timed(call: Callable[[], Any], processes: Processes) -> tuple[float, int]:
    """Milliseconds of the fastest of several steps, and the bytes that leave all processes in one."""
    times = []
    for step in range(WARM + STEPS):
        processes.agree(None)  # a barrier
        Counted.sent, start = 0, perf_counter()
        call()
        if step >= WARM:
            times.append(perf_counter() - start)
    sent = Counted.sent
    return 1e3 * min(times), sum(processes.agree(sent))


def worker(rows: int) -> None:
    import torch.distributed as dist

    if int(os.environ["WORLD_SIZE"]) > 1:
        dist.init_process_group("gloo")
    count, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])

    class Trainer:
        num_generations, model, accelerator = SIZE, SimpleNamespace(training=True), SimpleNamespace(num_processes=count)

        def log_metric(self, name: str, value: float) -> None: ...

    trainer, columns = Trainer(), batch(rank, rows)
    setattr(trl_rewards, "Processes", Counted)  # noqa: B010 - a module has no such attribute to mypy
    reward, processes = trl_rewards.group_reward(best), Counted().join(trainer)
    assert reward(log_metric=trainer.log_metric, **columns) == gathering(processes, columns)
    after = timed(lambda: reward(log_metric=trainer.log_metric, **columns), processes)
    before = timed(lambda: gathering(processes, columns), processes)
    if rank == 0:
        print(json.dumps([*before, *after]))
    if count > 1:
        dist.destroy_process_group()


def measured(count: int, rows: int) -> list[float]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    launch += ["-m", "benchmarks.trl_ranks", str(rows)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, check=True, capture_output=True, text=True, env=environment)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    lines = []
    for layout, rows in LAYOUTS.items():
        for count in (1, 2, 4):
            if count * rows % SIZE == 0:
                before, all_bytes, after, bytes_sent = measured(count, rows)
                kib = [f"{part / 1024:,.1f}" for part in (all_bytes, bytes_sent)]
                lines.append([layout, str(count), kib[0], kib[1], f"{before:.2f}", f"{after:.2f}"])
    header = ["groups", "processes", "KiB, all rows everywhere", "KiB, now", "ms, all rows everywhere", "ms, now"]
    print(table(header, lines), end="")


if __name__ == "__main__":
    worker(int(sys.argv[1])) if len(sys.argv) > 1 else main()
