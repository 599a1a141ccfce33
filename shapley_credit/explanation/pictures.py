"""An explained group as a table."""

from __future__ import annotations

from shapley_credit.display.text_table import SHOWN, TextTable, more_members
from shapley_credit.explanation.figures import Figures
from shapley_credit.printable import printable


def table_of(group: Figures) -> TextTable:
    """One row a member: its credit, what of it each term brings, and what it adds alone and to all others."""
    terms = {printable(name): credit for name, credit in group.terms.items()} if len(group.terms) > 1 else {}
    last = int(group.present.sum()) - 1
    rows: list[list[str]] = []
    for i in range(min(len(group.credit), SHOWN)):
        numbers = [group.credit[i], *(credit[i] for credit in terms.values()), group.by_size[i, 0], group.by_size[i, last]]
        cells = [group.said(number) for number in numbers] if group.present[i] else ["absent"] + [""] * (len(terms) + 2)
        rows.append([group.name(i), *cells])
    return TextTable(["member", "credit", *terms, "alone", "to all others"], rows, more_members(len(group.credit) - len(rows)))
