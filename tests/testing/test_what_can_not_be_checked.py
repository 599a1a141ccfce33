"""Arguments and answers of check_axioms that can be no axioms, tolerances, credits or members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit.testing import Game, check_axioms, check_utility


async def later(game: Any, k: int) -> list[float]:
    return [0.0] * k


@pytest.mark.parametrize("tolerance", [np.nan, np.inf, -1.0, "0.1"], ids=str)
def test_a_tolerance_that_nothing_or_everything_passes_is_refused(tolerance: Any) -> None:
    with pytest.raises(sc.InputError, match="tolerance must be a number >= 0; got"):
        check_axioms(lambda game, k: [0.0] * k, tolerance=tolerance)
    with pytest.raises(sc.InputError, match="tolerance must be a number >= 0; got"):
        check_utility(sc.utilities.Max([1.0]), tolerance=tolerance)


@pytest.mark.parametrize(
    ("axioms", "message"),
    [
        (None, "axioms must be one of shapley, .*; got None"),
        (3, "got 3"),
        ([["efficiency"]], r"no axiom \['efficiency'\] here"),
    ],
    ids=["None", "number", "list"],
)
def test_what_names_no_axiom_is_refused(axioms: Any, message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        check_axioms(sc.set_shapley, axioms)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (later, "efficiency: the rule is asynchronous, and must return credits at once\n"),
        (
            lambda game, k: [game(0)] * k,
            "efficiency: the rule raised InputError: a game is asked for a tuple of members; got 0",
        ),
        (lambda game, k: [game((0.5,))] * k, r"raised InputError: a member must be a whole number >= 0; got 0\.5"),
    ],
    ids=["asynchronous", "a number", "half a member"],
)
def test_a_rule_that_can_be_none_is_told_why(rule: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_axioms(rule, k=1, examples=2)


def test_small_whole_numbers_do_not_wrap_around() -> None:
    def size(game: Any, k: int) -> Any:
        return np.zeros(k, np.uint8) if game(range(k)) == game(()) else np.ones(k, np.uint8)

    with pytest.raises(AssertionError, match=r"v - 2 w should have the credits -?\d\n"):
        check_axioms(size, "linearity", k=1)


@pytest.mark.parametrize("coalition", [(True, False), np.array([True, False]), ("0",), (-1,), 1, None], ids=range(6))
def test_a_game_is_asked_for_members_only(coalition: Any) -> None:
    game: Callable[[Any], float] = Game([0.0, 1.0, 2.0, 4.0])
    with pytest.raises(sc.InputError, match=r"(a member must be a whole number >= 0|a tuple of members); got"):
        game(coalition)
