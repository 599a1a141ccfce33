"""Names of members: from nested lists, label arrays and spans of a text, kept by trees, plans, estimates and explanations."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_array_equal
from shapley_credit import CoalitionTree
from shapley_credit import utilities as u

NESTED = [["ann", "bob"], ["cyd", ["dee", "eve"]]]
NAMES = ("ann", "bob", "cyd", "dee", "eve")


def test_nested_names_are_numbered_as_they_come() -> None:
    tree = CoalitionTree.from_nested(NESTED)
    assert tree.names == NAMES
    assert tree == CoalitionTree.from_nested([[0, 1], [2, [3, 4]]])
    assert hash(tree) == hash(CoalitionTree(tree.labels))
    assert CoalitionTree.from_nested(["x", "y"]) == CoalitionTree.flat(2)
    assert CoalitionTree.from_nested(np.array([["a", "b"], ["c", "d"]])).names == ("a", "b", "c", "d")
    assert str(tree).splitlines()[1:] == ["+- ann, bob", "+- cyd, dee, eve", "   +- cyd", "   +- dee, eve"]
    assert CoalitionTree.from_nested([[1, 0]]).names is None


def test_names_beside_labels_and_spans() -> None:
    assert CoalitionTree.from_labels([0, 0, 1], names=["a", "b", "c"]).names == ("a", "b", "c")
    assert CoalitionTree.from_labels([0, 1], names=np.array(["a", "b"]).tolist()).names == ("a", "b")
    assert CoalitionTree.from_labels([0, 1]).names is None
    spans = [(0, 3), (4, 9), (10, 12)]
    assert CoalitionTree.from_spans(spans, [(0, 9), (10, 12)], text="Hi! How are you").names == ("Hi!", "How a", "e ")
    assert CoalitionTree.from_spans(spans).names is None


def test_labels_that_are_texts_name_their_unions() -> None:
    """Those of a coarser union are told apart, and a member that is called as its union stands once."""
    parts = ["intro", "intro", "body", "end"]
    tree = CoalitionTree.from_labels(parts, names=["ann", "bob", "cyd", "end"])
    assert str(tree).splitlines()[1:] == ["+- intro: ann, bob", "+- body: cyd", "+- end"]
    assert str(CoalitionTree.from_labels(np.array(parts))).splitlines()[1:] == ["+- intro: 0 1", "+- body: 2", "+- end: 3"]
    deep = CoalitionTree.from_labels(list("AAABB"), ["x", "y", "y", "x", "x"])
    assert str(deep).splitlines()[1:] == ["+- A: 0 1 2", "   +- x: 0", "   +- y: 1 2", "+- B: x: 3 4"]
    mixed = CoalitionTree.from_labels([7, 7, 9], ["a", "b", "c"], names=["ann", "bob", "cyd"])
    assert mixed.union_names == (None, ("a", "b", "c"))
    assert str(mixed).splitlines()[1:] == ["+- ann, bob", "+- c: cyd"]
    assert CoalitionTree.from_labels(["a", "a", 3]).union_names == (None,)
    assert CoalitionTree.from_labels([["a", "b"], ["b", "b"]]).union_names == (("a", "b"),)
    assert str(CoalitionTree.from_labels(["\x1b[31ma", "b", "b"])).splitlines()[1:] == ["+- \\x1b[31ma: 0", "+- b: 1 2"]


def test_names_of_unions_tell_no_trees_apart() -> None:
    tree, same = CoalitionTree.from_labels(["a", "a", "b"]), CoalitionTree.from_labels(["c", "c", "d"])
    assert tree == same == CoalitionTree.from_labels([0, 0, 1])
    assert hash(tree) == hash(same)


def test_copies_keep_names() -> None:
    tree, labelled = CoalitionTree.from_nested(NESTED), CoalitionTree.from_labels(["a", "a", "b"])
    for made in (pickle.loads(pickle.dumps(tree)), copy.copy(tree), copy.deepcopy(tree)):
        assert made.names == NAMES
    for made in (pickle.loads(pickle.dumps(labelled)), copy.copy(labelled), copy.deepcopy(labelled)):
        assert made.union_names == (("a", "b"),)


def test_names_reach_estimates_and_explanations() -> None:
    tree = CoalitionTree.from_nested(NESTED)
    exact = sc.plan(tree)
    found = exact.solve(exact.coalitions.sum(axis=1))
    assert found.names == NAMES
    sampled = sc.estimate(len, CoalitionTree.from_nested([[f"m{i}", f"n{i}"] for i in range(9)]), budget=60)
    assert sampled.names is not None
    assert sampled.names[:3] == ("m0", "n0", "m1")
    assert sampled.extend(20).names == sampled.names
    assert pickle.loads(pickle.dumps(sampled)) == sampled
    assert sc.plan(5).solve(np.arange(32)).names is None
    assert sc.explain(u.Max(np.arange(5.0)), names=tree.names).names == NAMES
    assert_array_equal(sc.owen(u.Max(np.arange(5.0)), NESTED), sc.owen(u.Max(np.arange(5.0)), [[0, 1], [2, [3, 4]]]))


def test_names_move_nothing_in_a_drawing() -> None:
    assert str(CoalitionTree.from_nested([["\x1b[31ma", "b\n"]])).endswith("+- \\x1b[31ma\n+- b\\n")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "twice": (lambda: CoalitionTree.from_nested([["a"], ["a"]]), r"member 'a' stands twice in the coalition tree"),
    "beside indices": (lambda: CoalitionTree.from_nested([[0], ["b"]]), r"got 'b'. Name all members, or none"),
    "few": (lambda: CoalitionTree.from_labels([0, 1], names=["a"]), r"names must be 2 strings, one a member; got 1"),
    "a string": (lambda: CoalitionTree.from_labels([0, 1], names="ab"), r"names must be a list of 2 strings, .* got 'ab'"),
    "numbers": (lambda: CoalitionTree.from_labels([0, 1], names=["a", 1]), r"name 1 of names must be a string; got 1 of type"),  # type: ignore[list-item]
    "outside": (lambda: CoalitionTree.from_spans([(0, 2), (2, 9)], text="short"), r"member 1, span \(2, 9\), is not within"),
}


@pytest.mark.parametrize(("call", "match"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(call: Callable[[], Any], match: str) -> None:
    with pytest.raises(sc.InputError, match=match):
        call()
