"""Rows of CSV: a header, then one record a row, to which fields are added at its end."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from shapley_credit.errors import InputError
from shapley_credit.rollouts.columns import Head
from shapley_credit.rollouts.sources import LONGEST, Source
from shapley_credit.rollouts.text_rows import RowFault, Watch, decoded, lines, refuse_taken

_FIELD = re.compile(r'("(?:[^"]|"")*"|(?!")[^,\r\n]*)(?:,|\r?\n?$)')
# As pandas and as everybody else writes them.
_TRUTHS = {"True": True, "true": True, "False": False, "false": False}


class CsvRows:
    """A CSV file, as `TextRows`; an empty field is a missing value, and what must not be a number is text."""

    def __init__(self, source: Source, refused: frozenset[str]) -> None:
        self.source = source
        csv.field_size_limit(LONGEST)
        place, self._top = next((found for found in self._all(lambda done: None) if not found[1].isspace()), (0, b""))
        if not self._top:
            raise InputError(f"{source.name} holds no row.")
        try:
            self._names = _fields(self._top)
        except RowFault as fault:
            raise InputError(f"{source.name}, line {place}: {fault}.") from fault
        refuse_taken(f"{source.name}: ", self._names, refused)
        if twice := [name for name in self._names if self._names.count(name) > 1]:
            raise InputError(f"{source.name}, line {place}: two columns are called {twice[0]!r}. Rename one of them.")

    def records(self, watch: Watch) -> Iterator[tuple[int, bytes]]:
        found = self._all(watch)
        next(raw for _, raw in found if not raw.isspace())
        return found

    def head(self, raw: bytes) -> Head:
        row = self._row(raw)
        numbers = (name for name, text in zip(self._names, row, strict=True) if type(_number(text)) in (int, float))
        return Head(tuple(self._names), tuple(numbers))

    def values(self, raw: bytes, columns: tuple[str, ...], numbers: frozenset[str]) -> list[Any]:
        row = dict(zip(self._names, self._row(raw), strict=True))
        if missing := [name for name in columns if name not in row]:
            raise InputError(f"there is no column {missing[0]!r}, but {', '.join(map(repr, row))}.")
        return [_number(row[name]) if name in numbers else row[name] or None for name in columns]

    def top(self, names: tuple[str, ...]) -> bytes:
        added = io.StringIO(newline="")
        csv.writer(added, lineterminator="").writerow([name for name in names if name not in self._names])
        return _extended(self._top, added.getvalue())

    def extended(self, raw: bytes, names: tuple[str, ...], values: tuple[float, ...]) -> bytes:
        return _extended(raw, ",".join(map(repr, values)))

    def replaced(self, raw: bytes, names: tuple[str, ...], values: tuple[float, ...]) -> bytes:
        text, new = raw.decode(), dict(zip(names, values, strict=True))
        spans = [found.span(1) for found in _FIELD.finditer(text)]
        for name, (start, end) in reversed([*zip(self._names, spans, strict=False)]):
            if name in new:
                text = f"{text[:start]}{new[name]!r}{text[end:]}"
        return _extended(text.encode(), ",".join(repr(value) for name, value in new.items() if name not in self._names))

    def _row(self, raw: bytes) -> list[str]:
        row = _fields(raw)
        if len(row) != len(self._names):
            raise RowFault(f"it has {len(row)} fields, and the header {len(self._names)}")
        return row

    def _all(self, watch: Watch) -> Iterator[tuple[int, bytes]]:
        """Every record and blank line; a record ends in the line in which its quotes are closed."""
        parts: list[bytes] = []
        start, size, open_quote = 1, 0, False
        for number, line in lines(self.source.path, self.source.name, self.source.codec, watch):
            start = start if parts else number
            parts.append(line)
            size += len(line)
            open_quote ^= line.count(b'"') % 2 == 1
            if size > LONGEST:
                raise InputError(f"{self.source.name}, line {start}: a quote is not closed within {LONGEST:,} bytes. Close it.")
            if not open_quote:
                yield start, b"".join(parts)
                parts, size = [], 0
        if parts:
            yield start, b"".join(parts)


def _fields(raw: bytes) -> list[str]:
    text = decoded(raw)
    try:
        rows: list[list[str]] = [*csv.reader(io.StringIO(text, newline=""), strict=True)]
    except csv.Error as error:
        raise RowFault(f"it is no CSV, {error}") from error
    if len(rows) != 1:
        raise RowFault("it is no CSV, a field without quotes holds one")
    return rows[0]


def _number(text: str) -> Any:
    """The number or truth that a field spells, None where it is empty, and the field as it is where it spells neither."""
    for read in (int, float) if "_" not in text else ():
        try:
            return read(text)
        except ValueError:
            continue
    return _TRUTHS.get(text, text or None)


def _extended(raw: bytes, added: str) -> bytes:
    record = raw.rstrip(b"\r\n")
    end = raw[len(record) :] or b"\n"
    return b"%b,%b%b" % (record, added.encode(), end) if added else record + end
