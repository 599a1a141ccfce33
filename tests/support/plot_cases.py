"""What plots are drawn of in tests: one picture of each for the baselines, and hard ones. Run, it draws the baselines anew."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import Explanation, semivalues
from shapley_credit import utilities as u

mpl.use("agg")
import matplotlib.pyplot as plt
from PIL import Image

BASELINES = Path(__file__).parents[1] / "plots" / "baseline"
THEMES = ("light", "dark")
DPI = 50

# Controls, marks of direction, markup of mathematics, characters that the font lacks, and a name that fills the picture.
LONG = "a name that goes on and on, as answers of models do " * 3
HARD_NAMES = ["ann", "\x1b[31mbob\n", "你好 cyd", LONG, "$x^2$ {dee}", "e\u202eve"]
RULES = [semivalues.shapley, semivalues.banzhaf, semivalues.beta(2, 1)]

Draw = Callable[..., Any]


@cache
def plain(k: int = 6) -> Explanation:
    """Of two terms, one of which may be negative."""
    scores = (np.arange(k) * 7 % 5) / 2 + 0.5
    utility = 0.7 * u.Max(scores) + 0.3 * u.DistinctCount(np.arange(k) * 2 // 3) - 0.4 * u.Additive((np.arange(k) % 3) / 2)
    return sc.explain(utility, names=["ann", "bob", "cyd", "dee", "eve", "fay"] if k == 6 else None)


@cache
def hard(k: int, absent: bool = False) -> Explanation:
    """With names that are hard to write; every third member is absent, if any is."""
    rng = np.random.default_rng(k)
    mask = np.arange(k) % 3 != 1 if absent else None
    utility = u.Max(rng.random(k).round(2), mask=mask) - u.Additive(rng.random(k).round(2), mask=mask)
    return sc.explain(utility, names=[HARD_NAMES[i % 6] + (str(i) if i > 5 else "") for i in range(k)])


def threshold(coalition: tuple[int, ...]) -> float:
    return float(len(coalition) > 6) + 0.3 * (7 in coalition) - 0.2 * (3 in coalition)


@cache
def estimates() -> tuple[sc.Estimate, ...]:
    first = sc.estimate(threshold, 12, budget=60, seed=1)
    return first, first.extend(100), first.extend(400)


def exact() -> NDArray[Any]:
    return np.asarray(sc.set_shapley(threshold, 12))


def nested(k: int) -> list[Any]:
    """Unions of unequal depth."""
    if k < 4:
        return [[i] for i in range(k)]
    return [[*range(k // 3)], [k // 3, [*range(k // 3 + 1, k - 1)]], k - 1]


PIECES = ["def ", "half", "(n):\n", "    return ", "n", " / ", "2", "  # 42, as was asked for"]
SHADES = np.array([np.nan, np.nan, np.nan, 0.1, 0.5, -0.7, 1.0, -0.05])


def ragged(groups: int, longest: int) -> list[NDArray[Any]]:
    rng = np.random.default_rng(groups)
    return [rng.normal(size=rng.integers(1, longest + 1)) for _ in range(groups)]


# One picture of each function.
PICTURES: dict[str, Draw] = {
    "bars": lambda **style: sc.plots.bars(estimates()[1], max_display=6, **style),
    "waterfall": lambda **style: sc.plots.waterfall(plain(), empty=0.25, **style),
    "by_size": lambda **style: sc.plots.by_size(plain(), **style),
    "pairs": lambda **style: sc.plots.pairs(plain(), **style),
    "tree": lambda **style: sc.plots.tree(plain().credit, nested(6), names=plain().names, **style),
    "tokens": lambda **style: sc.plots.tokens(PIECES, SHADES, **style),
    "groups": lambda **style: sc.plots.groups(ragged(9, 6), **style),
    "objective": lambda **style: sc.plots.objective(RULES, 6, **style),
    "convergence": lambda **style: sc.plots.convergence(estimates(), exact=exact(), members=[7, 3], **style),
}

# Of 1, 6 and 60 members.
HARD: dict[str, Callable[[int], Draw]] = {
    "bars": lambda k: lambda **style: sc.plots.bars(hard(k, absent=k == 6), max_display=None if k == 60 else 10, **style),
    "waterfall": lambda k: lambda **style: sc.plots.waterfall(hard(k, absent=k == 60), empty=-3.0, **style),
    "by_size": lambda k: lambda **style: sc.plots.by_size(hard(k), **style),
    "pairs": lambda k: lambda **style: sc.plots.pairs(hard(k, absent=k == 6), **style),
    "tree": lambda k: lambda **style: sc.plots.tree(_with_absent(k), nested(k), names=hard(k).names, **style),
    "tokens": lambda k: lambda **style: sc.plots.tokens([f"{name} " for name in hard(k).names], hard(k).credit, **style),
    "groups": lambda k: lambda **style: sc.plots.groups(ragged(3 * k, k), names=(HARD_NAMES * 30)[: 3 * k], **style),
    "objective": lambda k: lambda **style: sc.plots.objective(RULES, k, **style),
    "convergence": lambda k: lambda **style: sc.plots.convergence(estimates()[:k], names=HARD_NAMES * 2, **style),
}


def _with_absent(k: int) -> NDArray[Any]:
    credit = np.where(np.arange(k) % 4 == 3, np.nan, hard(k).credit)
    return np.asarray(credit)


def pixels(draw: Draw, theme: str) -> NDArray[Any]:
    """The picture [rows, columns, 3], 0 .. 255, under the settings that matplotlib comes with."""
    return _read(io.BytesIO(png(draw, theme)))


def kept(name: str, theme: str) -> NDArray[Any]:
    """The baseline of a picture, as `pixels`."""
    return _read(BASELINES / f"{name}_{theme}.png")


def _read(file: Any) -> NDArray[Any]:
    return np.asarray(Image.open(file).convert("RGB")).astype(np.float64)


def png(draw: Draw, theme: str) -> bytes:
    written = io.BytesIO()
    with mpl.rc_context(mpl.rcParamsDefault):
        figure = draw(theme=theme).figure
        figure.savefig(written, dpi=DPI, metadata={"Software": None})
        plt.close(figure)
    return written.getvalue()


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        for theme in THEMES:
            picture = Image.open(io.BytesIO(png(draw, theme))).convert("RGB").quantize(96)
            picture.save(BASELINES / f"{name}_{theme}.png", optimize=True)
