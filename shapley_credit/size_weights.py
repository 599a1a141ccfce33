"""Weights of coalitions by their size, one coalition or all of a size together, for any number of members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.errors import InputError


def binomials(k: int) -> Iterator[int]:
    """C(k - 1, s) for s = 0 .. k - 1, exact, each from the one before it."""
    c = 1
    for s in range(k):
        yield c
        c = c * (k - 1 - s) // (s + 1)


def by_size(p: NDArray[Any]) -> NDArray[np.float64]:
    """C(k - 1, s) p_s, [k]. Raises InputError for products beyond floats."""
    if len(p) <= 1000:
        q: NDArray[np.float64] = p * np.array([float(c) for c in binomials(len(p))])
        return q
    from fractions import Fraction

    try:
        return np.array([float(Fraction(weight) * c) for weight, c in zip(p.tolist(), binomials(len(p)), strict=True)])
    except OverflowError as error:
        raise InputError(
            f"weights must satisfy sum_s C(k-1, s) p_s = 1; got more than floats hold for k = {len(p)}.{hint(len(p))}"
        ) from error


def hint(k: int) -> str:
    """What to do where single coalitions weigh less than floats can hold."""
    if k <= 1000:
        return ""
    return (
        f" Single coalitions of {k:,} members may weigh less than floats can say: Semivalue(name, sizes) takes "
        "q_s = C(k-1, s) p_s itself, the weights of all coalitions of a size together; rule.sizes(k) are those of a rule."
    )
