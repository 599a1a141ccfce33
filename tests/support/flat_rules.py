"""Semivalues without unions, and their weights."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb

from shapley_credit import semivalues
from shapley_credit.semivalues import Semivalue
from shapley_credit.testing import oracle


def rising(x: Fraction, n: int) -> Fraction:
    result = Fraction(1)
    for step in range(n):
        result *= x + step
    return result


def beta_weights(a: Fraction, b: Fraction) -> oracle.Weights:
    """p_s = B(s + b, k - 1 - s + a) / B(b, a)."""
    return lambda k: [rising(b, s) * rising(a, k - 1 - s) / rising(a + b, k - 1) for s in range(k)]


def only(size: Callable[[int], int]) -> oracle.Weights:
    """All weight on coalitions of one size, the newcomer not counted."""
    return lambda k: [Fraction(int(s == size(k)), comb(k - 1, s)) for s in range(k)]


HALF = Fraction(1, 2)

# Semivalues and their weights p_0 .. p_{k-1} by definition.
RULES: list[tuple[Semivalue, oracle.Weights]] = [
    (semivalues.shapley, oracle.shapley_weights),
    (semivalues.banzhaf, lambda k: [Fraction(1, 2 ** (k - 1))] * k),
    (semivalues.leave_one_out, only(lambda k: k - 1)),
    (semivalues.of_size(2), only(lambda k: 1)),
    (semivalues.beta(2, 1), beta_weights(Fraction(2), Fraction(1))),
    (semivalues.beta(0.5, 3), beta_weights(HALF, Fraction(3))),
]
