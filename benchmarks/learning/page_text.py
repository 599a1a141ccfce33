"""The text of docs/learning.md: its prose, and what a page that is there says of runs that are not on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

TEMPLATE = Template(Path(__file__).with_name("page.md").read_text(encoding="utf-8"))
FACTS, SO_FAR, LANGUAGE_MODEL = "facts", "so_far", "language_model"
EXPERIMENTS = [name for name in TEMPLATE.get_identifiers() if name not in (FACTS, SO_FAR, LANGUAGE_MODEL)]


def render(parts: Mapping[str, str]) -> str:
    """The whole page. parts: figures and tables of every experiment, and of the language model."""
    return TEMPLATE.substitute(parts)


def stored(text: str) -> dict[str, str]:
    """What a page says of the experiments with small policies: setting, figure and tables of each, and the facts of their runs.

    Raises ValueError for a page that lacks one of them.
    """
    lines = text.splitlines()
    parts = {name: _section(lines, _place(lines, f"![{name}](")) for name in EXPERIMENTS}
    first = last = _place(lines, "- command: `make learn`;")
    while lines[first - 1].startswith("- "):
        first -= 1
    while lines[last + 1].startswith("- "):
        last += 1
    return {**parts, FACTS: "\n".join(lines[first : last + 1])}


def _section(lines: list[str], figure: int) -> str:
    """From the setting, which stands before the figure, to the last row of the last table below it."""
    heads = (place for place in range(figure, len(lines)) if lines[place].startswith("## "))
    rows = [place for place in range(figure, next(heads, len(lines))) if lines[place].startswith("|")]
    return "\n".join(lines[figure - 2 : rows[-1] + 1])


def _place(lines: list[str], begins: str) -> int:
    found = [place for place, line in enumerate(lines) if line.startswith(begins)]
    if len(found) != 1:
        raise ValueError(f"a page of learning has one line that begins with {begins!r}, not {len(found)}: run `make learn`.")
    return found[0]
