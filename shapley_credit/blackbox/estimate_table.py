"""An estimate as a table: each member, its credit, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any

from numpy.typing import NDArray

from shapley_credit.display.text_table import SHOWN, TextTable, more_members, short_name


def estimate_table(
    names: Sequence[str], values: NDArray[Any], stderr: NDArray[Any], unions: Sequence[Sequence[str]] = ()
) -> TextTable:
    """One row a member, credits [k] to the second digit of their standard errors [k]; then the rows of unions."""
    rows = [[short_name(names[i]), *said(float(values[i]), float(stderr[i]))] for i in range(min(len(values), SHOWN))]
    return TextTable(["member", "credit", "stderr"], [*rows, *unions], more_members(len(values) - len(rows)))


def said(value: float, error: float) -> tuple[str, str]:
    """A credit and its standard error; four digits of an exact one. None is a negative 0, which adding 0 makes 0."""
    if not 0 < error < float("inf"):
        return f"{value + 0.0:.4g}", f"{error:.2g}"
    places = 1 - floor(log10(error))
    if abs(places) > 12:  # beyond the digits of floats
        return f"{value + 0.0:.4g}", f"{error:.2g}"
    rounded = round(value, places) + 0.0
    return f"{rounded:.{max(places, 0)}f}", f"{round(error, places):.{max(places, 0)}f}"
