"""docs/learning.md and its figures, from the runs on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.learning import figures, lengths, listing, objectives, recommend, search
from benchmarks.learning.experiments import Results
from benchmarks.learning.found import Found, compared, headings, level, made_with, setting
from benchmarks.learning.intervals import interval
from benchmarks.learning.llm.lead import lead
from benchmarks.learning.page_text import render, stored
from benchmarks.learning.train import CLIPPED, DIVERGENCE, EVERY, UPDATES
from benchmarks.learning.words import Array
from benchmarks.markdown import table


@figures.styled
def recommended(found: Found, folder: Path) -> str:
    title = "Six recommendations, paid for the best of them"
    figure, _, _ = found.figure(recommend.METRIC, title, "set utility")
    figures.save(figure, folder / "recommend.svg")
    goal, noise, worst = level(found), found.noise(), found.curves(recommend.FREE)
    rows = [[*cells, f"{noise[rule]:,.0f}", f"{worst[rule].mean():.1%}"] for rule, cells in compared(found, goal).items()]
    return table([*headings(found, f"{goal:.3f}"), "gradient noise", "credit of the worst"], rows)


@figures.styled
def used_again(found: Found, folder: Path, title: str, ylabel: str) -> str:
    """How each rule does, how often the clip acted, and how far the policy went, in the last tenth of training."""
    figure, _, _ = found.figure(found.experiment.metric, f"{title}, {UPDATES} updates a batch", ylabel)
    figures.save(figure, folder / f"{found.name}.svg")
    goal, last = level(found), max(found.steps // EVERY // 10, 1)
    clipped, apart = found.curves(CLIPPED), found.curves(DIVERGENCE)
    rows = [
        [*cells, f"{clipped[rule].mean():.1%}", str(interval(apart[rule][:, -last:].mean(axis=1)))]
        for rule, cells in compared(found, goal).items()
    ]
    return table([*headings(found, f"{goal:.3f}"), "words clipped", "KL at the end, nats a response"], rows)


@figures.styled
def called_equally(found: Found, folder: Path) -> str:
    metric, batch = search.METRIC, search.PROMPTS * search.GROUP
    figure, axes, colour = found.figure(metric, "A query of nine phrases, as many calls of the retriever", "nDCG", 2)
    calls = {
        rule: batch * rows.mean() * (search.TIMES if rule == search.MANY else 1)
        for rule, rows in found.curves(search.CALLS).items()
    }
    figures.draw_curves(axes[1], found.curves(metric), colour, lambda rule: found.xs() * calls[rule])
    axes[1].set(xlabel="queries that the retriever answered", ylabel="nDCG", xscale="log")
    figures.save(figure, folder / f"{found.name}.svg")
    goal, noise = level(found), found.noise()
    rows = [[*cells, f"{calls[rule]:,.0f}", f"{noise[rule]:,.0f}"] for rule, cells in compared(found, goal).items()]
    return table([*headings(found, f"{goal:.2f}"), "queries a step", "gradient noise"], rows)


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


def section(found: Found, made: str, folder: Path) -> str:
    """Setting, figure and tables of one experiment."""
    tables = {
        "recommend": lambda: recommended(found, folder),
        "recommend_again": lambda: used_again(found, folder, "Six recommendations", "set utility"),
        "search": lambda: searched(found, folder),
        "equal_calls": lambda: called_equally(found, folder),
        "search_again": lambda: used_again(found, folder, "A query of nine phrases", "nDCG"),
        "lengths": lambda: lengthened(found, folder),
        "listing": lambda: listed(
            found,
            folder,
            "Paid for being valid, a policy falls back on its favourites; paid for variety, it uses the whole list",
        ),
        "objectives": lambda: objectives_seen(found, folder),
        "trl": lambda: listed(found, folder, "The same in TRL: paid for being valid, or for variety"),
    }[found.name]()
    return f"{setting(found, made)}\n![{found.name}]({folder.name}/{found.name}.svg)\n\n{tables.rstrip()}"


def write(
    results: Results,
    rates: dict[str, dict[str, float]],
    steps: dict[str, int],
    seeds: tuple[int, ...],
    page: Path,
    draft: bool,
) -> None:
    """The page, and its figures in a folder beside it with its name.

    rates: of each rule of the experiments whose runs are complete. What a page that is there says of the others stays.
    draft: whether the files that the page is made with may have changes that no commit holds; the page says so then.
    """
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    found = [Found(results, name, steps[name], rates[name], seeds) for name in rates]
    parts = {each.name: section(each, made_with(each.seconds(results), draft), folder) for each in found}
    kept = stored(page.read_text(encoding="utf-8"), without=parts) if page.exists() else {}
    page.write_text(render({**kept, **parts, **lead(folder)}), encoding="utf-8")
