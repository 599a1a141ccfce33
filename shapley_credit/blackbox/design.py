"""What plans of one shape share: coalitions that are drawn once, and the way from their values to credits."""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure
from shapley_credit.errors import InputError

Array = NDArray[Any]
Key = tuple[Structure, str, int, int, int]


class Design:
    """The coalitions [m, k] of a method for a budget and a seed, members in the order of the shape.

    key: the structure of the shape, the method, budget and seed, and of an adjusted plan that extends one of kriging how many
    coalitions the latter had, else 0. drawn: the coalitions and their `places`, if they were drawn before. places: what the
    method's `solve` needs to know about the coalitions beside themselves. ends: places of the empty and the whole coalition.
    """

    def __init__(self, key: Key, drawn: tuple[Array, Any] | None = None) -> None:
        self.key = key
        self.structure, method, budget, seed, seen = key
        self.method = METHODS[method]
        draw = partial(self.method.design, seen=seen) if seen else self.method.design
        self.coalitions: Array
        self.coalitions, self.places = draw(self.structure, budget, seed) if drawn is None else drawn
        self.ends = [int(np.flatnonzero((self.coalitions == end).all(axis=1))[0]) for end in (False, True)]

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was drawn: another version may draw others, but values belong to these coalitions."""
        return _restored, (self.key, self.coalitions, self.places)

    def solve(self, values: Array) -> tuple[Solution, Array | None]:
        """Credits and standard errors [B, k] from values [B, m], and what the credits exceed v(N) - v(empty) by, [B].

        The latter is None where the value is not efficient. Methods see games whose largest value is between one half and one,
        by a power of two, which rounds nothing: squares of huge values would overflow, and of tiny ones vanish.

        Raises InputError for credits that overflow all the same.
        """
        power = np.frexp(np.abs(values).max(axis=1, keepdims=True, initial=0.0))[1]
        scaled = np.ldexp(values, -power)
        found = self.method.solve(self.structure, self.coalitions, self.places, scaled)
        empty, whole = self.ends
        gap = found.credit.sum(axis=1) - (scaled[:, whole] - scaled[:, empty]) if self.structure.efficient else None
        with np.errstate(over="ignore"):
            credit, stderr = np.ldexp(found.credit, power), np.ldexp(found.stderr, power)
        if not np.isfinite(credit).all():
            raise InputError("the credits of these values overflow float64; scale the values down.")
        return found._replace(credit=credit, stderr=stderr), None if gap is None else np.ldexp(gap, power[:, 0])


# Weak, so that a design lives as long as the plans that hold it.
_KNOWN: WeakValueDictionary[Key, Design] = WeakValueDictionary()


def design_of(key: Key) -> Design:
    """The design, the same object as long as some plan holds it."""
    design = _KNOWN.get(key)
    if design is None:
        design = _KNOWN[key] = Design(key)
    return design


def _restored(key: Key, coalitions: Array, places: Any) -> Design:
    """A design from elsewhere: the one in use here, if it is the same, so that their plans are solved together."""
    key = (key[0].shaped()[0], *key[1:])
    design = _KNOWN.get(key)
    if design is None or not np.array_equal(design.coalitions, coalitions):
        design = Design(key, drawn=(coalitions, places))
        _KNOWN.setdefault(key, design)
    return design
