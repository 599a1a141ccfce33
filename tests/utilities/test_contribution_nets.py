"""Rules with positive and negative members, held to counts of orders, to their definition, and to the families they contain."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import factorial, perm
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle

from errors_seen import tolerance
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_torch
from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)

Rule = tuple[list[int], list[int], float]
# Ieong & Shoham 2005: a with b is worth 5, b is worth 2, c is worth 4, and b without c costs 2.
PUBLISHED: list[Rule] = [([0, 1], [], 5.0), ([1], [], 2.0), ([2], [], 4.0), ([1], [2], -2.0)]
# All kinds of sides: several on both, one on each, none on one, none at all, and a weight of 0.
RULES: list[Rule] = [
    ([0, 1], [2, 3, 4], 6.0),
    ([3], [0], -2.5),
    ([], [1, 4], 3.0),
    ([], [2], -1.0),
    ([0, 2, 4], [], 1.5),
    ([], [], 8.0),
    ([1], [3], 0.0),
]
K = 5


def worth(rules: Sequence[Rule], members: Sequence[int], absent: Sequence[int] = ()) -> Fraction:
    """v(S) by its definition."""
    there = set(members) - set(absent)
    return sum((Fraction(w) for needed, barred, w in rules if there >= set(needed) and not there & set(barred)), Fraction(0))


def by_orders(rules: Sequence[Rule], k: int) -> list[Fraction]:
    """The share of the orders of the members of a rule in which i makes it hold, less that in which i spoils it."""
    credit = [Fraction(0)] * k
    for needed, barred, weight in rules:
        p, q = len(needed), len(barred)
        for i in needed:
            credit[i] += Fraction(weight) * factorial(p - 1) * factorial(q) / factorial(p + q)
        for i in barred:
            credit[i] -= Fraction(weight) * factorial(p) * factorial(q - 1) / factorial(p + q)
    return credit


def assert_close(credit: Any, true: Any, dtype: Any = np.float64) -> None:
    assert_allclose(credit, true, rtol=tolerance(dtype), atol=tolerance(dtype))


def floats(credit: Sequence[Fraction]) -> list[float]:
    return [float(each) for each in credit]


@every_role
def test_the_published_example(role: str) -> None:
    game = u.Rules.of_lists(3, PUBLISHED)
    assert [game.value(s) for s in ((), (0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2))] == [0, 0, 0, 4, 5, 6, 11]
    with using(role):
        assert_close(sc.set_shapley(game), [2.5, 2.5 + 2 - 1, 4 + 1])


@every_role
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_formula_is_that_of_all_orders(role: str, dtype: Any) -> None:
    true = by_orders(RULES, K)
    assert true == oracle.shapley(lambda s: worth(RULES, s), K)
    whole = u.Rules.of_lists(K, RULES)
    with using(role):
        credit = sc.set_shapley(u.Rules(whole.positive, whole.negative, whole.weights.astype(dtype)))
    assert credit.dtype == dtype
    assert_close(credit, floats(true), dtype)


def test_a_member_without_a_rule_has_exactly_nothing() -> None:
    assert sc.set_shapley(u.Rules.of_lists(K + 1, RULES))[K] == 0
    assert sc.set_shapley(u.Rules.of_lists(3, [])).tolist() == [0, 0, 0]
    assert sc.set_shapley(u.Rules.of_lists(3, [([], [], 1e9)])).tolist() == [0, 0, 0]


@every_role
@pytest.mark.parametrize(("p", "q"), [(1, 1999), (1999, 1), (3, 40), (2, 0), (0, 2000), (1000, 1000), (700, 2)])
def test_thousands_of_members(p: int, q: int, role: str) -> None:
    """(p - 1)! q! / (p + q)! and p! (q - 1)! / (p + q)! as fractions; the members of both sides stand mixed, among others."""
    k = 2_100
    order = np.random.default_rng(p).permutation(k)
    with using(role):
        credit = sc.set_shapley(u.Rules.of_lists(k, [(order[:p], order[p : p + q], 1.0)]))
    true = np.zeros(k)
    true[order[:p]] = float(Fraction(factorial(q), perm(p + q, q + 1))) if p else 0
    true[order[p : p + q]] = -float(Fraction(factorial(p), perm(p + q, p + 1))) if q else 0
    assert_close(credit, true)


@pytest.mark.parametrize(
    "tree", [[[0, 3], [1, 2], [4]], [[0, 1, 2, 3, 4]], [[[0, 4], 2], [1, 3]]], ids=["owen", "one", "winter"]
)
def test_trees(tree: Any) -> None:
    true = oracle.winter(lambda s: worth(RULES, s), tree, K)
    assert_close(sc.owen(u.Rules.of_lists(K, RULES), tree), floats(true))


def test_a_union_that_holds_both_sides_keeps_the_rule_to_itself() -> None:
    game = u.Rules.of_lists(4, [([0, 2], [1], 6.0)])
    assert_close(sc.owen(game, [[0, 1], [2, 3]]), [1.5, -1.5, 0, 0])


@pytest.mark.parametrize("rule", ["banzhaf", "leave_one_out"])
def test_semivalues(rule: str) -> None:
    weights = {"banzhaf": [Fraction(1, 2 ** (K - 1))] * K, "leave_one_out": [Fraction(s == K - 1) for s in range(K)]}[rule]
    true = oracle.semivalue(lambda s: worth(RULES, s), K, weights)
    assert_close(sc.set_semivalue(u.Rules.of_lists(K, RULES), getattr(semivalues, rule)), floats(true))


@every_role
@pytest.mark.parametrize("absent", [[0], [2], [1, 4], [0, 1, 2, 3, 4]], ids=str)
def test_absent_members(absent: list[int], role: str) -> None:
    """One of P: the rule never holds. One of N: it spoils nothing. Both ways, among present members only."""
    mask = ~np.isin(np.arange(K), absent)
    game = u.Rules.of_lists(K, RULES, mask=mask)
    true = oracle.shapley(lambda s: worth(RULES, s, absent), K)
    with using(role):
        assert_close(sc.set_shapley(game), floats(true))
    assert game.value(range(K)) == float(worth(RULES, range(K), absent))


def test_groups_share_rules_or_have_their_own() -> None:
    rng = np.random.default_rng(0)
    sides = rng.integers(-1, 2, (3, 4, 6))
    weights = rng.normal(size=(2, 1, 6))
    credit = sc.set_shapley(u.Rules(sides > 0, sides < 0, weights))
    assert credit.shape == (2, 3, 4)
    for a, b in np.ndindex(2, 3):
        assert_close(credit[a, b], sc.set_shapley(u.Rules(sides[b] > 0, sides[b] < 0, weights[a, 0])))


def test_groups_of_different_members_share_lists_of_rules() -> None:
    mask = np.array([[True] * K, [True, True, False, True, True]])
    credit = sc.set_shapley(u.Rules.of_lists(K, RULES, mask=mask))
    assert_close(credit[0], floats(by_orders(RULES, K)))
    assert_close(credit[1], floats(oracle.shapley(lambda s: worth(RULES, s, [2]), K)))


def test_without_negative_members_it_is_a_moebius_game() -> None:
    sets = np.random.default_rng(1).random((6, 9)) < 0.4
    weights = np.arange(9.0) - 3
    game = u.Rules(sets, np.zeros_like(sets), weights)
    assert_close(sc.set_shapley(game), sc.set_shapley(u.Moebius(sets, weights)))


def test_without_positive_members_it_is_what_coverage_leaves() -> None:
    hits = np.random.default_rng(2).random((6, 9)) < 0.4
    weights = np.arange(9.0) - 3
    game = u.Rules(np.zeros_like(hits), hits, weights)
    assert_close(sc.set_shapley(game), -sc.set_shapley(u.Coverage(hits, weights)))
    assert game.value(()) == weights.sum()


def test_a_large_constant_costs_no_digits() -> None:
    """In connected credit too, which adds values up."""
    plain = sc.connected_shapley(u.Rules.of_lists(K, RULES))
    assert_close(plain, sc.connected_shapley(u.Rules.of_lists(K, RULES).value, K))
    assert_close(sc.connected_shapley(u.Rules.of_lists(K, [*RULES, ([], [], 2.0**60)])), plain)
    first = sc.marginal_vector(u.Rules.of_lists(K, RULES))
    assert first.tolist() == [float(worth(RULES, range(i + 1)) - worth(RULES, range(i))) for i in range(K)]


def test_a_member_on_both_sides_is_named() -> None:
    with pytest.raises(sc.InputError, match=r"rule 1 has member 2 in both positive and negative.*leave out the rule"):
        u.Rules.of_lists(3, [([0], [2], 1.0), ([2], [1, 2], 1.0)])
    sides = np.zeros((2, 3, 2), np.bool_)
    sides[1, 0, 1] = True
    with pytest.raises(sc.InputError, match=r"rule 1 of group \[1\] has member 0 in both"):
        u.Rules(sides, sides, np.ones(2))
    with pytest.raises(sc.InputError, match="rule 1 of group"):  # also one that is absent
        u.Rules(sides, sides, np.ones(2), mask=np.array([False, True, True]))


@pytest.mark.torch
@taken_for_a_device
def test_on_a_device_a_member_on_both_sides_spoils_its_group_alone() -> None:
    sides = np.zeros((2, 3, 1), np.bool_)
    negative = sides.copy()
    sides[:, 0], negative[1, 0] = True, True
    credit = sc.set_shapley(u.Rules(to_torch(sides), to_torch(negative), to_torch(np.ones(1)))).numpy()
    assert np.isnan(credit[1]).all()
    assert credit[0] == pytest.approx([1.0, 0.0, 0.0])


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "k": (0, [], "k must be a whole number of members, at least 1; got 0"),
    "a truth value": (True, [], "k must be a whole number of members, at least 1; got True"),
    "no rules": (3, 5, "rules must be .* triples; got 5"),
    "no triple": (3, [([0], [])], r"rule 0 must be a triple .* got \(\[0\], \[\]\)"),
    "too large": (3, [([], [], 1.0), ([0], [3], 1.0)], r"negative of rule 1 must be .* 0 .. 2; got 3"),
    "below 0": (3, [([-1], [], 1.0)], "positive of rule 0 must be .* found -1"),
    "no indices": (3, [([0.5], [], 1.0)], "positive of rule 0 must be .* got float64"),
    "flags": (3, [([True, False], [], 1.0)], "positive of rule 0 must be .* got bool"),
    "a text": (3, [("01", [], 1.0)], "positive of rule 0 must be .* got '01'"),
    "None": (3, [([0], None, 1.0)], r"negative of rule 0 must be .* got None. Pass \[\]"),
    "nested": (3, [([[0, 1]], [], 1.0)], r"positive of rule 0 must be .* got shape \(1, 2\)"),
    "no weight": (3, [([0], [1], None)], r"weights must hold real numbers; found None at \[0\]"),
    "NaN": (3, [([0], [1], float("nan"))], "weights must be finite; found nan"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_rule(case: str) -> None:
    k, rules, message = REFUSED[case]
    with pytest.raises(sc.InputError, match=message):
        u.Rules.of_lists(k, rules)


def test_lists_may_be_anything_that_holds_indices() -> None:
    given: Any = ((np.array([0, 1]), {2}, 4) for _ in range(1))
    assert_close(sc.set_shapley(u.Rules.of_lists(3, given)), floats(by_orders([([0, 1], [2], 4.0)], 3)))
    assert u.Rules.of_lists(2, [([0, 0], [1], 1.0)]).value((0,)) == 1.0  # a member named twice is one member
