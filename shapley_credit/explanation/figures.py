"""The numbers of one explained group as they are read: on the host, less the noise of rounding, beside harmless names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.display.text_table import short_name


@dataclass(frozen=True, eq=False)
class Figures:
    """One group of an explanation: its arrays on the host, in the dtype of the credits, and its terms by their names."""

    names: Sequence[str]
    present: NDArray[np.bool_]
    credit: NDArray[Any]
    terms: Mapping[str, NDArray[Any]]
    by_size: NDArray[Any]
    without: NDArray[Any]

    @cached_property
    def noise(self) -> float:
        """What counts as 0: the rounding unit to the power of 2/3, relative to the largest of all contributions."""
        arrays = (self.credit, self.by_size, *self.terms.values())
        largest: float = max(float(np.nan_to_num(np.abs(array)).max(initial=0.0)) for array in arrays)
        unit: float = np.finfo(self.credit.dtype).eps.item()
        return float(unit ** (2 / 3)) * largest

    def said(self, number: float) -> str:
        """Four digits of a number; 0 for what may be rounding."""
        return "0" if abs(number) <= self.noise else f"{number:.4g}"

    def name(self, i: int) -> str:
        """The name of a member as text that moves, hides and reorders nothing, cut where it is long."""
        return short_name(self.names[i])
