"""Interaction indices of pairs: every family against brute force, masked and batched, and many members against formulas."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import Array, instances

from device_checks import moved, on_host
from errors_seen import tolerance
from family_games import close, every_dtype, every_family
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_meta, to_strict, to_torch

# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])
MANY = 48
DRAW = np.random.default_rng(5)
SCORES = DRAW.standard_normal(MANY)


def index_of(v: oracle.Game, k: int, i: int, j: int) -> Fraction:
    """The sum over all sets without i and j."""
    others, total = [m for m in range(k) if m not in (i, j)], Fraction(0)
    for size in range(len(others) + 1):
        weight = Fraction(factorial(size) * factorial(k - 2 - size), factorial(k - 1))
        for before in combinations(others, size):
            one, two, both = (v(tuple(sorted((*before, *more)))) for more in ((i,), (j,), (i, j)))
            total += weight * (both - one - two + v(before))
    return total


def brute_force(v: oracle.Game, k: int) -> Array:
    found = np.diag([float(credit) for credit in oracle.semivalue(v, k, oracle.shapley_weights(k))])
    for i, j in combinations(range(k), 2):
        found[i, j] = found[j, i] = float(index_of(v, k, i, j))
    return found


@every_family
@every_dtype
@few
@given(data=st.data())
def test_every_family_is_what_brute_force_says(family: type[Utility], dtype: Any, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 6))
    shape = data.draw(st.sampled_from([(), (2,)])) if k < 6 else ()
    drawn = data.draw(instances(family, dtype, k, shape))
    utility = drawn.utility
    found = sc.interactions(utility, k)
    assert found.shape == (*shape, k, k)
    assert found.dtype == (utility.dtype or np.float64)
    assert_array_equal(found, np.swapaxes(found, -1, -2))
    assert_array_equal(np.diagonal(found, axis1=-2, axis2=-1), sc.set_shapley(utility))
    assert_array_equal(found, sc.explain(utility).interactions)
    present = np.ones((*shape, k), np.bool_) if drawn.mask is None else np.broadcast_to(drawn.mask, (*shape, k))
    assert not found[~present].any()
    for index in np.ndindex(shape):
        table = table_of(utility[index] if shape else utility)
        assert close(found[index], brute_force(game_of(table), k), float(np.abs(table).max()), dtype)


@given(values=st.lists(st.integers(-8, 8), min_size=16, max_size=16))
def test_functions_are_asked_once_for_each_coalition(values: list[int]) -> None:
    asked: list[tuple[int, ...]] = []
    table = np.array(values, np.float64)

    def utility(coalition: tuple[int, ...]) -> float:
        asked.append(coalition)
        return float(table[sum(1 << i for i in coalition)])

    found = sc.interactions(utility, 4)
    assert len(asked) == len(set(asked)) == 16
    assert_array_equal(found, sc.interactions(table, 4))
    assert_array_equal(found, sc.interactions(sc.batched(lambda coalitions: table[coalitions @ (1 << np.arange(4))]), 4))
    assert close(found, brute_force(game_of(table), 4), 8, np.float64)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_terms_add_up(shape: tuple[int, ...]) -> None:
    """Of several shapes, with a coefficient for each group; a cut goes another way than the others."""
    factors, links = np.arange(1.0, 4.0)[: shape[0]] if shape else np.float64(2.0), np.arange(9.0).reshape(3, 3)
    one, other = u.Max([1.0, 4.0, 2.0]), u.Cut(links)
    parts = np.multiply.outer(factors, sc.interactions(one)) - sc.interactions(other)
    assert np.abs(sc.interactions(factors * one - other) - parts).max() < 1e-12


def test_one_member_no_groups_and_nobody() -> None:
    assert sc.interactions(u.Max([2.0])).tolist() == [[2.0]]
    assert sc.interactions(u.Max(np.ones((0, 3)))).shape == (0, 3, 3)
    assert not sc.interactions(u.Max([1.0, 2.0], mask=[False, False])).any()
    masked = sc.interactions(u.Max([1.0, 2.0, 4.0], mask=[True, False, True]))
    assert close(masked, [[0.5, 0, -1], [0, 0, 0], [-1, 0, 3.5]], 4, np.float64)
    assert_array_equal(masked[1], 0)


def test_explained_groups_have_their_pairs() -> None:
    found = sc.explain(u.Max([[3.0, 3.0, 1.0], [1.0, 2.0, 4.0]]))
    assert_array_equal(found[1].interactions, sc.interactions(u.Max([1.0, 2.0, 4.0])))
    assert found != sc.explain(u.Max([[3.0, 3.0, 1.0], [1.0, 2.0, 4.5]]))


# Many members: formulas of the families, in fractions.


def of_best(i: int, j: int) -> float:
    """Less every gap below both scores, over the other members above it."""
    line = sorted(Fraction(score) for score in SCORES.tolist())
    top = Fraction(min(SCORES[i], SCORES[j]))
    steps = zip([line[0], *np.diff(np.array(line)).tolist()], range(MANY - 1, -1, -1), line, strict=True)
    return float(-sum((gap / others for gap, others, high in steps if high <= top), Fraction(0)))


CLASSES = DRAW.integers(0, 6, MANY)
HITS = DRAW.random((MANY, 9)) < 0.4
FAR = np.abs(SCORES[:, None] - SCORES)


def of_cover(i: int, j: int) -> float:
    return float(-sum(Fraction(1, int(hits.sum()) - 1) for hits in HITS.T if hits[i] and hits[j]))


def of_class(i: int, j: int) -> float:
    mine = CLASSES[i] == CLASSES
    return -1 / (int(mine.sum()) - 1) if mine[j] else 0.0


FORMULAS: dict[str, tuple[Utility, Callable[[int, int], float]]] = {
    "Max": (u.Max(SCORES, base=0.0), of_best),
    "DistinctCount": (u.DistinctCount(CLASSES), of_class),
    "Coverage": (u.Coverage(HITS), of_cover),
    "SumPairwise": (u.SumPairwise(FAR), lambda i, j: FAR[i, j]),
    "Additive": (u.Additive(SCORES), lambda i, j: 0.0),
    "Cardinality": (u.Cardinality(np.arange(MANY + 1.0) ** 2), lambda i, j: 2.0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_many_members(name: str) -> None:
    utility, formula = FORMULAS[name]
    found = sc.interactions(utility)
    truth = [[formula(i, j) if i != j else found[i, i] for j in range(MANY)] for i in range(MANY)]
    assert close(found, truth, utility.value(range(MANY)), np.float64)


# Libraries and devices.


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_torch_tensors_come_back_as_tensors(dtype: Any) -> None:
    import torch

    scores = SCORES[:6].reshape(2, 3).astype(dtype)
    mask = np.array([[True, True, False], [True, True, True]])
    found = sc.interactions(u.Max(to_torch(scores), mask=to_torch(mask)))
    assert isinstance(found, torch.Tensor)
    assert_array_equal(found.numpy(), sc.interactions(u.Max(scores, mask=mask)))
    assert found.numpy().dtype == dtype


@pytest.mark.torch
@every_family
@few
@given(data=st.data())
def test_no_value_is_read_on_a_device(family: type[Utility], data: st.DataObject) -> None:
    """On tensors that have no values, with a mask or without."""
    import torch

    k, shape = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([(), (2, 1)]))
    found = sc.interactions(moved(data.draw(instances(family, np.float64, k, shape)).utility, to_meta))
    assert found.device == torch.device("meta")
    assert found.shape == (*shape, k, k)


def check_device(utility: Utility, move: Callable[[Array], Any]) -> None:
    here, there = sc.interactions(utility), sc.interactions(moved(utility, move))
    assert type(there).__module__ != "numpy"
    assert np.abs(on_host(there) - here).max() <= 64 * tolerance(np.float64) * max(np.abs(here).max(), 1)


@pytest.mark.torch
@taken_for_a_device
@every_family
@few
@given(data=st.data())
def test_on_a_device_as_on_the_host(family: type[Utility], data: st.DataObject) -> None:
    check_device(data.draw(instances(family, np.float64, data.draw(st.integers(1, 4)), (3,))).utility, to_torch)


@pytest.mark.torch
@taken_for_a_device
@pytest.mark.parametrize(
    "utility",
    [u.Max(FAR[:3, :3]), u.Cut(np.stack([FAR[:3, :3]] * 3)), u.DistinctCount(CLASSES[:3]), u.NoisyOr(FAR[:3, :3] / 8)],
    ids=lambda utility: type(utility).__name__,
)
def test_in_the_array_api_alone(utility: Utility) -> None:
    check_device(utility, to_strict)


# What is refused.

ESTIMATE = sc.estimate(lambda coalition: float(len(coalition)), 9, budget=40)
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "estimate": (lambda: sc.interactions(ESTIMATE), r"Explain the function itself, interactions\(function, k\)"),
    "no k": (lambda: sc.interactions(len), r"k is required with a function"),
    "another k": (lambda: sc.interactions(u.Max([1.0]), 2), r"k = 2 was asked for, but the utility has k = 1"),
    "nothing": (lambda: sc.interactions(None), r"the utility is None"),
    "rewards": (lambda: sc.interactions([1.0, 2.0]), r"say k=, the number of members"),
    "too many": (lambda: sc.interactions(len, 21), r"needs 2,097,152 evaluations"),
    # Credits are finite, and the indices are not.
    "overflow": (lambda: sc.interactions(np.array([0, 2e38, 2e38, 0], np.float32), 2), r"overflow float32; scale them down"),
}


@pytest.mark.parametrize(("call", "match"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(call: Callable[[], Any], match: str) -> None:
    with pytest.raises(sc.InputError, match=match):
        call()
