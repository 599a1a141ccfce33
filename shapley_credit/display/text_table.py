"""A table of text: names and numbers are shown as they are, never read as markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from shapley_credit.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

# Members that a table shows; the others are counted.
SHOWN = 40

# Longer names, which may be whole answers of models, are cut.
_LONGEST = 40


@dataclass(frozen=True)
class TextTable:
    """Titles, rows of as many cells, and a note below them; the first column is text, the others are numbers."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.titles, *self.rows, strict=True)]
        lines = []
        for first, *rest in [self.titles, *self.rows]:
            cells = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
            lines.append("  ".join([f"{first:{widths[0]}}", *cells]).rstrip())
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def html(self) -> str:
        """The table as an element of a page."""
        head = "".join(f"<th>{escape(title)}</th>" for title in self.titles)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"

    def rich(self) -> Table:
        """The table as rich prints it."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, caption=Text(self.note) if self.note else None)
        for place, title in enumerate(self.titles):
            table.add_column(Text(title), justify="right" if place else "left")
        for row in self.rows:
            # A negative number stands out; on a terminal without colours it has its sign.
            table.add_row(*(Text(cell, style="orange1" if place and cell[:1] == "-" else "") for place, cell in enumerate(row)))
        return table


def short_name(name: str, longest: int = _LONGEST) -> str:
    """A name as text that moves, hides and reorders nothing, cut where it is long."""
    text = printable(name)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def more_members(hidden: int) -> str:
    """What is said of members that have no row."""
    return f"and {hidden:,} more members" if hidden else ""
