"""The first pass over files of rows: of each row its group and what the utility needs, and which rows can't be credited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from shapley_credit.errors import InputError
from shapley_credit.rollouts.columns import Head
from shapley_credit.rollouts.csv_rows import CsvRows
from shapley_credit.rollouts.json_rows import JsonRows
from shapley_credit.rollouts.parquet_rows import ParquetRows
from shapley_credit.rollouts.sources import Source
from shapley_credit.rollouts.text_rows import RowFault, Watch
from shapley_credit.rollouts.typed_rows import Typing, Wanted, without_faults

Rows = JsonRows | CsvRows | ParquetRows
# Rows of text that are made columns at once.
_CHUNK = 1 << 14
# Faults that are kept to be shown; all are counted.
_SHOWN = 20

_WAY_OUT = "Mend the row, or set such rows aside: --on-error skip --rejects FILE."

# Is told the stage, bytes done and bytes in all.
Progress = Callable[[str, int, int], None]


@dataclass
class Faults:
    """Rows that can't be credited: the first one ends the run, or they are set aside, counted, and the first of them named."""

    set_aside: bool
    count: int = 0
    first: list[str] = field(default_factory=list)

    def meet(self, rows: Rows, number: int, why: str) -> None:
        """A fault in a row. Raises InputError unless such rows are set aside."""
        told = f"{place_of(rows, number)}: {why}{'' if why[-1] in '.?' else '.'}"
        if not self.set_aside:
            raise InputError(f"{told} {_WAY_OUT}")
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(told)


@dataclass
class Part:
    """The rows of one file: how many are credited, and the numbers of those that are not."""

    rows: Rows
    count: int = 0
    rejected: set[int] = field(default_factory=set)


@dataclass
class Reading:
    """What the first pass found: the wanted columns of all credited rows, in the order of the files."""

    table: pa.Table
    parts: list[Part]
    faults: Faults

    def place(self, row: int) -> str:
        """The file and the line of a row of the table."""
        for part in self.parts:
            if row < part.count:
                numbers = (number for number, _ in records_of(part.rows) if number not in part.rejected)
                return place_of(part.rows, next(islice(numbers, row, None)))
            row -= part.count
        raise IndexError(row)


def place_of(rows: Rows, number: int) -> str:
    """How a message names a row."""
    return f"{rows.source.name}, {'row' if isinstance(rows, ParquetRows) else 'line'} {number}"


def opened(source: Source, refused: frozenset[str]) -> Rows:
    """The rows of a file, to which columns of the names in `refused` will be added.

    Raises InputError for a file that can't be read, and where it, or one of its rows once it is read, has such a column.
    """
    kinds: dict[str, Callable[[Source, frozenset[str]], Rows]] = {
        "JSON lines": JsonRows,
        "CSV": CsvRows,
        "Parquet": ParquetRows,
    }
    return kinds[source.kind](source, refused)


def head_of(rows: Rows, set_aside: bool) -> Head:
    """The columns of a file, by its first row that can be read. Raises InputError if there is none."""
    if isinstance(rows, ParquetRows):
        return rows.head()
    for number, raw in records_of(rows):
        try:
            return rows.head(raw)
        except RowFault as fault:
            Faults(set_aside).meet(rows, number, str(fault))
    raise InputError(f"{rows.source.name} holds no row{' that can be read' if set_aside else ''}.")


def read(files: Sequence[Rows], wanted: Wanted, faults: Faults, progress: Progress) -> Reading:
    """The wanted columns of all files.

    Raises InputError that names the file and the line for what can't be read; for a row that can't be credited, if `faults`
        does not set it aside; and for a file in which no row can.
    """
    total, done = sum(rows.source.stamp[0] for rows in files), 0
    typing, tables, parts = Typing(wanted), [], []
    for rows in files:
        watch = watch_of(progress, "reading", done, total)
        part = Part(rows)
        for table in _tables(part, wanted, typing, faults, watch):
            part.count += table.num_rows
            tables.append(table)
        if not part.count:
            raise InputError(f"{rows.source.name} holds no row{' that can be credited' if part.rejected else ''}.")
        parts.append(part)
        done += rows.source.stamp[0]
    return Reading(_joined(tables, wanted), parts, faults)


def _tables(part: Part, wanted: Wanted, typing: Typing, faults: Faults, watch: Watch) -> Iterator[pa.Table]:
    if isinstance(part.rows, ParquetRows):
        return _read_parquet(part.rows, wanted, part, faults, watch)
    return _read_text(part.rows, wanted, part, faults, typing, watch)


def watch_of(progress: Progress, stage: str, before: int, total: int) -> Watch:
    """Who follows one file of several, when `before` bytes of others are done."""
    return lambda done: progress(stage, before + done, total)


def _joined(tables: list[pa.Table], wanted: Wanted) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        kinds = {name: dict.fromkeys(str(table.schema.field(name).type) for table in tables) for name in wanted.columns}
        told = "; ".join(f"{name!r} holds {' and '.join(found)}" for name, found in kinds.items() if len(found) > 1)
        raise InputError(f"the files do not agree on the types of their columns: {told}. Convert them to one.") from error


def _read_text(
    rows: JsonRows | CsvRows, wanted: Wanted, part: Part, faults: Faults, typing: Typing, watch: Watch
) -> Iterator[pa.Table]:
    numbers: list[int] = []
    values: list[list[Any]] = []
    wrong: dict[int, str] = {}
    for number, raw in records_of(rows, watch):
        try:
            values.append(rows.values(raw, wanted.columns, wanted.numbers))
            numbers.append(number)
        except RowFault as fault:
            wrong[number] = str(fault)
        except InputError as error:
            raise InputError(f"{place_of(rows, number)}: {error}") from error
        if len(values) == _CHUNK or (wrong and not faults.set_aside):
            yield _typed(values, numbers, wrong, part, faults, typing)
            values, numbers, wrong = [], [], {}
    yield _typed(values, numbers, wrong, part, faults, typing)


def _typed(
    values: list[list[Any]], numbers: list[int], wrong: dict[int, str], part: Part, faults: Faults, typing: Typing
) -> pa.Table:
    """The columns of rows of these numbers; all faults are met in order, those of rows that can't be read, `wrong`, too."""
    try:
        table, found = typing.typed(values)
    except InputError as error:
        raise InputError(f"{place_of(part.rows, numbers[0])} to {numbers[-1]}: {error}") from error
    wrong |= {numbers[place]: why for place, why in found.items()}
    for number in sorted(wrong):
        faults.meet(part.rows, number, wrong[number])
        part.rejected.add(number)
    return table


def _read_parquet(rows: ParquetRows, wanted: Wanted, part: Part, faults: Faults, watch: Watch) -> Iterator[pa.Table]:
    first = 1
    for given in rows.wanted(wanted, watch):
        table, found = without_faults(given, wanted, {})
        for place in sorted(found):
            faults.meet(rows, first + place, found[place])
            part.rejected.add(first + place)
        yield table
        first += given.num_rows


def records_of(rows: Rows, watch: Watch = lambda done: None) -> Iterator[tuple[int, bytes]]:
    """The numbers of the rows of a file, and their bytes where they are text; without blank lines."""
    if isinstance(rows, ParquetRows):
        return ((number, b"") for number in range(1, rows.count + 1))
    return (record for record in rows.records(watch) if not record[1].isspace())
