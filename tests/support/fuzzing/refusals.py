"""Refusals that are just: what is documented to be refused, where it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
from shapley_credit import Utility
from shapley_credit.testing.instances import Array

from fuzzing import exact
from fuzzing.cases import Case, groups
from fuzzing.exact import Game
from fuzzing.values import SETS


def masks(case: Case) -> list[Array]:
    return [mask for _, term in case.terms if (mask := term.instance.mask) is not None]


def absent(case: Case) -> bool:
    return any(not mask.all() for mask in masks(case))


def combined(parts: Sequence[tuple[Fraction, Utility]]) -> Game:
    """The sum of exact games."""
    games = [(factor, exact.game_of(game)) for factor, game in parts]
    return lambda members: sum((factor * game(members) for factor, game in games), Fraction(0))


def condition(case: Case, parts: Sequence[tuple[Fraction, Utility]]) -> Fraction:
    """How far the values of a case move with the data of its terms, of one group."""
    centres = [term.centre for _, term in case.terms]
    asked = list(case.way.sets(case.k))
    return sum(
        (abs(factor) * exact.condition(game, asked, centre) for (factor, game), centre in zip(parts, centres, strict=True)),
        Fraction(0),
    )


def reason_of(case: Case, message: str) -> str | None:
    """The reason of a refusal that is just, None of others."""
    if "of_size(" in message and (case.way.refused or (case.way.refuses_absent and absent(case))):
        return "members are counted by size"
    for words, (reason, holds) in REASONS.items():
        if words in message and holds(case):
            return reason
    return None


def _overflows(case: Case) -> bool:
    """Whether values, or what they are sums of, come near to the end of their floats."""
    if case.plain and case.k <= SETS:  # products of many members may overflow whatever the data
        return False
    most = Fraction(float(np.finfo(case.dtype()).max)) / 64
    shape = np.broadcast_shapes(*(game.shape for _, game in case.undressed()))
    for index in groups(shape):
        parts = [(Fraction(f), exact.exactly(game.over(shape)[index] if shape else game)) for f, game in case.undressed()]
        game, sets = combined(parts), [*case.way.sets(case.k), *_few_members(case.k), *_greatest(parts, case.k)]
        if case.way.name == "line":
            sets += [tuple(range(first, last)) for last in range(case.k + 1) for first in range(last)]
        if max(abs(game(members)) for members in sets) + condition(case, parts) > most:
            return True
    return False


def _few_members(k: int) -> Iterator[tuple[int, ...]]:
    """Sets of one member or two, whose values may overflow where those of all members do not."""
    return (members for size in (1, 2) for members in combinations(range(k), size))


def _greatest(parts: Sequence[tuple[Fraction, Utility]], k: int) -> Iterator[tuple[int, ...]]:
    """The present members of the greatest numbers, one more at a time: a product is greatest where no factor is small."""
    for _, game in parts:
        there = range(k) if game.mask is None else np.flatnonzero(game.mask).tolist()
        for name in exact.real_fields(game):
            numbers = np.asarray(getattr(game, name))
            if numbers.shape == (k,):
                order = sorted(there, key=lambda member: -abs(numbers[member]))
                yield from (tuple(sorted(order[:size])) for size in range(1, len(order) + 1))


def _is_far_apart(case: Case) -> bool:
    return case.labels["magnitude"] in ("1e-310", "1e-300", "1e+300", f"{2.0**1016:g}")


# By words of the message: a reason that is documented, and whether it is there.
REASONS: dict[str, tuple[str, Callable[[Case], bool]]] = {
    "overflow float": ("overflow", _overflows),
    "points in unions is solved by the values of all sets, for at most 20": ("many points", lambda case: case.k > 20),
    "utility.cost() says what credits take": ("dear", lambda case: case.k > 20),
    "vectors of counts, and more than": ("many classes", lambda case: case.k > 12),
    "the weights of a group are up to": ("weights far apart", _is_far_apart),
}
