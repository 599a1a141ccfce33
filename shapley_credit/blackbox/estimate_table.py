"""An estimate as a table: each member, its credit, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any

from numpy.typing import NDArray

from shapley_credit.display.text_table import SHOWN, TextTable, more_members, short_name


def estimate_table(names: Sequence[str], values: NDArray[Any], stderr: NDArray[Any]) -> TextTable:
    """One row a member, credits [k] to the second digit of their standard errors [k]."""
    rows = [[short_name(names[i]), *_said(float(values[i]), float(stderr[i]))] for i in range(min(len(values), SHOWN))]
    return TextTable(["member", "credit", "stderr"], rows, more_members(len(values) - len(rows)))


def _said(value: float, error: float) -> tuple[str, str]:
    """A credit and its standard error; four digits of an exact one."""
    if not 0 < error < float("inf"):
        return f"{value:.4g}", f"{error:.2g}"
    places = 1 - floor(log10(error))
    if abs(places) > 12:  # beyond the digits of floats
        return f"{value:.4g}", f"{error:.2g}"
    rounded = round(value, places)
    return f"{rounded:.{max(places, 0)}f}", f"{round(error, places):.{max(places, 0)}f}"
