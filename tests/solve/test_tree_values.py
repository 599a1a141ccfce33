"""Owen and Winter values by the engines of all families: their definition, their axioms, and batches of trees."""

from __future__ import annotations

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, Utility
from shapley_credit import utilities as u

import oracle
from family_games import close, game_of, symmetrised, table_of
from kernel_inputs import GAMES, inputs
from shapley_kernels.arguments import arguments, has_names
from strategies import EXCHANGEABLE, FAMILIES, Instance, instances
from structures import (
    RULES,
    batched_function_of,
    beside,
    function_of,
    labels_of,
    partitions,
    pruned,
    renamed,
    tables,
    trees,
    without,
)

Draw = st.DataObject

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
every_exchangeable_family = pytest.mark.parametrize("family", EXCHANGEABLE, ids=lambda family: family.__name__)
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


# Axioms.


@every_family
@few
@given(data=st.data())
def test_efficiency(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(6, 9))
    utility = data.draw(instances(family, np.float64, k)).utility
    credit = sc.owen(utility, data.draw(trees(k)))
    whole, nothing = utility.value(range(k)), utility.value(())
    assert close(credit.sum(), whole - nothing, np.abs(credit).sum() + abs(nothing), np.float64)


@every_exchangeable_family
@few
@given(data=st.data())
def test_symmetry_inside_a_union(family: type[Utility], data: Draw) -> None:
    """Twins that share their innermost union earn the same."""
    instance = data.draw(instances(family, np.float64, 5))
    first, second = data.draw(st.permutations(range(5)))[:2]
    others = [i for i in range(5) if i != second]
    shape = data.draw(trees(4))
    tree = beside(renamed(shape, others), first, second)
    if family is u.Table:
        utility: Utility = u.Table(symmetrised(table_of(instance.utility), first, second))
    else:
        utility = instance.along_members([first if i == second else i for i in range(5)]).utility
    credit = sc.owen(utility, tree)
    assert close(credit[first], credit[second], np.abs(table_of(utility)).max(), np.float64)


@every_exchangeable_family
@few
@given(data=st.data())
def test_symmetry_between_unions(family: type[Utility], data: Draw) -> None:
    """Unions that the game does not tell apart earn the same, and so do their members."""
    instance = data.draw(instances(family, np.float64, 5))
    if family is u.Table:
        swapped = instance.along_members([2, 3, 0, 1, 4]).utility
        utility: Utility = u.Table((table_of(instance.utility) + table_of(swapped)) / 2)
    else:
        utility = instance.along_members([0, 1, 0, 1, 4]).utility
    scale = np.abs(table_of(utility)).max()
    for tree in ([[0, 1], [2, 3], [4]], [[[0, 1], [2, 3]], 4]):
        credit = sc.owen(utility, tree)
        assert close(credit[:2], credit[2:4], scale, np.float64)
        assert close(credit[:2].sum(), credit[2:4].sum(), scale, np.float64)


@every_family
@few
@given(data=st.data())
def test_absent_members(family: type[Utility], data: Draw) -> None:
    """They get exactly 0, and the others what they get without them."""
    k = data.draw(st.integers(2, 5))
    instance = data.draw(instances(family, np.float64, k))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=k, max_size=k)))
    utility = Instance(family, k, instance.data, mask).utility
    table, tree = table_of(utility), data.draw(trees(k))
    credit = sc.owen(utility, tree)
    assert np.all(credit[~mask] == 0)
    present = [int(i) for i in np.flatnonzero(mask)]
    if present:
        game = game_of(without(table, *(int(i) for i in np.flatnonzero(~mask))))
        truth = [float(c) for c in oracle.winter(game, pruned(tree, present), len(present))]
        assert close(credit[present], truth, np.abs(table).max(), np.float64)


@given(data=st.data())
def test_null_members(data: Draw) -> None:
    """A member that changes no value earns nothing, and moves nobody."""
    null = data.draw(st.integers(0, 4))
    table = data.draw(tables(5))[np.arange(32) & ~(1 << null)]
    tree, others = data.draw(trees(5)), [i for i in range(5) if i != null]
    scale = np.abs(table).max()
    for utility in (u.Table(table), function_of(table), batched_function_of(table)):
        credit = sc.owen(utility, tree)
        assert credit[null] == 0
        assert close(credit[others], sc.owen(without(table, null), pruned(tree, others)), scale, np.float64)


