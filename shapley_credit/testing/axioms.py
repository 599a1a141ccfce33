"""The axioms of values of games, each as a search for a game in which a rule breaks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from shapley_credit.inputs.answers import AsynchronousError, refuse_awaitable
from shapley_credit.testing.comparing import read_credits, relative
from shapley_credit.testing.game_text import games_text, numbers
from shapley_credit.testing.random_games import Game, games, renamed_codes, symmetrised
from shapley_credit.testing.searching import FaultError, called

Array = NDArray[Any]
Rule = Callable[[Game, int], Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Asked:
    """A rule under test: what it says of a game, and random games of so many members."""

    def __init__(self, rule: Rule, draw: Draw, k: int, grounded: bool, tolerance: float | None) -> None:
        self._rule, self.draw, self.k = rule, draw, k
        self._grounded, self._tolerance = grounded, tolerance
        self._games: dict[str, Array] = {}
        self._credits: dict[str, Array] = {}

    def table(self) -> Array:
        """All values of a random game."""
        table: Array = self.draw(games(self.k, grounded=self._grounded)).values
        return table

    def member(self) -> int:
        return int(self.draw(st.integers(0, self.k - 1)))

    def credit(self, table: Array, name: str = "value") -> Array:
        """What the rule says of a game, as floats [k]."""
        self._games[name] = table
        answer = called(lambda: self._rule(Game(table), self.k), "the rule", self._told)
        try:
            refuse_awaitable(answer)
        except AsynchronousError as error:
            raise FaultError(f"the rule is asynchronous, and must return credits at once{self._told()}") from error
        found: Array = called(lambda: read_credits(answer, "credits"), "reading the credits", self._told)
        if found.shape != (self.k,):
            words = f"the rule returned shape {found.shape} and should return {(self.k,)}, one credit a member"
            raise FaultError(words + self._told())
        self._credits[name] = found
        if not np.isfinite(found).all():
            raise FaultError(f"the rule returned credits that are not finite{self._told()}")
        return found.astype(np.float64)  # sums of small whole numbers would wrap around

    def differ(self, one: Any, other: Any) -> bool:
        """Whether two numbers, or any of two rows, are apart by more than rounding of what there was."""
        return bool((np.abs(np.subtract(one, other, dtype=np.float64)) > self.slack()).any())

    def slack(self) -> float:
        largest = max(float(np.abs(array).max()) for array in (*self._games.values(), *self._credits.values()))
        dtype = min((credit.dtype for credit in self._credits.values()), key=lambda kind: kind.itemsize)
        return relative(dtype, self._tolerance) * max(largest, 1.0)

    def fault(self, words: str) -> str:
        return words + self._told()

    def _told(self) -> str:
        """The games that the rule was asked about, and what it said."""
        lines = [f"\n{games_text(self._games)}"]
        for name, credit in self._credits.items():
            lines.append(f"credits{f' of {name}' if len(self._games) > 1 else ''}: {numbers(credit.ravel())}")
        return "\n".join(lines)


def efficiency(asked: Asked) -> str | None:
    """The credits add up to v(N) - v(empty)."""
    table = asked.table()
    total, worth = float(asked.credit(table).sum()), table[-1] - table[0]
    if asked.differ(total, worth):
        return asked.fault(f"the credits add up to {total:.6g}, but all members together add {worth:.6g} to the empty set")
    return None


def total_power(asked: Asked) -> str | None:
    """The credits add up to the sum of all marginal contributions over 2^(k-1) (Dubey & Shapley 1979)."""
    table = asked.table()
    steps = sum(float(_marginals(table, i).sum()) for i in range(asked.k)) / (1 << (asked.k - 1))
    total = float(asked.credit(table).sum())
    if asked.differ(total, steps):
        words = f"the credits add up to {total:.6g}, but the mean marginal contributions of all members add up to {steps:.6g}"
        return asked.fault(words)
    return None


def symmetry(asked: Asked) -> str | None:
    """Members that add the same to every coalition get the same."""
    if asked.k == 1:
        return None
    first, second = asked.draw(st.permutations(range(asked.k)))[:2]
    credit = asked.credit(symmetrised(asked.table(), first, second))
    if asked.differ(credit[first], credit[second]):
        words = f"members {first} and {second} add the same to every coalition, but get {numbers(credit[[first, second]])}"
        return asked.fault(words)
    return None


def anonymity(asked: Asked) -> str | None:
    """When members change their names, their credits go with them."""
    if asked.k == 1:
        return None
    first, second = asked.draw(st.permutations(range(asked.k)))[:2]
    table = asked.table()
    order = list(range(asked.k))
    order[first], order[second] = second, first
    before, after = asked.credit(table, "v"), asked.credit(table[renamed_codes(len(table), first, second)], "w")
    if asked.differ(before, after[order]):
        return asked.fault(f"w is v with members {first} and {second} exchanged, but their credits are not")
    return None


def null_player(asked: Asked) -> str | None:
    """A member that adds nothing to any coalition gets nothing."""
    member = asked.member()
    credit = asked.credit(_with_dummy(asked.table(), member, 0.0))
    if asked.differ(credit[member], 0.0):
        return asked.fault(f"member {member} adds nothing to any coalition, but gets {credit[member]:.6g}")
    return None


def dummy_player(asked: Asked) -> str | None:
    """A member that adds the same to every coalition gets that."""
    member, worth = asked.member(), asked.draw(st.integers(-4, 4))
    credit = asked.credit(_with_dummy(asked.table(), member, worth))
    if asked.differ(credit[member], worth):
        return asked.fault(f"member {member} adds {worth} to every coalition, but gets {credit[member]:.6g}")
    return None


def additivity(asked: Asked) -> str | None:
    """The credits of the sum of two games are the sums of their credits."""
    one, two = asked.table(), asked.table()
    parts, whole = asked.credit(one, "v") + asked.credit(two, "w"), asked.credit(one + two, "v + w")
    return asked.fault(f"the credits of v and w add up to {numbers(parts)}") if asked.differ(parts, whole) else None


def linearity(asked: Asked) -> str | None:
    """The credits of a combination of two games are the combination of their credits; v - 2 w stands for all of them."""
    one, two = asked.table(), asked.table()
    parts, whole = asked.credit(one, "v") - 2 * asked.credit(two, "w"), asked.credit(one - 2 * two, "v - 2 w")
    return asked.fault(f"v - 2 w should have the credits {numbers(parts)}") if asked.differ(parts, whole) else None


def monotonicity(asked: Asked) -> str | None:
    """Where no member takes anything from any coalition, no credit is below 0."""
    table = asked.table().copy()
    codes = np.arange(len(table))
    for bit in 1 << np.arange(asked.k):
        table = np.where(codes & bit, np.maximum(table, table[codes & ~bit]), table)
    credit = asked.credit(table)
    member = int(credit.argmin())
    if credit[member] < -asked.slack():
        return asked.fault(f"no member takes anything from any coalition, but member {member} gets {credit[member]:.6g}")
    return None


def strong_monotonicity(asked: Asked) -> str | None:
    """A member that adds at least as much to every coalition gets at least as much (Young 1985)."""
    member, low, other = asked.member(), asked.table(), asked.table()
    codes = np.arange(len(low))
    without = codes & ~(1 << member)
    more = np.array(asked.draw(st.lists(st.integers(0, 4), min_size=len(low), max_size=len(low))))
    high = other[without] + np.where(codes != without, low - low[without] + more[without], 0)
    before, after = asked.credit(low, "v")[member], asked.credit(high, "w")[member]
    if before > after + asked.slack():
        words = f"member {member} adds no less to any coalition in w than in v, but gets {after:.6g} instead of {before:.6g}"
        return asked.fault(words)
    return None


AXIOMS: dict[str, Callable[[Asked], str | None]] = {
    axiom.__name__.replace("_", " "): axiom
    for axiom in (
        efficiency,
        total_power,
        symmetry,
        anonymity,
        null_player,
        dummy_player,
        additivity,
        linearity,
        monotonicity,
        strong_monotonicity,
    )
}
# The axioms that only one value has, or only the values of one kind.
CHARACTERISED = {
    "shapley": ("efficiency", "symmetry", "null player", "linearity"),
    "banzhaf": ("total power", "symmetry", "dummy player", "linearity"),
    "semivalue": ("anonymity", "dummy player", "linearity", "monotonicity"),
}


def _marginals(table: Array, member: int) -> Array:
    """What a member adds to each coalition without it."""
    codes = np.arange(len(table))
    without = codes[codes >> member & 1 == 0]
    added: Array = table[without | 1 << member] - table[without]
    return added


def _with_dummy(table: Array, member: int, worth: float) -> Array:
    """The game in which a member adds the same to every coalition."""
    codes = np.arange(len(table))
    dummy: Array = table[codes & ~(1 << member)] + worth * (codes >> member & 1)
    return dummy
