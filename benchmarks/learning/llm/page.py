"""What finished runs show, in Markdown: of a part of the runs too, and then it says of which."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.learning.intervals import interval
from benchmarks.learning.llm.recommend import METRIC, UNPAID
from benchmarks.learning.llm.results import SEEDS, TUNING_SEED, Results, reported, tuning
from benchmarks.learning.llm.runs import BEFORE, Run
from benchmarks.learning.llm.tasks import TASKS
from benchmarks.learning.words import Array
from benchmarks.markdown import table

BASE = "shared"
VARIETY = ("same words", "same meaning", "distance", "tokens")


class Found:
    """The seeds of a task that are there whole: measured before training, and trained under every rule."""

    def __init__(self, results: Results, task: str) -> None:
        self.task, self.results, self.rates = TASKS[task], results, results.tuned(task)
        whole = self.rates.keys() == self.task.rules.keys()
        runs = {seed: list(reported(task, self.rates, seed)) for seed in SEEDS if whole}
        self.seeds = [seed for seed, each in runs.items() if all(run in results.entries for run in each)]
        self.before = [results.figures(runs[seed][0]) for seed in self.seeds]
        self.runs = {
            rule: [results.figures(runs[seed][place]) for seed in self.seeds] for place, rule in enumerate(self.rates, 1)
        }

    def last_round(self, figure: str) -> dict[str, Array]:
        """Means over the last time that every prompt was trained on, [seeds] by rule."""
        size = len(self.task.trained)
        return {rule: np.array([_mean(run["curves"][figure][-size:]) for run in each]) for rule, each in self.runs.items()}

    def unseen(self, figure: str, step: int) -> dict[str, Array]:
        """On prompts held out, after a number of steps, [seeds] by rule."""
        if step == 0:
            return dict.fromkeys(self.runs, np.array([each["evaluations"]["0"].get(figure, np.nan) for each in self.before]))
        return {
            rule: np.array([run["evaluations"][str(step)].get(figure, np.nan) for run in each])
            for rule, each in self.runs.items()
        }

    def noise(self) -> dict[str, float]:
        """tr cov / |mean|^2 of one step's gradient before training, both pooled over the seeds."""
        found = {}
        for rule in self.runs:
            parts = [each["noise"][rule] for each in self.before]
            found[rule] = sum(part["variance"] for part in parts) / sum(part["signal"] for part in parts)
        return found


def section(results: Results, task: str) -> str:
    """Setting, rates, and as soon as a seed is whole the figures of training and of prompts held out."""
    found = Found(results, task)
    parts = [setting(found, task), rates(results, task)]
    if found.seeds:
        parts += [trained(found), held_out(found), varied(found), surroundings(results, task)]
    return "\n".join(parts)


def setting(found: Found, task: str) -> str:
    have = len(found.seeds)
    seeds = f"{have} seeds" if have == len(SEEDS) else f"{have} of {len(SEEDS)} seeds so far"
    return (
        f"{seeds}, {found.task.steps} steps each on {len(found.task.trained)} prompts in turn; {len(found.task.unseen)} other "
        f"prompts are held out. Intervals are of 95% by Student's t, differences are paired by seed.\n"
    )


def rates(results: Results, task: str) -> str:
    """The metric in the second half of training at each rate, on the seed that chooses them."""
    chosen, best = TASKS[task], results.tuned(task)
    runs = {(run.rule, run.rate): run for run in tuning(task)}
    rows = []
    for rule in chosen.rules:
        cells = [_tried(results, runs[rule, rate], best.get(rule) == rate) for rate in chosen.rates]
        rows.append([rule, *cells])
    head = f"The {chosen.metric} in the second half of training on seed {TUNING_SEED}, which chooses the rates:\n\n"
    return head + table(["credit", *(f"rate {rate:g}" for rate in chosen.rates)], rows)


def _tried(results: Results, run: Run, chosen: bool) -> str:
    if run not in results.entries:
        return "-"
    return f"**{results.second_half(run):.3f}**" if chosen else f"{results.second_half(run):.3f}"


def trained(found: Found) -> str:
    """On prompts of training: for the users that are paid for, and for others."""
    paid, unpaid, valid, noise = (*map(found.last_round, (METRIC, UNPAID, "validity")), found.noise())
    rows = [
        [
            rule,
            f"{rate:g}",
            _shown(paid[rule]),
            _against(paid, rule),
            _shown(unpaid[rule]),
            _shown(valid[rule]),
            f"{noise[rule]:.1f}",
        ]
        for rule, rate in found.rates.items()
    ]
    head = "On the prompts of training, in the last round of them; gradient noise is that before training:\n\n"
    names = ["credit", "rate", METRIC, f"against {BASE}", "users not paid for", "validity", "gradient noise"]
    return head + table(names, rows)


def held_out(found: Found) -> str:
    """On prompts held out, before training, half way and at the end."""
    steps = (0, found.task.steps // 2, found.task.steps)
    worth = [found.unseen(METRIC, step) for step in steps]
    valid = found.unseen("validity", steps[-1])
    rows = [
        [rule, *(_shown(each[rule]) for each in worth), _against(worth[-1], rule), _shown(valid[rule])] for rule in found.rates
    ]
    head = f"The {METRIC} on prompts held out, for users that nobody was paid for:\n\n"
    return head + table(["credit", *(f"after {step}" for step in steps), f"against {BASE}", "validity"], rows)


def varied(found: Found) -> str:
    """How the responses to prompts held out differ, at the end."""
    figures = [found.unseen(name, found.task.steps) for name in VARIETY]
    first = [found.unseen(name, 0) for name in VARIETY]
    rows = [[rule, *(_shown(each[rule]) for each in figures)] for rule in found.rates]
    rows.append([BEFORE, *(_shown(next(iter(each.values()))) for each in first)])
    head = "Valid responses with two candidates alike in letters or in meaning, the mean distance of two, and tokens:\n\n"
    return head + table(["credit", *VARIETY], rows)


def surroundings(results: Results, task: str) -> str:
    """With what the runs were made, and how long that took."""
    entries = [entry for run, entry in results.entries.items() if run.task == task]
    seconds = [entry["figures"]["seconds"] for entry in entries]
    made = [entry["made"] for entry in entries]
    versions = sorted({", ".join(f"{name} {version}" for name, version in each["versions"].items()) for each in made})
    dates = sorted({each["date"] for each in made})
    lines = [
        f"machine: {'; '.join(sorted({each['machine'] for each in made}))}",
        f"versions: {'; '.join(versions)}",
        f"dates: {', '.join(dict.fromkeys([dates[0], dates[-1]]))}",
        f"command: `make learn-llm`; {len(seconds)} runs, {sum(seconds) / 3600:.1f} hours of one core",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _shown(values: Array) -> str:
    """A mean with its interval, or alone if there is one seed."""
    return str(interval(values)) if len(values) > 1 else f"{values[0]:.3f}"


def _against(values: dict[str, Array], rule: str) -> str:
    """The paired difference to the base rule."""
    if rule == BASE:
        return ""
    gain = interval(values[rule] - values[BASE])
    return f"{gain.mean:+.3f} ± {gain.half:.3f}" if len(values[rule]) > 1 else f"{gain.mean:+.3f}"


def _mean(points: list[Any]) -> float:
    """Of those that there are: a step without a valid response has no variety."""
    known = [point for point in points if point is not None]
    return float(np.mean(known)) if known else float("nan")
