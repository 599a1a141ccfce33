"""The figure of a task: the metric in training, round by round, and on prompts held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.learning import figures
from benchmarks.learning.llm.page import BASE, Found
from benchmarks.learning.llm.results import Results
from benchmarks.learning.words import Array


def draw(results: Results, task: str, file: Path, title: str, ours: str) -> None:
    """Write the figure of the seeds that are whole; a round is the mean over all prompts. ours: the rule drawn in red."""
    found = Found(results, task)
    metric, size, steps = found.task.metric, len(found.task.trained), found.task.steps
    colour = figures.colours([BASE, *(rule for rule in found.rates if rule != BASE)], ours)
    figure, axes = figures.panels(2, title)
    trained = {rule: _rounds([run["curves"][metric] for run in each], size) for rule, each in found.runs.items()}
    figures.draw_curves(axes[0], trained, colour, lambda _: np.arange(size, steps + 1, size))
    axes[0].set(xlabel=f"training step (mean of {len(found.seeds)} seeds, 95% band)", ylabel=f"{metric}, prompts of training")
    looked = [0, steps // 2, steps]
    unseen = {rule: np.stack([found.unseen(metric, step)[rule] for step in looked], axis=1) for rule in found.rates}
    figures.draw_curves(axes[1], unseen, colour, lambda _: np.array(looked))
    axes[1].set(xlabel="training step", ylabel=f"{metric}, prompts held out", xticks=looked)
    figure.legend(*axes[0].get_legend_handles_labels(), title="credit", loc="outside right upper")
    figures.save(figure, file)


def _rounds(curves: list[list[float]], size: int) -> Array:
    """[seeds, rounds]."""
    found: Array = np.reshape(curves, (len(curves), -1, size)).mean(axis=2)
    return found
