"""JSON lines, plain or gzipped: each value with the number of its line, each fault with its file and line."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapley_credit.errors import InputError


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Values of a JSON-lines file, each with the number of its line, from 1; blank lines count, and have no value.

    Raises InputError that names the line for what is no JSON in UTF-8, and for a file that can't be read to its end.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _value(line, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        place = f" behind line {number}" if number else ""
        raise InputError(
            f"{path} can't be read{place}: {error}. Give the path of a JSON-lines file of model answers."
        ) from error


def _value(line: bytes, where: str) -> Any:
    try:
        return json.loads(line.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError as error:
        why = f"it is no UTF-8, {error.reason} at byte {error.start}"
    except RecursionError:
        why = "its JSON is nested too deeply"
    except ValueError as error:
        why = f"it is no JSON, {error}"
    raise not_a_problem(where, why)


def not_a_problem(where: str, why: str) -> InputError:
    """The error for a line that holds something else."""
    return InputError(f"{where}: not a problem with question, ground_truth and models: {why}.")
