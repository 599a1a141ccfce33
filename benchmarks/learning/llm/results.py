"""The runs that there are, in an order that makes a part of them useful, and the finished ones on disk, a file each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.llm.runs import BEFORE, Run
from benchmarks.learning.llm.tasks import TASKS

FOLDER = Path(__file__).with_name("results")
TUNING_SEED = 1001  # learning rates are chosen on it, figures come from SEEDS alone
SEEDS = tuple(range(5))


def tuning(task: str) -> Iterator[Run]:
    """The runs that choose learning rates, the middle rate first."""
    chosen = TASKS[task]
    for rate in sorted(chosen.rates, key=lambda each: abs(np.log(each / np.median(chosen.rates)))):
        yield from (Run(task, rule, rate, TUNING_SEED, chosen.steps, examined=False) for rule in chosen.rules)


def reported(task: str, rates: dict[str, float], seed: int) -> Iterator[Run]:
    """The runs of one seed: what there is before training, then every rule at its rate."""
    yield Run(task, BEFORE, 0.0, seed, 0, examined=True)
    for rule, rate in rates.items():
        yield Run(task, rule, rate, seed, TASKS[task].steps, examined=True)


class Results:
    """The finished runs of a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.entries: dict[Run, dict[str, Any]] = {}
        for file in sorted(folder.glob("*.json")):
            self._keep(json.loads(file.read_text(encoding="utf-8")))

    def _keep(self, entry: dict[str, Any]) -> None:
        self.entries[Run(**entry["run"])] = entry

    def figures(self, run: Run) -> dict[str, Any]:
        found: dict[str, Any] = self.entries[run]["figures"]
        return found

    def complete(self, runs: Iterable[Run], execute: Callable[[Run, Path], dict[str, Any]], processes: int) -> None:
        """Do the runs that are missing, in their order; `execute` writes the file of each."""
        missing = [run for run in runs if run not in self.entries]
        self.folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(processes, get_context("spawn"), max_tasks_per_child=1) as pool:
            waiting = [pool.submit(execute, run, self.folder) for run in missing]
            for count, done in enumerate(as_completed(waiting), 1):
                entry = done.result()
                self._keep(entry)
                print(f"{count} of {len(missing)}: {entry['run']}, {entry['figures']['seconds']:.0f} s of a core", flush=True)

    def tuned(self, task: str) -> dict[str, float]:
        """The learning rate of each rule for which all were tried: the best metric in the second half of training."""
        chosen, found = TASKS[task], {}
        for rule in chosen.rules:
            runs = {run.rate: run for run in tuning(task) if run.rule == rule}
            if all(run in self.entries for run in runs.values()):
                found[rule] = max(runs, key=lambda rate: self.second_half(runs[rate]))
        return found

    def second_half(self, run: Run) -> float:
        curve = self.figures(run)["curves"][TASKS[run.task].metric]
        return float(np.mean(curve[len(curve) // 2 :]))
