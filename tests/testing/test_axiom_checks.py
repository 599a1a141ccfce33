"""Rules held to axioms: each axiom refuses a rule that breaks it, in words, with the smallest game."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.testing import Game, check_axioms
from shapley_credit.testing.axioms import AXIOMS, CHARACTERISED

Rule = Callable[[Any, int], Any]


def banzhaf(game: Any, k: int) -> Any:
    return sc.set_semivalue(game, semivalues.banzhaf, k)


def leave_one_out(game: Any, k: int) -> list[float]:
    return [game(range(k)) - game([j for j in range(k) if j != i]) for i in range(k)]


def equal_split(game: Any, k: int) -> list[float]:
    return [(game(range(k)) - game(())) / k] * k


def in_order(game: Any, k: int) -> Any:
    return np.diff([game(range(i)) for i in range(k + 1)])


def of_squares(game: Any, k: int) -> Any:
    return sc.set_shapley(lambda members: game(members) ** 2, k)


def with_bonus(game: Any, k: int) -> Any:
    return sc.set_shapley(game, k) + (np.arange(k) == k - 1)


def turned(game: Any, k: int) -> Any:
    return sc.set_shapley(game, k)[::-1]


def without_minus(game: Any, k: int) -> Any:
    return np.maximum(sc.set_shapley(game, k), 0)


RIGHT: list[tuple[Rule, Any]] = [
    (sc.set_shapley, "shapley"),
    (sc.set_shapley, [name for name in AXIOMS if name != "total power"]),
    (banzhaf, "banzhaf"),
    (banzhaf, "semivalue"),
    (lambda game, k: sc.set_semivalue(game, semivalues.beta(2, 1), k), "semivalue"),
    (leave_one_out, "semivalue"),
    (equal_split, ["efficiency", "anonymity", "additivity"]),
    (in_order, ["efficiency", "null player", "linearity", "strong monotonicity"]),
    (lambda game, k: np.float32(sc.set_shapley(game, k)), "shapley"),
]

# The rule, the axioms asked for, and all that is said.
WRONG: list[tuple[str, Rule, Any, str]] = [
    (
        "leave-one-out is not efficient",
        leave_one_out,
        "shapley",
        (
            "efficiency: the credits add up to 2, but all members together add 1 to the empty set\n"
            "coalition  value\n(empty)        0\n0              0\n1              0\n0, 1           1\ncredits: 1, 1"
        ),
    ),
    (
        "leave-one-out has not the total power of Banzhaf",
        leave_one_out,
        "banzhaf",
        (
            "total power: the credits add up to 2, but the mean marginal contributions of all members add up to 1\n"
            "coalition  value\n(empty)        0\n0              0\n1              0\n0, 1           1\ncredits: 1, 1"
        ),
    ),
    (
        "an equal split pays those who add nothing",
        equal_split,
        "shapley",
        (
            "null player: member 0 adds nothing to any coalition, but gets 0.5\n"
            "coalition  value\n(empty)        0\n0              0\n1              1\n0, 1           1\ncredits: 0.5, 0.5"
        ),
    ),
    (
        "marginal contributions in one order favour the late",
        in_order,
        "shapley",
        (
            "symmetry: members 0 and 1 add the same to every coalition, but get 0, 1\n"
            "coalition  value\n(empty)        0\n0              0\n1              0\n0, 1           1\ncredits: 0, 1"
        ),
    ),
    (
        "the Shapley value of the squares is not linear",
        of_squares,
        "linearity",
        (
            "linearity: v - 2 w should have the credits -2\n"
            "coalition  v  w  v - 2 w\n(empty)    0  0        0\n0          0  1       -2\n"
            "credits of v: 0\ncredits of w: 1\ncredits of v - 2 w: 4"
        ),
    ),
    (
        "no credit below 0 is not additive",
        without_minus,
        ["additivity"],
        (
            "additivity: the credits of v and w add up to 1\n"
            "coalition  v   w  v + w\n(empty)    0   0      0\n0          1  -1      0\n"
            "credits of v: 1\ncredits of w: 0\ncredits of v + w: 0"
        ),
    ),
    (
        "twice the Shapley value pays too much",
        lambda game, k: 2 * sc.set_shapley(game, k),
        ["dummy player"],
        (
            "dummy player: member 0 adds 1 to every coalition, but gets 2\n"
            "coalition  value\n(empty)        0\n0              1\ncredits: 2"
        ),
    ),
    (
        "a bonus for the last member is not anonymous",
        with_bonus,
        "anonymity",
        (
            "anonymity: w is v with members 0 and 1 exchanged, but their credits are not\n"
            "coalition  v  w\n(empty)    0  0\n0          0  0\n1          0  0\n0, 1       0  0\n"
            "credits of v: 0, 1\ncredits of w: 0, 1"
        ),
    ),
    (
        "blame is not monotone",
        lambda game, k: -sc.set_shapley(game, k),
        ["monotonicity"],
        (
            "monotonicity: no member takes anything from any coalition, but member 0 gets -1\n"
            "coalition  value\n(empty)        0\n0              1\ncredits: -1"
        ),
    ),
    (
        "credits in the wrong order",
        turned,
        ["strong monotonicity"],
        (
            "strong monotonicity: member 0 adds no less to any coalition in w than in v, but gets -0.5 instead of 0\n"
            "coalition  v  w\n(empty)    0  0\n0          0  1\n1          0  0\n0, 1       0  0\n"
            "credits of v: 0, 0\ncredits of w: -0.5, 0.5"
        ),
    ),
    (
        "an error of float32 is not one of float64",
        lambda game, k: sc.set_shapley(game, k) * (1 + 1e-6),
        "efficiency",
        (
            "efficiency: the credits add up to 1, but all members together add 1 to the empty set\n"
            "coalition  value\n(empty)        0\n0              1\ncredits: 1"
        ),
    ),
    (
        "two credits for one member",
        lambda game, k: [1.0, 2.0],
        "shapley",
        (
            "efficiency: the rule returned shape (2,) and should return (1,), one credit a member\n"
            "coalition  value\n(empty)        0\n0              0"
        ),
    ),
    (
        "no credits",
        lambda game, k: None,
        "shapley",
        (
            "efficiency: the rule returned shape () and should return (1,), one credit a member\n"
            "coalition  value\n(empty)        0\n0              0"
        ),
    ),
    (
        "credits that are no numbers",
        lambda game, k: [float("nan")] * k,
        "shapley",
        (
            "efficiency: the rule returned credits that are not finite\n"
            "coalition  value\n(empty)        0\n0              0\ncredits: nan"
        ),
    ),
    (
        "a rule that raises",
        lambda game, k: [1 / 0],
        "shapley",
        "efficiency: the rule raised ZeroDivisionError: division by zero\ncoalition  value\n(empty)        0\n0              0",
    ),
    (
        "a member that is not in the game",
        lambda game, k: [game([k])] * k,
        "shapley",
        (
            "efficiency: the rule raised InputError: the game has members 0 .. 0; asked for [1].\n"
            "coalition  value\n(empty)        0\n0              0"
        ),
    ),
]


@pytest.mark.parametrize(("rule", "axioms"), RIGHT, ids=map(str, range(len(RIGHT))))
def test_right_rules_pass(rule: Rule, axioms: Any) -> None:
    check_axioms(rule, axioms, examples=4)


@pytest.mark.parametrize(("rule", "axioms", "said"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_rules_are_refused_in_words(rule: Rule, axioms: Any, said: str) -> None:
    with pytest.raises(AssertionError) as refused:
        check_axioms(rule, axioms)
    assert str(refused.value) == said


def test_every_axiom_refuses_some_rule() -> None:
    assert {said.split(":")[0] for *_, said in WRONG} == set(AXIOMS)
    assert {name for names in CHARACTERISED.values() for name in names} <= set(AXIOMS)


def test_a_rule_for_games_whose_empty_set_is_worth_nothing() -> None:
    def of_the_whole(game: Any, k: int) -> list[float]:
        return [game(range(k)) / k] * k

    check_axioms(of_the_whole, "efficiency", grounded=True, examples=4)
    with pytest.raises(
        AssertionError, match=r"efficiency: .* 0, but all members together add -1 to the empty set\n.*\n\(empty\) +1\n"
    ):
        check_axioms(of_the_whole, "efficiency")


def test_a_rule_for_one_number_of_members() -> None:
    unions = [[0, 1], [2]]
    asked: set[int] = set()

    def owen(game: Any, k: int) -> Any:
        asked.add(k)
        return sc.owen(game, unions, k)

    check_axioms(owen, ["efficiency", "null player", "linearity"], k=3, examples=4)
    assert asked == {3}
    with pytest.raises(AssertionError, match=r"^symmetry: members \d and \d add the same to every coalition, but get"):
        check_axioms(owen, "symmetry", k=3)


def test_a_tolerance_of_ones_own() -> None:
    def rough(game: Any, k: int) -> Any:
        return sc.set_shapley(game, k) * 1.01

    check_axioms(rough, "shapley", tolerance=0.1, examples=4)
    with pytest.raises(AssertionError, match="efficiency"):
        check_axioms(rough, "shapley")


def test_a_rule_that_depends_on_what_was_asked_before_is_refused() -> None:
    calls = []

    def forgetful(game: Any, k: int) -> Any:
        calls.append(k)
        return sc.set_shapley(game, k) + (len(calls) == 2)

    with pytest.raises(AssertionError, match="must not depend on chance, or on what was asked before"):
        check_axioms(forgetful, "efficiency")


@pytest.mark.parametrize(
    ("rule", "given", "message"),
    [
        (
            sc.set_shapley,
            {"axioms": "fairness"},
            "there is no axiom 'fairness' here; there are shapley, banzhaf, sem",
        ),
        (sc.set_shapley, {"axioms": []}, "axioms is empty; name at least one"),
        (sc.set_shapley, {"k": 0}, "random games have 1 to 10 members, as each has 2\\*\\*k values; got k = 0"),
        (sc.set_shapley, {"examples": 0}, "examples must be a whole number >= 1; got 0"),
        ([1.0], {}, "the rule must be a function of a game and k; got \\[1.0\\]"),
    ],
    ids=["axiom", "none", "k", "examples", "rule"],
)
def test_what_it_cannot_check_it_refuses(rule: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        check_axioms(rule, **given)


def test_games_print_as_tables() -> None:
    game = Game([0.0, 1.0, 2.0, 6.0, 0.25, 0.0, 0.0, 1e9])
    assert str(game).splitlines()[:3] == ["coalition  value", "(empty)        0", "0              1"]
    assert str(game).splitlines()[-1] == "0, 1, 2    1e+09"
    assert game(np.array([0, 1])) == 6.0
    assert repr(Game([0.0, 1.0])) == "Game([0.0, 1.0])"
    for bad in ([1.0], [1.0, 2.0, 3.0], [0.0, np.nan], [[0.0, 1.0]]):
        with pytest.raises(sc.InputError, match=r"a game of k members has 2\*\*k finite values"):
            Game(bad)
