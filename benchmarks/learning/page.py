"""docs/learning.md and its figures, from the runs on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning import figures, lengths, listing, objectives, recommend, search
from benchmarks.learning.experiments import EXPERIMENTS, RATES, TUNING_SEEDS, Results, Run
from benchmarks.learning.intervals import interval, reach
from benchmarks.learning.llm.lead import lead
from benchmarks.learning.page_text import FACTS, render, stored
from benchmarks.learning.train import EVERY
from benchmarks.learning.words import Array
from benchmarks.machine import commit, facts, published
from benchmarks.markdown import table

# The rule that others are compared with, and the one of this library in red.
BASE = {
    "recommend": "shared",
    "search": "GRPO",
    "lengths": "GRPO",
    "listing": "GRPO",
    "trl": "GRPO",
    "objectives": "Shapley",
}
OURS = {
    "recommend": "Shapley",
    "search": "Owen",
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


def setting(found: Found) -> str:
    """Seeds, steps and learning rates in words."""
    if len(found.experiment.rates) == 1:
        how = f"the learning rate is {found.experiment.rates[0]:g} for all"
    else:
        tried = ", ".join(f"{rate:g}" for rate in RATES)
        how = (
            f"each rule has the rate of {tried} that did best in the second half of training on {len(TUNING_SEEDS)} other seeds"
        )
    return f"{len(found.seeds)} seeds, {found.steps} steps each; {how}.\n"


@figures.styled
def recommended(found: Found, folder: Path) -> str:
    title = "Six recommendations, paid for the best of them"
    figure, _, _ = found.figure(recommend.METRIC, title, "set utility")
    figures.save(figure, folder / "recommend.svg")
    goal, noise, worst = level(found), found.noise(), found.curves(recommend.FREE)
    rows = [[*cells, f"{noise[rule]:,.0f}", f"{worst[rule].mean():.1%}"] for rule, cells in compared(found, goal).items()]
    return table([*headings(found, f"{goal:.3f}"), "gradient noise", "credit of the worst"], rows)


@figures.styled
def searched(found: Found, folder: Path) -> str:
    metric = search.METRIC
    figure, axes, colour = found.figure(
        metric, "A query of nine phrases, paid as a whole: credit for each is learnt from faster", "nDCG", 2
    )
    calls = found.curves(search.CALLS)
    batch = search.PROMPTS * search.GROUP
    figures.draw_curves(axes[1], found.curves(metric), colour, lambda rule: found.xs() * batch * calls[rule].mean())
    axes[1].set(xlabel="queries that the retriever answered", ylabel="nDCG", xscale="log")
    figures.save(figure, folder / "search.svg")
    goal, noise = level(found), found.noise()
    rows = [[*cells, f"{calls[rule].mean():.0f}", f"{noise[rule]:,.0f}"] for rule, cells in compared(found, goal).items()]
    unseen = (search.PART, search.OTHER, search.TFIDF, search.DENSE, search.VARIETY)
    others = [[rule, *(str(interval(found.final(name)[rule])) for name in unseen)] for rule in found.experiment.rules]
    middle = "\nThe same queries cut short, and before retrievers that no policy met in training:\n\n"
    first = table([*headings(found, f"{goal:.2f}"), "queries a response", "gradient noise"], rows)
    return first + middle + table(["credit", *unseen], others)


@figures.styled
def lengthened(found: Found, folder: Path) -> str:
    title = "Queries of any length: the rule before stops after a phrase, the law writes on"
    figure, axes, colour = found.figure(lengths.METRIC, title, "nDCG", 2)
    figures.draw_curves(axes[1], found.curves(lengths.SIZE), colour, lambda _: found.xs())
    axes[1].set(xlabel="training step", ylabel="phrases of a query", ylim=(0, lengths.PHRASES + 0.5))
    figures.save(figure, folder / "lengths.svg")
    goal, noise, size, calls = level(found), found.noise(), found.final(lengths.SIZE), found.curves(lengths.CALLS)
    rows = [
        [*cells, str(interval(size[rule])), f"{calls[rule].mean():.0f}", f"{noise[rule]:,.1f}"]
        for rule, cells in compared(found, goal).items()
    ]
    return table([*headings(found, f"{goal:.2f}"), "phrases", "queries a response", "gradient noise"], rows)


@figures.styled
def listed(found: Found, folder: Path, title: str) -> str:
    metric = listing.METRIC
    figure, axes, colour = found.figure(metric, title, "JSD to uniform, bits", 2)
    axes[0].axhline(0.1, color="black", linewidth=0.8, linestyle=":")
    figures.draw_curves(axes[1], found.curves("validity"), colour, lambda _: found.xs())
    axes[1].set(xlabel="training step", ylabel="validity", ylim=(0.9, 1.002))
    figures.save(figure, folder / f"{found.name}.svg")
    curves, valid = found.curves(metric), found.final("validity")
    rows = [
        [*cells, f"{curves[rule][:, 0].mean():.3f}", str(interval(valid[rule]))] for rule, cells in compared(found, 0.1).items()
    ]
    return table([*headings(found, "0.1"), f"in the first {EVERY}", "validity"], rows)


def objective_of(rule: str, curve: Array) -> Array:
    """What the rule's credit follows, a weighted mean of V_1 .. V_k [..., k], by the theorem."""
    weights = objectives.RULES[rule].objective(objectives.K)
    worth: Array = curve @ (weights / weights.sum())
    return worth


