"""Owen and Winter values: their definition, their axioms, the coalitions they ask for, and the trees they refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import accumulate, pairwise
from math import comb
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, Utility, forests, semivalues
from shapley_credit import utilities as u

import oracle
from errors_seen import tolerance
from kernel_inputs import MAKERS
from strategies import EXCHANGEABLE, FAMILIES, Array, Instance, instances
from test_axioms import close, game_of, symmetrised, table_of

Draw = st.DataObject

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
every_exchangeable_family = pytest.mark.parametrize("family", EXCHANGEABLE, ids=lambda family: family.__name__)
# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])


@st.composite
def trees(draw: st.DrawFn, k: int) -> list[Any]:
    """Nested lists of 0 .. k-1 with up to 3 levels; unions of one child, of one member and of all members included."""

    def grow(members: list[int], levels: int) -> list[Any]:
        if not levels:
            return list(members)
        keys = draw(st.lists(st.integers(0, 2), min_size=len(members), max_size=len(members)))
        parts = [[i for i, key in zip(members, keys, strict=True) if key == label] for label in sorted(set(keys))]
        return [part[0] if len(part) == 1 and draw(st.booleans()) else grow(part, levels - 1) for part in parts]

    return grow(draw(st.permutations(range(k))), draw(st.integers(0, 2)))


def partitions(k: int) -> st.SearchStrategy[list[list[int]]]:
    keys = st.lists(st.integers(0, k - 1), min_size=k, max_size=k)
    return keys.map(lambda labels: [[i for i in range(k) if labels[i] == label] for label in sorted(set(labels))])


def beside(tree: list[Any], first: int, second: int) -> list[Any]:
    """The tree with `second` put next to `first`."""
    grown: list[Any] = []
    for child in tree:
        if isinstance(child, list):
            grown.append(beside(child, first, second))
        else:
            grown += [child, second] if child == first else [child]
    return grown


def pruned(tree: Any, kept: Sequence[int]) -> Any:
    """The tree of the kept members, renumbered; unions without members are left out."""
    if isinstance(tree, int):
        return list(kept).index(tree)
    return [pruned(child, kept) for child in tree if set(oracle.leaves(child)) & set(kept)]


def labels_of(partition: Sequence[Sequence[int]]) -> list[int]:
    return [next(label for label, union in enumerate(partition) if i in union) for i in range(sum(map(len, partition)))]


def without(table: Array, *gone: int) -> Array:
    """The table of the game among the other members."""
    k = len(table).bit_length() - 1
    kept = [i for i in range(k) if i not in gone]
    return table[[sum(1 << i for place, i in enumerate(kept) if code >> place & 1) for code in range(1 << len(kept))]]


def function_of(table: Array) -> Callable[[tuple[int, ...]], float]:
    return lambda coalition: float(table[sum(1 << i for i in coalition)])


def batched_function_of(table: Array) -> sc.batched:
    return sc.batched(lambda coalitions: table[coalitions @ (1 << np.arange(coalitions.shape[1]))])


@st.composite
def tables(draw: st.DrawFn, k: int) -> Array:
    """All values of a random game, interactions of every order included."""
    return np.array(draw(st.lists(st.integers(-64, 64), min_size=1 << k, max_size=1 << k))) / 8


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


# Semivalues for any number of players, and their weights.
RULES: list[tuple[semivalues.Semivalue, oracle.Weights]] = [
    (semivalues.shapley, oracle.shapley_weights),
    (semivalues.banzhaf, lambda k: [Fraction(1, 2 ** (k - 1))] * k),
    (semivalues.leave_one_out, lambda k: [Fraction(int(s == k - 1)) for s in range(k)]),
    (semivalues.beta(2, 1), lambda k: [Fraction(2 * (k - s), k * (k + 1) * comb(k - 1, s)) for s in range(k)]),
]


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


def renamed(tree: Any, names: Sequence[int]) -> Any:
    return names[tree] if isinstance(tree, int) else [renamed(child, names) for child in tree]


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
    two = data.draw(instances(data.draw(st.sampled_from(FAMILIES)), np.float64, 4)).utility
    tree = data.draw(trees(4))
    mixed = 2 * one - two / 2 + u.Additive(np.arange(4.0))
    table = 2 * table_of(one) - table_of(two) / 2 + table_of(u.Additive(np.arange(4.0)))
    scale = np.abs(table_of(one)).max() * 2 + np.abs(table_of(two)).max() + 6
    credit = sc.owen(mixed, tree, 4)
    assert close(credit, [float(c) for c in oracle.winter(game_of(table), tree, 4)], scale, np.float64)
    assert close(credit, 2.0 * sc.owen(one, tree) - 0.5 * sc.owen(two, tree) + np.arange(4), scale, np.float64)


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
    with mock.patch("shapley_kernels.trees.CELLS", 1000):
        assert np.array_equal(sc.owen(batch, labels, levels=levels), credit)
    for part in (slice(3), slice(3, 4), slice(4, None)):
        assert np.array_equal(sc.owen(batch[part], labels, levels=levels), credit[part])


def test_every_kernel_on_trees_says_which_axes_are_members() -> None:
    """All but tables, whose entries have the members' names."""
    on_trees = {(form, game) for form, game in MAKERS if find_spec(f"shapley_kernels.{form}.tree")}
    assert set(forests.AXES) == on_trees - {("table", "solve")}
    rng = np.random.default_rng(3)
    for form, game in forests.AXES:
        arguments = MAKERS[form, game](rng, 5, 3, np.float64)
        assert [len(kinds) for kinds in forests.AXES[form, game]] == [max(np.ndim(a) - 1, 0) for a in arguments]


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


