"""What is run: tasks, their rules of credit, seeds, learning rates, and runs kept on disk, so that a second start goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.learning import in_trl, lengths, listing, objectives, recommend, search
from benchmarks.learning.train import train, train_again
from tqdm import tqdm

TUNING_SEEDS = (1001, 1002)  # learning rates are chosen on these, figures come from SEEDS alone
SEEDS = tuple(range(10))
RATES = (1e-3, 3e-3, 1e-2)


@dataclass(frozen=True)
class Experiment:
    """One task: how a run is made, for how many steps, under which rules; `best` is min or max of the metric."""

    task: Callable[[str, int], Any]
    rules: tuple[str, ...]
    steps: int
    metric: str
    best: Callable[..., Any]
    rates: tuple[float, ...] = RATES
    train: Callable[..., dict[str, Any]] = train


EXPERIMENTS = {
    "recommend": Experiment(recommend.Recommend, tuple(recommend.RULES), 300, recommend.METRIC, max),
    "search": Experiment(search.Search, tuple(search.RULES), 400, search.METRIC, max),
    "equal_calls": Experiment(search.Search, tuple(search.EQUAL_CALLS), 400, search.METRIC, max),
    "recommend_again": Experiment(
        recommend.Recommend,
        ("shared", "winner takes all", "leave one out", "Shapley"),
        300,
        recommend.METRIC,
        max,
        train=train_again,
    ),
    "search_again": Experiment(
        search.Search, ("GRPO", "leave one out", "Owen, by place"), 400, search.METRIC, max, train=train_again
    ),
    "lengths": Experiment(lengths.Lengths, tuple(lengths.RULES), 400, lengths.METRIC, max),
    "listing": Experiment(listing.Listing, tuple(listing.RULES), 300, listing.METRIC, min),
    "objectives": Experiment(objectives.Guess, tuple(objectives.RULES), 600, "", max, rates=(3e-3,)),
    "trl": Experiment(in_trl.Picker, tuple(in_trl.RULES), 200, listing.METRIC, min, rates=(1e-2,), train=in_trl.train),
}


@dataclass(frozen=True)
class Run:
    """One training run; its key in the file of results."""

    experiment: str
    rule: str
    rate: float
    seed: int
    steps: int


def execute(run: Run) -> dict[str, Any]:
    """Train: `figures`, the same whenever and wherever the run is made, and `seconds`."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    torch.manual_seed(run.seed)
    chosen = EXPERIMENTS[run.experiment]
    figures = chosen.train(chosen.task(run.rule, run.seed), run.steps, run.rate)
    return {"figures": figures, "seconds": time.perf_counter() - began}


class Results:
    """The finished runs, a line of JSON each; a line cut off by a crash is run again."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.figures: dict[Run, dict[str, Any]] = {}
        self.seconds: dict[Run, float] = {}
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            self._keep(Run(**entry["run"]), entry)

    def _keep(self, run: Run, entry: dict[str, Any]) -> None:
        self.figures[run], self.seconds[run] = entry["figures"], entry["seconds"]

    def complete(self, runs: Iterable[Run], processes: int, title: str) -> None:
        """Do the runs that are missing, each written to the file as it ends."""
        missing = [run for run in runs if run not in self.figures]
        if not missing:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool, self.file.open("a", encoding="utf-8") as out:
            waiting = {pool.submit(execute, run): run for run in missing}
            for done in tqdm(as_completed(waiting), title, len(missing)):
                run, entry = waiting[done], done.result()
                self._keep(run, entry)
                # A line break on both sides: a line cut off by a crash spoils no other.
                out.write(f"\n{json.dumps({'run': asdict(run), **entry})}\n")
                out.flush()

    def whole(self, name: str, steps: int, seeds: Iterable[int]) -> bool:
        """Whether all runs of an experiment are done, those that choose learning rates and those that are reported."""
        if not all(run in self.figures for run in tuning(name, steps)):
            return False
        return all(run in self.figures for run in reported(name, steps, self.tuned(name, steps), seeds))

    def tuned(self, name: str, steps: int) -> dict[str, float]:
        """The learning rate of each rule: the best mean of the metric over the second half of training and the tuning seeds."""
        chosen = EXPERIMENTS[name]
        if len(chosen.rates) == 1:
            return dict.fromkeys(chosen.rules, chosen.rates[0])

        def mean(rule: str, rate: float) -> float:
            runs = [Run(name, rule, rate, seed, steps) for seed in TUNING_SEEDS]
            curves = np.array([self.figures[run]["curves"][chosen.metric] for run in runs])
            return float(curves[:, curves.shape[1] // 2 :].mean())

        return {rule: chosen.best(chosen.rates, key=partial(mean, rule)) for rule in chosen.rules}


def tuning(name: str, steps: int) -> Iterator[Run]:
    """The runs that choose learning rates; none where there is one rate."""
    chosen = EXPERIMENTS[name]
    for rule in chosen.rules if len(chosen.rates) > 1 else ():
        for rate in chosen.rates:
            yield from (Run(name, rule, rate, seed, steps) for seed in TUNING_SEEDS)


def reported(name: str, steps: int, rates: dict[str, float], seeds: Iterable[int]) -> Iterator[Run]:
    """The runs that are reported: all seeds under every rule."""
    for seed in seeds:
        yield from (Run(name, rule, rate, seed, steps) for rule, rate in rates.items())
