"""What reward functions write into TRL's table of completions, one entry for each completion of a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapley_credit.adapters.scoring import Figures
from shapley_credit.errors import InputError

# The reward of a completion, and its entries of the table.
Row = tuple[float | None, dict[str, Any]]


class Extra:
    """`log_extra` of one whole group. Its notes travel with the rewards, since completions may be of several processes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._columns: dict[str, list[Any]] = {}

    def __call__(self, column: str, values: Any) -> None:
        values = list(values)
        if len(values) != self._size:
            raise InputError(
                f"log_extra({column!r}, ..) needs a value for each of {self._size} completions of a group; got {len(values)}."
            )
        if column in self._columns:
            raise InputError(f"log_extra({column!r}, ..) was called twice for one group; a column has one value a completion.")
        self._columns[column] = values

    def beside(self, rewards: Sequence[float | None]) -> list[Row]:
        """The rewards of the group, each with its entries."""
        return [(reward, {name: values[row] for name, values in self._columns.items()}) for row, reward in enumerate(rewards)]


def log(rows: Sequence[Row], figures: Figures, log_metric: Any, log_extra: Any) -> None:
    """Log figures, and the entries of this process's completions: None for a column that only other groups have."""
    for name, value in figures.items() if log_metric is not None else ():
        log_metric(name, value)
    if log_extra is not None:
        for column in sorted({name for _, entries in rows for name in entries}):
            log_extra(column, [entries.get(column) for _, entries in rows])
