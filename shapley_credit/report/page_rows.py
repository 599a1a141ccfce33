"""Rows for a page: all columns of files or of a frame, and which of them are prompts, completions and steps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, text_of
from shapley_credit.rollouts import frame_kinds
from shapley_credit.rollouts.columns import ASKED, REWARDS, STEP, Head
from shapley_credit.rollouts.expression import nearest
from shapley_credit.rollouts.parquet_rows import ParquetRows
from shapley_credit.rollouts.reading import Progress, Rows, opened, place_of, records_of, watch_of
from shapley_credit.rollouts.sources import sources_of
from shapley_credit.rollouts.table_columns import Columns, of_table
from shapley_credit.rollouts.text_rows import RowFault

# By these names trainers and datasets keep what was asked and what was answered; the first that is there is meant.
PROMPTS = ("prompt", "input", "question", "problem", "query")
COMPLETIONS = ("completion", "output", "response", "solution", "text")
# Columns that are numbers where they are there at all; in CSV everything else is text.
NUMBERS = frozenset({STEP, "credit", "baseline", "scale", "advantage", *REWARDS})


class Rollouts(NamedTuple):
    """Rows of completions.

    columns: as utilities take them. listed: a column by name as a list of Python values, None where a row has none.
    """

    columns: Columns
    listed: Callable[[str], list[Any]]

    def head(self) -> Head:
        """The columns, and which hold one number a row."""
        numbers = (name for name in self.columns.names if _is_numbers(self.columns[name]))
        return Head(tuple(self.columns.names), tuple(numbers))

    def named(self, given: str | None, known: Sequence[str], what: str, need: str) -> str | None:
        """The column that is given or has one of the known names, None if there is none and none is needed."""
        names = self.columns.names
        if given is not None and text_of(given, f"the column of {what}s") not in names:
            raise InputError(f"there is no column {given!r} of {what}s{nearest(given, names)}")
        found = given or next((name for name in known if name in names), None)
        if found is None and need:
            raise InputError(f"no column is called as a {what} is ({', '.join(known)}); {need}. There are {', '.join(names)}.")
        return found


def rows_of_frame(frame: Any) -> Rollouts:
    """The rows of a frame, as `with_credit` takes it. Raises InputError for anything else, and for a frame without rows."""
    columns, _ = frame_kinds.opened(frame)
    if not columns.rows:
        raise InputError("the frame holds no row; a page needs at least one completion.")
    # What is not called by a text is no column that a page shows.
    named = Columns([name for name in columns.names if isinstance(name, str)], columns.rows, columns.given)
    return Rollouts(named, lambda name: _listed(named.given(name)))


def rows_of_files(given: Iterable[str], numbers: frozenset[str], kept: ExitStack, progress: Progress) -> Rollouts:
    """The rows of files, in their order; all columns are read.

    given: paths, patterns and "-", as `sources_of` takes them. numbers: columns that are numbers in CSV, beside `NUMBERS`.
    kept: owns temporary files. Raises InputError for files that can't be read, naming the row.
    """
    files = [opened(source, frozenset()) for source in sources_of(given, kept)]
    total, done, parts = sum(rows.source.stamp[0] for rows in files), 0, []
    for rows in files:
        parts.append(_read(rows, NUMBERS | numbers, watch_of(progress, "reading", done, total)))
        done += rows.source.stamp[0]
    if isinstance(files[0], ParquetRows):
        columns, _ = of_table(pa.concat_tables(parts, promote_options="permissive"))
        return Rollouts(columns, lambda name: _listed(columns.given(name)))
    every = [row for part in parts for row in part]
    names = list(dict.fromkeys(name for row in every for name in row))

    def listed(name: str) -> list[Any]:
        return [row.get(name) for row in every]

    return Rollouts(Columns(names, len(every), lambda name: _column(listed(name))), listed)


def _read(rows: Rows, numbers: frozenset[str], watch: Any) -> Any:
    """The rows of one file, a table of Parquet or objects. Raises InputError that names the row that can't be read."""
    if isinstance(rows, ParquetRows):
        return pa.Table.from_batches(rows.parts(watch), rows.schema)
    found = []
    for number, raw in records_of(rows, watch):
        try:
            names = rows.head(raw).names
            found.append(dict(zip(names, rows.values(raw, names, numbers), strict=True)))
        except RowFault as fault:
            raise InputError(f"{place_of(rows, number)}: {fault}. Mend the row, or leave it out.") from fault
    if not found:
        raise InputError(f"{rows.source.name} holds no row.")
    return found


def _column(values: list[Any]) -> Any:
    """An Arrow column, or an array of objects where the values are of several types or hold half surrogates."""
    try:
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeEncodeError, OverflowError):
        column = np.empty(len(values), np.object_)
        column[:] = values
        return column


def _listed(column: Any) -> list[Any]:
    found: list[Any] = column.to_pylist() if isinstance(column, pa.ChunkedArray) else list(column)
    return found


def _is_numbers(column: Any) -> bool:
    return isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype.kind in "biuf"


def number_column(rollouts: Rollouts, name: str) -> NDArray[np.float64]:
    """One finite number a row. Raises InputError that names the first row without one."""
    column, values = rollouts.columns[name], rollouts.listed(name)
    finite = np.isfinite(column) if _is_numbers(column) else np.array([_is_finite(value) for value in values])
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            f"column {name!r} must hold finite numbers; row {row} has {shown(values[row])}. Fill it, or leave the row out."
        )
    found: NDArray[np.float64] = np.asarray(column if _is_numbers(column) else values, np.float64)
    return found


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float, bool) and math.isfinite(value)


def text_of_value(value: Any) -> str:
    """What a prompt or a completion says: a text as it is, one message its content, several each behind its role.

    Messages may be a list or its JSON, as prime-rl writes them. None is an empty text, anything else its JSON.

    >>> text_of_value([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}])
    'user: Why?\\n\\nassistant: Because.'
    """
    if isinstance(value, str) and value.startswith('[{"') and '"role"' in value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):  # a text that only looks like messages
            return str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(each, dict) and "role" in each for each in value):
        said = [_content(each) for each in value]
        return (
            said[0]
            if len(said) == 1
            else "\n\n".join(f"{each['role']}: {text}" for each, text in zip(value, said, strict=True))
        )
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):  # parts: texts, and pictures, which have none
        content = "".join(str(part.get("text") or f"[{part.get('type')}]") for part in content if isinstance(part, dict))
    calls = message.get("tool_calls")
    return f"{content or ''}{json.dumps(calls, ensure_ascii=False, default=str) if calls else ''}"


def prompt_and_completion(rollouts: Rollouts, prompt: str | None, completion: str | None) -> tuple[str | None, str]:
    """The columns of texts, as given or by their names. Raises InputError where none is a completion."""
    said = rollouts.named(completion, COMPLETIONS, "completion", "say which it is: completion='NAME', or --completion NAME")
    asked = rollouts.named(prompt, PROMPTS, "prompt", "")
    return (asked if asked != said else None), str(said)


def is_id(name: str) -> bool:
    """Whether a column of the group names it, where others hold what was asked, or the step."""
    return name != STEP and (name not in ASKED or name.endswith("_id"))
