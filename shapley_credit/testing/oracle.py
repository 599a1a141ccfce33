"""Exact values by definition: `fractions.Fraction`, every ordering, nothing from the library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import permutations
from math import factorial
from typing import Any

Game = Callable[[tuple[int, ...]], Fraction]


def shapley(v: Game, k: int) -> list[Fraction]:
    """Average marginal contribution over all k! orderings; v is asked for ascending tuples of members."""
    value = cache(lambda members: Fraction(v(tuple(sorted(members)))))
    total = [Fraction(0)] * k
    for ordering in permutations(range(k)):
        before: frozenset[int] = frozenset()
        for i in ordering:
            total[i] += value(before | {i}) - value(before)
            before |= {i}
    return [credit / factorial(k) for credit in total]


def marginals(v: Game, k: int, i: int) -> list[Fraction]:
    """All marginal contributions v(S + i) - v(S), in the order of the bit masks of S over the other members."""
    others = [j for j in range(k) if j != i]
    result = []
    for mask in range(1 << len(others)):
        without = tuple(j for place, j in enumerate(others) if mask >> place & 1)
        result.append(Fraction(v(tuple(sorted((*without, i))))) - Fraction(v(without)))
    return result


Tree = int | Sequence["Tree"]
Weights = Callable[[int], Sequence[Fraction]]  # number of players -> p_0 .. p_{k-1}


def leaves(tree: Tree) -> list[int]:
    """The members of a nested-list tree, as they stand."""
    return [tree] if isinstance(tree, int) else [i for child in tree for i in leaves(child)]


def unions(tree: Tree) -> list[list[int]]:
    """The members of every node of a nested-list tree that is not a member itself."""
    return [] if isinstance(tree, int) else [leaves(tree), *(union for child in tree for union in unions(child))]


def orderings(tree: Tree) -> list[tuple[int, ...]]:
    """All orderings of the members that keep every union together."""
    parts = unions(tree)
    found = []
    for ordering in permutations(sorted(leaves(tree))):
        places = [[ordering.index(i) for i in union] for union in parts]
        if all(max(place) - min(place) == len(place) - 1 for place in places):
            found.append(ordering)
    return found


def winter(v: Game, tree: Tree, k: int) -> list[Fraction]:
    """Average marginal contribution over all orderings that keep every union together; of a partition, the Owen value."""
    allowed = orderings(tree)
    arrivals = Counter((i, frozenset(ordering[:place])) for ordering in allowed for place, i in enumerate(ordering))
    total = [Fraction(0)] * k
    for (i, before), times in arrivals.items():
        total[i] += times * _step(v, tuple(before), i)
    return [credit / len(allowed) for credit in total]


def shapley_weights(k: int) -> list[Fraction]:
    """p_s = s! (k - 1 - s)! / k!."""
    return [Fraction(factorial(s) * factorial(k - 1 - s), factorial(k)) for s in range(k)]


def banzhaf_weights(k: int) -> list[Fraction]:
    """p_s = 1 / 2^(k - 1)."""
    return [Fraction(1, 1 << (k - 1))] * k


def owen(
    v: Game, partition: Sequence[Sequence[int]], k: int, outer: Weights = shapley_weights, inner: Weights = shapley_weights
) -> list[Fraction]:
    """The double sum over sets of other unions and sets of other members of the own union; p_s of each level."""
    credit = [Fraction(0)] * k
    for own in partition:
        others = [union for union in partition if union is not own]
        p, q = outer(len(partition)), inner(len(own))
        for i in own:
            for outside in _subsets(others):
                for inside in _subsets([j for j in own if j != i]):
                    before = [*(j for union in outside for j in union), *inside]
                    credit[i] += p[len(outside)] * q[len(inside)] * _step(v, before, i)
    return credit


def semivalue(v: Game, k: int, p: Sequence[Fraction]) -> list[Fraction]:
    """phi_i = sum over S without i of p_|S| [v(S + i) - v(S)]."""
    credit = []
    for i in range(k):
        others = [j for j in range(k) if j != i]
        credit.append(sum((p[len(before)] * _step(v, before, i) for before in _subsets(others)), Fraction(0)))
    return credit


def _subsets(items: Sequence[Any]) -> Iterator[list[Any]]:
    for mask in range(1 << len(items)):
        yield [item for place, item in enumerate(items) if mask >> place & 1]


def _step(v: Game, before: Sequence[int], i: int) -> Fraction:
    return Fraction(v(tuple(sorted([*before, i])))) - Fraction(v(tuple(sorted(before))))
