"""The second pass over files of rows: each row again, as it was, with its credit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from shapley_credit.errors import InputError
from shapley_credit.rollouts.csv_rows import CsvRows
from shapley_credit.rollouts.json_rows import JsonRows
from shapley_credit.rollouts.outputs import Outputs
from shapley_credit.rollouts.parquet_rows import ParquetRows, extended
from shapley_credit.rollouts.reading import Progress, Reading, Rows, records_of, watch_of
from shapley_credit.rollouts.targets import Target, merged
from shapley_credit.rollouts.text_rows import Watch

# New values that are made Python's at once.
_CHUNK = 1 << 14

# A row with values of these names.
WithNew = Callable[[bytes, tuple[str, ...], tuple[float, ...]], bytes]


class Writing(NamedTuple):
    """What is written: the targets, where rows that are set aside go, and whether columns may be written over."""

    targets: Sequence[Target]
    rejects: str | None
    overwrite: bool


def write(reading: Reading, added: pa.Table, writing: Writing, progress: Progress) -> None:
    """Copy all rows with the columns `added`, which have one entry for each row that was read, in their order.

    Raises InputError for a file that can't be written, or has changed since it was read. Then no file appears.
    """
    starts = [*accumulate((part.count for part in reading.parts), initial=0)]
    sizes = [*accumulate((part.rows.source.stamp[0] for part in reading.parts), initial=0)]
    with Outputs() as outputs, ExitStack() as stack:
        aside = None
        if writing.rejects and reading.faults.count:
            aside = stack.enter_context(_begun(outputs, writing.rejects, [part.rows for part in reading.parts], None))
        for target in writing.targets:
            with _begun(outputs, target.name, [reading.parts[place].rows for place in target.parts], added.schema) as sink:
                for place in target.parts:
                    part, watch = reading.parts[place], watch_of(progress, "writing", sizes[place], sizes[-1])
                    new, rows = added.slice(starts[place], part.count), part.rows
                    if isinstance(rows, ParquetRows):
                        _copy_parquet(rows, part.rejected, new, sink, aside, watch)
                    else:
                        _copy_text(
                            rows, part.rejected, new, sink, aside, rows.replaced if writing.overwrite else rows.extended, watch
                        )
                    rows.source.check_unchanged()


@contextmanager
def _begun(outputs: Outputs, name: str, files: Sequence[Rows], added: pa.Schema | None) -> Iterator[Any]:
    """A file to which rows go, its head written; of Parquet its writer."""
    head = merged(files, added)
    with outputs.opened(name) as file:
        if isinstance(files[0], ParquetRows):
            with files[0].writer(file, head) as writer:
                yield writer
        else:
            file.write(head)
            yield file


def _copy_text(
    rows: JsonRows | CsvRows, rejected: set[int], new: pa.Table, sink: Any, aside: Any, with_new: WithNew, watch: Watch
) -> None:
    names, values = tuple(new.column_names), _tuples(new)
    for number, raw in records_of(rows, watch):
        if number in rejected:
            aside.write(raw if raw.endswith(b"\n") else raw + b"\n")
        elif (value := next(values, None)) is None:
            raise _changed(rows)
        else:
            sink.write(with_new(raw, names, value))
    if next(values, None) is not None:
        raise _changed(rows)


def _tuples(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows of a table as Python's numbers."""
    for batch in table.to_batches(_CHUNK):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _copy_parquet(rows: ParquetRows, rejected: set[int], new: pa.Table, sink: Any, aside: Any, watch: Watch) -> None:
    done, row, left_out = 0, 1, np.array([*rejected], np.int64)
    for batch in rows.parts(watch):
        kept = ~np.isin(np.arange(row, row + batch.num_rows), left_out)
        row += batch.num_rows
        if not kept.all():
            aside.write_batch(batch.filter(pa.array(~kept)).cast(aside.schema))
            batch = batch.filter(pa.array(kept))
        values = new.slice(done, batch.num_rows)
        done += batch.num_rows
        if values.num_rows < batch.num_rows:
            raise _changed(rows)
        if batch.num_rows:
            # Several times faster than what write_batch does, and a group of rows of its own.
            sink.write_table(pa.Table.from_batches([extended(batch, sink.schema, values)]))
    if done != new.num_rows:
        raise _changed(rows)


def _changed(rows: Rows) -> InputError:
    return InputError(f"{rows.source.name} has another number of rows than when it was first read; nothing is written.")
