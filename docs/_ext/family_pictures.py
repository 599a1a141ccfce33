"""A picture of every utility's example on its page of the catalogue: what each member earns, adds alone, and adds last."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache
from html import escape
from io import StringIO
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import shapley_credit
from shapley_credit import utilities

OVERVIEW, FOLDER = "utilities", "utilities/"
WIDTH, LEFT, RIGHT, ROW = 300, 26, 56, 22
LEGEND = (
    "Each bar is the Shapley credit of a member of the example below. The ring is what the member adds to the empty set, the "
    "dot what it adds to all others. Members replace each other where the ring is further right, and need each other where the "
    "dot is."
)
# Every page of the catalogue, below the overview.
PAGES = "```{toctree}\n:hidden:\n:glob:\n\nutilities/*\n```\n"


class Example(NamedTuple):
    """What the members of one group earn, what they add to nobody, and what they add to all others."""

    credit: list[float]
    alone: list[float]
    last: list[float]


def setup(app: Any) -> dict[str, bool]:
    """Connect the hook; what Sphinx calls."""
    app.connect("source-read", lambda _, name, source: source.__setitem__(0, on_page(name, source[0])))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def on_page(name: str, text: str) -> str:
    """A page of the catalogue with its picture, and the overview with all of them; other pages as they are."""
    if name == OVERVIEW:
        return text.replace("\n| utility |", f"\n{_gallery()}\n\n{PAGES}\n| utility |", 1)
    family = name.removeprefix(FOLDER)
    if name == family or family not in utilities.__all__:
        return text
    figure = f'<figure class="family">{svg(family)}<figcaption>{LEGEND}</figcaption></figure>'
    return re.sub(r"(?=\n```\w+\n>>> )", lambda _: f"\n{figure}\n", text, count=1)


def _gallery() -> str:
    links = [f'<a href="{FOLDER}{name}.html"><span>{name}</span>{svg(name)}</a>' for name in utilities.__all__]
    return f'<div class="families">{"".join(links)}</div>'


@cache
def svg(family: str) -> str:
    """The picture as SVG in the colours of the page."""
    shown = example(family)
    numbers = [0.0, *shown.credit, *shown.alone, *shown.last]
    low, high = min(numbers), max(numbers)

    def place(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / ((high - low) or 1.0), 1)

    rows = "".join(_row(number, values, place) for number, values in enumerate(zip(*shown, strict=True)))
    height = ROW * len(shown.credit)
    told = ", ".join(f"member {number} earns {_written(value)}" for number, value in enumerate(shown.credit))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(f"{family}: {told}")}">'
        f'<line x1="{place(0)}" x2="{place(0)}" y1="0" y2="{height}"/>{rows}</svg>'
    )


def _row(number: int, values: tuple[float, float, float], place: Callable[[float], float]) -> str:
    """A member: its number, the bar of its credit, ring and dot, and the credit as a number."""
    credit, alone, last = values
    top, start, end = ROW * number, *sorted((place(0), place(credit)))
    kind = "loss" if credit < 0 else "gain"
    return (
        f'<text x="2" y="{top + 15}">{number}</text>'
        f'<rect class="{kind}" x="{start}" y="{top + 4}" width="{end - start:.1f}" height="{ROW - 8}"/>'
        f'<circle class="alone" cx="{place(alone)}" cy="{top + ROW / 2}" r="5"/>'
        f'<circle class="last" cx="{place(last)}" cy="{top + ROW / 2}" r="2.5"/>'
        f'<text x="{WIDTH - 2}" y="{top + 15}" text-anchor="end">{_written(credit)}</text>'
    )


def _written(value: float) -> str:
    return f"{round(value, 3) + 0.0:g}"


@cache
def example(family: str) -> Example:
    """The example of a docstring: its lines are run, and the first utility that is credited is kept."""
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(getattr(utilities, family)) or "", {}, family, None, None)
    spy = mock.patch.object(shapley_credit, "set_shapley", wraps=shapley_credit.set_shapley)
    with spy as credited, redirect_stdout(StringIO()):
        for line in test.examples:
            exec(compile(line.source, family, "single"), test.globs)
    utility = credited.call_args_list[0].args[0]
    members = range(utility.k)

    def worth(kept: Sequence[int]) -> float:
        return float(np.ravel(utility.value(kept))[0])

    credit: list[float] = np.reshape(shapley_credit.set_shapley(utility), (-1, utility.k))[0].tolist()
    alone = [worth([member]) - worth([]) for member in members]
    last = [worth(members) - worth([other for other in members if other != member]) for member in members]
    return Example(credit, alone, last)
