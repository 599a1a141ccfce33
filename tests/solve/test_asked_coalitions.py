"""The coalitions that a function is asked for on a tree: what matters, once, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.instances import Array
from shapley_credit.testing.random_games import nested_trees as trees

from errors_seen import tolerance
from family_games import close

Draw = st.DataObject


class Asked:
    """A function of a table that keeps what it was asked for."""

    def __init__(self, table: Array) -> None:
        self.table = table
        self.codes: list[int] = []

    def __call__(self, coalition: tuple[int, ...]) -> float:
        self.codes.append(sum(1 << i for i in coalition))
        return float(self.table[self.codes[-1]])

    @property
    def batched(self) -> sc.batched:
        return sc.batched(self.many)

    def many(self, coalitions: Array) -> Array:
        codes = coalitions @ (1 << np.arange(coalitions.shape[1]))
        self.codes += codes.tolist()
        values: Array = self.table[codes]
        return values


def prefixes(tree: Any) -> set[int]:
    """Bit masks of the beginnings of all orderings that keep every union together."""
    return {sum(1 << i for i in order[:size]) for order in oracle.orderings(tree) for size in range(len(order) + 1)}


@settings(max_examples=25)
@given(data=st.data())
def test_a_function_is_asked_for_what_matters_and_nothing_else(data: Draw) -> None:
    k = data.draw(st.integers(1, 6))
    tree = data.draw(trees(k))
    one, many = Asked(np.arange(1 << k) % 7), Asked(np.arange(1 << k) % 7)
    sc.owen(one, tree, k)
    sc.owen(many.batched, tree)
    assert sorted(one.codes) == sorted(many.codes) == sorted(prefixes(tree))
    assert len(one.codes) == CoalitionTree.from_nested(tree).budget()


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_budget_of_two_levels(sizes: list[int]) -> None:
    unions = len(sizes)
    closed = 2**unions + 2 ** (unions - 1) * sum(2**n - 2 for n in sizes)
    labels = np.repeat(np.arange(unions), sizes)
    asked = Asked(np.zeros(1 << len(labels)))
    sc.owen(asked.batched, labels)
    assert CoalitionTree.from_labels(labels).budget() == closed == len(asked.codes) == len(set(asked.codes))


def test_budget_of_a_batch() -> None:
    labels = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]])
    assert np.array_equal(CoalitionTree.from_labels(labels).budget(), [12, 16, 16])
    asked = Asked(np.zeros(16))
    sc.owen(asked, labels)
    assert sorted(asked.codes) == list(range(16))
    assert CoalitionTree.from_labels(np.arange(24) // 4).budget() == 2752
    assert CoalitionTree.flat(70).budget() == 2**70


def test_levels_without_weight_are_not_asked_for() -> None:
    asked = Asked(np.zeros(1 << 6))
    levels = [semivalues.leave_one_out, semivalues.leave_one_out]
    sc.owen(asked, [[0, 1, 2], [3, 4], [5]], levels=levels)
    assert sorted(asked.codes) == sorted([63, *(63 & ~(1 << i) for i in range(6))])


def test_a_function_of_24_members_in_unions() -> None:
    rng = np.random.default_rng(2)
    gifts, scores = rng.integers(0, 64, 24) / 8, rng.integers(0, 64, 24) / 8
    rows = []

    def utility(coalitions: Array) -> Array:
        rows.append(len(coalitions))
        values: Array = coalitions @ gifts + np.where(coalitions, scores, 0).max(axis=1)
        return values

    labels = np.arange(24) % 6
    credit = sc.owen(sc.batched(utility), labels)
    assert sum(rows) == 2752
    assert close(credit, gifts + sc.owen(u.Max(scores), labels), gifts.sum(), np.float64)
    with pytest.raises(sc.InputError, match=r"k = 24 members needs 16,777,216 evaluations, .*with owen") as flat:
        sc.owen(sc.batched(utility), CoalitionTree.flat(24))
    assert "evaluations" in str(flat.value)
    assert sum(rows) == 2752


def test_a_function_of_62_members() -> None:
    labels = np.arange(62) // 2
    pairs = [[2 * i, 2 * i + 1] for i in range(31)]
    tree = nested_pairs(pairs)
    credit = sc.owen(sc.batched(lambda coalitions: coalitions @ np.arange(62.0)), tree)
    assert np.allclose(credit, np.arange(62), rtol=tolerance(np.float64), atol=0)
    with pytest.raises(sc.InputError, match="evaluations"):
        sc.owen(len, labels)


def nested_pairs(parts: list[Any]) -> list[Any]:
    while len(parts) > 2:
        parts = [parts[place : place + 2] for place in range(0, len(parts), 2)]
    return parts


def test_a_failing_function_keeps_what_was_asked() -> None:
    def utility(coalition: tuple[int, ...]) -> float:
        return 1 / (len(coalition) - 3)

    with pytest.raises(sc.EvaluationError, match=r"raised ZeroDivisionError for coalition \(0, 1, 2\)") as caught:
        sc.owen(utility, [[0, 1], [2, 3]])
    error = caught.value
    assert error.codes.tolist() == [0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 14, 15]
    assert error.values[:5].tolist() == [-1 / 3, -1 / 2, -1 / 2, -1, -1 / 2]
    assert np.isnan(error.values[5:]).all()
