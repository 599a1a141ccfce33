"""Model answers in JSON lines: each value with the number of its line, each fault with its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapley_credit.errors import InputError
from shapley_credit.rollouts.sources import PACKED
from shapley_credit.rollouts.text_rows import RowFault, json_value, lines


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Values of a JSON-lines file, each with the number of its line, from 1; blank lines count, and have no value.

    Raises InputError that names the line for what is no JSON in UTF-8, and for a file that can't be read to its end.
    """
    for number, line in lines(path, str(path), PACKED.get(path.suffix), lambda done: None):
        if not line.isspace():
            try:
                yield number, json_value(line)
            except RowFault as fault:
                raise not_a_problem(f"{path}, line {number}", str(fault)) from fault


def not_a_problem(where: str, why: str) -> InputError:
    """The error for a line that holds something else."""
    return InputError(f"{where}: not a problem with question, ground_truth and models: {why}.")