@figures.styled
def objectives_seen(found: Found, folder: Path) -> str:
    sizes = np.arange(1, objectives.K + 1)
    curves = {rule: np.array([[run["final"][f"V{m}"] for m in sizes] for run in runs]) for rule, runs in found.runs.items()}
    best = np.max([rows.mean(axis=0) for rows in curves.values()], axis=0)
    colour = figures.colours(found.experiment.rules, "Shapley")
    figure, axes = figures.panels(1, "Each credit serves an objective of its own")
    figures.draw_curves(axes[0], {rule: rows / best for rule, rows in curves.items()}, colour, lambda _: sizes)
    axes[0].set(xlabel="m, guesses at the test", ylabel="pass@m, as a share of the best rule's")
    figure.legend(loc="outside right upper", title="credit in training")
    figures.save(figure, folder / "objectives.svg")
    rows = []
    for target in found.experiment.rules:
        worth = {rule: objective_of(target, each) for rule, each in curves.items()}
        means = {rule: float(each.mean()) for rule, each in worth.items()}
        second = max((rule for rule in means if rule != target), key=means.__getitem__)
        lead = interval(worth[target] - worth[second])
        cells = [f"**{mean:.4f}**" if mean == max(means.values()) else f"{mean:.4f}" for mean in means.values()]
        rows.append([target, *cells, f"{lead.mean:+.4f} ± {lead.half:.4f} ({second})"])
    return table(["objective of", *found.experiment.rules, "its own credit against the next"], rows)


def section(found: Found, folder: Path) -> str:
    """Setting, figure and tables of one experiment."""
    tables = {
        "recommend": lambda: recommended(found, folder),
        "search": lambda: searched(found, folder),
        "lengths": lambda: lengthened(found, folder),
        "listing": lambda: listed(
            found,
            folder,
            "Paid for being valid, a policy falls back on its favourites; paid for variety, it uses the whole list",
        ),
        "objectives": lambda: objectives_seen(found, folder),
        "trl": lambda: listed(found, folder, "The same in TRL: paid for being valid, or for variety"),
    }[found.name]()
    return f"{setting(found)}\n![{found.name}]({folder.name}/{found.name}.svg)\n\n{tables.rstrip()}"


def surroundings(seconds: list[float], draft: bool) -> str:
    """Where the page was made, and how long training took."""
    found = facts(("numpy", "torch", "transformers", "trl", "bm25s", "sentence-transformers"))
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    made_with = published(commit(), draft)
    lines = [f"machine: {found['machine']}", f"versions: {versions}", f"commit: {made_with}", f"date: {found['date']}"]
    lines.append(f"command: `make learn`; {len(seconds)} runs, {sum(seconds) / 60:.0f} minutes of one core, two at a time")
    return "\n".join(f"- {line}" for line in lines)


def write(
    results: Results,
    rates: dict[str, dict[str, float]],
    steps: dict[str, int],
    seeds: tuple[int, ...],
    page: Path,
    draft: bool,
) -> None:
    """The page, and its figures in a folder beside it with its name. rates: of each rule of each experiment.

    draft: whether the files that the page is made with may have changes that no commit holds; the page says so then.
    """
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    found = [Found(results, name, steps[name], rates[name], seeds) for name in EXPERIMENTS]
    parts = {each.name: section(each, folder) for each in found}
    used = [run for run in results.figures if run.seed in TUNING_SEEDS or rates[run.experiment][run.rule] == run.rate]
    about = surroundings([results.seconds[run] for run in used], draft)
    page.write_text(render({**parts, FACTS: about, **lead(folder)}), encoding="utf-8")


def rewrite(page: Path) -> None:
    """The page with its prose and the language model as they are now, and all figures of small policies as they stand on it."""
    parts = stored(page.read_text(encoding="utf-8"))
    page.write_text(render({**parts, **lead(page.with_suffix(""))}), encoding="utf-8")
