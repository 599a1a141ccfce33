"""Credit for rows of files: a first pass reads what the utility needs, a second copies the rows and adds their credit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from shapley_credit import semivalues
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import one_of
from shapley_credit.inputs.pricing import MAX_OPERATIONS
from shapley_credit.rollouts.columns import guess_group, guess_utility
from shapley_credit.rollouts.expression import Expression, read_expression
from shapley_credit.rollouts.reading import Faults, Progress, Reading, Rows, head_of, opened, read
from shapley_credit.rollouts.sources import sources_of
from shapley_credit.rollouts.step import ADVANTAGE, credited, read_rule
from shapley_credit.rollouts.table_columns import Columns
from shapley_credit.rollouts.targets import Target, targets_of
from shapley_credit.rollouts.typed_rows import Wanted, codes_of_groups
from shapley_credit.rollouts.writing import Writing, write
from shapley_credit.solve.grouped import of_groups

# Operations, about as many as nanoseconds of one processor, above which credits are computed only when that is asked for.
DEAR = 1e11
# The semivalues that have a name without parameters.
VALUES = {value.name: value for value in (semivalues.shapley, semivalues.banzhaf, semivalues.leave_one_out)}
# The column of groups in what is credited; no expression can name it.
_GROUP, _CREDIT = "\ngroup", "\ncredit"

Sizes = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Request:
    """What is asked: an answer to each option of the command line.

    Attributes:
        files: paths, patterns and "-".
        by: the columns that name a group; none, if they are to be guessed.
        utility: an expression; None, if it is to be guessed.
        value: the semivalue of each row, one of `VALUES`.
        advantage: as `credited` takes it.
        out: a file, a folder or "-"; None, if nothing is written.
        credit_column, advantage_column: names of the new columns.
        overwrite: whether columns of these names are written over.
        rejects: a file for rows that can't be credited; None, if the first of them ends the run.
        force: whether credits are computed that cost more than `DEAR`.
    """

    files: Sequence[str]
    by: tuple[str, ...] = ()
    utility: str | None = None
    value: str = "shapley"
    advantage: str | None = None
    out: str | None = None
    credit_column: str = "credit"
    advantage_column: str = "advantage"
    overwrite: bool = False
    rejects: str | None = None
    force: bool = False

    @property
    def added(self) -> tuple[str, ...]:
        """The columns that are added."""
        return (self.credit_column, *([self.advantage_column] if self.advantage else []))


@dataclass(frozen=True)
class Job:
    """A request whose files have been read once.

    Attributes:
        by, expression: what is the group and what the utility, as asked or guessed.
        reading: the rows.
        targets: what will be written.
        codes: the group of each row. sizes: how many rows each group has; 0 for a code that no row has.
    """

    request: Request
    by: tuple[str, ...]
    expression: Expression
    reading: Reading
    targets: tuple[Target, ...]
    codes: Sizes
    sizes: Sizes

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(np.count_nonzero(self.sizes))

    def operations(self) -> float:
        """The cost of the credits, about as many as nanoseconds of one processor. Raises InputError as `credits`."""
        try:
            return _operations(self.expression, self.reading.table, self.codes, self.sizes)
        except InputError:
            self._credited()  # names the rows among all
            raise

    def credits(self) -> pa.Table:
        """The new columns, one entry a row. Raises InputError as `credited`, and for credits that cost too much."""
        self._refuse_dear(self.operations())
        request, whole = self.request, self._credited()
        found = whole.select([_CREDIT, *([ADVANTAGE] if request.advantage else [])])
        return found.rename_columns([*request.added])

    def write(self, added: pa.Table, progress: Progress) -> None:
        """Copy the rows with the new columns to where the request says. Raises InputError as `write`."""
        write(self.reading, added, Writing(self.targets, self.request.rejects, self.request.overwrite), progress)

    def _credited(self) -> pa.Table:
        table = self.reading.table.select([*self.expression.columns]).append_column(_GROUP, pa.array(self.codes))
        try:
            return credited(
                table,
                by=_GROUP,
                utility=self.expression,
                credit=_CREDIT,
                advantage=self.request.advantage,
                weights=VALUES[self.request.value],
            )
        except InputError as error:
            row = _first_wrong(self.expression, table)
            raise error if row is None else InputError(f"{self.reading.place(row)}: {error}") from error

    def _refuse_dear(self, operations: float) -> None:
        if operations > MAX_OPERATIONS or (operations > DEAR and not self.request.force):
            told = (
                f"more than {MAX_OPERATIONS:.0e} are never computed" if operations > MAX_OPERATIONS else "--force computes them"
            )
            raise InputError(
                f"credits of {self.expression} take about {operations:.1e} operations, with {self.sizes.max():,} rows in the "
                f"largest group; {told}. Is {' and '.join(map(repr, self.by))} the group? Take a cheaper utility, or smaller "
                "groups."
            )


def _first_wrong(expression: Expression, table: pa.Table) -> int | None:
    """The first row with which no utility can be made of the rows up to it; None if rows are not what is wrong."""

    def wrong(start: int, end: int) -> bool:
        part = table.slice(start, end - start)
        try:
            expression.utility(Columns(part.column_names, part.num_rows, part.column))
        except InputError:
            return True
        return False

    low, high = 0, int(table.num_rows)
    if not wrong(low, high) or (wrong(0, 1) and wrong(high - 1, high)):
        return None  # it is a matter of groups, or of what all rows have
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if wrong(0, middle) else (middle, high)
    return high - 1


def prepared(request: Request, kept: ExitStack, progress: Progress) -> Job:
    """Read the files of a request once, and find out what is to be done.

    kept: owns temporary files, which the job needs to its end.
    Raises InputError for files, rows and options that can't be right.
    """
    read_rule(request.advantage)
    one_of(request.value, VALUES, "the value")
    refused = frozenset() if request.overwrite else frozenset(request.added)
    files = [opened(source, refused) for source in sources_of(request.files, kept)]
    targets = targets_of(request.out, request.rejects, files)
    by, utility = _guessed(request, files[0])
    expression = read_expression(utility)
    reading = read(files, Wanted.of(by, expression), Faults(request.rejects is not None), progress)
    codes = codes_of_groups(reading.table, by)
    return Job(request, by, expression, reading, targets, codes, np.bincount(codes))


def _guessed(request: Request, rows: Rows) -> tuple[tuple[str, ...], str]:
    """The group and the utility, told by the columns where they are not given."""
    head = head_of(rows, request.rejects is not None)
    try:
        return request.by or guess_group(head), request.utility or guess_utility(head)
    except InputError as error:
        raise InputError(f"{rows.source.name}: {error}") from error


def _operations(expression: Expression, table: pa.Table, codes: Sizes, sizes: Sizes) -> float:
    """Operations of all credits, by one group of every size. Raises InputError where no utility can be made."""
    counts, firsts, times = np.unique(sizes, return_index=True, return_counts=True)
    rows = np.flatnonzero(np.isin(codes, firsts[counts > 0]))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    part, starts = table.take(pa.array(rows)), np.searchsorted(codes[rows], firsts)
    total = 0.0
    for size, start, number in zip(counts.tolist(), starts.tolist(), times.tolist(), strict=True):
        if size:
            group = part.slice(start, size)
            game = expression.utility(Columns(group.column_names, size, group.column))
            total += of_groups(game, np.arange(size)[None]).cost().operations * number
    return total
