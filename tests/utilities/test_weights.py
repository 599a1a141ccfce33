"""Weights of any size that floats hold, and any distance apart: subnormal ones, and those whose sum overflows."""

from __future__ import annotations

from fractions import Fraction
from math import ldexp, log1p, sqrt
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import utilities as u
from shapley_credit.testing import oracle

from errors_seen import tolerance
from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)

VALUES = [3, -1, 2, 5, 0, -4]

# Shares of weights and what a sum of them does to values: families, and v(S) in rational numbers.
SHARES: list[tuple[Any, Any]] = [
    (lambda w, w_0: u.MNLShare(w, w_0), lambda w, w_0, s: sum(w[i] for i in s) / (w_0 + sum(w[i] for i in s))),
    (
        lambda w, w_0: u.MNLRevenue(w, VALUES[: len(w)], w_0),
        lambda w, w_0, s: sum(w[i] * VALUES[i] for i in s) / (w_0 + sum(w[i] for i in s)),
    ),
    (
        lambda w, w_0: u.SoftmaxMean(w, VALUES[: len(w)], base=0.5),
        lambda w, w_0, s: sum(w[i] * VALUES[i] for i in s) / sum(w[i] for i in s) if s else Fraction(1, 2),
    ),
]
every_share = pytest.mark.parametrize(("family", "value"), SHARES, ids=["MNLShare", "MNLRevenue", "SoftmaxMean"])


def truth(value: Any, w: list[float], w_0: float) -> list[float]:
    exact = [Fraction(x) for x in w]

    def game(members: Any) -> Any:
        return value(exact, Fraction(w_0), members)

    return [float(c) for c in oracle.semivalue(game, len(w), oracle.shapley_weights(len(w)))]


@every_share
@every_role
@pytest.mark.parametrize("power", [-1074, -1070, -1022, -1000, -300, 0, 300, 1000, 1021])
def test_shares_do_not_depend_on_the_unit(family: Any, value: Any, role: str, power: int) -> None:
    weights, outside = [ldexp(x, power) for x in (1.0, 2.0, 7.0, 3.0)], ldexp(5.0, power)
    with using(role):
        credit = sc.set_shapley(family(weights, outside))
    assert credit == pytest.approx(truth(value, weights, outside), abs=1e-14)


@every_share
@every_role
@settings(max_examples=40)
@given(powers=st.lists(st.integers(-1074, 1023), min_size=2, max_size=6))
def test_shares_of_weights_any_distance_apart(family: Any, value: Any, role: str, powers: list[int]) -> None:
    *weights, outside = [ldexp(1.0, power) for power in powers]
    with using(role):
        used = powers[:-1] if family(weights, outside).fields.get("outside") is None else powers
        if max(used) - min(used) > 1870:
            with pytest.raises(sc.InputError, match="apart"):
                sc.set_shapley(family(weights, outside))
        elif max(used) - min(used) < 1850:
            assert sc.set_shapley(family(weights, outside)) == pytest.approx(truth(value, weights, outside), abs=1e-13)


@every_role
@settings(max_examples=40)
@given(powers=st.lists(st.integers(-1074, 1020), min_size=1, max_size=6))
def test_roots_and_logarithms(role: str, powers: list[int]) -> None:
    weights = [ldexp(1.0, power) for power in powers]
    k = len(weights)
    totals = [[x for i, x in enumerate(weights) if code >> i & 1] for code in range(1 << k)]
    for family, function in ((u.SqrtSum, sqrt), (u.LogSum, log1p)):
        table = np.array([function(sum(sorted(some))) for some in totals])
        with using(role):
            credit = sc.set_shapley(family(weights))
        slack = 1e-13 + 1e-321 / table[-1]  # subnormal numbers have fewer digits
        assert credit / table[-1] == pytest.approx(sc.set_shapley(sc.utilities.Table(table / table[-1])), abs=slack)


@every_role
def test_a_group_of_subnormal_weights_beside_others_keeps_its_bits(role: str) -> None:
    weights = np.array([[1e-310, 3e-310], [1.0, 2.0], [1e300, 1e-200]])
    for family in (u.MNLShare, u.SqrtSum, u.LogSum, lambda w: u.SoftmaxMean(w, [1.0, 4.0])):
        with using(role):
            credit = sc.set_shapley(family(weights))
            assert all(np.array_equal(credit[row], sc.set_shapley(family(weights[row]))) for row in range(3))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("power", [-126, 100])
def test_means_by_definition_of_weights_and_values_whose_products_are_no_floats(kind: Any, power: int) -> None:
    """The values of intervals are those of the definition."""
    weights, values = np.array([1.0, 3.0]) * 2.0**power, np.array([5.0, 1.0]) * 2.0**power
    for make in (sc.utilities.SoftmaxMean, lambda w, r: sc.utilities.MNLRevenue(w, r, w[0])):
        credit = sc.connected_shapley(make(weights.astype(kind), values.astype(kind)))
        truth = sc.connected_shapley(make(weights / 2.0**power, values / 2.0**power))
        assert credit / 2.0**power == pytest.approx(truth, rel=tolerance(kind))
