"""Coalition trees: the ways to one, published values, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.random_games import nested_trees as trees
from shapley_credit.testing.random_games import tables

from family_games import close

Draw = st.DataObject


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
    (lambda: CoalitionTree.from_labels([0.0, float("nan")]), r"the label at \[1\] is None or NaN; a member that stands alone"),
    (lambda: CoalitionTree.from_labels([["a", None], ["b", "b"]]), r"the label at \[0, 1\] is None or NaN"),
    (lambda: CoalitionTree.from_labels("ab"), r"labels must be a list or an array \[..., k\], one label a member; got 'ab'"),
    (lambda: CoalitionTree.from_labels(3), r"labels must be a list or an array \[..., k\], one label a member; got 3"),
    (lambda: CoalitionTree.from_labels(np.zeros((2, 0), int)), r"labels must have shape .* got shape \(2, 0\)"),
    (lambda: CoalitionTree.from_labels([[0, 1], [2]]), r"labels must be a rectangular array"),
    (
        lambda: CoalitionTree.from_labels([[["a"], ["b", "c"]]]),
        r"labels must be a rectangular array, .*Tree.from_nested",
    ),
    (lambda: sc.owen(BEST, [0, 0, 1]), r"member 0 stands twice .* If these are labels, .* CoalitionTree.from_labels\(labels\)"),
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
    (lambda: sc.owen(BEST, 3), r"labels must be a list or an array \[..., k\]"),
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


def test_trees_are_equal_by_their_labels() -> None:
    tree = CoalitionTree.from_nested([[0, 1], [2]])
    same, renamed = CoalitionTree.from_labels([0, 0, 1]), CoalitionTree.from_labels([5, 5, 3])
    assert tree == same
    assert hash(tree) == hash(same)
    assert len({tree, same, renamed}) == 2
    assert tree != renamed
    assert tree != CoalitionTree.from_labels([[0, 0, 1]])
    assert tree != [[0, 1], [2]]
    assert CoalitionTree.flat(3) != CoalitionTree.flat(4)
    assert pickle.loads(pickle.dumps(tree)) == tree


def test_labels_of_a_tree_are_its_own() -> None:
    """Who changes the labels that a tree was made of, or tries those of the tree, changes no tree."""
    labels = np.array([0, 0, 1])
    tree = CoalitionTree.from_labels(labels)
    labels[:] = 7
    assert tree.labels.tolist() == [[0, 0, 1]]
    with pytest.raises(ValueError, match="read-only"):
        tree.labels[0, 0] = 9


def test_labels_beyond_int64_are_numbered() -> None:
    """Those that int64 holds stay as they are."""
    assert CoalitionTree.from_labels(np.array([2**63 - 1, 0], np.uint64)).labels.tolist() == [[2**63 - 1, 0]]
    assert CoalitionTree.from_labels(np.array([2**63, 0, 2**63], np.uint64)).labels.tolist() == [[0, 1, 0]]


LABELS: dict[str, Any] = {
    "list": ["intro", "body", "intro", "end", "body"],
    "tuple": ("intro", "body", "intro", "end", "body"),
    "array": np.array(["intro", "body", "intro", "end", "body"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind(kind: str) -> None:
    """They are numbered as they come, and `owen` reads them where no name of a member could be meant."""
    tree = CoalitionTree.from_labels(LABELS[kind])
    assert tree.labels.tolist() == [[0, 1, 0, 2, 1]]
    best = u.Max([5.0, 1.0, 2.0, 4.0, 3.0])
    wanted = sc.owen(best, [[0, 2], [1, 4], [3]])
    assert sc.owen(best, LABELS[kind]).tolist() == sc.owen(best, tree).tolist() == wanted.tolist()
    assert CoalitionTree.from_labels(["a", "a", "b"], [("x", 1), ("y", 1), 2.5]).labels.tolist() == [[0, 0, 1], [0, 1, 2]]


def test_names_of_members_are_no_labels() -> None:
    """A list in which no string stands twice names the members of a flat tree, as nested lists do."""
    best = u.Max([5.0, 1.0, 2.0])
    assert sc.owen(best, ["ann", "bob", "cyd"], levels=[semivalues.banzhaf]).tolist() == [3.75, 0.25, 0.75]
    with pytest.raises(sc.InputError, match=r"member 'ann' stands twice"):
        sc.owen(best, [["ann", "bob"], ["ann"]])
    with pytest.raises(sc.InputError, match=r"the label at \[1\] is None or NaN"):
        CoalitionTree.from_labels(np.array(["a", None, "a"], object))
