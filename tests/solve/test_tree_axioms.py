"""Owen and Winter values by the engines of all families: their axioms."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import FAMILIES, Instance, instances
from shapley_credit.testing.random_games import nested_trees as trees
from shapley_credit.testing.random_games import partitions, symmetrised, tables

from family_games import close, every_family
from strategies import EXCHANGEABLE
from structures import batched_function_of, beside, function_of, pruned, renamed, without

Draw = st.DataObject

every_exchangeable_family = pytest.mark.parametrize("family", EXCHANGEABLE, ids=lambda family: family.__name__)
# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])


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
