"""Who is paid: the rollouts of a batch, of which a row is one output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import whole_numbers
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.inputs.ids import codes_of


@dataclass(frozen=True)
class Members:
    """The N rollouts that the B rows of a batch belong to, in the order of their first rows."""

    prompts: Array  # int [N], the prompt of each
    sizes: Array  # int [N], its rows
    rows: Array  # int [B], the rows of the batch, member after member, outputs in the order in which they were written

    @classmethod
    def read(cls, index: Any, rows: int, columns: Mapping[str, Any] | None = None) -> Members:
        """Members by the prompt of each row, and by `session_id` and `output_index` among the columns where they are there.

        Rows of one prompt and one session_id are outputs of one rollout, in the order of output_index, by default of rows.
        Raises InputError for an index of another length, for None among sessions and for places that are no integers.
        """
        if not hasattr(index, "__len__") or len(index) != rows:
            raise InputError(f"index must say which prompt each of the {rows} responses answers (verl: uid); got {index!r}.")
        prompts = codes_of(index, np.zeros(rows))[0]
        if "session_id" not in (columns or {}):
            return cls(prompts, np.ones(rows, np.int64), np.arange(rows))
        given = dict(columns or {})
        sessions, count = codes_of(_known(given, "session_id", rows), np.zeros(rows))
        _, first, member = np.unique(prompts * count + sessions, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))[member.reshape(-1)]
        # As texts 10 would stand before 9.
        told = _known(given, "output_index", rows) if "output_index" in given else np.arange(rows)
        places = whole_numbers(told, "output_index")
        return cls(prompts[np.sort(first)], np.bincount(rank), np.lexsort((places, rank)))

    @property
    def are_rows(self) -> bool:
        """Whether every member is one row."""
        return len(self.sizes) == len(self.rows)

    @cached_property
    def last(self) -> Array:
        """The row of the last output of each member, [N]."""
        return self.rows[np.cumsum(self.sizes) - 1]

    def total(self, numbers: Array) -> Array:
        """Numbers of rows [B] added over each member, [N]."""
        return np.add.reduceat(numbers[self.rows], np.cumsum(self.sizes) - self.sizes) if len(self.rows) else numbers

    def lists(self, of_rows: Sequence[Any]) -> list[list[Any]]:
        """What each row has, for the rows of each member in order."""
        cuts = np.cumsum(self.sizes)
        return [[of_rows[row] for row in self.rows[end - size : end]] for size, end in zip(self.sizes, cuts, strict=True)]

    def groups(self) -> list[Array]:
        """The members that answer each prompt, in order of appearance."""
        codes, first = np.unique(self.prompts, return_index=True)
        return [np.flatnonzero(self.prompts == code) for code in codes[np.argsort(first)]]


def column_of(columns: Mapping[str, Any], name: str, rows: int) -> Any:
    """The cells of a column, or InputError for what does not have one for each row of the batch."""
    cells = columns[name]
    if not hasattr(cells, "__len__") or len(cells) != rows:
        count = len(cells) if hasattr(cells, "__len__") else repr(cells)
        raise InputError(f"the column {name} must have an entry for each of the {rows} rows; got {count}.")
    return cells


def _known(columns: Mapping[str, Any], name: str, rows: int) -> Any:
    found = list(column_of(columns, name, rows))
    refuse_none(found, name, "Say of every row which rollout it is an output of", "an entry for every row")
    return found
