"""Rows of Parquet: the columns that are wanted for the first pass, and all of them, some rows at a time, for the second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shapley_credit.errors import InputError
from shapley_credit.rollouts.columns import Head
from shapley_credit.rollouts.expression import nearest
from shapley_credit.rollouts.sources import Source
from shapley_credit.rollouts.text_rows import Watch, refuse_taken
from shapley_credit.rollouts.typed_rows import Wanted, spelled_column

# Bytes, as they are encoded, and rows that are copied at once, and make a group of rows: few where texts are long.
_BYTES, _ROWS = 1 << 25, 1 << 20
# Rows that are read at once where only what is wanted is.
_WANTED = 1 << 17
_BUFFER = 1 << 20


class ParquetRows:
    """A Parquet file. Raises InputError for one that can't be read, or has two columns of one name, or no row."""

    def __init__(self, source: Source, refused: frozenset[str]) -> None:
        self.source = source
        try:
            # Pages are read when they are needed; otherwise all that have been read stay in memory.
            self._file = pq.ParquetFile(source.path, buffer_size=_BUFFER, pre_buffer=False)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{source.name} can't be read as Parquet: {error}.") from error
        self.schema = _without_views(self._file.schema_arrow)
        self.count: int = self._file.metadata.num_rows
        names = self.schema.names
        refuse_taken(f"{source.name}: ", names, refused)
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{source.name}: two columns are called {twice[0]!r}. Rename one of them.")
        if not self.count:
            raise InputError(f"{source.name} holds no row.")

    def head(self) -> Head:
        """The columns, and which hold numbers."""
        return Head(tuple(self.schema.names), tuple(field.name for field in self.schema if _is_number(field.type)))

    def wanted(self, wanted: Wanted, watch: Watch) -> Iterator[pa.Table]:
        """The columns that are wanted, in parts. Raises InputError for those that are not there, or are no numbers."""
        for name in wanted.columns:
            if name not in self.schema.names:
                raise InputError(f"{self.source.name} has no column {name!r}{nearest(name, self.schema.names)}")
            kind = self.schema.field(name).type
            if name in wanted.numbers and not (_is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
                raise InputError(f"{self.source.name}: column {name!r} must hold numbers; it holds {kind}.")
        for batch in self._batches(_WANTED, watch, [*wanted.columns]):
            columns = [
                spelled_column(batch[name]) if name in wanted.by and pa.types.is_nested(batch[name].type) else batch[name]
                for name in wanted.columns
            ]
            yield pa.table(columns, names=[*wanted.columns])

    def parts(self, watch: Watch) -> Iterator[pa.RecordBatch]:
        """All columns, some rows at a time."""
        meta = self._file.metadata
        size = sum(meta.row_group(number).total_byte_size for number in range(meta.num_row_groups)) // self.count
        return self._batches(max(1, min(_ROWS, _BYTES // max(size, 1))), watch, None)

    def writer(self, sink: Any, schema: pa.Schema) -> pq.ParquetWriter:
        """A writer of a file that is compressed as this one is."""
        codec = self._file.metadata.row_group(0).column(0).compression.lower()
        return pq.ParquetWriter(sink, schema, compression="none" if codec == "uncompressed" else codec)

    def _batches(self, rows: int, watch: Watch, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        done = 0
        try:
            for batch in self._file.iter_batches(rows, columns=columns):
                yield batch.cast(pa.schema([self.schema.field(name) for name in batch.schema.names]))
                done += batch.num_rows
                watch(done * self.source.stamp[0] // self.count)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{self.source.name} can't be read behind row {done}: {error}.") from error


def with_columns(schema: pa.Schema, added: pa.Schema) -> pa.Schema:
    """A schema with columns added, in the place of those of the same names or behind all others."""
    for field in added:
        place = schema.get_field_index(field.name)
        schema = schema.append(field) if place < 0 else schema.set(place, field)
    return schema


def extended(part: pa.RecordBatch, schema: pa.Schema, added: pa.Table) -> pa.RecordBatch:
    """Rows with columns added, as a schema says it; a column that is not there is null."""
    new = {name: added.column(name).combine_chunks() for name in added.column_names}
    columns = dict(zip(part.schema.names, part.columns, strict=True)) | new
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(part.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _without_views(schema: pa.Schema) -> pa.Schema:
    """A schema with other types of the same values for those that Arrow can't filter."""
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    return pa.schema([field.with_type(plain.get(field.type, field.type)) for field in schema], schema.metadata)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
