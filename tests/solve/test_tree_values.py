"""Owen and Winter values by the engines of all families: their definition, and batches of trees."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import FAMILIES, instances
from shapley_credit.testing.random_games import nested_trees as trees
from shapley_credit.testing.random_games import partitions, tables

from family_games import close, every_family
from kernel_inputs import GAMES, inputs
from shapley_kernels.arguments import arguments, has_names
from structures import RULES, batched_function_of, function_of, labels_of

Draw = st.DataObject

# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])


# The definition.


@every_family
@few
@given(data=st.data())
def test_equals_the_average_over_orderings_that_keep_unions_together(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(1, 5))
    utility = data.draw(instances(family, np.float64, k)).utility
    table, tree = table_of(utility), data.draw(trees(k))
    truth = [float(credit) for credit in oracle.winter(game_of(table), tree, k)]
    assert close(sc.owen(utility, tree), truth, np.abs(table).max(), np.float64)


@every_family
@few
@given(data=st.data())
def test_a_partition_gives_the_double_sum_of_owen(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(1, 6))
    utility = data.draw(instances(family, np.float64, k)).utility
    table, partition = table_of(utility), data.draw(partitions(k))
    truth = [float(credit) for credit in oracle.owen(game_of(table), partition, k)]
    scale = np.abs(table).max()
    assert close(sc.owen(utility, partition), truth, scale, np.float64)
    assert close(sc.owen(utility, np.array(labels_of(partition))), truth, scale, np.float64)


@given(data=st.data())
def test_tables_and_functions(data: Draw) -> None:
    k = data.draw(st.integers(1, 5))
    table, tree = data.draw(tables(k)), data.draw(trees(k))
    truth = [float(credit) for credit in oracle.winter(game_of(table), tree, k)]
    for utility in (table, u.Table(table), function_of(table), batched_function_of(table)):
        assert close(sc.owen(utility, tree), truth, np.abs(table).max(), np.float64)
        assert close(sc.owen(utility, CoalitionTree.from_nested(tree), k), truth, np.abs(table).max(), np.float64)


@given(data=st.data())
def test_the_two_definitions_agree(data: Draw) -> None:
    game, partition = game_of(data.draw(tables(4))), data.draw(partitions(4))
    assert oracle.owen(game, partition, 4) == oracle.winter(game, partition, 4)
    assert oracle.winter(game, [0, 1, 2, 3], 4) == oracle.shapley(game, 4)


def test_structure_matters() -> None:
    scores = [8.0, 11.0, 13.0, 18.0]
    flat, two, three = (sc.owen(u.Max(scores), tree) for tree in ([0, 1, 2, 3], [[0, 3], [1, 2]], [[[0, 3], 1], 2]))
    assert np.abs(flat - two).max() > 0.1
    assert np.abs(two - three).max() > 0.1


@every_family
@few
@given(data=st.data())
def test_any_semivalues_on_the_two_levels(family: type[Utility], data: Draw) -> None:
    """Each level has its own: the double sum, with the weights of the two."""
    k = data.draw(st.integers(1, 5))
    utility = data.draw(instances(family, np.float64, k)).utility
    table, partition = table_of(utility), data.draw(partitions(k))
    chosen = data.draw(st.lists(st.sampled_from(RULES), min_size=2, max_size=2))
    levels, weights = [rule for rule, _ in chosen], [p for _, p in chosen]
    truth = [float(credit) for credit in oracle.owen(game_of(table), partition, k, *weights)]
    assert close(sc.owen(utility, partition, levels=levels), truth, np.abs(table).max(), np.float64)
    assert close(sc.owen(function_of(table), partition, levels=levels), truth, np.abs(table).max(), np.float64)


# Alike subtrees next to unlike ones, halves that differ, members beside unions.
RAGGED = [[0, 3], [5, 1], [[6, 4], [7, 2]], 8]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family is not u.Table], ids=lambda family: family.__name__)
@settings(max_examples=2, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_a_ragged_tree_equals_its_table(family: type[Utility], data: Draw) -> None:
    """The engine of the family against that of tables, coalition by coalition, where brute force over orders can't reach."""
    utility = data.draw(instances(family, np.float64, 9)).utility
    chosen = data.draw(st.lists(st.sampled_from(RULES), min_size=3, max_size=3))
    levels, table = [rule for rule, _ in chosen], table_of(utility)
    scale = np.abs(table).max()
    assert close(sc.owen(utility, RAGGED, levels=levels), sc.owen(u.Table(table), RAGGED, levels=levels), scale, np.float64)


