"""Credits of unions by their names, and what is said where nothing explains a credit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import shapley_credit as sc

mpl.use("agg")
import matplotlib.pyplot as plt

WORDS = ["ant", "bee", "cat", "dog"]


def both(kept: list[str]) -> float:
    """1 for ant and bee together, 2 more for cat, 0.5 for nothing."""
    return 0.5 + float({"ant", "bee"} <= set(kept)) + 2.0 * ("cat" in kept)


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    yield
    plt.close("all")


LABELS = ["wiki", "mail", "wiki", "the old forum"]


def test_unions_keep_their_names_and_earn_what_their_items_earn() -> None:
    names = ["a", "b", "c", "d"]
    found = sc.attribute(WORDS, both, unions=LABELS, names=names)
    assert found.union_of == tuple(LABELS)
    assert {name: tuple(map(float, of)) for name, of in found.unions.items()} == {
        "wiki": (2.5, 0.0),
        "mail": (0.5, 0.0),
        "the old forum": (0.0, 0.0),
    }
    assert found.why("wiki").splitlines() == [
        "Union wiki, of a and c, earns 2.5, where all members earn 3 together.",
        "By itself it adds 2, and to all the others together 3.",
        "In it, c earns 2 and a earns 0.5.",
    ]
    assert found.why("the old forum").startswith('Union "the old forum", of d, earns 0,')
    assert found.why("c").splitlines()[2] == "Its union wiki, with a, earns 2.5."
    assert found.to_frame().column_names == ["member", "name", "union", "credit", "stderr"]
    assert found.to_frame("polars")["union"].to_list() == LABELS
    by_name = sc.attribute(WORDS, both, unions=dict(zip(WORDS, LABELS, strict=True)), names=names)
    by_label = sc.attribute(WORDS, both, unions={"wiki": ["a", "cat"], "the old forum": ["d"], "mail": ["b"]}, names=names)
    assert by_name == by_label == found
    assert sc.attribute(WORDS, both, unions=["x", "mail", "x", "the old forum"], names=names) != found
    assert {"wiki +2.5", "mail: b +0.5"} <= {text.get_text() for text in sc.plots.tree(found, found.tree).texts}
    with pytest.raises(sc.InputError, match=r"no item is called 'web'.*the unions \['wiki', 'mail', 'the old forum'\]"):
        found.why("web")


def test_a_union_earns_what_it_earns_as_an_item() -> None:
    found = sc.attribute(WORDS, lambda kept: both(kept) ** 2, unions=LABELS)
    whole = sc.attribute(
        [["ant", "cat"], ["bee"], ["dog"]], lambda kept: both([word for source in kept for word in source]) ** 2
    )
    assert np.allclose([union.credit for union in found.unions.values()], whole.values, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("unions", "names"),
    [
        (None, []),
        ([3, 1, 3, 1], ["union 3", "union 1"]),
        ([[0, 2], [1], [3]], ["union 0", "union 1", "union 2"]),
        ([["dog", ["bee", "ant"]], ["cat"]], ["union 0", "union 1"]),
        (sc.CoalitionTree.from_labels([7, 7, 2, 2]), ["union 7", "union 2"]),
        (["x" * 60, "x" * 61, "", "x" * 60], [f"{'x' * 33}... (1)", f"{'x' * 33}... (2)", "union "]),
        (sc.CoalitionTree.flat(4), []),
    ],
    ids=range(7),
)
def test_names_of_unions(unions: Any, names: list[str]) -> None:
    found = sc.attribute(WORDS, both, unions=unions)
    assert list(found.unions) == names
    assert all(found.why(name).startswith("Union ") for name in names)
    assert (found.to_frame().column_names[2] == "union") == bool(names)


def test_a_union_is_never_called_like_an_item() -> None:
    """Nor like the text that an item is, nor like another union."""
    called = {"a": "a", "b": "bee", "c": "union a", "d": "a"}
    found = sc.attribute(WORDS, both, unions=called, names=[*"abcd"])
    assert found.union_of == ("union a", "union bee", "union union a", "union a")
    assert [found.why(name).split(",")[0] for name in found.unions] == ["Union a", "Union bee", "Union union a"]
    assert found.why("a").startswith("Member a earns")
    assert found.why("bee").startswith("Member b earns")


def test_a_table_ends_with_the_unions() -> None:
    found = sc.attribute(WORDS, both, unions=LABELS)
    rows = [line.rsplit(None, 2) for line in str(found).splitlines()[1:]]
    assert [row[0] for row in rows] == [*WORDS, "union wiki", "union mail", 'union "the old forum"']
    assert rows[4:] == [["union wiki", "2.5", "0"], ["union mail", "0.5", "0"], ['union "the old forum"', "0", "0"]]
    html = found._repr_html_()
    assert html is not None
    assert "<td>union wiki</td><td>2.5</td>" in html
    assert "union" not in str(sc.attribute(WORDS, both))
    many = sc.attribute([*range(60)], lambda kept: float(len(kept) ** 2 % 7), unions=[i // 15 for i in range(60)], budget=150)
    lines = str(many).splitlines()
    assert [line.split()[:2] for line in lines[41:45]] == [["union", str(i)] for i in range(4)]
    for line, union in zip(lines[41:45], many.unions.values(), strict=True):
        assert line.split()[3:] == ["<=", f"{union.most_stderr:.2g}"]
    assert lines[45:] == ["and 20 more members"]
    single = sc.attribute([*range(9)], lambda kept: float(len(kept) ** 2 % 7), unions=["x", *[1] * 8], budget=25)
    assert "<=" not in next(line for line in str(single).splitlines() if line.startswith("union x"))


def test_a_name_of_a_union_moves_nothing_on_a_terminal() -> None:
    class Odd:
        """A label that is no text."""

        def __str__(self) -> str:
            return "\x07 bell"

    found = sc.attribute(WORDS, both, unions=["\x1b[31mred", "union \x1b[31m", Odd(), "b"])
    assert not {"\x1b", "\x07"} & {*str(found), *"".join(map(found.why, found.unions))}


def test_of_a_union_no_item_is_told_that_may_earn_nothing() -> None:
    """What is told of the largest, by the errors that there are."""
    items = [*"abcdef"]
    found = sc.attribute(items, lambda kept: float(len(kept) ** 2 % 7), unions=["x"] * 5 + ["y"], budget=20)

    def told(values: list[float], stderr: list[float]) -> str:
        made = replace(found, values=np.array([*values, 0.0]), stderr=np.array([*stderr, 0.0]))
        return made.why("x").splitlines()[-1]

    assert told([0.5, 0.1, 0.01, 0.0, -0.3], [0.1, 0.06, 0.02, 0.1, 0.1]) == (
        "In it, a earns 0.5 (standard error 0.1) and e earns -0.3 (standard error 0.1); no other earns more than twice its "
        "standard error."
    )
    assert told([0.5, 0.4, 0.3, 0.2, 0.01], [0.1, 0.1, 0.1, 0.05, 0.1]) == (
        "In it, a earns 0.5 (standard error 0.1), b earns 0.4 (standard error 0.1) and c earns 0.3 (standard error 0.1); the "
        "others earn less, or less than twice their standard errors."
    )
    assert told([0.1] * 5, [0.1] * 5) == "In it, no member earns more than twice its standard error."
    assert told([0.1, 0.2, 0.3, 0.4, 0.5], [0.01] * 5).endswith("earns 0.3 (standard error 0.01); no other earns more.")
    assert told([0.1, 0.0, 0.0, 0.0, 0.0], [0.0] * 5) == "In it, a earns 0.1, b earns 0 and c earns 0; no other earns more."
    assert told([0.1, 0.2, 0.0, 0.0, 0.0], [0.0, 0.2, 0.2, 0.1, 0.1]).startswith("In it, a earns 0.1; no other earns more than")


def test_the_error_of_a_union_is_known_up_to_a_bound() -> None:
    items = [f"{i}" for i in range(20)]
    found = sc.attribute(items, lambda kept: float(len(kept) ** 2 % 7), unions=["a"] * 2 + ["b"] + ["c"] * 17, budget=80)
    assert found.unions["a"].most_stderr == found.stderr[:2].sum() > found.stderr[:2].max() > 0
    assert found.unions["b"].most_stderr == found.stderr[2]
    bound = f"{found.unions['a'].most_stderr:.2g}"
    assert f"standard error of at most {bound}" in found.why("0").splitlines()[-1]
    assert f"standard error of at most {bound}, where" in found.why("a")
    assert "standard error of at most" not in found.why("b")


def test_what_explain_refuses_it_says_how_to_get() -> None:
    def advice(k: int) -> str:
        found = sc.attribute([*range(k)], lambda kept: float(len(kept)), budget=2 * k + 4)
        with pytest.raises(sc.InputError) as caught:
            found.explain()
        return str(caught.value)

    assert "without unions=, levels= and budget=" in advice(12)
    assert "with budget=8192, without unions=" in advice(13)
    assert sc.attribute([*range(13)], sc.batched(lambda lists: [0.0] * len(lists)), budget=8192).explain().present.sum() == 13
    assert re.search(r"all 2\^30 sets\. Attribute at most 12 of the items", advice(30))


def test_pictures_of_an_explanation_take_exact_credits() -> None:
    found = sc.attribute(WORDS, both)
    for draw in (sc.plots.pairs, sc.plots.by_size):
        ours, theirs = draw(found), draw(found.explain())
        assert [text.get_text() for text in ours.texts] == [text.get_text() for text in theirs.texts]
        for our, their in zip(ours.lines, theirs.lines, strict=True):
            assert np.array_equal(our.get_ydata(), their.get_ydata())
        with pytest.raises(sc.InputError, match="explain is of exact Shapley credits"):
            draw(sc.attribute(WORDS, both, unions=LABELS))
