"""Values of groups that have a tree each, of the families whose kernels are compiled for it, and of all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import CoalitionTree, Utility, dispatch, semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, nested_of, table_of

from family_games import close
from roles import using

K = 5
HERE = np.array([[True] * 5, [True, True, False, True, False], [False, True, True, True, True], [False] * 5, [True] * 5])
# A tree a group: in unions, one union, every member its own, unions within unions, and unions whose members are all absent.
LABELS = np.array(
    [
        [[4, 4, -7, 4, -7], [0, 0, 0, 1, 1]],
        [[1, 1, 1, 1, 1], [5, 5, 5, 5, 5]],
        [[9, 8, 7, 6, 5], [0, 0, 0, 0, 0]],
        [[0, 1, 1, 1, 1], [0, 3, 2, 2, 3]],
        [[2, 0, 2, 0, 2], [1, 2, 2, 2, 1]],
    ]
)


def _families(move: Callable[[Any], Any] = lambda array: array) -> list[Utility]:
    rng = np.random.default_rng(2)
    scores, chances, sets = rng.normal(size=(5, K)).round(1), rng.random((5, K)), rng.random((5, K, 4)) < 0.4
    labels = rng.integers(0, 3, (5, K))
    return [
        u.Max(move(scores), 0.3, mask=move(HERE)),
        u.Range(move(scores.astype(np.float32)), mask=move(HERE)),
        u.Coverage(move(sets), [1.0, -2.0, 0.5, 3.0], mask=move(HERE)),
        u.DistinctCount(move(labels), mask=move(HERE)),
        u.Moebius(move(sets), [1.0, -2.0, 0.5, 3.0]),
        u.NoisyOr(move(chances), mask=move(HERE)),
        u.FacilityLocation(move(scores[:, :, None] * [1.0, -1.0]), mask=move(HERE)),
        u.MNLShare(move(chances), mask=move(HERE)),
        0.5 * u.Max(move(scores), mask=move(HERE)) - 2 * u.Mean(move(scores), mask=move(HERE)),  # Mean has no such kernel
        u.Min(move(scores), -0.2, mask=move(HERE)),
    ]


FAMILIES = _families()
NAMES = [f"{number} {type(game).__name__}" for number, game in enumerate(FAMILIES)]


@pytest.mark.parametrize("role", ["ref", pytest.param("cpu", marks=pytest.mark.numba)])
@pytest.mark.parametrize("game", FAMILIES, ids=NAMES)
def test_every_group_has_the_value_of_its_own_tree(game: Utility, role: str) -> None:
    with using(role):
        credit = sc.owen(game, CoalitionTree(LABELS))
    dtype = game.dtype or np.dtype(np.float64)
    for group, labels in enumerate(LABELS):
        table = table_of(game[group])
        truth = oracle.winter(game_of(table), nested_of(CoalitionTree(labels)), K)
        assert close(credit[group], [float(each) for each in truth], float(np.abs(table).max(initial=1.0)), dtype)
    assert credit.dtype == dtype


@pytest.mark.numba
@pytest.mark.parametrize("game", FAMILIES, ids=NAMES)
def test_a_group_has_the_same_bits_alone(game: Utility) -> None:
    whole = sc.owen(game, CoalitionTree(LABELS))
    for group, labels in enumerate(LABELS):
        assert sc.owen(game[group], CoalitionTree(labels)).tobytes() == whole[group].tobytes()
    shared = sc.owen(game, CoalitionTree(LABELS[0]))
    assert shared.tobytes() == sc.owen(game, CoalitionTree(np.stack([LABELS[0]] * 5))).tobytes()


@pytest.mark.numba
def test_leading_axes_are_those_of_the_utility_and_of_the_trees_together() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 1, K))
    credit = sc.owen(u.Max(scores), CoalitionTree(LABELS))
    assert credit.shape == (3, 5, K)
    for place in np.ndindex(3, 5):
        assert np.array_equal(credit[place], sc.owen(u.Max(scores[place[0], 0]), CoalitionTree(LABELS[place[1]])))
    assert sc.owen(u.Max(np.zeros((0, K))), CoalitionTree(LABELS[0])).shape == (0, K)
    assert sc.owen(u.NoisyOr(np.zeros((0, K))), CoalitionTree(LABELS[:0])).shape == (0, K)


@pytest.mark.numba
def test_other_semivalues_are_solved_by_the_engine() -> None:
    asked: list[str] = []
    genuine = dispatch.kernel

    def kernel(form: str, game: str, role: dispatch.Role) -> Any:
        asked.append(role)
        return genuine(form, game, role)

    tree = CoalitionTree(LABELS)
    with mock.patch.object(dispatch, "kernel", kernel):
        sc.owen(u.NoisyOr(np.full((5, K), 0.5)), tree)
        assert set(asked) == {"forest"}
        asked.clear()
        sc.owen(u.NoisyOr(np.full((5, K), 0.5)), tree, levels=[semivalues.shapley, semivalues.banzhaf, semivalues.shapley])
        assert set(asked) == {"tree"}


@pytest.mark.numba
@pytest.mark.torch
@pytest.mark.parametrize("number", [0, 3, 5])
def test_tensors_of_the_host_go_the_same_way(number: int) -> None:
    import torch

    credit = sc.owen(_families(torch.from_numpy)[number], CoalitionTree(LABELS))
    assert isinstance(credit, torch.Tensor)
    assert credit.numpy().tobytes() == sc.owen(FAMILIES[number], CoalitionTree(LABELS)).tobytes()


@pytest.mark.parametrize("role", ["ref", pytest.param("cpu", marks=pytest.mark.numba)])
def test_what_is_not_finite_is_refused(role: str) -> None:
    scores = np.zeros((5, K))
    scores[3, 2] = np.nan
    with using(role):
        with pytest.raises(sc.InputError, match=r"scores must be finite; found nan at \[3, 2\]"):
            sc.owen(u.Max(scores), CoalitionTree(LABELS))
        with pytest.raises(sc.InputError, match="overflow float64"):
            sc.owen(u.Max(np.full((5, K), 1.7e308), -1.7e308), CoalitionTree(LABELS))
