"""The credits of segments as a matrix, and sums over the segments that end no earlier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from shapley_credit.credit.groups import enter
from shapley_credit.credit.layouts import agree, read_ragged
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.tensors import library_of


@dataclass(frozen=True)
class Table:
    """Ragged rows as a matrix, the absent at 0; sums run from left to right, so that no bit depends on its width."""

    xp: Any  # numpy, or torch on an accelerator
    sizes: Any  # int [B]
    values: Any  # float64 [B, S]
    present: Any  # bool [B, S]
    give_back: Callable[[Any], Any]  # to the library, device and computing dtype of the caller

    @classmethod
    def read(cls, rows: Any, name: str) -> Table:
        flat, sizes = read_ragged(rows, name)
        if not len(sizes) or flat.ndim != 1:
            raise InputError(f"{name} must hold a row of numbers for each response, at least one; got {shown(rows)}.")
        given, give_back = enter(flat, name)
        xp, width = library_of(given), max(int(sizes.max(initial=0)), 1)
        place = np.arange(width) < sizes[:, None]
        there = place if xp is np else xp.as_tensor(place, device=given.device)
        values = xp.zeros(there.shape, dtype=xp.float64, device=given.device) + float("nan")
        values[there] = given
        present = ~xp.isnan(values)
        return cls(xp, sizes, xp.where(present, values, 0.0), present, give_back)

    @cached_property
    def count(self) -> Any:
        """Present segments of each response, float64 [B]."""
        return self.present.sum(1) * 1.0

    @cached_property
    def totals(self) -> Any:
        """R_i [B], NaN where no segment is present."""
        return self.xp.where(self.count > 0.0, self.xp.cumsum(self.values, 1)[:, -1], float("nan"))

    def among(self, totals: Any) -> Table:
        """The segments of those responses whose total is a number."""
        there = self.present & ~self.xp.isnan(totals)[:, None]
        return replace(self, present=there, values=self.xp.where(there, self.values, 0.0))

    def completed(self, rewards: Any, shares: Any) -> Table:
        """The credits, with what they lack of the rewards [B] shared among the present segments by shares [B, S]."""
        missing = self.xp.where(self.count > 0.0, rewards - self.totals, 0.0)[:, None]
        return replace(self, values=self.xp.where(self.present, self.values + shares * missing, 0.0))

    def masked(self, matrix: Any) -> Any:
        """A matrix with 0 for the absent."""
        return self.xp.where(self.present, matrix, 0.0)


def order_of(table: Table, ends: Any) -> Any:
    """The segments of each response in the order in which they end, int [B, S]; the absent behind all."""
    xp, width = table.xp, table.values.shape[1]
    keys = np.tile(np.arange(width), (len(table.sizes), 1))
    if ends is not None:
        flat, sizes = read_ragged(ends, "ends")
        agree(sizes, table.sizes, "ends", "ends but {} segments")
        keys[np.arange(width) < table.sizes[:, None]] = flat
    keys = keys if xp is np else xp.as_tensor(keys, device=table.values.device)
    return xp.argsort(xp.where(table.present, keys, keys.max() + width + 1), stable=True)


def in_order(matrix: Any, order: Any) -> Any:
    return matrix[_rows(order), order]


def given_back(matrix: Any, order: Any) -> Any:
    """The inverse of `in_order`."""
    out = matrix * 0.0
    out[_rows(order), order] = matrix
    return out


def _rows(order: Any) -> Any:
    rows = np.arange(len(order))[:, None]
    return rows if isinstance(order, np.ndarray) else order.new_tensor(rows)


def accumulated(matrix: Any) -> Any:
    """Sum over a place and all behind it, [.., S]."""
    xp = library_of(matrix)
    return xp.flip(xp.cumsum(xp.flip(matrix, (1,)), 1), (1,))


def is_last(table: Table, order: Any) -> Any:
    """1 for the present segment of a response that ends last, else 0, [B, S]."""
    place = table.xp.arange(table.values.shape[1], device=table.values.device)
    return given_back(1.0 * (place == table.count[:, None] - 1.0), order)
