"""What finished runs show, in Markdown: of a part of the runs too, and then it says of which."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.learning.intervals import interval
from benchmarks.learning.llm.paying import CALLS
from benchmarks.learning.llm.results import SEEDS, TUNING_SEED, Results, reported, tuning
from benchmarks.learning.llm.runs import BEFORE, Run
from benchmarks.learning.llm.sections import SECTIONS
from benchmarks.learning.llm.tasks import CPU, CUDA, DRY, planned
from benchmarks.learning.words import Array
from benchmarks.markdown import table

NO_RUNS = "Not yet run: `make learn-llm` makes the runs.\n"
CHOSEN_BEFORE = "The learning rates were chosen before these runs.\n"
COMMANDS = {
    CPU: "make learn-llm",
    CUDA: "sh benchmarks/learning/llm/gpu.sh",
    DRY: "make learn-llm-dry",
}
NO_SEEDS = "No seed has been run under every rule yet, so that there are no figures of training and of prompts held out.\n"


class Found:
    """The seeds of a task that are there whole: measured before training, and trained under every rule."""

    def __init__(self, results: Results, task: str) -> None:
        self.task, self.section, self.rates = planned(task, results.plan), SECTIONS[task], results.tuned(task)
        whole = self.rates.keys() == self.task.rules.keys()
        runs = {seed: list(reported(task, self.rates, seed, results.plan)) for seed in SEEDS if whole}
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
        """tr cov / |mean|^2 of one step's gradient before training, both pooled over the seeds; inf if no mean is seen."""
        found = {}
        for rule in self.runs:
            parts = [each["noise"][rule] for each in self.before]
            variance, signal = (sum(part[name] for part in parts) for name in ("variance", "signal"))
            found[rule] = variance / signal if signal > 0 else float("inf")
        return found


def section(results: Results, task: str, figure: str = "") -> str:
    """Setting, rates, and as soon as a seed is whole the figures of training and of prompts held out.

    figure: Markdown of the figure of the seeds that are whole, if there is one.
    """
    found = Found(results, task)
    entries = [entry for run, entry in results.entries.items() if run.task == task]
    on_device = ", on a GPU" if results.plan == CUDA else ""
    parts = [f"## {found.section.title}{on_device}\n", setting(found)]
    if not entries:
        return "\n".join([*parts, NO_RUNS])
    parts.append(rates(results, task))
    if found.seeds:
        parts += [figure] if figure else []
        parts += [trained(found), *asked(found), held_out(found), varied(found)]
    else:
        parts.append(NO_SEEDS)
    return "\n".join([*parts, surroundings(entries, results.plan)])


def setting(found: Found) -> str:
    have = len(found.seeds)
    seeds = f"{have} seeds" if have == len(SEEDS) else f"{have} of {len(SEEDS)} seeds are whole so far"
    return (
        f"{found.section.about}\n{seeds}, {found.task.steps} steps each on {len(found.task.trained)} prompts in turn; "
        f"{len(found.task.unseen)} other prompts are held out.\n"
    )


def rates(results: Results, task: str) -> str:
    """The metric in the second half of training at each rate, on the seed that chooses them."""
    chosen, best = planned(task, results.plan), results.tuned(task)
    runs = {(run.rule, run.rate): run for run in tuning(task, results.plan)}
    if not any(run in results.entries for run in runs.values()):
        return CHOSEN_BEFORE
    rows = []
    for rule in chosen.rules:
        cells = [_tried(results, runs[rule, rate], best.get(rule) == rate) for rate in chosen.rates]
        rows.append([rule, *cells])
    head = (
        f"The {chosen.metric} in the second half of training on seed {TUNING_SEED}, which chooses the rates. One seed ranks no "
        "rules:\n\n"
    )
    return head + table(["credit", *(f"rate {rate:g}" for rate in chosen.rates)], rows)


def _tried(results: Results, run: Run, chosen: bool) -> str:
    if run not in results.entries:
        return "not yet run"
    return f"**{results.second_half(run):.3f}**" if chosen else f"{results.second_half(run):.3f}"


def trained(found: Found) -> str:
    """On prompts of training: what is paid for, and what is not."""
    paid, noise = found.last_round(found.task.metric), found.noise()
    beside = [found.last_round(name) for name in found.section.beside]
    rows = [
        [
            rule,
            f"{rate:g}",
            _shown(paid[rule]),
            _against(paid, rule, found.section.base),
            *(_shown(each[rule]) for each in beside),
            f"{noise[rule]:.1f}",
        ]
        for rule, rate in found.rates.items()
    ]
    head = "On the prompts of training, in the last round of them; gradient noise is that before training:\n\n"
    names = ["credit", "rate", found.task.metric, f"against {found.section.base}", *found.section.beside, "gradient noise"]
    return head + table(names, rows)


