"""Linear combinations of utilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from shapley_credit.convert import Array, Library, common_library, computing_dtype, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.fields import Field, read_field
from shapley_credit.utility import Utility, summary


class Sum(Utility):
    """A linear combination of utilities, v(S) = sum_t c_t v_t(S); its credits are the same combination of theirs.

    Made by the operators + - * /. Coefficients are numbers or arrays over the leading axes [...].
    Raises InputError for different k, leading axes that do not broadcast and coefficients that are not finite.

    >>> from shapley_credit import utilities as u
    >>> mix = 0.5 * u.Max([1.0, 3.0]) + 2.0 * u.DistinctCount([7, 7])
    >>> mix.value((0, 1))
    3.5
    """

    def __init__(self, terms: Sequence[tuple[Any, Utility]]) -> None:
        self._terms: list[tuple[Array | float, Utility]] = []
        self.library = None
        self.mask = None
        dtypes, leads = [], []
        for coefficient, utility in terms:
            factor, origin = _coefficient(coefficient)
            for inner, leaf in utility.terms():
                self._terms.append((factor * inner, leaf))
            self.library = common_library(common_library(self.library, utility.library), origin)
            dtypes += [utility.dtype] if utility.dtype is not None else []
            dtypes += [factor.dtype] if isinstance(factor, np.ndarray) else []
            leads += [utility.shape, np.shape(factor)]
        members = sorted({utility.k for _, utility in terms})
        if len(members) > 1:
            raise InputError(f"utilities of {' and '.join(map(str, members))} members can't be added; all need the same k.")
        self.k = members[0]
        self.dtype = np.result_type(*dtypes) if dtypes else None
        try:
            self.shape = np.broadcast_shapes(*leads)
        except ValueError as error:
            raise InputError(f"the leading axes of the terms do not broadcast: {leads}.") from error

    def terms(self) -> Sequence[tuple[Array | float, Utility]]:
        return self._terms

    def _value(self, members: Array) -> Array:
        total = np.zeros(self.shape, self.dtype or np.float64)
        for coefficient, utility in self._terms:
            total += coefficient * utility._value(members)
        return total

    def __getitem__(self, index: Any) -> Self:
        chosen = []
        for coefficient, utility in self._terms:
            whole = np.broadcast_to(coefficient, self.shape)[index]
            chosen.append((whole if isinstance(coefficient, np.ndarray) else coefficient, utility.over(self.shape)[index]))
        return type(self)(chosen)

    def __repr__(self) -> str:
        return " + ".join(
            f"{summary(c) if isinstance(c, np.ndarray) else format(c, 'g')} * {utility!r}" for c, utility in self._terms
        )


def _coefficient(data: Any) -> tuple[Array | float, Library | None]:
    array, origin = to_numpy(data, "coefficient")
    array = read_field(array, Field("real"), "coefficient", None)
    if array.ndim == 0:
        return float(array), origin
    return array.astype(computing_dtype(array.dtype), copy=False), origin
