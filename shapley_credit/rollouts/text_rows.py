"""Lines of text files, plain or compressed, and what is wrong with one."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from shapley_credit.errors import InputError
from shapley_credit.rollouts.columns import Head
from shapley_credit.rollouts.sources import LONGEST, Source, unpacked

# Lines between two reports of progress.
_TICK = 4096

# Is told how many bytes of a file have been read.
Watch = Callable[[int], None]


class RowFault(ValueError):
    """What is wrong with one row."""


class TextRows(Protocol):
    """A text file of rows, each known by the number of its first line, whose bytes stay as they are when columns are added."""

    source: Source

    def records(self, watch: Watch) -> Iterator[tuple[int, bytes]]:
        """Every row, and every blank line between them, as bytes."""

    def head(self, raw: bytes) -> Head:
        """The columns, and which hold numbers in this row. Raises RowFault."""

    def values(self, raw: bytes, columns: tuple[str, ...], numbers: frozenset[str]) -> list[Any]:
        """The values of some columns of a row, as numbers where `numbers` says so and they are. Raises RowFault."""

    def top(self, names: tuple[str, ...]) -> bytes:
        """What stands before the first row when columns of these names are added."""

    def extended(self, raw: bytes, names: tuple[str, ...], values: tuple[float, ...]) -> bytes:
        """A row with values added behind its own."""

    def replaced(self, raw: bytes, names: tuple[str, ...], values: tuple[float, ...]) -> bytes:
        """A row with values in the place of those of the same names, and behind its own where it has none."""


def lines(path: Path, name: str, codec: str | None, watch: Watch) -> Iterator[tuple[int, bytes]]:
    """Lines of a file, which messages call by name, with their ends, and their numbers from 1.

    Raises InputError for a file that can't be read to its end, and for a line of more than 100 MB.
    """
    number = 0
    try:
        with unpacked(path, codec) as (file, done):
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise InputError(f"{name}, line {number}: a row of more than {LONGEST:,} bytes. Split it, or leave it out.")
                yield number, line
                if not number % _TICK:
                    watch(done())
            watch(done())
    except OSError as error:
        place = f" behind line {number}" if number else ""
        raise InputError(f"{name} can't be read{place}: {error.strerror or error}.") from error


def refuse_taken(where: str, names: Iterable[str], refused: frozenset[str]) -> None:
    """Raise InputError if a column is there that is to be added."""
    if both := refused.intersection(names):
        raise InputError(
            f"{where}there is a column {min(both)!r} already. Write over it with --overwrite, or name the new one with "
            "--credit-column or --advantage-column."
        )


def decoded(raw: bytes) -> str:
    """The text of a row. Raises RowFault that names the byte which is no UTF-8."""
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise RowFault(f"it is no UTF-8, {error.reason} at byte {error.start}") from error


def json_value(raw: bytes) -> Any:
    """The value of a line of JSON, in which NaN and integers of any size may stand. Raises RowFault that says what is wrong."""
    text = decoded(raw)
    try:
        return json.loads(text)
    except RecursionError:
        why = "its JSON is nested too deeply"
    except json.JSONDecodeError as error:
        cut_off = error.msg.startswith("Unterminated") or not text[error.pos :].strip()
        why = "it is JSON that is cut off" if cut_off else f"it is no JSON, {error.msg} at character {error.pos + 1}"
    except ValueError as error:
        why = f"it is no JSON, {error}"
    raise RowFault(why)
