"""Exact values by definition: `fractions.Fraction`, every ordering, nothing from the library."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import permutations
from math import factorial

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