@every_family
@few
@given(data=st.data())
def test_linearity_across_families(family: type[Utility], data: Draw) -> None:
    one = data.draw(instances(family, np.float64, 4)).utility
    two = data.draw(instances(data.draw(st.sampled_from(FAMILIES)), np.float64, 4)).absent_as(one.mask).utility
    tree, three = data.draw(trees(4)), u.Additive(np.arange(4.0), mask=one.mask)
    mixed = 2 * one - two / 2 + three
    table = 2 * table_of(one) - table_of(two) / 2 + table_of(three)
    scale = np.abs(table_of(one)).max() * 2 + np.abs(table_of(two)).max() + 6
    credit = sc.owen(mixed, tree, 4)
    assert close(credit, [float(c) for c in oracle.winter(game_of(table), tree, 4)], scale, np.float64)
    assert close(credit, 2.0 * sc.owen(one, tree) - 0.5 * sc.owen(two, tree) + sc.owen(three, tree), scale, np.float64)


@every_family
@few
@given(data=st.data())
def test_quotient_game(family: type[Utility], data: Draw) -> None:
    """The members of a union share what the union earns in the game between unions."""
    k = data.draw(st.integers(2, 6))
    utility = data.draw(instances(family, np.float64, k)).utility
    partition = data.draw(partitions(k))
    credit = sc.owen(utility, partition)

    def between(chosen: tuple[int, ...]) -> Fraction:
        return Fraction(utility.value(sorted(i for label in chosen for i in partition[label])))

    truth = [float(c) for c in oracle.shapley(between, len(partition))]
    scale = np.abs(table_of(utility)).max()
    assert close(np.array([credit[union].sum() for union in partition]), truth, scale, np.float64)


@every_family
@few
@given(data=st.data())
def test_no_structure(family: type[Utility], data: Draw) -> None:
    """Unions of one, and one union of all, on any number of levels, change nothing."""
    k = data.draw(st.integers(1, 7))
    utility = data.draw(instances(family, np.float64, k)).utility
    shapley = sc.set_shapley(utility)
    scale = np.abs(shapley).sum() + np.abs(table_of(utility)).max()
    everybody = list(range(k))
    for tree in (
        CoalitionTree.flat(k),
        everybody,
        [everybody],
        [[everybody]],
        [[i] for i in everybody],
        [[[i]] for i in everybody],
        np.zeros(k, np.int64),
        np.arange(k),
    ):
        assert close(sc.owen(utility, tree), shapley, scale, np.float64)


@every_family
@few
@given(data=st.data())
def test_levels_that_repeat_change_nothing(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(1, 6))
    utility = data.draw(instances(family, np.float64, k)).utility
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=k, max_size=k)))
    credit = sc.owen(utility, labels)
    for levels in ([labels, labels], [np.zeros(k, int), labels], [labels, np.arange(k)]):
        assert np.array_equal(sc.owen(utility, CoalitionTree.from_labels(*levels)), credit)


@given(data=st.data())
def test_balanced_contributions(data: Draw) -> None:
    """Two members of a union gain the same from each other's presence: phi_i(N) - phi_i(N - j) = phi_j(N) - phi_j(N - i)."""
    first, second = data.draw(st.permutations(range(5)))[:2]
    tree = beside(renamed(data.draw(trees(4)), [i for i in range(5) if i != second]), first, second)
    table = data.draw(tables(5))

    def gain(own: int, other: int) -> float:
        kept = [i for i in range(5) if i != other]
        alone = sc.owen(without(table, other), pruned(tree, kept))
        return float(sc.owen(table, tree)[own] - alone[kept.index(own)])

    assert close(np.array(gain(first, second)), gain(second, first), np.abs(table).max(), np.float64)


@every_exchangeable_family
@few
@given(data=st.data())
def test_order_of_members_and_names_of_unions_do_not_matter(family: type[Utility], data: Draw) -> None:
    k = data.draw(st.integers(2, 7))
    instance = data.draw(instances(family, np.float64, k))
    order, tree = data.draw(st.permutations(range(k))), data.draw(trees(k))
    labels = CoalitionTree.from_nested(tree).labels
    credit = sc.owen(instance.utility, tree)
    moved = sc.owen(instance.along_members(order).utility, CoalitionTree(7 - 3 * labels[:, order]))
    assert close(moved, credit[order], np.abs(credit).sum() + np.abs(table_of(instance.utility)).max(), np.float64)


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
