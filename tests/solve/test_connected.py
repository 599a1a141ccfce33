"""Values over the orders in which a set grows on a line as an interval: their definition, and the intervals they ask for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import FAMILIES, instances

import golden
from connected_orders import growing, is_interval
from errors_seen import tolerance
from family_games import close
from shapley_kernels import intervals

SEQUENCES = golden.load()["sequence_connected_orders"]
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


def by_definition(v: oracle.Game, k: int) -> list[float]:
    """The mean over the orderings of which every beginning is an interval."""
    total = [Fraction(0)] * k
    for order in growing(k):
        for place, i in enumerate(order):
            total[i] += v(tuple(sorted(order[: place + 1]))) - v(tuple(sorted(order[:place])))
    return [float(credit / len(growing(k))) for credit in total]


@pytest.mark.parametrize("case", SEQUENCES, ids=lambda case: f"n={case['n']}")
def test_published_values(case: golden.Case) -> None:
    runs = golden.numbers(case["iv"])
    truth, scale = golden.numbers(case["connected_orders"]), np.abs(runs).max()
    game = u.MyersonPath(runs)
    answers: list[Any] = [
        sc.connected_shapley(game),
        sc.connected_shapley(game.value, case["n"]),
        sc.connected_shapley(sc.utilities.Table(table_of(game))),
        sc.connected_shapley(np.array([1.0, 2.0]) * game)[1] / 2,
    ]
    for credit in answers:
        assert np.abs(credit - truth).max() <= tolerance(np.float64) * scale
    assert np.abs(sc.set_shapley(game) - golden.numbers(case["myerson"])).max() <= tolerance(np.float64) * scale


@every_family
@given(data=st.data())
def test_equals_the_mean_over_growing_intervals(family: type[Utility], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 5))
    instance = data.draw(instances(family, np.float64, k))
    table, credit = table_of(instance.utility), sc.connected_shapley(instance.utility, k)
    here = np.arange(k) if instance.mask is None else np.flatnonzero(instance.mask)
    truth = np.zeros(k)
    if len(here):
        game = game_of(table)
        truth[here] = by_definition(lambda members: game(tuple(int(here[i]) for i in members)), len(here))
    assert close(credit, truth, np.abs(table).max(), np.float64)
    assert np.all(np.delete(credit, here) == 0)


@every_family
@given(data=st.data())
def test_groups_are_solved_one_by_one(family: type[Utility], data: st.DataObject) -> None:
    utility = data.draw(instances(family, np.float64, 3, (2,))).utility
    both = sc.connected_shapley(utility)
    assert np.array_equal(both, np.array([sc.connected_shapley(utility[index]) for index in range(2)]))


def test_a_function_is_asked_for_intervals_only() -> None:
    asked: list[tuple[int, ...]] = []

    def longest(members: tuple[int, ...]) -> float:
        asked.append(members)
        return float(len(members) ** 2)

    credit = sc.connected_shapley(longest, 62)
    assert len(asked) == len(set(asked)) == 1 + 62 * 63 // 2
    assert all(is_interval(members) for members in asked if members)
    assert credit.sum() == pytest.approx(62**2, rel=1e-14)
    rows: list[int] = []
    again = sc.connected_shapley(sc.batched(lambda sets: rows.append(len(sets)) or sets.sum(axis=1) ** 2), 62)  # type: ignore[func-returns-value]
    assert rows == [1 + 62 * 63 // 2]
    assert np.array_equal(again, credit)


def test_the_line_of_the_present_members_closes_the_gap() -> None:
    mask = np.array([[True, False, True, True], [True, True, True, True], [False, False, False, False]])
    scores = np.array([3.0, 9.0, 1.0, 5.0])
    credit = sc.connected_shapley(u.Max(scores, mask=mask))
    assert credit[0, mask[0]] == pytest.approx(sc.connected_shapley(u.Max(scores[mask[0]])))
    assert credit[1] == pytest.approx(sc.connected_shapley(u.Max(scores)))
    assert credit[2].tolist() == [0, 0, 0, 0]


def test_chances_of_many_members() -> None:
    chance = intervals.chances(300)
    lengths = np.add.outer(-np.arange(300), np.arange(300)) + 1
    for length in (1, 2, 150, 300):
        assert chance[lengths == length].sum() == pytest.approx(1.0, abs=1e-14)
    assert not np.tril(chance, -1).any()
    values = np.random.default_rng(3).normal(size=(300, 300))
    credit = sc.connected_shapley(u.MyersonPath(values))
    assert credit.sum() == pytest.approx(values[0, 299], abs=1e-13)
    assert sc.connected_shapley(u.MyersonPath(values.T[::-1, ::-1])) == pytest.approx(credit[::-1])


def test_dtype_follows_the_data() -> None:
    scores = np.array([[1.0, 3.0, 2.0]], np.float32)
    assert sc.connected_shapley(u.Max(scores)).dtype == np.float32
    assert sc.connected_shapley(u.Max(scores) + u.Mean(scores)).shape == (1, 3)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(sc.InputError, match=r"k = 63 members is above 62.*MyersonPath"):
        sc.connected_shapley(len, 63)
    with pytest.raises(sc.InputError, match=r"k is required with a function"):
        sc.connected_shapley(len)
    with pytest.raises(sc.InputError, match=r"k = 2 was asked for"):
        sc.connected_shapley(u.Max([1.0, 2.0, 3.0]), 2)
    with pytest.raises(sc.InputError, match=r"values must be finite; found nan"):
        sc.connected_shapley([0.0, 1.0, np.nan, 2.0], 2)
    with pytest.raises(sc.EvaluationError, match=r"returned nan for coalition \(0,\)"):
        sc.connected_shapley(lambda members: float("nan") if members == (0,) else 0.0, 3)
