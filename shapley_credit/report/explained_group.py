"""One group of a run explained: why each of its rows earns what it earns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.text import Text

from shapley_credit import Explanation, explain
from shapley_credit.display.text_table import SHOWN, TextTable, more_members, short_name
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.printable import printable
from shapley_credit.rollouts.files import Job
from shapley_credit.rollouts.table_columns import Columns
from shapley_credit.solve.grouped import of_groups

# Groups that a message names where the one that was asked for is not there.
_NAMED = 3


class ExplainedGroup(NamedTuple):
    """The explanation of a group, whose members are called by their rows, and what the utility reads of these."""

    explanation: Explanation
    read: TextTable


def explained_group(job: Job, wanted: Sequence[str]) -> ExplainedGroup:
    """The group with these values of the columns that name groups, one text a column; rows count from 1 in all files together.

    Raises InputError for a group that is not there, and as `explain`.
    """
    rows = np.flatnonzero(job.codes == _code(job, wanted))
    names = [f"row {row + 1}" for row in rows.tolist()]
    part = job.reading.table.take(rows)
    game = job.expression.utility(Columns(part.column_names, len(rows), part.column))
    found: Explanation = explain(of_groups(game, np.arange(len(rows))[None]), names=names)[0]
    titles = [*job.expression.columns]
    columns = [[short_name(str(value)) for value in part.column(name).to_pylist()] for name in titles]
    read = [*zip(names, *columns, strict=True)][:SHOWN]
    return ExplainedGroup(found, TextTable(["", *map(short_name, titles)], read, more_members(len(rows) - len(read))))


def _code(job: Job, wanted: Sequence[str]) -> int:
    """The code of the group that is called so."""
    if len(wanted) != len(job.by):
        raise InputError(
            f"--explain takes one value for each column that names a group, {', '.join(job.by)}; got {len(wanted)}. Give it "
            f"{len(job.by)} times, in that order."
        )
    codes, first = np.unique(job.codes, return_index=True)
    columns = [job.reading.table.column(name).take(first).to_pylist() for name in job.by]
    for code, values in zip(codes.tolist(), zip(*columns, strict=True), strict=True):
        if all(_is_called(value, text) for value, text in zip(values, wanted, strict=True)):
            return int(code)
    some = [" ".join(map(shown, values)) for values in zip(*columns, strict=True)][:_NAMED]
    more = f" and {len(codes) - len(some):,} more" if len(codes) > len(some) else ""
    asked = " and ".join(f"{name!r} = {text!r}" for name, text in zip(job.by, wanted, strict=True))
    raise InputError(f"no group has {asked}; there are {', '.join(some)}{more}.")


def _is_called(value: Any, text: str) -> bool:
    return str(value) == text or (isinstance(value, float) and f"{value:g}" == text)


def print_explanation(console: Console, found: ExplainedGroup, wanted: Sequence[str]) -> None:
    """What the utility reads, what comes of it, and the sentences of the rows that earn most and least."""
    console.print(Text(f"group {', '.join(map(printable, wanted))}", style="bold"))
    console.print(found.read.rich(), found.explanation)
    credit = found.explanation.credit
    for i in dict.fromkeys([int(np.argmax(credit)), int(np.argmin(credit))]):
        console.print(Text(found.explanation.why(i)), end="\n\n")
