"""Values of games in exact numbers: definitions read with fractions, or with longer floats where they take logarithms."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np
from shapley_credit import Utility
from shapley_credit.inputs.fields import REAL_VALUED, Field
from shapley_credit.testing.instances import Array

# Members of a coalition, ascending -> its value.
Game = Callable[[tuple[int, ...]], Fraction]


class Exact(Fraction):
    """A fraction that stays one beside floats, which are fractions too."""

    def __add__(self, other: Any) -> Any:
        return Exact(Fraction(self) + rational(other))

    def __sub__(self, other: Any) -> Any:
        return Exact(Fraction(self) - rational(other))

    def __rsub__(self, other: Any) -> Any:
        return Exact(rational(other) - Fraction(self))

    def __mul__(self, other: Any) -> Any:
        return Exact(Fraction(self) * rational(other))

    def __truediv__(self, other: Any) -> Any:
        return Exact(Fraction(self) / rational(other))

    def __rtruediv__(self, other: Any) -> Any:
        return Exact(rational(other) / Fraction(self))

    def __neg__(self) -> Any:
        return Exact(-Fraction(self))

    __radd__ = __add__
    __rmul__ = __mul__


# How far entries are moved, relative to themselves, to see how far values move with them.
NUDGE = Fraction(1, 1 << 20)


def rational(number: Any) -> Fraction:
    """Any kind of number as a fraction, without rounding."""
    while isinstance(number, np.ndarray | np.integer | np.bool_):
        number = number.item()
    return number if isinstance(number, Fraction) else Fraction(*number.as_integer_ratio())


def fractions_of(array: Array) -> Array:
    exact = np.empty(array.shape, object)
    exact.reshape(-1)[:] = [Exact(entry) for entry in array.reshape(-1).tolist()]
    return exact


def long_floats_of(array: Array) -> Array:
    return np.array([_long(entry) for entry in array.reshape(-1)], np.longdouble).reshape(array.shape)


def _long(number: Fraction) -> np.longdouble:
    """The nearest long float: that of the first digits, and of what they leave."""
    first = float(number)
    return np.longdouble(first) + np.longdouble(float(number - Fraction(first)))


def real_fields(utility: Utility) -> list[str]:
    """The arrays whose entries are real numbers, present ones only."""
    named = [(name, spec) for name, spec in utility.fields.items() if isinstance(spec, Field)]
    return [name for name, spec in named if spec.domain in REAL_VALUED and getattr(utility, name) is not None]


def exactly(utility: Utility) -> Utility:
    """One group whose real numbers are fractions: only its definition can be asked for."""
    exact = copy.copy(utility)
    for name in real_fields(utility):
        setattr(exact, name, fractions_of(np.asarray(getattr(utility, name))))
    return exact


def game_of(exact: Utility) -> Game:
    """v(S) of a group of fractions, each coalition worked out once."""
    known: dict[tuple[int, ...], Fraction] = {}

    def value(members: tuple[int, ...]) -> Fraction:
        present = members if exact.mask is None else tuple(i for i in members if exact.mask[i])
        if present not in known:
            known[present] = _value(exact, np.array(present, np.int64))
        return known[present]

    return value


def _value(exact: Utility, members: Array) -> Fraction:
    if type(exact).__name__ in BY_HAND:
        return BY_HAND[type(exact).__name__](exact, members)
    with unrounded(exact):
        try:
            value: Any = exact.definition(members)
        except (TypeError, AttributeError):  # of a logarithm, say, which fractions have not
            value = _long_definition(exact, members)
        return rational(value)


def _long_definition(exact: Utility, members: Array) -> Any:
    """With floats of 64 bits; what all scores have in common is taken off before they are rounded to these."""
    longer, level = copy.copy(exact), Fraction(0)
    if type(exact).__name__ in MOVED_BY_BASE:
        level = Fraction(exact.__dict__["base"].item())
        longer.__dict__["scores"], longer.__dict__["base"] = exact.__dict__["scores"] - level, exact.__dict__["base"] - level
    for name in real_fields(exact):
        setattr(longer, name, long_floats_of(np.asarray(getattr(longer, name))))
    return rational(longer.definition(members)) + level


# Families of logarithms whose values move with scores and base.
MOVED_BY_BASE = ("LogSumExp", "LogMeanExp")


@contextmanager
def unrounded(utility: Utility) -> Iterator[None]:
    """`float`, in the module of the utility, leaves numbers as they are."""
    with mock.patch.dict(vars(sys.modules[type(utility).__module__]), float=lambda number: number):
        yield


def _determinant(exact: Utility, members: Array) -> Fraction:
    """det(I + X X^T) - 1 by elimination; the matrix is positive definite, so no row need be exchanged."""
    chosen = exact.__dict__["vectors"][members]
    rows = [
        [sum((a * b for a, b in zip(one, other, strict=True)), Fraction(i == j)) for j, other in enumerate(chosen)]
        for i, one in enumerate(chosen)
    ]
    product = Fraction(1)
    for place, row in enumerate(rows):
        product *= row[place]
        for lower in rows[place + 1 :]:
            factor = lower[place] / row[place]
            lower[place:] = [a - factor * b for a, b in zip(lower[place:], row[place:], strict=True)]
    return product - 1


# Definitions by routines that know floats of 64 bits only.
BY_HAND: dict[str, Callable[[Utility, Array], Fraction]] = {"Determinant": _determinant}


def nudged(exact: Utility, centre: dict[str, Fraction]) -> Iterator[Utility]:
    """Copies of a group of fractions in each of which one entry is moved, relative to its distance from a common offset."""
    for name in real_fields(exact):
        array = np.asarray(getattr(exact, name))
        for index in np.ndindex(array.shape):
            if distance := array[index] - centre.get(name, 0):
                moved = array.copy()
                moved[index] += distance * NUDGE
                copied = copy.copy(exact)
                setattr(copied, name, moved)
                yield copied


def condition(exact: Utility, sets: Iterable[tuple[int, ...]], centre: dict[str, Fraction]) -> Fraction:
    """How far values of sets, less that of none, move with their data: over entries, the sum of max |dv| / relative move."""
    asked, game, total = list(sets), game_of(exact), Fraction(0)
    before = [game(members) - game(()) for members in asked]
    for copied in nudged(exact, centre):
        moved = game_of(copied)
        total += max(abs(moved(members) - moved(()) - old) for members, old in zip(asked, before, strict=True)) / NUDGE
    return total
