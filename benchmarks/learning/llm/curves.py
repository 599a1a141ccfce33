"""The figure of a task: the metric in training, by steps and by retriever calls if it has any, and on prompts held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning import figures
from benchmarks.learning.llm.page import Found
from benchmarks.learning.llm.paying import CALLS
from benchmarks.learning.llm.results import Results
from benchmarks.learning.words import Array

# The colours of Okabe and Ito (2008), which colour-blind readers tell apart, and a dash each for those who see none.
OURS = "#d55e00"
OTHERS = ("#0072b2", "#009e73", "#000000", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("--", ":", "-.", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 3)))


@figures.styled
def draw(results: Results, task: str, file: Path) -> None:
    """Write the figure of the seeds that are whole; a round is the mean over all prompts."""
    found = Found(results, task)
    metric, size, steps = found.task.metric, len(found.task.trained), found.task.steps
    calls = {rule: _calls(each, size) for rule, each in found.runs.items() if all(CALLS in run["curves"] for run in each)}
    figure, axes = figures.panels(3 if calls else 2, found.section.title)
    trained = {rule: _rounds([run["curves"][metric] for run in each], size) for rule, each in found.runs.items()}
    _lines(found, axes[0], trained, lambda _: np.arange(size, steps + 1, size))
    axes[0].set(xlabel=f"training step (mean of {len(found.seeds)} seeds, 95% band)", ylabel=f"{metric}, prompts of training")
    if calls:
        _lines(found, axes[1], trained, calls.__getitem__)
        axes[1].set(xlabel=f"{CALLS} for each response of a group", ylabel=f"{metric}, prompts of training", xscale="log")
    looked = [0, steps // 2, steps]
    unseen = {rule: np.stack([found.unseen(metric, step)[rule] for step in looked], axis=1) for rule in found.rates}
    _lines(found, axes[-1], unseen, lambda _: np.array(looked))
    axes[-1].set(xlabel="training step", ylabel=f"{metric}, prompts held out", xticks=looked)
    figure.legend(*axes[0].get_legend_handles_labels(), title="credit", loc="outside right upper")
    figures.save(figure, file)


def _lines(found: Found, axis: Any, curves: dict[str, Array], xs: Callable[[str], Array]) -> None:
    """The rule that the section is about as a thick line, every other with a dash of its own."""
    base, ours = found.section.base, found.section.ours
    others = [base, *(rule for rule in curves if rule not in (base, ours))]
    figures.draw_curves(axis, curves, {ours: OURS, **dict(zip(others, OTHERS, strict=False))}, xs)
    dashes = {ours: "-", **dict(zip(others, DASHES, strict=False))}
    for rule, line in zip(curves, axis.lines, strict=True):
        line.set(linestyle=dashes[rule], linewidth=2.4 if rule == ours else 1.5)


def _rounds(curves: Sequence[Sequence[float]], size: int) -> Array:
    """[seeds, rounds]."""
    found: Array = np.reshape(curves, (len(curves), -1, size)).mean(axis=2)
    return found


def _calls(runs: Sequence[dict[str, Any]], size: int) -> Array:
    """Calls until the end of each round, the mean over seeds."""
    spent: Array = np.cumsum([run["curves"][CALLS] for run in runs], axis=1)[:, size - 1 :: size].mean(axis=0)
    return spent