# Groups, each with a tree of its own.


@every_family
@few
@given(data=st.data())
def test_a_batch_of_trees_is_its_groups_bit_for_bit(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(1, 12 if family is u.Max or family is u.NoisyOr else 5))
    batch = data.draw(instances(family, np.float64, k, (2, 3))).utility
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=6 * k, max_size=6 * k))).reshape(2, 3, k)
    credit = sc.owen(batch, labels)
    assert credit.shape == (2, 3, k)
    one_for_all, one_a_row = sc.owen(batch, labels[0, 0]), sc.owen(batch, labels[:, :1])
    for index in np.ndindex(2, 3):
        assert np.array_equal(credit[index], sc.owen(batch[index], labels[index]))
        assert np.array_equal(one_for_all[index], sc.owen(batch[index], labels[0, 0]))
        assert np.array_equal(one_a_row[index], sc.owen(batch[index], labels[index[0], 0]))


@every_family
@few
@given(data=st.data())
def test_many_trees_for_one_group(family: type[Utility], data: Draw) -> None:
    utility = data.draw(instances(family, np.float64, 4)).utility
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=24, max_size=24))).reshape(3, 2, 4)
    credit = sc.owen(utility, CoalitionTree.from_labels(labels[:, 0], labels[:, 1]))
    assert credit.shape == (3, 4)
    for row in range(3):
        assert np.array_equal(credit[row], sc.owen(utility, CoalitionTree.from_labels(*labels[row])))


@every_family
@settings(max_examples=2, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_how_a_batch_is_cut_changes_no_bit(family: type[Utility], data: Draw) -> None:
    """Engines take as many games at once as fit in memory: all of them, or a few at a time."""
    batch = data.draw(instances(family, np.float64, 7, (9,))).utility
    labels = np.array([0, 1, 1, 0, 2, 1, 2])
    levels = [rule for rule, _ in data.draw(st.lists(st.sampled_from(RULES), min_size=2, max_size=2))]
    credit = sc.owen(batch, labels, levels=levels)
    with mock.patch("shapley_kernels.arrays.CELLS", 1000):
        assert np.array_equal(sc.owen(batch, labels, levels=levels), credit)
    for part in (slice(3), slice(3, 4), slice(4, None)):
        assert np.array_equal(sc.owen(batch[part], labels, levels=levels), credit[part])


def test_every_kernel_on_trees_says_which_axes_are_members() -> None:
    """Where entries have the members' names, as in tables, no axis is."""
    rng = np.random.default_rng(3)
    for form, game in GAMES:
        if form == "tokens":
            continue
        described = arguments(form, game).values()
        assert any("K" in argument.axes for argument in described) != has_names(form, game)
        axes = [len(argument.axes) for argument in described if argument.kind != "number"]
        given = zip(inputs(form, game, rng, 5, 3, np.float64), described, strict=True)
        assert axes == [np.ndim(array) - 1 for array, argument in given if argument.kind != "number"]


def test_a_batch_of_best_of_set() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(50, 9)), rng.integers(0, 4, (50, 9))
    credit = sc.owen(u.Max(scores), labels)
    assert all(np.array_equal(credit[b], sc.owen(u.Max(scores[b]), labels[b])) for b in range(50))


def test_a_function_on_a_batch_of_trees() -> None:
    rng = np.random.default_rng(1)
    table, labels = rng.normal(size=32), rng.integers(0, 3, (6, 5))
    credit = sc.owen(function_of(table), labels)
    assert credit.shape == (6, 5)
    assert all(np.array_equal(credit[b], sc.owen(function_of(table), labels[b])) for b in range(6))


def test_no_groups() -> None:
    assert sc.owen(u.Max(np.zeros((0, 3))), [[0, 1], [2]]).shape == (0, 3)
    assert sc.owen(u.Max(np.zeros((0, 3))), np.zeros((0, 3), np.int64)).shape == (0, 3)


def test_dtype_is_that_of_the_data() -> None:
    scores = np.array([8, 11, 13, 18], np.float32)
    credit = sc.owen(u.Max(scores), [[0, 3], [1, 2]])
    assert credit.dtype == np.float32
    assert credit.tolist() == [2, 2.75, 3.75, 9.5]
    assert sc.owen(u.DistinctCount([1, 1, 2]), [[0], [1, 2]]).dtype == np.float64
