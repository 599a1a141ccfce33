"""What unions are called: their labels, where these are texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.inputs.labels import read_labels

# On one level, for each member the name of its union, and of how many members that is.
Level = Sequence[tuple[str, int]]


def names_of_labels(level: Any) -> tuple[str, ...] | None:
    """What the labels 0, 1, .. of a level stand for; None where they are not all texts."""
    names = read_labels(level, "labels").names
    return tuple(map(str, names)) if names and all(isinstance(name, str) for name in names) else None


def named_levels(labels: NDArray[Any], names: Sequence[Sequence[str] | None]) -> list[Level]:
    """Those levels of the labels [levels, k] of one tree whose unions have names, coarse to fine.

    Members are of one union if they share the labels of all coarser levels, too.
    """
    found: list[Level] = []
    union = np.zeros(labels.shape[-1], np.int64)
    for codes, called in zip(labels, names, strict=False):
        _, inverse, counts = np.unique(np.stack([union, codes]), axis=1, return_inverse=True, return_counts=True)
        union = inverse.reshape(-1)
        if called is not None:
            found.append([(called[code], size) for code, size in zip(codes.tolist(), counts[union].tolist(), strict=True)])
    return found


def names_of_union(levels: Sequence[Level], members: Sequence[int]) -> list[str]:
    """The names of the union of all these members and no others, coarse to fine; none where they are no union with a name."""
    own = [{level[i] for i in members} for level in levels]
    return [*dict.fromkeys(name for found in own if len(found) == 1 for name, size in found if size == len(members))]
