"""Random games, coalition trees, scores and masks, as Hypothesis strategies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from shapley_credit.coalitions import CoalitionTree
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import is_finite, shown, whole_number
from shapley_credit.testing.game_text import games_text

Array = NDArray[Any]

# Every order of magnitude that sums of squares survive, and rounding at its worst: far from 0, close to each other.
MAGNITUDES = (0.0, 1.0, -1.0, 1e-150, -1e-150, 1e150, -1e150, 1e9, 1e9 + 1)


class Game:
    """A set function by all its values, asked for a tuple of members; it prints as a table of its coalitions.

    values: [2**k] numbers, index = bit mask, bit i = member i. k: number of members. Cost O(1) a coalition.
    Raises InputError for another number of values, values that are not finite, and members that are not in 0 .. k-1.

    >>> from shapley_credit.testing import Game
    >>> game = Game([0.0, 1.0, 2.0, 6.0])
    >>> game((0, 1))
    6.0
    >>> print(game)
    coalition  value
    (empty)        0
    0              1
    1              2
    0, 1           6
    """

    def __init__(self, values: Any) -> None:
        self.values = np.array(values, np.float64)
        self.values.flags.writeable = False
        count = self.values.size
        if self.values.ndim != 1 or count < 2 or count.bit_count() != 1 or not is_finite(self.values):
            raise InputError(f"a game of k members has 2**k finite values along one axis; got shape {self.values.shape}.")
        self.k = count.bit_length() - 1

    def __call__(self, coalition: Iterable[int]) -> float:
        if not isinstance(coalition, Iterable):
            raise InputError(f"a game is asked for a tuple of members; got {shown(coalition)}.")
        members = {whole_number(i, "a member") for i in coalition}
        if not members <= set(range(self.k)):
            raise InputError(f"the game has members 0 .. {self.k - 1}; asked for {sorted(members)}.")
        return float(self.values[sum(1 << i for i in members)])

    def __repr__(self) -> str:
        return f"Game({self.values.tolist()})"

    def __str__(self) -> str:
        return games_text({"value": self.values})


def tables(k: int) -> st.SearchStrategy[Array]:
    """All values [2**k] of a random game, interactions of every order included; eighths, so that sums are exact."""
    eighths = st.lists(st.integers(-64, 64), min_size=1 << k, max_size=1 << k)
    return eighths.map(lambda numbers: np.array(numbers) / 8)


def games(k: int, *, grounded: bool = False) -> st.SearchStrategy[Game]:
    """Random games of k members, with interactions of every order.

    k: number of members. grounded: only games with v(empty) = 0. Values are whole numbers from -8 to 8,
    so that examples are short and sums exact. Raises InputError for k < 1 or above 10.

    >>> from hypothesis import find
    >>> from shapley_credit.testing import games
    >>> find(games(2), lambda game: game((0, 1)) > game((0,)) + game((1,)))
    Game([0.0, 0.0, 0.0, 1.0])
    """
    check_size(k)
    numbers = st.lists(st.integers(-8, 8), min_size=1 << k, max_size=1 << k)
    return numbers.map(lambda values: Game([0 if grounded else values[0], *values[1:]]))


def symmetrised(table: Array, first: int, second: int) -> Array:
    """The mean of a game and of the one in which two members have changed places."""
    mean: Array = (table + table[renamed_codes(len(table), first, second)]) / 2
    return mean


def renamed_codes(count: int, first: int, second: int) -> Array:
    """The bit masks of all coalitions when two members have changed places."""
    codes = np.arange(count)
    swapped: Array = codes & ~(1 << first) & ~(1 << second)
    swapped |= (codes >> first & 1) << second | (codes >> second & 1) << first
    return swapped


@st.composite
def nested_trees(draw: st.DrawFn, k: int) -> list[Any]:
    """Nested lists of 0 .. k-1 with up to 3 levels; unions of one child, of one member and of all members included."""

    def grow(members: list[int], levels: int) -> list[Any]:
        if not levels:
            return list(members)
        keys = draw(st.lists(st.integers(0, 2), min_size=len(members), max_size=len(members)))
        parts = [[i for i, key in zip(members, keys, strict=True) if key == label] for label in sorted(set(keys))]
        return [part[0] if len(part) == 1 and draw(st.booleans()) else grow(part, levels - 1) for part in parts]

    return grow(draw(st.permutations(range(k))), draw(st.integers(0, 2)))


def trees(k: int) -> st.SearchStrategy[CoalitionTree]:
    """Random coalition trees of k members with up to 3 levels; unions of one child, of one member and of all included.

    k: number of members. Raises InputError for k < 1 or above 10.

    >>> from hypothesis import find
    >>> from shapley_credit.testing import trees
    >>> find(trees(3), lambda tree: tree.depth > 1).depth
    2
    """
    check_size(k)
    return nested_trees(k).map(CoalitionTree.from_nested)


def partitions(k: int) -> st.SearchStrategy[list[list[int]]]:
    """Random partitions of the members 0 .. k-1."""
    keys = st.lists(st.integers(0, k - 1), min_size=k, max_size=k)
    return keys.map(lambda labels: [[i for i in range(k) if labels[i] == label] for label in sorted(set(labels))])


def scores(k: int, *, extreme: bool = True) -> st.SearchStrategy[Array]:
    """Random scores [k] of k members: ties, zeros and negative numbers are common.

    k: number of members. extreme: whether magnitudes from 1e-150 to 1e150 are among them; without, they are eighths within 8.
    Raises InputError for k < 1 or above 10.

    >>> from hypothesis import find
    >>> from shapley_credit.testing import scores
    >>> find(scores(3), lambda row: len(set(row)) < 3)
    array([0., 0., 0.])
    """
    check_size(k)
    eighths = st.integers(-64, 64).map(lambda number: number / 8)
    entries = st.one_of(eighths, st.sampled_from(MAGNITUDES)) if extreme else eighths
    tied = st.tuples(st.lists(entries, min_size=1, max_size=2), st.lists(st.integers(0, 1), min_size=k, max_size=k))
    return st.one_of(
        st.lists(entries, min_size=k, max_size=k).map(np.array), tied.map(lambda drawn: _picked(drawn[0], drawn[1]))
    )


def _picked(levels: Sequence[float], places: Sequence[int]) -> Array:
    return np.array([levels[place % len(levels)] for place in places])


def masks(k: int) -> st.SearchStrategy[Array]:
    """Random masks, bool [k], False for absent members; of all present and of all absent members too.

    k: number of members. Raises InputError for k < 1 or above 10.

    >>> from hypothesis import find
    >>> from shapley_credit.testing import masks
    >>> find(masks(2), lambda mask: mask.any())
    array([False,  True])
    """
    check_size(k)
    return st.lists(st.booleans(), min_size=k, max_size=k).map(lambda flags: np.array(flags, np.bool_))


def check_size(k: int) -> None:
    """Raise InputError for a number of members that random games can't have."""
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= 10:
        raise InputError(f"random games have 1 to 10 members, as each has 2**k values; got k = {k!r}.")