# Ways to a tree.


def levels_of(tree: CoalitionTree) -> list[frozenset[frozenset[int]]]:
    """The unions of every level."""
    keys = [[tuple(tree.labels[: level + 1, i]) for i in range(tree.k)] for level in range(len(tree.labels))]
    return [frozenset(frozenset(i for i in range(tree.k) if key[i] == one) for one in key) for key in keys]


@given(data=st.data())
def test_ways_to_a_tree_agree(data: Draw) -> None:
    """Two levels of consecutive unions, as nested lists, as labels and as spans of text."""
    k = data.draw(st.integers(1, 7))
    fine = sorted({0, k, *data.draw(st.sets(st.integers(0, k)))})
    coarse = sorted({0, k, *data.draw(st.sets(st.sampled_from(fine)))})
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=k, max_size=k))
    ends = list(accumulate(sizes))
    members = [(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    starts = [start for start, _ in members]
    spans = [[(starts[a], ends[b - 1]) for a, b in pairwise(cuts)] for cuts in (coarse, fine)]
    shuffled = [data.draw(st.permutations(level)) for level in spans]
    nested = [[list(range(a, b)) for a, b in pairwise(fine) if low <= a and b <= high] for low, high in pairwise(coarse)]
    labels = [[sum(cut <= i for cut in cuts) for i in range(k)] for cuts in (coarse, fine)]
    made = [
        CoalitionTree.from_nested(nested),
        CoalitionTree.from_labels(*labels),
        CoalitionTree.from_labels(np.array(labels[0]), labels[1]),
        CoalitionTree.from_spans(members, *shuffled),
    ]
    table = data.draw(tables(k))
    credit = sc.owen(table, made[0])
    for tree in made:
        assert (tree.k, tree.depth, tree.labels.shape) == (k, 3, (2, k))
        assert levels_of(tree) == levels_of(made[0])
        assert tree.budget() == made[0].budget()
        assert str(tree) == str(made[0])
        assert close(sc.owen(table, tree), credit, np.abs(table).max(), np.float64)
    two_levels = CoalitionTree.from_nested([union for part in nested for union in part])
    assert levels_of(CoalitionTree.from_spans(members, spans[1])) == levels_of(two_levels)
    assert levels_of(CoalitionTree.from_labels(labels[1])) == levels_of(two_levels)
    assert CoalitionTree.from_spans(members).labels.shape == CoalitionTree.flat(k).labels.shape


@given(data=st.data())
def test_nested_lists_of_any_sequence(data: Draw) -> None:
    tree = data.draw(trees(6))
    made = CoalitionTree.from_nested(tree)
    again = CoalitionTree.from_nested(as_tuples(tree))
    assert np.array_equal(again.labels, made.labels)
    assert np.array_equal(CoalitionTree.from_labels(*made.labels, np.arange(6)).budget(), made.budget())
    assert CoalitionTree.flat(6).depth == CoalitionTree.from_nested(range(6)).depth == 1
    assert CoalitionTree.from_nested(np.array([[0, 5], [1, 4], [2, 3]])).labels.tolist() == [[0, 1, 2, 2, 1, 0]]
    assert CoalitionTree.from_nested([range(3), np.arange(3, 6)]).labels.tolist() == [[0, 0, 0, 1, 1, 1]]


def as_tuples(tree: Any) -> Any:
    return tuple(as_tuples(child) for child in tree) if isinstance(tree, list) else np.int32(tree)


def test_labels_may_be_booleans_and_unsigned() -> None:
    table = np.arange(16.0) ** 2
    credit = sc.owen(table, [[0, 2], [1, 3]])
    for labels in (np.array([True, False, True, False]), np.array([3, 0, 3, 0], np.uint8), np.array([-1, 4, -1, 4])):
        assert np.array_equal(sc.owen(table, labels), credit)


def test_a_tree_prints() -> None:
    tree = CoalitionTree.from_labels([[0, 0, 1], [0, 1, 1]])
    assert repr(tree) == str(tree) == "CoalitionTree(k=3, depth=2, groups=(2,))"
    assert repr(CoalitionTree.flat(3)) == "CoalitionTree(k=3, depth=1)"
    assert str(CoalitionTree.flat(2)) == "k = 2, depth 1\n+- 0\n+- 1"


# The coalitions that a function is asked for.


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


# Published values.


def voting(quota: int, weights: Sequence[int]) -> Callable[[tuple[int, ...]], bool]:
    return lambda coalition: sum(weights[i] for i in coalition) >= quota


def gloves(coalition: tuple[int, ...]) -> int:
    """Member 0 owns a left glove, 1 and 2 own right ones; a pair is worth 1."""
    return int(0 in coalition and len(coalition) > 1)


CLASSIC: list[tuple[Any, list[list[int]], list[Fraction | int]]] = [
    (u.Max([8.0, 11.0, 13.0, 18.0]), [[0, 3], [1, 2]], [2, Fraction(11, 4), Fraction(15, 4), Fraction(19, 2)]),
    (gloves, [[0, 1], [2]], [Fraction(3, 4), Fraction(1, 4), 0]),
    (
        voting(30, [28, 16, 5, 4, 3, 3]),
        [[0], [1, 3, 5], [2, 4]],
        [Fraction(1, 3), *[Fraction(1, 9), Fraction(1, 6)] * 2, Fraction(1, 9)],
    ),
    (voting(65, [48, 37, 27, 17]), [[0, 3], [1], [2]], [Fraction(2, 3), 0, 0, Fraction(1, 3)]),
]


@pytest.mark.parametrize(("utility", "unions", "published"), CLASSIC, ids=["airport", "gloves", "six voters", "Madrid 2015"])
def test_published_owen_values(utility: Any, unions: list[list[int]], published: list[Fraction | int]) -> None:
    expected = [float(credit) for credit in published]
    assert sc.owen(utility, unions).tolist() == pytest.approx(expected, abs=1e-14)
    value = utility.value if isinstance(utility, Utility) else utility
    assert oracle.owen(lambda members: Fraction(value(members)), unions, len(published)) == published


# What is refused.

PAIRS = [[0, 1], [2]]
BEST = u.Max([1.0, 2.0, 3.0])
NAMES: Any = ["banzhaf", "banzhaf"]
MASKED = u.Max([1.0, 2.0, 3.0], mask=[True, True, False])

BAD_TREES: list[tuple[Callable[[], Any], str]] = [
    # nested lists
    (lambda: CoalitionTree.from_nested([[0, 2], [3]]), r"member 1 is missing from the coalition tree, which holds 3 members"),
    (lambda: CoalitionTree.from_nested([[0, 1], [5]]), r"member 2 is missing from the coalition tree, .*they are 0 .. 2"),
    (lambda: CoalitionTree.from_nested([[0, -1], [1]]), r"member -1 is out of range in the coalition tree"),
    (lambda: CoalitionTree.from_nested([[0, 1], [1, 2]]), r"member 1 stands twice in the coalition tree; unions must"),
    (lambda: CoalitionTree.from_nested([[0, 1], []]), r"a union of the coalition tree is empty; leave it out"),
    (lambda: CoalitionTree.from_nested([]), r"a union of the coalition tree is empty"),
    (lambda: CoalitionTree.from_nested([0.0, 1]), r"is made of member indices and sequences of them; got 0.0"),
    (lambda: CoalitionTree.from_nested([True, 0]), r"is made of member indices and sequences of them; got True"),
    (lambda: CoalitionTree.from_nested(["01", 2]), r"is made of member indices and sequences of them; got '01'"),
    (lambda: CoalitionTree.from_nested([[0, None]]), r"is made of member indices and sequences of them; got None"),
    (lambda: CoalitionTree.from_nested([{0, 1}]), r"is made of member indices and sequences of them; got \{0, 1\}"),
    (lambda: CoalitionTree.from_nested(3), r"made of nested sequences of members; got 3"),
    (lambda: CoalitionTree.flat(0), r"k must be a whole number of members >= 1; got 0"),
    (lambda: CoalitionTree.from_spans([(0, 1, 2)]), r"members: a span is a pair \(start, end\); got \(0, 1, 2\)"),  # type: ignore[list-item]
    (lambda: sc.owen(BEST, [0, 1, 2], levels=3), r"one semivalue for each of the 1 levels"),  # type: ignore[arg-type]
    # labels
    (lambda: CoalitionTree.from_labels(), r"all levels must label the same members; got shapes \[\]"),
    (lambda: CoalitionTree.from_labels([0, 1], [0, 1, 2]), r"all levels must label the same members; got shapes"),
    (lambda: CoalitionTree.from_labels([0.0, 1.0]), r"labels must be integers of shape \[..., k\]; got float64 of shape"),
    (lambda: CoalitionTree.from_labels(["a", "b"]), r"labels must be integers of shape \[..., k\]; got <U1 of shape"),
    (lambda: CoalitionTree.from_labels(3), r"labels must be integers of shape \[..., k\]; got int64 of shape \(\)"),
    (lambda: CoalitionTree.from_labels(np.zeros((2, 0), int)), r"labels must be integers of shape .*of shape \(2, 0\)"),
    (lambda: CoalitionTree.from_labels([[0, 1], [2]]), r"labels must be a rectangular array"),
    (
        lambda: CoalitionTree.from_labels(np.zeros((2, 3), int), np.zeros((4, 3), int)),
        r"leading axes do not broadcast: \[\(2, 3\), \(4, 3\)\]",
    ),
    # spans
    (lambda: CoalitionTree.from_spans([]), r"members hold no span"),
    (lambda: CoalitionTree.from_spans([(0, 1)], []), r"unions of level 1 hold no span"),
    (lambda: CoalitionTree.from_spans([(0, 1), (2, 2)]), r"members: span \(2, 2\) is empty"),
    (lambda: CoalitionTree.from_spans([(0, 1)], [(0, 1)], [(1, 0)]), r"unions of level 2: span \(1, 0\) is empty"),
    (lambda: CoalitionTree.from_spans([(4, 9), (0, 5)]), r"members: spans \(0, 5\) and \(4, 9\) overlap"),
    (lambda: CoalitionTree.from_spans([(0, 1)], [(0, 3), (2, 4)]), r"unions of level 1: spans \(0, 3\) and \(2, 4\) overlap"),
    (lambda: CoalitionTree.from_spans([(0, 1), (2, 4)], [(0, 3)]), r"member 1, span \(2, 4\), lies within no union of level 1"),
    (lambda: CoalitionTree.from_spans([(0, 2)], [(0, 1), (1, 2)]), r"member 0, span \(0, 2\), lies within no union of level 1"),
    # trees that do not fit the utility
    (lambda: sc.owen(BEST, [[0, 1], [2, 3]]), r"the coalition tree has 4 members, but the utility has k = 3"),
    (lambda: sc.owen(BEST, np.zeros((2, 4), int)), r"the coalition tree has 4 members, but the utility has k = 3"),
    (lambda: sc.owen(len, PAIRS, 4), r"the coalition tree has 3 members, but the utility has k = 4"),
    (lambda: sc.owen(BEST, PAIRS, 4), r"k = 4 was asked for, but the utility has k = 3 members"),
    (lambda: sc.owen(len, PAIRS, 3.0), r"k must be a whole number of members >= 1; got 3.0"),  # type: ignore[arg-type]
    (lambda: sc.owen(u.Max, PAIRS), r"Max is a class; make a utility of it first"),
    (lambda: sc.owen(BEST, 3), r"labels must be integers of shape \[..., k\]"),
    (
        lambda: sc.owen(u.Max(np.zeros((2, 3))), np.zeros((4, 3), int)),
        r"the leading axes of the utility \(2,\) and of the coalition tree \(4,\) do not broadcast",
    ),
    (lambda: sc.owen(len, np.arange(63)), r"a function of k = 63 members is above 62, the most that bit masks hold"),
    (
        lambda: sc.owen(len, [list(range(21))]),
        r"k = 21 members needs 2,097,152 evaluations, and more than 1,048,576 are refused",
    ),
    # levels
    (lambda: sc.owen(BEST, PAIRS, levels=[semivalues.shapley]), r"one semivalue for each of the 2 levels of the tree"),
    (lambda: sc.owen(BEST, [0, 1, 2], levels=[semivalues.banzhaf] * 2), r"one semivalue for each of the 1 levels"),
    (lambda: sc.owen(BEST, PAIRS, levels=[]), r"one semivalue for each of the 2 levels of the tree, unions first; got \[\]"),
    (lambda: sc.owen(BEST, PAIRS, levels=NAMES), r"one semivalue for each .*got \['banzhaf', 'banzhaf'\]"),
    (
        lambda: sc.owen(MASKED, PAIRS, levels=[semivalues.shapley, semivalues.of_size(1)]),
        r"of_size\(1\) counts members by size, which absent members change; leave them out or use another",
    ),
    (
        lambda: sc.owen(len, PAIRS, levels=[semivalues.shapley, semivalues.of_size(3)]),
        r"of_size\(3\) needs at least 3 members, or children on its level; got 2",
    ),
    (
        lambda: sc.owen(BEST, PAIRS, levels=[semivalues.of_weights([0.2, 0.3, 0.2]), semivalues.shapley]),
        r"these weights are for k = 3 members; got 2",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD_TREES, ids=range(len(BAD_TREES)))
def test_bad_trees_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        make()


def test_a_full_mask_counts_nobody_absent() -> None:
    levels = [semivalues.of_size(2), semivalues.shapley]
    full = sc.owen(u.Max([1.0, 2.0, 3.0], mask=[True, True, True]), PAIRS, levels=levels)
    assert np.array_equal(full, sc.owen(BEST, PAIRS, levels=levels))


def test_a_single_child_changes_no_value_under_any_rule() -> None:
    best = u.Max([1.0, 2.0, 3.0, 5.0])
    rules = [semivalues.shapley, semivalues.of_size(2), semivalues.of_size(2)]
    plain = sc.owen(best, [[0, 1], [2, 3]], levels=rules[:2])
    for nested in ([[[0, 1]], [[2, 3]]], [[[0], [1]], [[2], [3]]]):
        assert np.array_equal(sc.owen(best, nested, levels=rules), plain)
