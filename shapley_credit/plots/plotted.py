"""What is drawn of explanations, estimates and arrays: names, credits and intervals on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.solution import Estimate
from shapley_credit.convert import to_host
from shapley_credit.errors import InputError
from shapley_credit.explanation.explained import Explanation
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.member_names import read_names

Array = NDArray[np.float64]

# Chance with which a credit lies within the interval that is drawn of it.
LEVEL = 0.95


class Plotted(NamedTuple):
    """Names and credits [k] of one group, NaN for absent members, and half the width of the interval of each, if any."""

    names: tuple[str, ...]
    credit: Array
    reach: Array | None = None


class Row(NamedTuple):
    """One line of a picture: a member, or the sum of all that have no line; the credit of an absent member is NaN."""

    name: str
    credit: float
    reach: float = 0.0


def read_credit(credit: Any, names: Sequence[str] | None = None) -> Plotted:
    """The credits of one group. Raises InputError for several groups, for none, and for credits that are not finite."""
    own: tuple[str, ...] | None
    if isinstance(credit, Explanation):
        values, own = numbers(credit.credit, "credit"), credit.names
        values = np.where(credit.present, values, np.nan)
    elif isinstance(credit, Estimate):
        values, own = numbers(credit.values, "credit"), credit.names
    else:
        values, own = numbers(credit, "credit"), None
    if values.ndim != 1 or not values.size:
        raise InputError(
            f"one group is drawn, credits of shape [k]; got shape {values.shape}. Choose a group, explanation[g] or credit[g], "
            "or draw all with plots.groups."
        )
    k = len(values)
    called = read_names(names, k) if names is not None else own or tuple(map(str, range(k)))
    unsure = isinstance(credit, Estimate) and credit.method != "exact"
    reach = credit.interval(LEVEL)[1] - credit.values if unsure else None
    return Plotted(called, values, reach)


def numbers(data: Any, name: str) -> Array:
    """Numbers as float64 on the host, NaN for what is absent. Raises InputError for all else, infinity included."""
    array = to_host(data, name)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers; got {shown(data)}.")
    values = array.astype(np.float64)
    if np.isinf(values).any():
        raise InputError(f"{name} must be finite, or NaN for absent members; found {values[np.isinf(values)][0]}.")
    return values


def explained(explanation: Any, verb: str) -> Explanation:
    """The explanation of one group, of exact credits of `attribute` that of theirs. Raises InputError for all else."""
    if isinstance(explanation, Estimate) and hasattr(explanation, "explain"):
        explanation = explanation.explain()
    if not isinstance(explanation, Explanation):
        raise InputError(f"{verb} draws what sc.explain(utility) returns; got {shown(explanation)}.")
    if explanation.present.ndim != 1:
        raise InputError(
            f"{verb} draws one group; this explanation is of groups {explanation.present.shape[:-1]}: choose explanation[g]."
        )
    return explanation


def shares(plotted: Plotted, max_display: int | None) -> list[Row]:
    """Members by the size of their credit, absent ones last; if they are too many, the least are summed in one row.

    The sum of others has no interval: their errors are correlated.
    """
    size = np.where(np.isnan(plotted.credit), -1.0, np.abs(plotted.credit))
    order = np.argsort(-size, kind="stable").tolist()
    reach = np.zeros(len(order)) if plotted.reach is None else plotted.reach
    rows = [Row(plotted.names[i], float(plotted.credit[i]), float(reach[i])) for i in order]
    most = len(rows) if max_display is None else whole_number(max_display, "max_display", 2)
    if len(rows) <= most:
        return rows
    others = rows[most - 1 :]
    absent = sum(np.isnan(row.credit) for row in others)
    if absent == len(others):
        return [*rows[: most - 1], Row(f"{absent} others", float("nan"))]
    told = f"{len(others)} others" + (f" ({absent} absent)" if absent else "")
    return [*rows[: most - 1], Row(told, float(np.nansum([row.credit for row in others])))]


def signed(value: float, scale: float) -> str:
    """A credit to three digits with its sign; 0 for what is rounding beside the largest one."""
    return "0" if abs(value) <= 1e-9 * scale else f"{value:+.3g}"
