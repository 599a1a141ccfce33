"""An explained group as a table: plain text, HTML and rich; names are text, never markup."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from shapley_credit.explanation.figures import Figures, printable

if TYPE_CHECKING:
    from rich.table import Table

# Members that a table shows; the others are counted.
_SHOWN = 40

Row = list[str]


def table_of(group: Figures) -> tuple[Row, list[Row], str]:
    """Titles, one row a member, and what is said below them."""
    terms = {printable(name): credit for name, credit in group.terms.items()} if len(group.terms) > 1 else {}
    last = int(group.present.sum()) - 1
    rows: list[Row] = []
    for i in range(min(len(group.credit), _SHOWN)):
        numbers = [group.credit[i], *(credit[i] for credit in terms.values()), group.by_size[i, 0], group.by_size[i, last]]
        cells = [group.said(number) for number in numbers] if group.present[i] else ["absent"] + [""] * (len(terms) + 2)
        rows.append([group.name(i), *cells])
    more = len(group.credit) - len(rows)
    return ["member", "credit", *terms, "alone", "to all others"], rows, f"and {more:,} more members" if more else ""


def plain(group: Figures) -> str:
    titles, rows, more = table_of(group)
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = []
    for first, *rest in [titles, *rows]:
        cells = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:{widths[0]}}", *cells]).rstrip())
    return "\n".join([*lines, *([more] if more else [])])


def as_html(group: Figures) -> str:
    titles, rows, more = table_of(group)
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{f'<p>{more}</p>' if more else ''}"


def as_rich(group: Figures) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    titles, rows, more = table_of(group)
    table = Table(box=box.SIMPLE_HEAD, caption=more or None)
    for place, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
