"""The text of docs/learning.md: its prose, and what a page that is there says of runs that are not on disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from string import Template

TEMPLATE = Template(Path(__file__).with_name("page.md").read_text(encoding="utf-8"))
SO_FAR, LANGUAGE_MODEL = "so_far", "language_model"
EXPERIMENTS = [name for name in TEMPLATE.get_identifiers() if name not in (SO_FAR, LANGUAGE_MODEL)]
NOT_YET = "Not yet run: `python -m benchmarks.learning run {}` makes the runs."
MADE_WITH = "Made with "  # begins the line of a section that says with what its runs were made


def render(parts: Mapping[str, str]) -> str:
    """The whole page. parts: figures and tables of every experiment, and of the language model."""
    return TEMPLATE.substitute(parts)


def stored(text: str, without: Collection[str] = ()) -> dict[str, str]:
    """What a page says of experiments with small policies, all but some: setting, figure and tables, or that there are no runs.

    Raises ValueError for a page that lacks one of them.
    """
    lines = text.splitlines()
    return {
        name: NOT_YET.format(name) if NOT_YET.format(name) in lines else _section(lines, _place(lines, f"![{name}]("))
        for name in EXPERIMENTS
        if name not in without
    }


def _section(lines: list[str], figure: int) -> str:
    """From the setting, two lines before the figure, to the last row of the last table below it."""
    heads = (place for place in range(figure, len(lines)) if lines[place].startswith("## "))
    rows = [place for place in range(figure, next(heads, len(lines))) if lines[place].startswith("|")]
    return "\n".join(lines[figure - 3 : rows[-1] + 1])


def _place(lines: list[str], begins: str) -> int:
    found = [place for place, line in enumerate(lines) if line.startswith(begins)]
    if len(found) != 1:
        raise ValueError(f"a page of learning has one line that begins with {begins!r}, not {len(found)}: run `make learn`.")
    return found[0]
