"""The labels of unions: which members belong together, whatever their labels are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.ids import is_column
from shapley_credit.inputs.labels import MISSING, read_labels
from shapley_credit.nested_lists import is_sequence


def union_codes(level: Any) -> Array:
    """The labels of one level as int64 [..., k]: integers as they are, all others numbered as they come."""
    if not (is_sequence(level) or is_column(level) or getattr(level, "ndim", None)):
        raise InputError(f"labels must be a list or an array [..., k], one label a member; got {shown(level)}.")
    read = read_labels(level, "labels")
    if not read.codes.ndim or not read.codes.shape[-1]:
        raise InputError(f"labels must have shape [..., k] with k >= 1 members; got shape {read.codes.shape}.")
    if read.names is not None and isinstance(level, list):
        _refuse_ragged(level)
    if read.missing:
        place = tuple(np.argwhere(read.codes == MISSING)[0].tolist())
        raise InputError(f"the label at {list(place)} is None or NaN; a member that stands alone needs a label of its own.")
    return read.codes.astype(np.int64, copy=False)


def _refuse_ragged(level: list[Any]) -> None:
    """Raise InputError for lists of several lengths, which read_labels takes for labels; they are meant as unions or groups."""
    flat = level
    while all(isinstance(row, list) for row in flat) and len({len(row) for row in flat}) == 1:
        flat = [entry for row in flat for entry in row]
    if any(isinstance(entry, list) for entry in flat):
        raise InputError(
            "labels must be a rectangular array, one label a member; got lists of several lengths. Unions as nested lists of "
            "members go to CoalitionTree.from_nested."
        )
