"""How items are called, who stands together, and what is said and drawn of their credits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.attribution.items import name_of, told_apart

from pages import run_sessions

mpl.use("agg")
import matplotlib.pyplot as plt

WORDS = ["ant", "bee", "cat", "dog"]
TREE = sc.CoalitionTree.from_nested([[0, 2], [1], [3]])


def both(kept: list[str]) -> float:
    """1 for ant and bee together, 2 more for cat, 0.5 for nothing."""
    return 0.5 + float({"ant", "bee"} <= set(kept)) + 2.0 * ("cat" in kept)


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.checkout
def test_sessions_of_the_page_run_as_printed() -> None:
    assert run_sessions("attribute.md")


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("ann", "ann"),
        ("  a\n text \t of  words ", "a text of words"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 37 + "..."),
        (" \n", "7"),
        ("", "7"),
        (b"ann", "7"),
        (3, "7"),
        (None, "7"),
        ("\x1b[31mred", r"\x1b[31mred"),
    ],
    ids=range(10),
)
def test_names(item: Any, name: str) -> None:
    assert name_of(item, 7) == name


def test_names_that_repeat_have_numbers_that_no_other_name_has() -> None:
    assert told_apart(["a", "b", "a"]) == ("a (1)", "b", "a (2)")
    assert told_apart(["a", "a", "a (1)", "a (2)"]) == ("a (3)", "a (4)", "a (1)", "a (2)")
    long = ["the same beginning of a very long document, " + end for end in ("one", "two")]
    found = sc.attribute(long, lambda kept: float(len(kept)))
    assert found.names == tuple(f"the same beginning of a very long... ({i})" for i in (1, 2))
    assert all(name in str(found) for name in found.names)
    near = ["x" * 36 + "1", "x" * 36 + "2"] * 2
    assert told_apart(near) == tuple(f"{'x' * 33}... ({i})" for i in (1, 2, 3, 4))  # equal once they are cut
    assert sc.attribute([1, 2], len, names=["x", "x"]).names == ("x (1)", "x (2)")


class Marked(str):
    """Equal to a text, and more than one."""


class Pair(NamedTuple):
    one: str
    two: str


@pytest.mark.parametrize("items", [["a", Marked("a")], [("a", "b"), Pair("a", "b")]], ids=["texts", "tuples"])
def test_items_of_other_types_are_no_plain_ones(items: list[Any]) -> None:
    seen = Counter[type]()

    def score(kept: list[Any]) -> float:
        seen.update(map(type, kept))
        return 0.0

    sc.attribute(items, score)
    assert seen == dict.fromkeys(map(type, items), 2)


SPELLINGS: dict[str, Any] = {
    "labels": ["x", "y", "x", "z"],
    "numbers": [7, 1, 7, -2],
    "array": np.array([7, 1, 7, 2]),
    "pandas": pd.Series(["x", "y", "x", "z"]),
    "polars": pl.Series(["x", "y", "x", "z"]),
    "mapping": {"ant": "x", "bee": "y", "cat": "x", "dog": "z"},
    "mapping to tuples": {"ant": ("x", 1), "bee": ("y", 1), "cat": ("x", 1), "dog": ("z", 2)},
    "labels of lists": {"x": ["ant", "cat"], "y": ["bee"], "z": ("dog",)},
    "nested names": [["ant", "cat"], "bee", ["dog"]],
    "other order": [["dog"], ["cat", "ant"], ["bee"]],
    "nested numbers": [[2, 0], [1], 3],
    "tree": TREE,
}


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_unions_are_written_in_many_ways(spelling: str) -> None:
    found = sc.attribute(WORDS, both, unions=SPELLINGS[spelling])
    assert np.allclose(found.values, sc.owen(lambda c: both([WORDS[i] for i in c]), TREE, 4), rtol=1e-12, atol=1e-15)
    assert found.tree.names == found.names == tuple(WORDS)
    together = found.tree.labels[0] == found.tree.labels[0][:, None]
    assert together.tolist() == (TREE.labels[0] == TREE.labels[0][:, None]).tolist()


def test_deeper_unions_of_names() -> None:
    found = sc.attribute(WORDS, both, unions=[["dog", ["bee", "ant"]], ["cat"]])
    wanted = sc.owen(lambda c: both([WORDS[i] for i in c]), sc.CoalitionTree.from_nested([[3, [1, 0]], [2]]), 4)
    assert np.allclose(found.values, wanted, rtol=1e-12, atol=1e-15)
    assert found.tree.depth == 3


def test_a_mapping_may_be_by_items_that_are_no_texts() -> None:
    ann, bob = object(), object()
    found = sc.attribute([ann, bob, [1]], len, unions={ann: "x", bob: "x", "2": "y"})
    assert found.tree.labels.tolist() == [[0, 0, 1]]


def test_unions_by_names_and_by_items() -> None:
    """A name comes before an item that is the same text; items without a hash have names; no item is named twice."""
    found = sc.attribute(["a", "b", "c"], len, names=["b", "a", "c"], unions={"a": "x", "b": "y", "c": "x"})
    assert found.tree.labels.tolist() == [[0, 1, 1]]
    found = sc.attribute([[1], {}, "text"], len, names=["x", "y", "z"], unions=[["x", "text"], ["y"]])
    assert found.tree.labels[0, 0] == found.tree.labels[0, 2] != found.tree.labels[0, 1]
    with pytest.raises(sc.InputError, match="unions must hold each of the 2 items once; one of them stands there twice"):
        sc.attribute(["ant", "bee"], len, names=["a", "b"], unions=[["a", "ant"], ["b"]])


@pytest.mark.parametrize(
    ("unions", "message"),
    [
        ([0, 0, 1], "one label for each of the 4 items; got 3"),
        (["x", None, "y", "y"], "label of item 1 in unions is None or NaN"),
        ([0.0, 1.0, float("nan"), 1.0], "label of item 2 in unions"),
        ({"ant": 0, "bee": 1, "cat": 1}, r"entry for each item; 'dog' has none\. Write {item: label, .*or {label: \[item, "),
        ({"x": ["ant", "bee"], "y": ["cat"]}, r"entry for each item; 'dog' has none\. Write {item: label, .*or {label: \["),
        ({"x": ["ant", "bee"], "y": ["cat", "ant", "dog"]}, r"each item once; 'ant' stands there twice\. Write {item: label"),
        ({"x": ["ant", "bee"], "y": ["cat", "dog", "dgo"]}, "entry for 'dgo', which is no item"),
        ({"x": ["ant", ["bee"]], "y": ["cat", "dog"]}, r"unions hold \['bee'\] under 'x', which is no name of an item"),
        ({"x": ["ant", "bee", "cat"], "y": "dog"}, r"'ant' has none\. Write {item: label"),
        ({}, "'ant' has none"),
        ({"ant": 0, "bee": 1, "cat": 1, "dog": 1, "dgo": 1}, "entry for 'dgo', which is no item"),
        ([["ant", "bee"], ["cat"]], "each of the 4 items once; 'dog' is missing"),
        ([["ant", "bee"], ["cat", "dgo"]], "unions name 'dgo', which is no item"),
        ([["ant", "bee"], ["cat", "dog", "ant"]], "'ant' stands twice"),
        ([["ant", 1], ["cat", "dog"]], "Name all members, or none"),
        ([[0, 1], [2]], "unions have 3 members, but there are 4 items"),
        ([[0, 1], [2, 4]], "member 3 is missing"),
        (sc.CoalitionTree.flat(3), "unions have 3 members, but there are 4 items"),
        ("xyxz", "unions must be a label for each item"),
        (5, "unions must be a label for each item"),
        (sc.CoalitionTree.from_labels([[0, 0, 1, 1], [0, 1, 1, 1]]), "one coalition tree"),
    ],
    ids=range(21),
)
def test_unions_that_are_refused(unions: Any, message: str) -> None:
    asked: list[Any] = []
    with pytest.raises(sc.InputError, match=message):
        sc.attribute(WORDS, asked.append, unions=unions)
    assert not asked


@pytest.mark.parametrize(
    ("items", "named", "message"),
    [
        ([], {}, r"items must be a list of one thing at least; got \[\]"),
        ("a text", {}, r"of a text its segments"),
        ({"a": 1}, {}, r"of a mapping its values, and its keys as names="),
        (iter(WORDS), {}, r"Pass list\(items\)"),
        (None, {}, "got None"),
        (WORDS, {"names": ["a"]}, "names must be 4 strings"),
        (WORDS, {"names": ["a", "b", "c", 4]}, "name 3 of names must be a string"),
        (WORDS, {"budget": 3}, "needs a budget of at least 12"),
        (WORDS, {"budget": -1}, "budget must be a whole number >= 0"),
        (WORDS, {"method": "guess"}, "method must be 'auto' or one of"),
        (WORDS, {"levels": (semivalues.banzhaf, semivalues.banzhaf)}, "level"),
    ],
    ids=range(11),
)
def test_items_that_are_refused(items: Any, named: dict[str, Any], message: str) -> None:
    asked: list[Any] = []
    with pytest.raises(sc.InputError, match=message):
        sc.attribute(items, asked.append, **named)
    assert not asked


def test_one_item() -> None:
    found = sc.attribute(["ant"], lambda kept: 2.0 + len(kept))
    assert (found.values.tolist(), found.empty, found.whole) == ([1.0], 2.0, 3.0)
    assert found.why(0).startswith("Member ant earns 1, where all members earn 1 together.\nNo other member is present.")


def test_why_of_exact_credit_is_that_of_its_explanation() -> None:
    found = sc.attribute(WORDS, both)
    explanation = sc.explain(lambda c: both([WORDS[i] for i in c]), 4, names=WORDS)
    assert found.explain() == explanation
    assert [found.why(word) for word in WORDS] == [explanation.why(i) for i in range(4)]
    assert "earns more beside bee" in found.why("ant")


def test_why_of_members_of_unions() -> None:
    found = sc.attribute([*WORDS, "eel"], both, unions=[0, 0, 1, 1, 1], names=["a", "b", "c", "d", "e"])
    assert found.why("a").splitlines() == [
        "Member a earns 0.5, where all members earn 3 together.",
        "By itself it adds 0, and to all the others together 1.",
        "Its union 0, with b, earns 1.",
    ]
    assert found.why(2).splitlines()[2] == "Its union 1, with d and e, earns 2."
    alone = sc.attribute(WORDS, both, unions=["x", "x", "x", "y"])
    assert len(alone.why("dog").splitlines()) == 2
    large = sc.attribute([*WORDS, "eel", "fox"], both, unions=[0] * 5 + [1])
    assert large.why("eel").splitlines() == [
        "Member eel earns 0, where all members earn 3 together.",
        "By itself it adds 0, and to all the others together 0.",
        "Its union 0 of 5 earns 3.",
    ]
    assert large.why("union 0").splitlines() == [
        "Union 0, of 5 members, earns 3, where all members earn 3 together.",
        "By itself it adds 3, and to all the others together 3.",
        "In it, cat earns 2, ant earns 0.5 and bee earns 0.5; no other earns more.",
    ]


def test_why_of_an_estimate_says_how_sure_it_is() -> None:
    items = [f"item {i}" for i in range(16)]

    def score(kept: list[str]) -> float:
        return float(len(kept) ** 2 % 7)

    found = sc.attribute(items, score, budget=60, seed=1)
    earned, error = f"{found.values[3]:.4g}", f"{found.stderr[3]:.2g}"
    assert found.why("item 3").splitlines() == [
        f'Member "item 3" earns {earned}, with a standard error of {error}, where all members earn 4 together.',
        "By itself it adds 1, and to all the others together 3.",
    ]
    few = sc.attribute(items, score, budget=40, method="permutation", seed=1)
    assert [len(few.why(name).splitlines()) for name in items].count(1) > 10  # sets of one and of all but one were not asked


def test_who_is_meant() -> None:
    text = "a document that is so long that its name is cut somewhere"
    found = sc.attribute([text, "ant", "ant"], lambda kept: float(len(kept)))
    assert found.why(text) == found.why(0) == found.why(found.names[0])
    named = sc.attribute([text, "b", "c"], lambda kept: float("b" in kept), names=["a", "c", "b"])
    assert named.why(text) == named.why("a") == named.why(0)
    assert named.why("b") == named.why(2) != named.why(1)  # a name comes before a text
    by_union = sc.attribute(["ant", "bee"], lambda kept: float(len(kept)), unions=["bee", "bee"])
    assert by_union.why("bee").startswith("Member bee")  # a union that an item is called like has another name
    assert by_union.why("union bee").startswith("Union bee, of ant and bee")
    for wrong, message in [
        ("ant", r"no item is called 'ant'; the items are .*'ant \(1\)'.*Pass its number"),
        (3, "must be in 0 .. 2; got 3"),
        (-1, "whole number"),
        (None, "whole number"),
        ("", "no item is called ''"),
    ]:
        with pytest.raises(sc.InputError, match=message):
            found.why(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ({"budget": 12}, "estimates from the scores of 12 sets"),
        ({"unions": [0, 0, 1, 1]}, "those of items in unions"),
        ({"levels": [semivalues.banzhaf]}, "those of another semivalue"),
    ],
    ids=["estimate", "unions", "semivalue"],
)
def test_what_explain_refuses(named: dict[str, Any], problem: str) -> None:
    with pytest.raises(sc.InputError, match=f"and these are {problem}.*cache="):
        sc.attribute(WORDS, both, **named).explain()


def test_pictures_and_tables() -> None:
    found = sc.attribute(WORDS, both, unions=[0, 0, 1, 1])
    steps = [*sc.attribute_progress([*WORDS, "eel", "fox", "gnu", "hen"], both)]
    axes = [
        sc.plots.bars(found),
        sc.plots.waterfall(found, empty=found.empty),
        sc.plots.tree(found, found.tree),
        sc.plots.convergence(steps),
        sc.plots.bars(steps[0]),
    ]
    titles = [axes[place].get_title(loc="left") for place in (0, 4)]
    assert titles == ["Credit of each member", "Estimated credit of each member, 95% intervals"]
    assert {"ant +0.5", "cat +2"} <= {text.get_text() for text in axes[2].texts}
    assert str(found).splitlines()[1].split() == ["ant", "0.5", "0"]
    assert found.to_frame("pandas")["name"].tolist() == WORDS
