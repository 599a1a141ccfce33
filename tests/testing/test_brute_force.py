"""Values by definition of anything, credits compared in words, and what the strategies draw."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import Game, assert_credit, brute_force, games, masks, oracle, scores, trees, utilities
from shapley_credit.testing.random_games import partitions

few = settings(max_examples=30)
VALUES = [0.0, 1.0, 2.0, 6.0, 0.0, 3.0, 2.5, 9.0]


@given(data=st.data())
def test_every_way_to_ask(data: st.DataObject) -> None:
    """Functions, tables and utilities have the values that every ordering gives them."""
    k = data.draw(st.integers(1, 4))
    game = data.draw(games(k))
    truth = oracle.shapley(lambda members: Fraction(game(members)), k)
    assert brute_force(game, k, exact=True) == truth
    assert brute_force(game.values, exact=True) == truth
    assert_credit(brute_force(u.Table(game.values), k), truth)
    assert_credit(sc.set_shapley(game.values, k), truth, scale=16)


@given(data=st.data())
def test_weights_and_unions(data: st.DataObject) -> None:
    game, tree = data.draw(games(4)), data.draw(trees(4))
    for rule in (semivalues.banzhaf, semivalues.leave_one_out, semivalues.beta(2, 1), [0.25, 0.0, 0.25, 0.0]):
        assert_credit(brute_force(game, 4, weights=rule), sc.set_semivalue(game, rule, 4), scale=16)
    assert_credit(brute_force(game, 4, coalitions=tree), sc.owen(game, tree, 4), scale=16)
    unions = data.draw(partitions(4))
    assert_credit(brute_force(game, 4, coalitions=unions), sc.owen(game, unions, 4), scale=16)
    labels = np.array([next(place for place, union in enumerate(unions) if i in union) for i in range(4)])
    assert np.array_equal(brute_force(game, 4, coalitions=labels), brute_force(game, 4, coalitions=unions))


def test_exact_values_by_hand() -> None:
    assert brute_force(VALUES, exact=True) == [Fraction(11, 3), Fraction(47, 12), Fraction(17, 12)]
    assert brute_force(lambda s: Fraction(len(s) == 3, 7), 3, exact=True) == [Fraction(1, 21)] * 3
    assert brute_force(lambda s: 3**90 * len(s), 2, exact=True) == [Fraction(3**90)] * 2
    assert brute_force(u.Max([1.0, 3.0], mask=[True, False])).tolist() == [1.0, 0.0]
    assert brute_force(VALUES, coalitions=[[[0, 1], 2]]).tolist() == sc.owen(VALUES, [[[0, 1], 2]]).tolist()


@pytest.mark.parametrize(
    ("utility", "given_", "message"),
    [
        (len, {}, "k is required with a function"),
        (len, {"k": 15}, "brute_force takes 1 to 14 members; got k = 15"),
        (len, {"k": 0}, "brute_force takes 1 to 14 members; got k = 0"),
        (len, {"k": True}, "brute_force takes 1 to 14 members; got k = True"),
        ([1.0, 2.0, 3.0], {}, r"a table has 2\*\*k values along one axis, one for each set; got shape \(3,\)"),
        (VALUES, {"k": 2}, "k = 2 was asked for, but the utility has 3 members"),
        (lambda s: np.nan, {"k": 2}, r"the utility returned nan for coalition \(\)"),
        (lambda s: None, {"k": 2}, r"the utility must return one number; got None for coalition \(\)"),
        (u.Max(np.zeros((2, 3))), {}, r"brute_force is of one group; got groups \(2,\): pass utility\[index\]"),
        (VALUES, {"weights": semivalues.banzhaf, "coalitions": [[0, 1, 2]]}, "takes weights= or coalitions=, not both"),
        (VALUES, {"coalitions": [[0, 1]]}, "the coalition tree has 2 members, but the utility has k = 3"),
        (VALUES, {"coalitions": np.zeros((2, 3), int)}, r"brute_force takes one tree; got groups \(2,\) of trees"),
        (
            len,
            {"k": 9, "coalitions": [[[0, 1], [2]], list(range(3, 9))]},
            "for at most 8 members; got k = 9",
        ),
    ],
    ids=["no k", "large", "none", "flag", "table", "k", "nan", "None", "groups", "both", "tree", "trees", "deep"],
)
def test_what_brute_force_refuses(utility: Any, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        brute_force(utility, **given_)


@pytest.mark.parametrize(
    ("got", "wanted", "said"),
    [
        (
            [0.5, 0.25],
            [0.5, 0.5],
            "member 1 gets 0.25 and should get 0.5: off by 0.25, allowed is 5e-10; 1 of 2 credits are off.",
        ),
        (
            [[1.0, 0.0], [3.0, 9.0]],
            [[1.0, 0.5], [3.0, 7.0]],
            "member 1 of group 1 gets 9 and should get 7: off by 2, allowed is 7e-09; 2 of 4 credits are off.",
        ),
        ([1.0], [1.0, 0.0], "credits have shape (1,) and should have (2,)."),
        (
            [np.nan, 1.0],
            [0.0, 1.0],
            "member 0 gets nan and should get 0: off by inf, allowed is 1e-09; 1 of 2 credits are off.",
        ),
        (
            [1e-8],
            [Fraction(0)],
            "member 0 gets 1e-08 and should get 0: off by 1e-08, allowed is 1e-09; 1 of 1 credits are off.",
        ),
        (1.5, 1.0, "the member gets 1.5 and should get 1: off by 0.5, allowed is 1e-09; 1 of 1 credits are off."),
        (
            np.array([1.001, 1.0], np.float32),
            [1.0, 1.0],
            "member 0 gets 1.001 and should get 1: off by 0.001, allowed is 0.0001; 1 of 2 credits are off.",
        ),
    ],
    ids=["one", "groups", "shape", "nan", "zero", "number", "float32"],
)
def test_credits_that_differ_are_told(got: Any, wanted: Any, said: str) -> None:
    with pytest.raises(AssertionError) as refused:
        assert_credit(got, wanted)
    assert str(refused.value) == said


def test_credits_that_do_not_differ() -> None:
    assert_credit([0.1 + 0.2, 1.0], [0.3, 1])
    assert_credit(np.array([1.00001], np.float32), [Fraction(1)])
    assert_credit([1.0, 2.0], [1.1, 2.0], tolerance=0.1)
    assert_credit([1e-8, 0.0], [0.0, 0.0], scale=100)
    assert_credit([np.inf], [np.inf])
    assert_credit(np.zeros((0, 3)), np.zeros((0, 3)))
    bad: Any
    for bad in (-1.0, np.nan, np.inf, "0.1"):
        with pytest.raises(sc.InputError, match="tolerance must be a number >= 0; got"):
            assert_credit([1.0], [1.0], tolerance=bad)
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(sc.InputError, match="scale must be a number above 0; got"):
            assert_credit([1.0], [1.0], scale=bad)
    with pytest.raises(sc.InputError, match="got must hold credits, which are real numbers"):
        assert_credit(["a"], [1.0])


@pytest.mark.parametrize("endless", [np.nan, np.inf, -np.inf])
def test_a_wanted_credit_that_is_not_finite_lets_no_other_pass(endless: float) -> None:
    with pytest.raises(AssertionError, match="member 1 gets 5 and should get 6: off by 1, allowed is 6e-09"):
        assert_credit([0.0 if np.isnan(endless) else endless, 5.0], [0.0 if np.isnan(endless) else endless, 6.0])
    with pytest.raises(AssertionError, match="member 0 gets 5"):
        assert_credit([5.0, 6.0], [endless, 6.0])


@pytest.mark.torch
def test_credits_of_torch() -> None:
    import torch

    assert_credit(torch.tensor([1.0, 2.0], requires_grad=True), [1.0, 2.0])
    with pytest.raises(AssertionError, match=r"member 1 gets 2 and should get 3: off by 1, allowed is 0.0003"):
        assert_credit(torch.tensor([1.0, 2.0], dtype=torch.float32), [1.0, 3.0])
    check = sc.set_shapley(u.Max(torch.tensor([8.0, 11.0, 13.0, 18.0])))
    assert_credit(check, brute_force(u.Max([8.0, 11.0, 13.0, 18.0])))


def test_what_strategies_draw() -> None:
    """Ties, zeros, negative and extreme scores, all masks, deep trees, games with and without a worth of nobody."""
    assert len(set(find(scores(4), lambda row: row.min() < 0 and len(set(row)) < 4).tolist())) < 4
    assert abs(find(scores(2), lambda row: bool((np.abs(row) > 1e100).any()))).max() > 1e100
    assert find(scores(3), lambda row: not row.any()).tolist() == [0.0, 0.0, 0.0]
    for k in (1, 3):
        for want in (True, False):
            assert find(masks(k), lambda mask: (mask == want).all()).tolist() == [want] * k  # noqa: B023
    assert find(trees(4), lambda tree: tree.depth == 3).k == 4
    assert find(games(2), lambda game: game(()) != 0).k == 2
    with pytest.raises(NoSuchExample):
        find(games(2, grounded=True), lambda game: game(()) != 0, settings=few)
    with pytest.raises(NoSuchExample):
        find(scores(3, extreme=False), lambda row: bool((np.abs(row) > 8).any()), settings=few)
    drawn = find(utilities(3, u.Min, dtype=np.float32, groups=(2,)), lambda game: game.mask is not None)
    assert type(drawn) is u.Min
    assert (drawn.k, drawn.shape, str(drawn.dtype)) == (3, (2,), "float32")
    for strategy in (games, scores, masks, trees, utilities):
        with pytest.raises(sc.InputError, match="random games have 1 to 10 members"):
            strategy(11)


def test_a_game_is_not_written_to() -> None:
    values = np.array(VALUES)
    game = Game(values)
    values[:] = 0
    assert game((0, 1, 2)) == 9.0
    with pytest.raises(ValueError, match="read-only"):
        game.values[0] = 1.0