def asked(found: Found) -> list[str]:
    """Where asking has a price: how much of it there was, and what each rule had got when it was that of the base rule."""
    if any(CALLS not in run["curves"] for each in found.runs.values() for run in each):
        return []
    base = found.section.base
    spent = [_calls(run).sum() for run in found.runs[base]]
    rows, size = [], len(found.task.trained)
    for rule, each in found.runs.items():
        total = np.array([_calls(run).sum() for run in each])
        steps = [_affordable(run, most) for run, most in zip(each, spent, strict=True)]
        curves = [run["curves"][found.task.metric][:count] for run, count in zip(each, steps, strict=True)]
        worth = [_mean(curve[-size:]) for curve in curves]
        rows.append([rule, _shown(total), f"{np.mean(steps):.1f}", _shown(np.array(worth))])
    head = f"Retriever calls of a run for each response of a group, and where as many were spent as {base} spends in all:\n\n"
    return [head + table(["credit", "calls", "steps for equal calls", f"{found.task.metric} there"], rows)]


def _calls(run: dict[str, Any]) -> Array:
    return np.array(run["curves"][CALLS])


def _affordable(run: dict[str, Any], most: float) -> int:
    """How many steps have no more calls than `most`, but for rounding; at least the first."""
    return max(int((_calls(run).cumsum() <= most * (1 + 1e-9)).sum()), 1)


def held_out(found: Found) -> str:
    """On prompts held out, before training, half way and at the end."""
    steps = (0, found.task.steps // 2, found.task.steps)
    worth = [found.unseen(found.task.metric, step) for step in steps]
    valid = found.unseen("validity", steps[-1])
    base = found.section.base
    rows = [
        [rule, *(_shown(each[rule]) for each in worth), _against(worth[-1], rule, base), _shown(valid[rule])]
        for rule in found.rates
    ]
    head = f"{found.section.unseen}:\n\n"
    return head + table(["credit", *(f"after {step}" for step in steps), f"against {base}", "validity"], rows)


def verdict(found: Found) -> str:
    """What the seeds that are whole say of the rules, on prompts held out at the end; nothing of a single seed."""
    if len(found.seeds) < 2:
        return ""
    worth = found.unseen(found.task.metric, found.task.steps)
    means = {rule: float(values.mean()) for rule, values in worth.items()}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    base = found.section.base
    gains = {rule: interval(worth[rule] - worth[base]) for rule in worth if rule != base}
    above, below = (
        ", ".join(f"*{rule}*" for rule, gain in gains.items() if side * gain.mean > gain.half) or "none" for side in (1, -1)
    )
    alike = found.unseen(found.section.varied[0], found.task.steps)
    copies = {rule: float(np.nanmean(values)) for rule, values in alike.items()}
    most = max(copies, key=copies.__getitem__)
    return (
        f"On prompts held out *{best}* ends highest, with {means[best]:.3f}, and *{worst}* lowest, with {means[worst]:.3f}; "
        f"*{base}* has {means[base]:.3f}. By more than the interval of the paired difference: {above} above it, {below} below. "
        f"*{found.section.varied[0]}* is largest under *{most}*, {copies[most]:.2f}."
    )


def varied(found: Found) -> str:
    """How the responses to prompts held out differ, at the end."""
    names = found.section.varied
    figures = [found.unseen(name, found.task.steps) for name in names]
    first = [found.unseen(name, 0) for name in names]
    rows = [[rule, *(_shown(each[rule]) for each in figures)] for rule in found.rates]
    rows.append([BEFORE, *(_shown(next(iter(each.values()))) for each in first)])
    return f"{found.section.variety}, on prompts held out at the end:\n\n" + table(["credit", *names], rows)


def surroundings(entries: list[dict[str, Any]], plan: str) -> str:
    """With what the runs were made, and how long that took."""
    seconds = [entry["figures"]["seconds"] for entry in entries]
    made = [entry["made"] for entry in entries]
    versions = sorted({", ".join(f"{name} {version}" for name, version in each["versions"].items()) for each in made})
    dates = sorted({each["date"] for each in made})
    lines = [
        f"machine: {'; '.join(sorted({each['machine'] for each in made}))}",
        f"versions: {'; '.join(versions)}",
        f"dates: {', '.join(dict.fromkeys([dates[0], dates[-1]]))}",
        f"command: `{COMMANDS[plan]}`; {len(seconds)} runs, {sum(seconds) / 3600:.1f} hours of one core",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _shown(values: Array) -> str:
    """A mean with its interval, or alone if there is one seed."""
    return str(interval(values)) if len(values) > 1 else f"{values[0]:.3f}"


def _against(values: dict[str, Array], rule: str, base: str) -> str:
    """The paired difference to the base rule."""
    if rule == base:
        return ""
    gain = interval(values[rule] - values[base])
    return f"{gain.mean:+.3f} ± {gain.half:.3f}" if len(values[rule]) > 1 else f"{gain.mean:+.3f}"


def _mean(points: list[Any]) -> float:
    """Of those that there are: a step without a valid response has no variety."""
    known = [point for point in points if point is not None]
    return float(np.mean(known)) if known else float("nan")
