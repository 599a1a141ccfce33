"""Costs are known before they are paid: the figures, against docstrings and memory, and what is refused."""

from __future__ import annotations

import importlib
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.inputs.pricing import LIGHT, LINEAR, MAX_BYTES, MAX_OPERATIONS, Priced, outlined

from shapley_kernels.arguments import forms
from shapley_kernels.costs import Sizes, flat_cost, unions_of
from shapley_kernels.thresholds import tree as thresholds
from shapley_kernels.trees.shapes import tree_of

sys.path.append(str(Path(__file__).parents[2]))  # where the benchmarks are; behind everything that is installed
from benchmarks import families

sys.path.pop()

FAMILIES: list[Any] = families.families()
POLYNOMIAL = [family for family in FAMILIES if not family.max_members]
SAYING = [family for family in POLYNOMIAL if family.outline is not Priced.outline]
FACTOR = 4.0  # that the figures are good to


def instance(family: Any, k: int) -> Utility:
    made: Utility = families.instance(family, k, np.random.default_rng(0))
    return made


def names(classes: list[Any]) -> list[str]:
    return [family.__name__ for family in classes]


def test_every_kernel_has_a_cost() -> None:
    for form, games in forms().items():
        if form != "tokens":  # which are no games
            cost = importlib.import_module(f"shapley_kernels.{form}.cost")
            assert set(cost.FLAT) == set(cost.ON_TREE) == set(games)


@pytest.mark.parametrize("family", FAMILIES, ids=names(FAMILIES))
def test_every_family_says_what_it_takes(family: Any) -> None:
    game = instance(family, 6)
    for coalitions in (None, [[0, 1, 2], [3, [4, 5]]], np.zeros((5, 6), int), sc.CoalitionTree.flat(6)):
        cost = game.cost(coalitions)
        assert 0 < cost.operations < MAX_OPERATIONS
        assert 0 < cost.bytes < MAX_BYTES


@pytest.mark.parametrize("family", POLYNOMIAL, ids=names(POLYNOMIAL))
def test_operations_grow_as_the_docstring_says(family: Any) -> None:
    small, large = 128, 512
    stated = instance(family, large).cost().operations / instance(family, small).cost().operations
    promised = families.operations(family, large) / families.operations(family, small)
    assert 1 / 2 < stated / promised < 2


@pytest.mark.parametrize("family", SAYING, ids=names(SAYING))
def test_what_is_said_is_what_is_made(family: Any) -> None:
    """The dearest problem has the kernel and the sizes that the outline has; nodes are counted from above."""
    game = instance(family, 9)
    said = max(game.outline(), key=lambda outline: outline.sizes.width)
    made = [outlined(problem) for problem in game.reduce()]
    (same,) = [one for one in made if one[:2] == said[:2] and one.sizes.members == said.sizes.members][-1:]
    assert said.groups == same.groups
    if said.game in ("mixture", "unanimity"):
        assert same.sizes.width <= said.sizes.width <= 1.1 * same.sizes.width + 32
    assert same.bytes <= said.bytes


@pytest.mark.parametrize("family", SAYING, ids=names(SAYING))
def test_bytes_are_those_of_the_peak(family: Any) -> None:
    sc.set_shapley(instance(family, 96))  # imports and compiles what the next one needs
    game = instance(family, 97)  # of no other test, whose tables may be kept
    data = sum(array.nbytes for array in vars(game).values() if isinstance(array, np.ndarray))
    tracemalloc.start()
    try:
        sc.set_shapley(game)
        peak = tracemalloc.get_traced_memory()[1] + data
    finally:
        tracemalloc.stop()
    assert 1 / FACTOR < game.cost().bytes / peak < FACTOR


def test_a_sum_takes_the_operations_of_all_and_the_memory_of_the_largest() -> None:
    parts = [instance(family, 20) for family in (u.Max, u.Entropy, u.Cascade)]
    costs = [part.cost() for part in parts]
    whole = (parts[0] + 2 * parts[1] - parts[2]).cost()
    assert whole.operations == sum(cost.operations for cost in costs)
    assert whole.bytes == max(cost.bytes for cost in costs)


def test_groups_take_their_number_of_operations() -> None:
    one, many = u.Max(np.zeros(50)), u.Max(np.zeros((30, 50)))
    assert many.cost().operations == 30 * one.cost().operations
    unions = [list(range(25)), list(range(25, 50))]
    assert one.cost(unions).operations < many.cost(unions).operations <= 30 * one.cost(unions).operations
    assert u.Max(np.zeros((0, 50))).cost().operations == 0


@pytest.mark.parametrize("family", POLYNOMIAL, ids=names(POLYNOMIAL))
def test_what_nobody_looks_at_is_below_the_limits(family: Any) -> None:
    light = family._light
    assert light in (0, LIGHT, LINEAR)
    if light == LINEAR:
        for problem in instance(family, 8).reduce():
            assert flat_cost(problem.form, problem.game).operations(Sizes(LINEAR)) < MAX_OPERATIONS
    elif light:
        cost = instance(family, LIGHT).cost()
        assert cost.operations < MAX_OPERATIONS
        assert cost.bytes < MAX_BYTES


@pytest.mark.parametrize("offset", [-100.0, 100.0])
def test_what_scores_have_in_common_costs_nothing(offset: float) -> None:
    scores = np.linspace(-3.0, 4.0, 12)
    for family in (u.LogSumExp, u.LogMeanExp):
        assert family(scores + offset).cost() == pytest.approx(family(scores).cost())


def test_unions_of_a_tree() -> None:
    unions = unions_of(tree_of(np.array([[0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]])))
    assert sorted(zip(unions.children, unions.sizes, strict=True)) == [(2, 2), (2, 3), (2, 6), (3, 3)]
    assert unions.spread() == 14
    assert unions.reduced(float) == 4 * 2 + 4 * 3 + 4 * 6 + 9 * 3
    assert not unions.flat
    assert unions_of(tree_of(np.zeros((3, 4), int))).flat


@pytest.mark.parametrize("cells", [1, 7, 40, 1 << 24])
def test_thresholds_on_a_tree_are_cut_without_a_bit_changed(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    rng = np.random.default_rng(3)
    scores, similarity, unions = rng.random((3, 9)), rng.random((2, 9, 4)), [[0, 1, 2], [3, [4, 5]], [6, 7, 8]]
    whole = sc.owen(u.Max(scores), unions), sc.owen(u.FacilityLocation(similarity), unions)
    monkeypatch.setattr(thresholds, "CELLS", cells)
    cut = sc.owen(u.Max(scores), unions), sc.owen(u.FacilityLocation(similarity), unions)
    assert [part.tobytes() for part in cut] == [part.tobytes() for part in whole]


def test_the_best_of_many_on_a_tree_is_held_in_bounded_memory() -> None:
    cost = u.Max(np.zeros(100_000)).cost(np.arange(100_000) // 300)
    assert cost.bytes < 2**30
    assert cost.operations < MAX_OPERATIONS
