"""Rows of JSON lines: one object a line, to which members are added before its closing brace."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from shapley_credit.rollouts.columns import Head
from shapley_credit.rollouts.expression import nearest
from shapley_credit.rollouts.sources import Source
from shapley_credit.rollouts.text_rows import RowFault, Watch, json_value, lines, refuse_taken

# Numbers from here on may be integers that the fast parser has rounded.
_ROUNDED = 2.0**63
_SPACE = re.compile(r"[ \t\n\r]*")
_VALUE = json.JSONDecoder()


class JsonRows:
    """A file of JSON lines, as `TextRows`."""

    def __init__(self, source: Source, refused: frozenset[str]) -> None:
        import orjson  # of the report extra

        self.source, self._refused = source, refused
        self._parse = orjson.loads

    def records(self, watch: Watch) -> Iterator[tuple[int, bytes]]:
        return lines(self.source.path, self.source.name, self.source.codec, watch)

    def head(self, raw: bytes) -> Head:
        row = self._row(raw)
        return Head(tuple(row), tuple(name for name, value in row.items() if type(value) in (int, float)))

    def values(self, raw: bytes, columns: tuple[str, ...], numbers: frozenset[str]) -> list[Any]:
        row = self._row(raw)
        refuse_taken("", row, self._refused)
        try:
            found = [row[name] for name in columns]
        except KeyError as error:
            raise RowFault(f"it has no column {error.args[0]!r}{nearest(error.args[0], row)}") from error
        if any(type(value) is float and abs(value) >= _ROUNDED for value in found):
            exact = json_value(raw)
            found = [exact[name] for name in columns]
        return found

    def top(self, names: tuple[str, ...]) -> bytes:
        return b""

    def extended(self, raw: bytes, names: tuple[str, ...], values: tuple[float, ...]) -> bytes:
        row = raw.rstrip()
        return b"%b, %b}%b" % (row[:-1], (_pattern(names) % values).encode(), raw[len(row) :] or b"\n")

    def replaced(self, raw: bytes, names: tuple[str, ...], values: tuple[float, ...]) -> bytes:
        text, new = raw.decode(), dict(zip(names, values, strict=True))
        members = [*_members(text)]
        for name, start, end in reversed(members):
            if name in new:
                text = f"{text[:start]}{new[name]!r}{text[end:]}"
        behind = tuple(name for name in names if name not in {name for name, _, _ in members})
        if behind:
            return self.extended(text.encode(), behind, tuple(new[name] for name in behind))
        return text.encode() if text.endswith("\n") else f"{text}\n".encode()

    def _row(self, raw: bytes) -> dict[str, Any]:
        try:
            value = self._parse(raw)
        except ValueError:  # NaN, half surrogates and a mark of byte order are for the slow parser
            value = json_value(raw)
        if not isinstance(value, dict):
            raise RowFault("it is no JSON object, as a row must be")
        return value


@lru_cache
def _pattern(names: tuple[str, ...]) -> str:
    return ", ".join(json.dumps(name).replace("%", "%%") + ": %r" for name in names)


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """The names in an object, and where the value of each starts and ends; the text is known to be an object."""
    place = _behind_space(text, text.index("{") + 1)
    while text[place] != "}":
        name, place = _VALUE.raw_decode(text, place)
        start = _behind_space(text, _behind_space(text, place) + 1)
        _, end = _VALUE.raw_decode(text, start)
        yield name, start, end
        place = _behind_space(text, end)
        if text[place] == ",":
            place = _behind_space(text, place + 1)


def _behind_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
