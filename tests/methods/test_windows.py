"""The windows of OSPO as published, in figures worked out by hand, and their known weaknesses."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import utilities as u
from shapley_credit.errors import InputError
from shapley_credit.methods.windows import window_advantages, window_credit, window_rewards, windows


@pytest.mark.parametrize("n", range(1, 13))
@pytest.mark.parametrize("width", [1, 3, 8])
def test_number_of_windows(n: int, width: int) -> None:
    reach = min(width, n)
    expected = 1 + reach * n - reach * (reach - 1) // 2 + (reach < n)
    found = windows(n, width, limit=1000)
    assert len(found) == expected == len(np.unique(found, axis=0))


def test_sampled_windows_keep_the_ends_and_the_seed() -> None:
    found = windows(30, 8, limit=96, seed=3)
    assert_array_equal(found, windows(30, 8, limit=96, seed=3))
    assert len(found) == 96 == len(np.unique(found, axis=0))
    assert not found[0].any()
    assert found[-1].all()


def test_weight_mass_of_windows_falls() -> None:
    def mass(n: int) -> float:
        held = windows(n, 8, limit=96)
        return float(window_credit(held, held.sum(axis=1)).mass.mean())

    assert round(mass(4), 2) == 0.58
    assert mass(20) < 0.06


def test_windows_are_not_efficient_and_owen_is() -> None:
    worth = u.Max([3.0, 1.0, 2.0, 5.0])
    held = windows(4, 2)
    found = window_credit(held, [worth.value(row) for row in held])
    assert abs(found.gap) > 1
    assert_allclose(sc.owen(worth, [[0, 1], [2, 3]]).sum(), 5)


def test_window_credit_by_the_formula() -> None:
    held = windows(3, 3)
    table = {row.tobytes(): float(value) for row, value in zip(held, [0, 1, 4, 2, 6, 7, 9], strict=True)}
    assert len(table) == 7
    # Member 1: {} -> {1}, {0} -> {0,1}, {2} -> {1,2}; {0,2} is no window.
    expected = (4 - 0) / 3 + (6 - 1) / 6 + (7 - 2) / 6
    assert_allclose(window_credit(held, [0, 1, 4, 2, 6, 7, 9]).values[1], expected)


Span = tuple[int, int]


def test_each_token_of_a_phrase_gets_all_of_its_credit() -> None:
    # The token over the edge lies in both by one character each, a = (.2, .5, .8). Shares of phrases would make it .32.
    found = window_rewards([0.2, 0.8], [(0, 2), (2, 10)], [(0, 1), (1, 3), (3, 10)], 1.0)
    assert_allclose(found, [0, 1 / 3, 2 / 3], rtol=1e-14)
    # Two tokens of the second phrase have its credit each, a = (.2, .8, .8), however they divide it.
    found = window_rewards([0.2, 0.8], [(0, 2), (2, 10)], [(0, 2), (2, 3), (3, 10)], 1.0)
    assert_allclose(found, [0, 0.5, 0.5], rtol=1e-14)
    # Three characters of one phrase and one of the other, a = (3 * .4 + 0) / 4 = .3; o = (1, .75, 0).
    found = window_rewards([0.4, 0.0], [(0, 5), (5, 8)], [(0, 2), (2, 6), (6, 8)], 7.0)
    assert_allclose(found, [4, 3, 0], rtol=1e-14)


@pytest.mark.parametrize(("credit", "expected"), [([0.5, 1.0], [0, 0.5, 1, 0]), ([-1.0, -0.5], [1, 0, 0.5, 1])])
def test_tokens_in_no_phrase_stand_at_zero(credit: Sequence[float], expected: Sequence[float]) -> None:
    # The first token has no characters, the last one lies behind the phrases.
    found = window_rewards(credit, [(0, 2), (2, 4)], [(0, 0), (0, 2), (2, 4), (4, 9)], 1.0)
    assert_allclose(found, np.array(expected) / sum(expected), rtol=1e-14)


def by_the_letter(credit: Sequence[float], phrases: Sequence[Span], tokens: Sequence[Span], reward: float) -> Sequence[float]:
    """Steps of the published rule, character by character, in exact fractions."""
    held = []
    for start, end in tokens:
        column = [Fraction(sum(low <= at < high for at in range(start, end)), end - start) for low, high in phrases]
        held.append(sum(Fraction(phi) * part for phi, part in zip(credit, column, strict=True)) / (sum(column) or 1))
    order = [(one - min(held)) / (max(held) - min(held)) if max(held) > min(held) else Fraction(1, 2) for one in held]
    return [float(one) * reward / max(float(sum(order)), 1e-4) for one in order]


def neighbours(cuts: Sequence[int]) -> list[Span]:
    edges = sorted(cuts)
    return list(pairwise(edges))


CUTS = st.sets(st.integers(0, 20), min_size=3, max_size=8).map(list).map(neighbours)


@given(phrases=CUTS, tokens=CUTS, reward=st.sampled_from([-1.0, 0.0, 0.5, 2.0]), data=st.data())
def test_rewards_of_tokens_by_the_letter(phrases: list[Span], tokens: list[Span], reward: float, data: st.DataObject) -> None:
    eighths = st.integers(-16, 16).map(lambda number: number / 8)
    credit = data.draw(st.lists(eighths, min_size=len(phrases), max_size=len(phrases)))
    assert_allclose(window_rewards(credit, phrases, tokens, reward), by_the_letter(credit, phrases, tokens, reward), atol=1e-12)


def test_equal_credits_share_the_reward_evenly() -> None:
    # In floating point .3 (1/7) + .3 (6/7) need not be .3: rounding is no spread.
    for cut, phi in product(range(1, 12), (0.1, 0.3, 0.7)):
        found = window_rewards([phi, phi], [(0, cut), (cut, 14)], [(0, 1), (1, 13), (13, 14)], 3.0)
        assert_allclose(found, np.ones(3))


def test_one_phrase_pays_every_token_one_in_t_whatever_the_reward() -> None:
    tokens = [(0, 3), (3, 6), (6, 6), (6, 8)]
    for reward in (1.0, 0.0, -2.0):
        assert_array_equal(window_rewards([0.4], [(0, 3)], tokens, reward), np.full(4, 0.25))
        assert_array_equal(window_rewards([], [], tokens, reward), np.full(4, 0.25))


def test_no_tokens_get_nothing() -> None:
    for credit, phrases in (([], []), ([0.4], [(0, 3)]), ([0.4, 0.2], [(0, 3), (3, 5)])):
        assert window_rewards(credit, phrases, [], 1.0).shape == (0,)
    for mode in ("proportional", "rank", "hybrid"):
        assert window_advantages([], 1.0, mode=mode).shape == (0,)


def test_published_token_rule_loses_signs_and_zero_rewards() -> None:
    phrases = tokens = [(0, 2), (3, 5), (6, 8)]
    positive = window_rewards([0.1, 0.2, 0.3], phrases, tokens, 1.0)
    assert_allclose(positive, window_rewards([-0.3, -0.2, -0.1], phrases, tokens, 1.0))
    assert_array_equal(window_rewards([0.1, 0.2, 0.3], phrases, tokens, 0.0), np.zeros(3))
    negative = window_rewards([0.1, 0.2, 0.3], phrases, tokens, -1.0)
    assert negative.argmin() == positive.argmax()


CREDIT = [1.0, 0.5, 0.2, 0.0]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("proportional", [4 / 1.7, 2 / 1.7, 0.8 / 1.7, 0]),
        ("rank", [0, 2 / 3, 4 / 3, 2]),
        ("hybrid", [0.7 / 1.7 + 0.075, 0.35 / 1.7 + 0.075, 0.14 / 1.7 + 0.075, 0.075]),
    ],
)
def test_modes_as_published(mode: str, expected: Sequence[float]) -> None:
    assert_allclose(window_advantages(CREDIT, 1.0, mode=mode), expected, rtol=1e-14)
    assert_allclose(window_advantages(CREDIT, -3.0, mode=mode), -3 * np.array(expected), rtol=1e-14)
    assert_allclose(window_advantages(CREDIT[::-1], 1.0, mode=mode), expected[::-1], rtol=1e-14)


def test_published_figures_of_the_hybrid() -> None:
    assert_allclose(window_advantages(CREDIT, 1.0, mode="hybrid"), [0.487, 0.281, 0.157, 0.075], atol=5e-4)


def test_means_of_the_modes() -> None:
    assert_allclose(window_advantages(CREDIT, 2.0).mean(), 2)
    assert_allclose(window_advantages(CREDIT, 2.0, mode="rank").mean(), 2)
    assert_allclose(window_advantages(CREDIT, 2.0, mode="hybrid").mean(), 2 / 4)


def test_rank_pays_the_best_nothing_and_a_single_token_too() -> None:
    assert window_advantages(CREDIT, 1.0, mode="rank")[0] == 0
    assert_array_equal(window_advantages([0.3], 5.0, mode="rank"), [0.0])
    assert_allclose(window_advantages([0.3], 5.0), [5])
    assert_allclose(window_advantages([0.3], 5.0, mode="hybrid"), [5])
    assert_allclose(window_advantages([0.5, 0.5, 0.5], 1.0, mode="rank"), [0, 1, 2])


def test_a_negative_sum_explodes() -> None:
    assert_allclose(window_advantages([-0.5, -0.25], 1.0), [-1e4, -0.5e4])
    assert_allclose(window_advantages([-0.5, -0.25], 1.0, mode="hybrid"), [-3.5e3 + 0.15, -1.75e3 + 0.15])
    assert_allclose(window_advantages([0.0, 0.0], 1.0, mode="hybrid"), [0.15, 0.15])


@pytest.mark.parametrize("mode", ["proportional", "rank", "hybrid"])
def test_advantages_are_clipped_on_both_sides(mode: str) -> None:
    whole = window_advantages(CREDIT, 2.0, mode=mode)
    most = whole.max() / 2
    assert_array_equal(window_advantages(CREDIT, 2.0, mode=mode, clip=most), np.minimum(whole, most))
    assert_array_equal(window_advantages(CREDIT, -2.0, mode=mode, clip=most), np.maximum(-whole, -most))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.1], [(0, 2), (2, 4)], [(0, 4)], 1.0), r"one for each of the 2 phrases; got shape \(1,\)"),
        (([[0.1, 0.2]], [(0, 2)], [(0, 4)], 1.0), r"credit must be finite numbers in one row; got \[\[0.1, 0.2\]\]"),
        (([0.1, float("nan")], [(0, 2), (2, 4)], [(0, 4)], 1.0), r"credit must be finite numbers in one row; got \[0.1, nan\]"),
        (([0.1, 0.2], [(0, 2, 3), (2, 4, 5)], [(0, 4)], 1.0), r"phrases must be pairs \(start, end\).*got shape \(2, 3\)"),
        (([0.1, 0.2], [(0, 2), (2, 4)], [0, 4], 1.0), r"tokens must be pairs \(start, end\).*got shape \(2,\)"),
    ],
)
def test_rewards_of_tokens_say_what_they_need(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        window_rewards(*arguments)


def test_advantages_of_tokens_say_what_they_need() -> None:
    with pytest.raises(InputError, match="mode must be one of proportional, rank, hybrid; got 'ranks'"):
        window_advantages(CREDIT, 1.0, mode="ranks")
    with pytest.raises(InputError, match=r"token_rewards must be finite numbers in one row; got \[0.5, inf\]"):
        window_advantages([0.5, float("inf")], 1.0)


def test_window_credit_says_what_it_needs() -> None:
    with pytest.raises(InputError, match=r"coalitions must be \[m, n\] and values \[m\]; got \(7, 3\) and \(2,\)"):
        window_credit(windows(3), [0.0, 1.0])


@pytest.mark.parametrize("arguments", [(0, 8, 96), (3, 0, 96), (3, 8, 1)])
def test_windows_say_what_they_need(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="windows needs"):
        windows(*arguments)


def test_two_sets_are_the_least_to_ask_for() -> None:
    assert_array_equal(windows(5, 2, limit=2), np.array([[False] * 5, [True] * 5]))
    with pytest.raises(InputError, match="limit"):
        windows(5, 2, limit=1)
