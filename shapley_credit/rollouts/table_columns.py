"""The columns of a table as utilities take them: numbers as NumPy arrays, everything else as Arrow columns or objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shapley_credit.errors import InputError
from shapley_credit.inputs.ids import codes_of, missing, plain
from shapley_credit.rollouts.expression import nearest

# float64 tells all decimals of so many digits apart.
_DIGITS = 15


class Columns(Mapping[str, Any]):
    """The columns of a table by name, each read when it is first asked for.

    A column of numbers or booleans is a NumPy array [rows], a column of lists of equally many numbers one [rows, length]; a
    null among floats is NaN. All others are what `read` gives: strings, categories, dates, and whole numbers or booleans with
    nulls, whose values no NumPy number holds.

    names: of all columns. rows: how many. read: gives a column by name, a pyarrow.ChunkedArray, or an array of objects for
        values of several types. Raises InputError for a name that is not there, naming the nearest one, or there twice.
    """

    def __init__(self, names: Sequence[str], rows: int, read: Callable[[str], Any]) -> None:
        self.names = names
        self.rows = rows
        self._read = read
        self._given: dict[str, Any] = {}
        self._made: dict[str, Any] = {}

    def given(self, name: str) -> Any:
        """The column before it is converted."""
        if name not in self._given:
            count = self.names.count(name)
            if count != 1:
                told = f"there are {count} columns {name!r}; rename all but one." if count else f"there is no column {name!r}"
                raise InputError(told if count else f"{told}{nearest(name, self.names)}")
            column = self._read(name)
            self._given[name] = _stored(column) if isinstance(column, pa.ChunkedArray) else column
        return self._given[name]

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            column = self.given(name)
            self._made[name] = _values(column) if isinstance(column, pa.ChunkedArray) else column
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def get(self, name: str, default: Any = None) -> Any:
        """The column, or the default if there is none of that name."""
        if name in self:
            return self[name]
        return default

    def described(self) -> str:
        """What the columns that were read hold, and the first row of each that holds nothing, or no finite number."""
        return "; ".join(f"{name}: {_described(self._given[name], made)}" for name, made in self._made.items())

    def ids(self, by: Sequence[str]) -> np.ndarray[Any, Any]:
        """Whole numbers [rows], equal for rows that are equal in all columns `by`.

        Raises InputError for a row without an id.
        """
        ids, *more = [self._ids(name) for name in by]
        for other in more:
            codes = np.unique(ids, return_inverse=True)[1]
            found, added = np.unique(other, return_inverse=True)
            ids = codes * len(found) + added
        return ids

    def _ids(self, name: str) -> np.ndarray[Any, Any]:
        column = self.given(name)
        if (row := first_missing(column)) is not None:
            raise InputError(
                f"row {row} has no id in column {name!r}, and belongs to no group; leave it out, or give it an id of its own."
            )
        if isinstance(column, pa.ChunkedArray) and pa.types.is_integer(column.type):
            return np.asarray(column.to_numpy())
        if isinstance(column, pa.ChunkedArray) and pa.types.is_nested(column.type):
            # Messages are lists of structs, which have no hash; as text they are equal where the content is.
            column = np.array([repr(each) for each in column.to_pylist()], np.object_)
        return np.asarray(codes_of(column, np.empty(self.rows))[0])


# The columns of a frame, and what gives the frame with more of them, {name: array [rows]}.
Opened = tuple[Columns, Callable[[Mapping[str, Any]], Any]]


def of_table(table: Any) -> Opened:
    """A pyarrow.Table, opened."""

    def added(new: Mapping[str, Any]) -> Any:
        whole = table
        for name, values in new.items():
            whole = whole.append_column(name, pa.array(values))
        return whole

    return Columns(table.column_names, table.num_rows, table.column), added


def first_missing(column: Any) -> int | None:
    """The first row that is null, None or NaN."""
    if isinstance(column, pa.ChunkedArray):
        row = pc.index(column.is_null(nan_is_null=True), True).as_py()
        return None if row < 0 else int(row)
    return next((row for row, each in enumerate(column) if missing(plain(each))), None)


def _described(column: Any, made: Any) -> str:
    if isinstance(made, np.ndarray) and made.dtype.kind == "f":
        rows, told = np.flatnonzero(~np.isfinite(made.reshape(len(made), -1)).all(axis=1)), "no finite number"
    else:
        row = first_missing(column)
        rows, told = np.array([] if row is None else [row]), "nothing"
    arrow = isinstance(column, pa.ChunkedArray)
    kind = str(column.type) if arrow else f"objects of types {', '.join(sorted({type(each).__name__ for each in column}))}"
    return f"{kind}, {told} in row {rows[0]}" if len(rows) else kind


def _stored(column: Any) -> Any:
    """The column without a type of somebody's own around vectors or plain values."""
    kind = column.type
    if not isinstance(kind, pa.BaseExtensionType) or len(getattr(kind, "shape", ())) > 1:
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)


def _values(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind) and _is_number(kind.value_type):
        column = column.cast(kind.value_type)
    if pa.types.is_decimal(kind) and kind.precision <= _DIGITS:
        column = column.cast(pa.float64())
    if _is_number(column.type):
        return column.to_numpy() if not column.null_count or pa.types.is_floating(column.type) else column
    return _matrix(column) if _is_list(kind) and _is_number(kind.value_type) else column


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _matrix(column: Any) -> Any:
    """Numbers [rows, length] of lists of one length; the column itself where the lengths differ, or something is null."""
    lengths = pc.list_value_length(column).unique()
    entries = pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type)
    if column.null_count or entries.null_count or len(lengths) != 1:
        return column
    return entries.to_numpy().reshape(len(column), lengths[0].as_py())
