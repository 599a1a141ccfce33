"""Every value of the library as the text of its call, and the same value by definition, in fractions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from hypothesis import strategies as st
from shapley_credit.semivalues import Semivalue
from shapley_credit.testing import oracle, random_games

import structures
from connected_orders import growing
from flat_rules import RULES
from fuzzing.exact import Game

Members = tuple[int, ...]
# From a game among the members of whom the second says who is present, all of its credits.
Truth = Callable[[Game, Sequence[bool]], list[Fraction]]
Sets = Callable[[int], Iterable[Members]]

# Values over all sets, and the average over all orders, are known by brute force up to these numbers of members.
SETS, ORDERS = 6, 5


@dataclass(frozen=True)
class Way:
    """A value that can be asked for.

    call: Python, of `game`. truth: by definition, None where there are too many sets. sets: those it depends on.
    efficient: whether its credits add up to v(N) - v(empty). refused: whether absent members must be refused, or always.
    """

    name: str
    call: str
    truth: Truth | None
    sets: Sets
    efficient: bool = True
    refuses_absent: bool = False
    refused: bool = False


def all_sets(k: int) -> Iterable[Members]:
    return (members for size in range(k + 1) for members in combinations(range(k), size))


def ends(k: int) -> Iterable[Members]:
    return [(), tuple(range(k))]


def _shapley(game: Game, present: Sequence[bool]) -> list[Fraction]:
    return oracle.semivalue(game, len(present), oracle.shapley_weights(len(present)))


def shapley(k: int) -> Way:
    few = k <= SETS
    return Way("shapley", "sc.set_shapley(game)", _shapley if few else None, all_sets if few else ends)


def _spelled(rule: Semivalue) -> str:
    return f"semivalues.{rule}"


@st.composite
def semivalue(draw: st.DrawFn, k: int) -> Way:
    rule, weights = draw(st.sampled_from(RULES[1:] if k <= SETS else [RULES[2]]))
    return Way(
        f"{rule}",
        f"sc.set_semivalue(game, {_spelled(rule)})",
        _last if k > SETS else lambda game, present: oracle.semivalue(game, k, weights(k)),
        all_sets if k <= SETS else _all_but_one,
        efficient=False,
        refuses_absent=not rule.ignores_absent,
        refused=rule.name == "of_size(2)" and k < 2,
    )


def _last(game: Game, present: Sequence[bool]) -> list[Fraction]:
    everybody = tuple(range(len(present)))
    return [game(everybody) - game(tuple(j for j in everybody if j != i)) for i in everybody]


def _all_but_one(k: int) -> Iterable[Members]:
    return [(), tuple(range(k)), *combinations(range(k), k - 1)]


@st.composite
def owen(draw: st.DrawFn, k: int) -> Way:
    partition = draw(random_games.partitions(k))
    rules = draw(st.lists(st.sampled_from(structures.RULES), min_size=2, max_size=2))
    (outer, p), (inner, q) = rules if draw(st.booleans()) else [structures.RULES[0]] * 2
    levels = f", levels=({_spelled(outer)}, {_spelled(inner)})"
    return Way(
        "owen",
        f"sc.owen(game, {partition}{levels if (outer, inner) != (structures.RULES[0][0],) * 2 else ''})",
        (lambda game, present: oracle.owen(game, partition, k, p, q)) if k <= SETS else None,
        all_sets if k <= SETS else ends,
        efficient=all(rule is structures.RULES[0][0] for rule in (outer, inner)),
    )


@st.composite
def winter(draw: st.DrawFn, k: int) -> Way:
    tree = draw(random_games.nested_trees(k))
    few = k <= ORDERS
    truth: Truth | None = (lambda game, present: oracle.winter(game, tree, k)) if few else None
    return Way("winter", f"sc.owen(game, {tree})", truth, all_sets if few else ends)


def _line(game: Game, present: Sequence[bool]) -> list[Fraction]:
    """The mean over the orders in which the present members are an interval at every moment."""
    line = [i for i, there in enumerate(present) if there]
    total = [Fraction(0)] * len(present)
    orders = growing(len(line)) if line else []
    for order in orders:
        for place, i in enumerate(order):
            after, before = (tuple(sorted(line[j] for j in order[:size])) for size in (place + 1, place))
            total[line[i]] += (game(after) - game(before)) / len(orders)
    return total


def line(k: int) -> Way:
    few = k <= SETS
    return Way("line", "sc.connected_shapley(game)", _line if few else None, all_sets if few else ends)


@st.composite
def in_order(draw: st.DrawFn, k: int) -> Way:
    order = tuple(draw(st.permutations(range(k))))

    def truth(game: Game, present: Sequence[bool]) -> list[Fraction]:
        worth = [game(tuple(sorted(order[:size]))) for size in range(k + 1)]
        return [worth[order.index(i) + 1] - worth[order.index(i)] for i in range(k)]

    def beginnings(k: int) -> Iterable[Members]:
        return [tuple(sorted(order[:size])) for size in range(k + 1)]

    return Way("order", f"sc.marginal_vector(game, order={list(order)})", truth, beginnings)


def ways(k: int) -> dict[str, st.SearchStrategy[Way]]:
    """Strategies of the values of k members, by name."""
    return {
        "shapley": st.just(shapley(k)),
        "semivalue": semivalue(k),
        "owen": owen(k),
        "winter": winter(k),
        "line": st.just(line(k)),
        "order": in_order(k),
    }


VALUES: tuple[str, ...] = tuple(ways(1))
