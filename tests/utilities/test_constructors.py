"""Constructors and rules by the names that other packages give them, held to their published definitions."""

from __future__ import annotations

from fractions import Fraction
from math import comb, log2
from typing import Any, ClassVar

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.testing import oracle

from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)

GAINS, ALL = [3.0, 0.0, 1.0, 7.0, 1.0], [7.0, 7.0, 3.0, 1.0, 1.0, 0.0]


def discounted(gains: list[float], at: int) -> float:
    return sum(gain / log2(rank + 2) for rank, gain in enumerate(gains[:at]))


@every_role
@pytest.mark.parametrize("at", [1, 2, 3, 9, None])
@pytest.mark.parametrize("ideal", [None, ALL], ids=["own", "given"])
@pytest.mark.parametrize("keys", [None, [0.2, 0.9, 0.1, 0.4, 0.3]], ids=["sorted", "ranked"])
def test_ndcg_is_dcg_over_that_of_the_ideal_ranking(at: int | None, ideal: Any, keys: Any, role: str) -> None:
    cut = 9 if at is None else at
    best = discounted(sorted(GAINS if ideal is None else ideal, reverse=True), cut)

    def value(members: tuple[int, ...]) -> Fraction:
        order = sorted(members, key=lambda i: (-(GAINS if keys is None else keys)[i], i))
        return Fraction(discounted([GAINS[i] for i in order], cut) / best)

    game = u.DCG.ndcg(GAINS, ideal, keys, at=at)
    with using(role):
        assert sc.set_shapley(game) == pytest.approx([float(c) for c in oracle.shapley(value, 5)], abs=1e-15)
    if ideal is None and keys is None:
        assert game.value(range(5)) == pytest.approx(1.0, rel=1e-15)


def test_ndcg_without_anything_to_find_is_0() -> None:
    assert sc.set_shapley(u.DCG.ndcg([[0.0, 0.0], [1.0, 0.0]])).tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert u.DCG.ndcg(np.array([1.0, 2.0], np.float32)).dtype == np.float32


def test_ndcg_counts_present_members_among_the_ideal() -> None:
    assert u.DCG.ndcg([1.0, np.nan, 4.0], mask=[True, False, True]).value((0, 2)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gains": [1.0, np.nan]}, "gains"),
        ({"gains": [1.0], "ideal": [np.nan, 1.0]}, "ideal"),
        ({"gains": [1.0], "at": 0}, "at"),
    ],
    ids=["gains", "ideal", "at"],
)
def test_ndcg_refuses_what_is_no_gain(given: dict[str, Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        u.DCG.ndcg(**given)


@pytest.mark.torch
def test_ndcg_of_tensors_is_of_tensors() -> None:
    import torch

    found = sc.set_shapley(u.DCG.ndcg(torch.tensor([GAINS]), at=3))
    assert isinstance(found, torch.Tensor)
    assert found[0].tolist() == pytest.approx(sc.set_shapley(u.DCG.ndcg(GAINS, at=3)).tolist(), rel=1e-6)


@every_role
def test_both_families_of_neighbours_take_matches_before_distances(role: str) -> None:
    """Of one neighbour the two are the same utility; with the arguments the other way round they are another."""
    matches, distances = [1.0, 0.0, 1.0], [0.1, 0.2, 0.9]
    with using(role):
        credit = sc.set_shapley(u.DCG.knn(matches, distances, 1))
        assert credit == pytest.approx(sc.set_shapley(u.SoftKNN(matches, distances, 1)), abs=1e-15)
        assert credit == pytest.approx([5 / 6, -1 / 6, 1 / 3], abs=1e-15)
        assert (credit == sc.set_shapley(u.DCG.knn(matches=matches, distances=distances, neighbors=1))).all()


class Unnamed(sc.Utility):
    """A family whose constructor leaves out the name of its array."""

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "base": real()}

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores, base=base)

    def definition(self, members: Any) -> float:
        return float(len(members))


def test_bind_says_how_arrays_are_handed_to_it() -> None:
    with pytest.raises(sc.InputError, match=r"bind of Unnamed .* got 2 .* Write self.bind\(mask, scores=scores, base=base\)"):
        Unnamed([1.0, 2.0])


CHANCES = [Fraction(0), Fraction(1, 8), Fraction(1, 2), Fraction(3, 4), Fraction(1)]


@every_role
@pytest.mark.parametrize("p", CHANCES, ids=str)
def test_the_weighted_banzhaf_value_is_its_definition(p: Fraction, role: str) -> None:
    table = [Fraction(int(x)) for x in np.random.default_rng(0).integers(-9, 9, 32)]
    table[0] = Fraction(0)

    def value(members: tuple[int, ...]) -> Fraction:
        return table[sum(1 << i for i in members)]

    truth = oracle.semivalue(value, 5, [p**s * (1 - p) ** (4 - s) for s in range(5)])
    with using(role):
        credit = sc.set_semivalue([float(x) for x in table], semivalues.binomial(float(p)), 5)
    assert credit == pytest.approx([float(c) for c in truth], abs=1e-13)


def test_binomial_sizes_of_any_number_of_members() -> None:
    assert semivalues.binomial(0.5).sizes(12) == pytest.approx(semivalues.banzhaf.sizes(12), rel=1e-13)
    assert semivalues.binomial(1).sizes(4).tolist() == semivalues.leave_one_out.sizes(4).tolist()
    many = semivalues.binomial(0.3).sizes(1001)
    exact = [float(comb(1000, s) * Fraction(3, 10) ** s * Fraction(7, 10) ** (1000 - s)) for s in (0, 250, 300, 1000)]
    assert many[[0, 250, 300, 1000]] == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), True, "half", None], ids=str)
def test_binomial_refuses_what_is_no_probability(p: Any) -> None:
    with pytest.raises(sc.InputError, match="a probability from 0 to 1"):
        semivalues.binomial(p)


def test_absent_members_change_no_binomial_credit() -> None:
    scores = [3.0, 1.0, 4.0, 1.5]
    credit = sc.set_semivalue(u.Max([*scores, 9.0], mask=[True] * 4 + [False]), semivalues.binomial(0.3))
    assert credit[:4] == pytest.approx(sc.set_semivalue(u.Max(scores), semivalues.binomial(0.3)), rel=1e-13)
