"""The rubric of docs/recipes.md, taken from the page, against its items read as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose
from shapley_credit.testing import oracle

from errors_seen import tolerance
from pages import run_sessions

pytestmark = pytest.mark.checkout
EXACT = tolerance(np.float64)
K, SENTENCES = 5, [[0, 3], [1], [2, 4]]

Item = dict[str, Any]


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    return run_sessions("recipes.md")


def random_items(seed: int) -> list[Item]:
    """Items in which a phrase is needed, one of several, forbidden, or of no matter."""
    rng = np.random.default_rng(seed)
    items = []
    for part in rng.integers(0, 5, (8, K)).tolist():
        named = {name: [i for i in range(K) if part[i] == place] for place, name in enumerate(("all", "any", "none"))}
        items.append({"points": int(rng.integers(-3, 4)), **named})
    return items


def points(items: Sequence[Item], phrases: Sequence[int]) -> Fraction:
    there, total = set(phrases), 0
    for item in items:
        complete = all(i in there for i in item["all"])
        one_of = not item["any"] or any(i in there for i in item["any"])
        prevented = any(i in there for i in item["none"])
        total += item["points"] if complete and one_of and not prevented else 0
    return Fraction(total)


@pytest.mark.parametrize("seed", range(8))
def test_credits_are_those_of_the_items(recipe: dict[str, Any], seed: int) -> None:
    items = random_items(seed)
    game = recipe["rubric"](K, items)
    by_phrase = oracle.shapley(lambda s: points(items, s), K)
    assert_allclose(sc.set_shapley(game), [float(credit) for credit in by_phrase], rtol=0, atol=10 * EXACT)
    in_sentences = oracle.winter(lambda s: points(items, s), SENTENCES, K)
    assert_allclose(sc.owen(game, SENTENCES), [float(credit) for credit in in_sentences], rtol=0, atol=10 * EXACT)


def test_the_example_of_the_page(recipe: dict[str, Any]) -> None:
    """By hand: 2 for the dose, 1 for either way to protect the stomach, and the penalty, which is prevented, adds nothing."""
    items, game = recipe["items"], recipe["game"]
    assert game.value(range(K)) == points(items, range(K)) == 3
    assert game.value((0, 3)) == points(items, (0, 3)) == -1
    assert sc.set_shapley(game).sum() == pytest.approx(3)
    assert sc.set_shapley(game) == pytest.approx([2 - 3 / 6, 1 / 2, 1 / 2, -3 / 6, 3 * 2 / 6])


def test_an_item_that_needs_what_it_forbids_is_refused(recipe: dict[str, Any]) -> None:
    with pytest.raises(sc.InputError, match="rule 0 has member 1 in both"):
        recipe["rubric"](K, [{"points": 1, "all": [1], "any": [], "none": [1]}])
