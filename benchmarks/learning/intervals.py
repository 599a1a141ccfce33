"""Means with intervals over seeds, and how many steps a curve takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from benchmarks.learning.words import Array
from scipy import stats


class Interval(NamedTuple):
    """A mean and the half width of its 95% interval, by Student's t over the seeds."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.half:.3f}"


def interval(values: Sequence[float] | Array) -> Interval:
    found = np.asarray(values, np.float64)
    half = float(stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else np.nan
    return Interval(float(found.mean()), half)


def reach(curves: Array, level: float, best: object, every: int) -> str:
    """Median steps of [seeds, points] until a curve is at least as good as the level, and how many of them get there."""
    good = curves >= level if best is max else curves <= level
    steps = [every * (row.argmax() + 1) if row.any() else np.inf for row in good]
    median, got = float(np.median(steps)), int(good.any(axis=1).sum())
    return (f"{median:.0f}" if np.isfinite(median) else "never") + f" ({got}/{len(curves)})"
