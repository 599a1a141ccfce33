"""The runs of one experiment with small policies, and what all sections of docs/learning.md say of theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.learning import figures
from benchmarks.learning.experiments import EXPERIMENTS, RATES, TUNING_SEEDS, Results, Run
from benchmarks.learning.intervals import interval, reach
from benchmarks.learning.page_text import MADE_WITH
from benchmarks.learning.train import EVERY
from benchmarks.learning.words import Array
from benchmarks.machine import commit, facts, published

# The rule that others are compared with, and the one of this library in red.
BASE = {
    "recommend": "shared",
    "recommend_again": "shared",
    "search": "GRPO",
    "equal_calls": "GRPO",
    "search_again": "GRPO",
    "lengths": "GRPO",
    "listing": "GRPO",
    "trl": "GRPO",
    "objectives": "Shapley",
}
OURS = {
    "recommend": "Shapley",
    "recommend_again": "Shapley",
    "search": "Owen",
    "equal_calls": "leave one out",
    "search_again": "Owen, by place",
    "lengths": "own",
    "listing": "Shapley of entropy",
    "trl": "Shapley of entropy",
}


class Found:
    """The reported runs of one experiment: curves [seeds, points] and final figures [seeds] by rule."""

    def __init__(self, results: Results, name: str, steps: int, rates: dict[str, float], seeds: tuple[int, ...]) -> None:
        self.name, self.steps, self.rates, self.seeds = name, steps, rates, seeds
        self.experiment = EXPERIMENTS[name]
        self.runs = {
            rule: [results.figures[Run(name, rule, rate, seed, steps)] for seed in seeds] for rule, rate in rates.items()
        }

    def curves(self, metric: str) -> dict[str, Array]:
        return {rule: np.array([run["curves"][metric] for run in runs]) for rule, runs in self.runs.items()}

    def final(self, metric: str) -> dict[str, Array]:
        return {rule: np.array([run["final"][metric] for run in runs]) for rule, runs in self.runs.items()}

    def noise(self) -> dict[str, float]:
        """tr cov / |mean|^2 of one batch's gradient, both pooled over the seeds."""
        parts = {rule: [run["noise"] for run in runs] for rule, runs in self.runs.items()}
        return {rule: sum(p["variance"] for p in each) / sum(p["signal"] for p in each) for rule, each in parts.items()}

    def seconds(self, results: Results) -> list[float]:
        """Of one core, of each run that is reported or chose a rate."""
        return [
            results.seconds[run]
            for run in results.figures
            if run.experiment == self.name
            and (run.seed in TUNING_SEEDS or (run.seed in self.seeds and self.rates[run.rule] == run.rate))
        ]

    def xs(self) -> Array:
        return EVERY * (np.arange(self.steps // EVERY) + 0.5)

    def figure(self, metric: str, title: str, ylabel: str, panels: int = 1) -> tuple[Any, Any, dict[str, str]]:
        """A figure whose first panel shows the metric against steps."""
        colour = figures.colours(self.experiment.rules, OURS[self.name])
        figure, axes = figures.panels(panels, title)
        figures.draw_curves(axes[0], self.curves(metric), colour, lambda _: self.xs())
        axes[0].set(xlabel="training step", ylabel=f"{ylabel} (mean of {len(self.seeds)} seeds, 95% band)")
        figure.legend(loc="outside right upper", title="credit")
        return figure, axes, colour


def compared(found: Found, goal: float) -> dict[str, list[str]]:
    """For each rule its rate, the final metric, the paired difference to the base rule, and the steps to the goal."""
    metric, base = found.experiment.metric, BASE[found.name]
    final, curves = found.final(metric), found.curves(metric)
    cells = {}
    for rule, values in final.items():
        gain = interval(values - final[base])
        difference = "" if rule == base else f"{gain.mean:+.3f} ± {gain.half:.3f}"
        steps = reach(curves[rule], goal, found.experiment.best, EVERY)
        cells[rule] = [rule, f"{found.rates[rule]:g}", str(interval(values)), difference, steps]
    return cells


def headings(found: Found, goal: str) -> list[str]:
    return ["credit", "rate", found.experiment.metric, f"against {BASE[found.name]}", f"steps to {goal}"]


def level(found: Found) -> float:
    """90% of the best mean of the last points, over all rules."""
    ends = [rows[:, -3:].mean() for rows in found.curves(found.experiment.metric).values()]
    return 0.9 * float(max(ends))


def setting(found: Found, made: str) -> str:
    """Seeds, steps and learning rates in words, and a line of what the runs were made with."""
    if len(found.experiment.rates) == 1:
        how = f"the learning rate is {found.experiment.rates[0]:g} for all"
    else:
        tried = ", ".join(f"{rate:g}" for rate in RATES)
        how = (
            f"each rule has the rate of {tried} that did best in the second half of training on {len(TUNING_SEEDS)} other seeds"
        )
    return f"{len(found.seeds)} seeds, {found.steps} steps each; {how}.\n{made}\n"


def made_with(seconds: list[float], draft: bool) -> str:
    """Where, when and with what runs were made, and how long that took."""
    known = facts(("numpy", "torch", "transformers", "trl", "bm25s", "sentence-transformers"))
    versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items())
    return (
        f"{MADE_WITH}{known['machine']}; {versions}; commit {published(commit(), draft)}; {known['date']}; "
        f"{len(seconds)} runs, {sum(seconds) / 60:.0f} minutes of one core."
    )
