"""Determinants in any dimension: products in the basis of the vectors' principal axes, held to brute force in fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.instances import Array

from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)


def matrix(k: int, d: int, kind: str) -> Array:
    """Whole numbers, so that fractions have few digits."""
    x = np.random.default_rng(7 * k + d).integers(-3, 4, (k, d)).astype(np.float64)
    if kind == "rank 1":
        return x[:, :1] @ x[:1, :]
    if kind == "copies":
        return x[np.arange(k) // 2]
    return x


def determinant(rows: list[list[Fraction]]) -> Fraction:
    """By Leibniz, of a small matrix."""
    total = Fraction(0)
    for order in permutations(range(len(rows))):
        turns = sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order)))
        term = Fraction((-1) ** turns)
        for row, place in zip(rows, order, strict=True):
            term *= row[place]
        total += term
    return total


def game_of(x: Array) -> oracle.Game:
    exact = [[Fraction(entry) for entry in row] for row in x.tolist()]
    known: dict[tuple[int, ...], Fraction] = {}

    def value(members: tuple[int, ...]) -> Fraction:
        """det(I + X_S X_S^T) - 1, a matrix of the size of S, by Sylvester."""
        if members not in known:
            gram = [
                [sum((a * b for a, b in zip(exact[i], exact[j], strict=True)), Fraction(i == j)) for j in members]
                for i in members
            ]
            known[members] = determinant(gram) - 1
        return known[members]

    return value


KINDS = [(1, 3, ""), (3, 2, ""), (4, 4, ""), (5, 7, ""), (5, 3, "copies"), (5, 6, "rank 1"), (4, 0, ""), (6, 1, "")]


@every_role
@pytest.mark.parametrize(("k", "d", "kind"), KINDS)
def test_every_semivalue_is_the_definition(k: int, d: int, kind: str, role: str) -> None:
    x = matrix(k, d, kind)
    game, value = u.Determinant(x), game_of(x)
    worth = float(value(tuple(range(k)))) + 1.0
    truths = {
        semivalues.shapley: oracle.shapley(value, k),
        semivalues.banzhaf: oracle.semivalue(value, k, [Fraction(1, 2 ** (k - 1))] * k),
        semivalues.leave_one_out: oracle.semivalue(value, k, [Fraction(size == k - 1) for size in range(k)]),
    }
    with using(role):
        for rule, truth in truths.items():
            credit = sc.set_semivalue(game, rule)
            assert np.abs(credit - [float(c) for c in truth]).max() <= 1e-14 * worth, rule


@every_role
def test_semivalues_of_any_sizes_are_those_of_the_table(role: str) -> None:
    x = np.random.default_rng(0).normal(size=(6, 9))
    game = u.Determinant(x)
    table = np.array([game.value([i for i in range(6) if places >> i & 1]) for places in range(64)])
    with using(role):
        for rule in (semivalues.of_size(1), semivalues.of_size(4), semivalues.beta(2, 3), semivalues.beta(16, 1)):
            assert sc.set_semivalue(game, rule) == pytest.approx(sc.set_semivalue(table, rule, 6), abs=1e-14 * table.max())


@every_role
def test_in_unions_as_in_a_table(role: str) -> None:
    x = np.random.default_rng(1).normal(size=(6, 4))
    game = u.Determinant(x)
    table = np.array([game.value([i for i in range(6) if places >> i & 1]) for places in range(64)])
    with using(role):
        for tree in ([[0, 1], [2, 3, 4], [5]], [[[0], [1, 2]], [3, 4, 5]]):
            assert sc.owen(game, tree) == pytest.approx(sc.owen(table, tree), abs=1e-14 * table.max())


@every_role
def test_many_vectors_of_many_dimensions(role: str) -> None:
    x = np.random.default_rng(2).normal(size=(3, 64, 384)) / np.sqrt(384)
    with using(role):
        credit = sc.set_shapley(u.Determinant(x))
        assert np.array_equal(credit[1], sc.set_shapley(u.Determinant(x[1])))
    whole = np.exp(np.linalg.slogdet(np.eye(64) + x @ np.swapaxes(x, 1, 2))[1]) - 1
    assert credit.sum(axis=1) == pytest.approx(whole, rel=1e-12)
    assert (credit > 0).all()
    turned = x @ np.linalg.qr(np.random.default_rng(3).normal(size=(384, 384)))[0]
    with using(role):
        assert sc.set_shapley(u.Determinant(turned)) == pytest.approx(credit, rel=1e-10)


@every_role
@pytest.mark.parametrize("d", [0, 1, 3, 4])
def test_every_dimension_in_every_batch(d: int, role: str) -> None:
    x = np.random.default_rng(d).normal(size=(2, 3, d))
    with using(role):
        credit = sc.set_shapley(u.Determinant(x))
        assert np.array_equal(credit[1], sc.set_shapley(u.Determinant(x[1])))
        assert sc.set_shapley(u.Determinant(x[:0])).shape == (0, 3)


@every_role
@pytest.mark.parametrize("d", [2, 3, 9])
def test_vectors_of_zeros_and_the_absent_earn_nothing(d: int, role: str) -> None:
    x = np.random.default_rng(d).normal(size=(5, d))
    x[1] = 0.0
    mask = np.array([True, True, True, False, True])
    with using(role):
        credit = sc.set_shapley(u.Determinant(x, mask=mask))
        rest = sc.set_shapley(u.Determinant(x[[0, 2, 4]]))
    assert credit[1] == credit[3] == 0.0
    assert credit[[0, 2, 4]] == pytest.approx(rest, rel=1e-13)


@every_role
def test_what_overflows_float32_is_solved_in_float64_and_refused_beyond(role: str) -> None:
    x = np.full((4, 3), 1e12, np.float32) * np.eye(4, 3, dtype=np.float32) + 1
    with using(role):
        with pytest.raises(sc.InputError, match="overflow float32"):
            sc.set_shapley(u.Determinant(x * 1e3))
        with pytest.raises(sc.InputError, match="overflow float64"):
            sc.set_shapley(u.Determinant(np.full((4, 9), 1e200)))


def test_the_cost_is_a_decomposition_and_in_unions_the_dividends() -> None:
    game = u.Determinant(np.ones((64, 384)))
    assert game.cost().operations < 1e8
    with pytest.raises(sc.InputError, match="Determinant"):
        sc.owen(game, np.arange(64) // 8)
