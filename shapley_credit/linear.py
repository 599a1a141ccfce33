"""Linear combinations of utilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from shapley_credit.convert import Array, Library, common_library, computed, summary, to_array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import check_exact, check_finite
from shapley_credit.inputs.fields import check_dtype, real, refuse_none
from shapley_credit.utility import Utility
from shapley_kernels.arrays import beside, dtype_of, namespace


class Sum(Utility):
    """A linear combination of utilities, v(S) = sum_t c_t v_t(S); its credits are the same combination of theirs.

    The operators + - * / make it. Coefficients are numbers or arrays over the leading axes [...]. A member is absent from all
    terms or from none: their masks must be equal after broadcasting, and no mask counts as one that is all True. To hide a
    present member from one term, give it a score or weight of 0 there. Masks on a device are not read, not even all-True ones:
    give every term the same boolean array of that device as its mask, or none of them a mask.
    Raises InputError for different k or masks, leading axes that do not broadcast and coefficients that are not finite.

    >>> from shapley_credit import utilities as u
    >>> mix = 0.5 * u.Max([1.0, 3.0]) + 2.0 * u.DistinctCount([7, 7])
    >>> mix.value((0, 1))
    3.5
    """

    _may_overflow: ClassVar[bool] = True

    def __init__(self, terms: Sequence[tuple[Any, Utility]]) -> None:
        self.library = None
        factors, dtypes, leads = [], [], []
        for coefficient, utility in terms:
            factor, origin = _coefficient(coefficient)
            factors.append(factor)
            self.library = common_library(common_library(self.library, utility.library), origin)
            dtypes += [utility.dtype] if utility.dtype is not None else []
            dtypes += [dtype_of(factor)] if getattr(factor, "ndim", 0) else []
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
        self.mask = _common_mask([utility for _, utility in terms])
        candidates = [*factors, *(utility.anchor for _, utility in terms)]
        arrays = [array for array in candidates if hasattr(array, "ndim")]
        self.anchor = next((array for array in arrays if not isinstance(array, np.ndarray)), arrays[0])
        self._terms = [
            (self._beside(factor) * self._beside(inner), leaf)
            for factor, (_, utility) in zip(factors, terms, strict=True)
            for inner, leaf in utility.terms()
        ]

    def _beside(self, factor: Array | float) -> Array | float:
        return beside(factor, self.anchor) if isinstance(factor, np.ndarray) else factor

    def terms(self) -> Sequence[tuple[Array | float, Utility]]:
        return self._terms

    def _value(self, members: Array) -> Array:
        total = np.zeros(self.shape)
        for coefficient, utility in self._terms:
            total += coefficient * utility._value(members)
        return total

    def __getitem__(self, index: Any) -> Self:
        chosen, mask = [], None
        if self.mask is not None:
            mask = namespace(self.mask).broadcast_to(self.mask, (*self.shape, self.k))[index]
        for coefficient, utility in self._terms:
            if hasattr(coefficient, "ndim"):
                coefficient = namespace(coefficient).broadcast_to(coefficient, self.shape)[index]
            one = utility.over(self.shape)[index]
            one.mask = mask if one.mask is not None else None  # one array for all terms, so that masks are not compared again
            chosen.append((coefficient, one))
        return type(self)(chosen)

    def __repr__(self) -> str:
        return " + ".join(f"{summary(c) if hasattr(c, 'ndim') else format(c, 'g')} * {utility!r}" for c, utility in self._terms)


def _common_mask(terms: Sequence[Utility]) -> Array | None:
    """The mask of all these utilities. Raises InputError for a member that is absent from some of them only."""
    place = next((place for place, term in enumerate(terms) if term.mask is not None), None)
    if place is None:
        return None
    mask = terms[place].mask
    for other, term in enumerate(terms):
        if term.mask is not mask:
            _check_alike(mask, term.mask, [f"term {i}, {type(terms[i]).__name__}," for i in (place, other)])
    return mask


def _check_alike(first: Array, second: Array | None, names: Sequence[str]) -> None:
    one, other = names
    if not isinstance(first, np.ndarray) or not (second is None or isinstance(second, np.ndarray)):
        raise InputError(
            f"{one} and {other} do not share one mask array; absence is of a member, in all terms alike, and masks on a device "
            "are not read to compare them. Put the mask there as booleans, once, and give every term that array as mask=."
        )
    differ = ~first if second is None else first != second
    if differ.any():
        index = tuple(np.argwhere(differ)[0].tolist())
        if np.broadcast_to(first, differ.shape)[index]:
            one, other = other, one
        raise InputError(
            f"member {list(index)} is absent from {one} and not from {other} but absence is of a member, in all terms alike. "
            "Give every term the same mask=, and a score or weight of 0 where a term shall not count a member who is there."
        )


def _coefficient(data: Any) -> tuple[Array | float, Library | None]:
    array, origin = to_array(data, "coefficient")
    refuse_none(array, "coefficient", "Give every term a number")
    check_dtype(dtype_of(array), real(), "coefficient")
    if isinstance(array, np.ndarray):
        check_finite(array, "coefficient")
        if array.dtype.kind in "iu":
            check_exact(array, "coefficient")
        if array.ndim == 0:
            return float(array), origin
    return computed(array), origin
