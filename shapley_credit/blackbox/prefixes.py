"""The prefixes of an order as coalitions to ask, beside plans: k + 1 values give the marginal contributions in that order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array


@dataclass(frozen=True)
class Prefixes:
    """The prefixes of an order as coalitions: no member, the first, the first two, .., all.

    Attributes:
        order: the k members, each once.
    """

    order: tuple[int, ...]

    @property
    def k(self) -> int:
        return len(self.order)

    @cached_property
    def members(self) -> list[tuple[int, ...]]:
        """The coalitions as tuples of members, ascending."""
        return [tuple(sorted(self.order[:size])) for size in range(self.k + 1)]

    @cached_property
    def coalitions(self) -> NDArray[np.bool_]:
        """Bool [k + 1, k]."""
        return np.arange(self.k + 1)[:, None] > np.argsort(self.order)

    def marginals(self, values: Array) -> Array:
        """m_i = v(those up to i) - v(those before i), [k], from the values [k + 1] of the coalitions."""
        found = np.empty(self.k)
        found[list(self.order)] = np.diff(values)
        return found
