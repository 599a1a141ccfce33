"""Figures of the experiments: one message each, the mean over seeds as a line, its 95% interval as a band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from benchmarks.learning.intervals import interval
from benchmarks.learning.words import Array
from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {"svg.hashsalt": "learning", "svg.fonttype": "none", "legend.frameon": False, "font.size": 9}
STYLE |= {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25}
# For functions that make a figure and save it; the settings of the process stay what they are.
styled = mpl.rc_context(STYLE)

OURS = "#c1272d"
OTHERS = ("#0000a7", "#008176", "#b08000", "#7b4ea3", "#555555", "#2f9ed6")


def colours(rules: Sequence[str], ours: str) -> dict[str, str]:
    """Red for the rule of this library that the figure is about; the others in their order."""
    rest = iter(OTHERS)
    return {rule: OURS if rule == ours else next(rest) for rule in rules}


def draw_curves(axis: Any, curves: dict[str, Array], colour: dict[str, str], xs: Callable[[str], Array]) -> None:
    """A line and a band for each rule, curves [seeds, points]."""
    for rule, rows in curves.items():
        spread = [interval(column) for column in rows.T]
        mean, half = np.array([each.mean for each in spread]), np.array([each.half for each in spread])
        axis.plot(xs(rule), mean, color=colour[rule], label=rule, linewidth=2.2 if colour[rule] == OURS else 1.4)
        axis.fill_between(xs(rule), mean - half, mean + half, color=colour[rule], alpha=0.15, linewidth=0)


def panels(number: int, title: str) -> tuple[Any, Any]:
    figure = Figure(figsize=(4.3 * number + 2.8, 3.8), layout="constrained")
    axes = figure.subplots(1, number, squeeze=False)
    figure.suptitle(title, x=0.02, ha="left", fontsize=11, fontweight="bold")
    return figure, axes[0]


def save(figure: Any, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
