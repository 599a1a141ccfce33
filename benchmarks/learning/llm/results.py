"""The runs that there are, in an order that makes a part of them useful, and the finished ones on disk, a file each."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.llm.runs import BEFORE, Run
from benchmarks.learning.llm.tasks import CPU, planned

FOLDER = Path(__file__).with_name("results")
TUNING_SEED = 1001  # learning rates are chosen on it, figures come from SEEDS alone
SEEDS = tuple(range(5))


def folder_of(plan: str) -> Path:
    """Where the finished runs of a plan are by default: devices do not mix."""
    return FOLDER if plan == CPU else FOLDER.with_name(f"{FOLDER.name}-{plan}")


def tuning(task: str, plan: str = CPU) -> Iterator[Run]:
    """The runs that choose learning rates, the middle rate first."""
    chosen = planned(task, plan)
    for rate in sorted(chosen.rates, key=lambda each: abs(np.log(each / np.median(chosen.rates)))):
        yield from (Run(task, rule, rate, TUNING_SEED, chosen.steps, examined=False) for rule in chosen.rules)


def reported(task: str, rates: dict[str, float], seed: int, plan: str = CPU) -> Iterator[Run]:
    """The runs of one seed: what there is before training, then every rule at its rate."""
    yield Run(task, BEFORE, 0.0, seed, 0, examined=True)
    for rule, rate in rates.items():
        yield Run(task, rule, rate, seed, planned(task, plan).steps, examined=True)


class Results:
    """The finished runs of a folder, and the plan that they are of."""

    def __init__(self, folder: Path, plan: str = CPU) -> None:
        self.folder, self.plan = folder, plan
        self.entries: dict[Run, dict[str, Any]] = {}
        for file in sorted(folder.glob("*.json")):
            self._keep(json.loads(file.read_text(encoding="utf-8")))

    def _keep(self, entry: dict[str, Any]) -> None:
        self.entries[Run(**entry["run"])] = entry

    def figures(self, run: Run) -> dict[str, Any]:
        found: dict[str, Any] = self.entries[run]["figures"]
        return found

    def complete(
        self,
        runs: Iterable[Run],
        execute: Callable[[Run, Path], dict[str, Any] | None],
        processes: int,
        until: float = math.inf,
    ) -> None:
        """Do the runs that are missing, in their order; `execute` writes the file of each, or gives None for an unfinished one.

        until: in seconds since 1970, when no other run is begun.
        """
        missing = [run for run in runs if run not in self.entries]
        self.folder.mkdir(parents=True, exist_ok=True)
        left, count, doing = iter(missing), 0, set[Future[dict[str, Any] | None]]()
        with ProcessPoolExecutor(processes, get_context("spawn"), max_tasks_per_child=1) as pool:
            while True:
                while len(doing) < processes and time.time() < until and (run := next(left, None)):
                    doing.add(pool.submit(execute, run, self.folder))
                if not doing:
                    return
                ended, doing = wait(doing, return_when=FIRST_COMPLETED)
                for entry in filter(None, (each.result() for each in ended)):
                    self._keep(entry)
                    count += 1
                    took = f"{entry['figures']['seconds']:.0f} s of a core"
                    print(f"{count} of {len(missing)}: {entry['run']}, {took}", flush=True)

    def tuned(self, task: str) -> dict[str, float]:
        """The learning rate of each rule for which all were tried: the best metric in the second half of training.

        Another device takes the rates of the CPU for rules that it has not tried all rates of. A single rate needs no choice.
        """
        chosen, found = planned(task, self.plan), {}
        if len(chosen.rates) == 1:
            return dict.fromkeys(chosen.rules, chosen.rates[0])
        earlier = {} if self.plan == CPU else Results(FOLDER).tuned(task)
        for rule in chosen.rules:
            runs = {run.rate: run for run in tuning(task, self.plan) if run.rule == rule}
            if all(run in self.entries for run in runs.values()):
                found[rule] = max(runs, key=lambda rate: self.second_half(runs[rate]))
            elif rule in earlier:
                found[rule] = earlier[rule]
        return found

    def second_half(self, run: Run) -> float:
        curve = self.figures(run)["curves"][planned(run.task, self.plan).metric]
        return float(np.mean(curve[len(curve) // 2 :]))
