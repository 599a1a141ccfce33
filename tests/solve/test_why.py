"""Explanations in words and tables: every sentence is true of its game, and names are text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import Explanation, Utility
from shapley_credit import utilities as u
from shapley_credit.testing.instances import Array

ENDS = "By itself it adds {}, and to all the others together {}. On average it adds most "

# Crafted games: a member, and what is said of it.
SAID: dict[str, tuple[Utility | Any, int, list[str]]] = {
    "duplicates": (
        u.Max([4.0, 4.0, 1.0]),
        0,
        [
            "Member 0 earns 1.833, where all members earn 4 together.",
            ENDS.format(4, 0) + "by itself.",
            "It earns less beside member 1 and member 2: it would earn 3.5 without member 1 and 2 without member 2.",
        ],
    ),
    "complements": (
        u.Moebius([[1], [1], [0]], [6.0]),
        1,
        [
            "Member 1 earns 3, where all members earn 6 together.",
            ENDS.format(0, 6) + "to all the others together.",
            "It earns more beside member 0: it would earn 0 without member 0.",
        ],
    ),
    "null player": (
        u.Moebius([[1], [1], [0]], [6.0]),
        2,
        [
            "Member 2 earns 0, where all members earn 6 together.",
            "It adds 0 on average to coalitions of every size.",
            "Whichever other member were left out, it would earn the same.",
        ],
    ),
    "a penalised pair, which shares nothing": (
        u.Moebius([[1], [1], [0]], [-0.55]),
        0,
        [
            "Member 0 earns -0.275, where all members earn -0.55 together.",
            ENDS.format(0, -0.55) + "by itself.",
            "It earns less beside member 1: it would earn 0 without member 1.",
        ],
    ),
    "negative credit": (
        u.WeightedVoting.majority([1, 1, 0]),
        2,
        [
            "Member 2 earns -0.3333, where all members earn 1 together.",
            ENDS.format(0, 0) + "by itself and to all the others together.",
            "It earns more beside member 0 and member 1: it would earn -0.5 without member 0 and -0.5 without member 1.",
        ],
    ),
    "in the middle, and many alike": (
        u.WeightedVoting([1, 1, 1, 1, 1], 3),
        0,
        [
            "Member 0 earns 0.2, where all members earn 1 together.",
            "By itself it adds 0, and to all the others together 0. On average it adds most, 1, to coalitions of 2 others.",
            (
                "It earns less beside member 1, member 2, member 3 and 1 more member: it would earn "
                "0.25 without member 1, 0.25 without member 2 and 0.25 without member 3."
            ),
        ],
    ),
    "less beside one, more beside others": (
        u.Quadratic([2.0, 0.0, 0.0, 0.0], [[0, -2, 4, 1], [-2, 0, 0, 0], [4, 0, 0, 0], [1, 0, 0, 0]]),
        0,
        [
            "Member 0 earns 3.5, where all members earn 5 together.",
            ENDS.format(2, 5) + "to all the others together.",
            "It earns less beside member 1: it would earn 4.5 without member 1.",
            "It earns more beside member 2 and member 3: it would earn 1.5 without member 2 and 3 without member 3.",
        ],
    ),
    "single member": (
        u.Max([2.0]),
        0,
        [
            "Member 0 earns 2, where all members earn 2 together.",
            "No other member is present.",
            "It earns all that the set adds to the empty set, 2.",
        ],
    ),
    "the only one that is present": (
        u.Max([9.0, 2.0], mask=[False, True]),
        1,
        [
            "Member 1 earns 2, where all members earn 2 together.",
            "No other member is present.",
            "It earns all that the set adds to the empty set, 2.",
        ],
    ),
    "absent": (
        u.Max([9.0, 2.0], mask=[False, True]),
        0,
        ["Member 0 is absent.", "It earns 0.", "What the others earn would be the same without it."],
    ),
    "a mask": (
        u.Max([4.0, 9.0, 4.0], mask=[True, False, True]),
        2,
        [
            "Member 2 earns 2, where all members earn 4 together.",
            ENDS.format(4, 0) + "by itself.",
            "It earns less beside member 0: it would earn 4 without member 0.",
        ],
    ),
    "terms": (
        0.5 * u.Max([4.0, 4.0]) - 1.0 * u.Additive([1.0, 0.0]) + 0.0 * u.Max([1.0, 1.0]),
        0,
        [
            "Member 0 earns 0, where all members earn 1 together: 1 for Max, -1 for Additive and 0 for Max 2.",
            ENDS.format(1, -1) + "by itself.",
            "It earns less beside member 1: it would earn 1 without member 1.",
        ],
    ),
    "rounding": (
        3.0 * u.Additive([0.1, 0.0]) - u.Additive([0.3, 0.0]),
        0,
        [
            "Member 0 earns 0, where all members earn 0 together: 0.3 for Additive and -0.3 for Additive 2.",
            "It adds 0 on average to coalitions of every size.",
            "Whichever other member were left out, it would earn the same.",
        ],
    ),
    "rounding of a table": (
        u.Table([0.0, 0.1, 0.2, 0.1 + 0.2, 0.2, 0.1 + 0.2, 0.4, 0.5]),
        0,
        [
            "Member 0 earns 0.1, where all members earn 0.5 together.",
            "It adds 0.1 on average to coalitions of every size.",
            "Whichever other member were left out, it would earn the same.",
        ],
    ),
    "a whole that is worth nothing": (
        u.Table([0.0, 0.1, 0.1, 0.3, 0.1, 0.3, 0.3, 0.0]),
        0,
        [
            "Member 0 earns 0, where all members earn 0 together.",
            ENDS.format(0.1, -0.3).rstrip() + ", 0.2, to coalitions of 1 other.",
            "It earns less beside member 1 and member 2: it would earn 0.15 without member 1 and 0.15 without member 2.",
        ],
    ),
}


@pytest.mark.parametrize(("utility", "i", "said"), SAID.values(), ids=list(SAID))
def test_crafted_games(utility: Any, i: int, said: list[str]) -> None:
    assert sc.explain(utility).why(i).splitlines() == said


def about(number: str, truth: float) -> bool:
    return abs(float(number) - truth) <= 1e-3 * abs(truth) + 1e-7


def check_sentences(found: Explanation, v: Any, i: int) -> None:
    """Each sentence against credits of functions that know no masks and no explanations."""
    k = len(found.names)
    text = found.why(i)
    assert 3 <= len(text.splitlines()) <= 4
    earned, whole = re.findall(r"^Member \d earns (\S+), where all members earn (\S+) together", text)[0]
    assert about(earned, sc.set_shapley(v, k)[i])
    assert about(whole, v(tuple(range(k))) - v(()))
    rest = tuple(j for j in range(k) if j != i)
    averages = [sc.set_semivalue(v, sc.semivalues.of_size(s + 1), k)[i] for s in range(k)]
    if "coalitions of every size" in text:
        assert np.ptp(averages) <= 1e-7
        assert about(re.findall(r"It adds (\S+) on average to coalitions of every", text)[0], averages[0])
    else:
        alone, last = re.findall(r"By itself it adds (\S+), and to all the others together (\S+)\. ", text)[0]
        assert about(alone, v((i,)) - v(()))
        assert about(last, v(tuple(range(k))) - v(rest))
        middle = re.findall(r"it adds most, (\S+), to coalitions of (\d) other", text)
        place = int(middle[0][1]) if middle else 0 if "adds most by itself" in text else k - 1
        assert averages[place] >= max(averages) - 1e-7
        assert not middle or (0 < place < k - 1 and about(middle[0][0], averages[place]))
    left = {j: sc.set_shapley(restricted(v, rest_of(k, j)), k - 1)[rest_of(k, j).index(i)] for j in rest}
    here = float(found.credit[i])
    for words, direction in (("earns less beside", 1), ("earns more beside", -1)):
        true = {j for j in rest if direction * (left[j] - here) > 1e-6}
        line = next((line for line in text.splitlines() if words in line), "")
        assert bool(line) == bool(true)
        pairs = re.findall(r"(\S+) without member (\d)", line)
        assert {int(j) for _, j in pairs} <= true
        assert len(pairs) == min(len(true), 3)
        assert all(about(number, left[int(j)]) for number, j in pairs)
        more = re.findall(r"and (\d) more member", line)
        assert len(true) == len(pairs) + int(more[0] if more else 0)
    assert ("Whichever other member" in text) == all(abs(value - here) <= 1e-6 for value in left.values())


def rest_of(k: int, j: int) -> list[int]:
    return [i for i in range(k) if i != j]


def restricted(v: Any, members: list[int]) -> Any:
    return lambda coalition: v(tuple(members[i] for i in coalition))


@settings(max_examples=60)
@given(values=st.lists(st.integers(-3, 3), min_size=32, max_size=32), k=st.integers(2, 5))
def test_every_sentence_is_true(values: list[int], k: int) -> None:
    table = np.array(values, np.float64)

    def v(coalition: tuple[int, ...]) -> float:
        return float(table[sum(1 << i for i in coalition)])

    found = sc.explain(v, k)
    for i in range(k):
        check_sentences(found, v, i)


def test_a_name_of_several_words_stands_in_quotes() -> None:
    text = sc.explain(u.Max([2.0, 2.0, 1.0]), names=["answer 3", "bob", "7"]).why(0).splitlines()
    assert text[0] == 'Member "answer 3" earns 0.8333, where all members earn 2 together.'
    assert text[2] == "It earns less beside bob and member 7: it would earn 1.5 without bob and 1 without member 7."
    assert '"answer 3"' in sc.explain(u.Max([2.0, 2.0]), names=["answer 3", "bob"]).why(1)


def test_sentences_are_those_of_both_dtypes() -> None:
    scores = np.array([3.0, 3.0, 1.5, 0.1])
    both = [sc.explain(u.Max(scores.astype(dtype)) + u.LogSumExp(scores.astype(dtype))) for dtype in (np.float32, np.float64)]
    for i in range(4):
        assert both[0].why(i) == both[1].why(i)


# Tables.

EVIL = ["[red]x[/nope]", "\x1b[31m\x1b]0;t\x07<script>alert(1)</script>", "a\nb\r\u202etfel\ud800", "long " * 40]


def explained(names: list[str] | None = None, mask: Any = None) -> Explanation:
    scores: Array = np.array([1.0, 3.0, 2.0, 2.0])
    return sc.explain(0.5 * u.Max(scores, mask=mask) + u.Mean(scores, mask=mask), names=names)


def test_plain_text() -> None:
    assert str(explained(list("abcd"), [True, True, False, True])).splitlines() == [
        "member   credit     Max      Mean  alone  to all others",
        "a       0.08333  0.1667  -0.08333    1.5           -0.5",
        "b         2.333  0.9167     1.417    4.5              1",
        "c        absent",
        "d         1.083  0.4167    0.6667      3              0",
    ]
    assert repr(explained()) == "Explanation(k=4, terms=Max, Mean)"
    groups = sc.explain(u.Max(np.ones((2, 3))))
    assert str(groups) == repr(groups) == "Explanation(k=3, groups=(2,), terms=Max)"
    assert groups._repr_html_() is None
    *_, last, more = str(sc.explain(u.Max(np.ones(43)))).splitlines()
    assert (last.split(), more) == (["39", "0.02326", "1", "0"], "and 3 more members")


def test_names_move_nothing_on_a_terminal() -> None:
    found = explained(EVIL)
    for text in (str(found), *(found.why(i) for i in range(4))):
        assert all(character.isprintable() or character == "\n" for character in text)
        assert max(map(len, text.splitlines())) <= 350  # at most six names
    assert len(str(found).splitlines()) == 5
    assert [len(found.why(i).splitlines()) for i in range(4)] == [3, 3, 3, 3]
    assert r"Member \x1b[31m\x1b]0;t\x07<script>alert(1)<..." in found.why(1)


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_is_a_table_of_text() -> None:
    parser, html = Cells(), explained(EVIL)._repr_html_()
    assert html is not None
    parser.feed(html)
    assert parser.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert parser.texts[:6] == ["member", "credit", "Max", "Mean", "alone", "to all others"]
    assert r"\x1b[31m\x1b]0;t\x07<script>alert(1)<..." in parser.texts


@pytest.mark.checkout
def test_rich_shows_markup() -> None:
    from rich.console import Console  # needs the report extra, which the tests of the wheel do without

    console = Console(width=120, force_terminal=True, color_system="truecolor")
    with console.capture() as capture:
        console.print(explained(EVIL))
        console.print(sc.explain(u.Max(np.ones((2, 3)))))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capture.get())
    for text in ("[red]x[/nope]", r"\x1b[31m\x1b]0;t\x07<script>alert(1)<...", "to all others", "groups=(2,)"):
        assert text in shown
    assert "\x07" not in capture.get()


def test_a_member_is_asked_for_by_its_name() -> None:
    found = sc.explain(u.Max([3.0, 1.0, 2.0]), names=["ann", "bob", "bob"])
    assert found.why("ann") == found.why(0)
    with pytest.raises(sc.InputError, match="'bob' is that of 2 members"):
        found.why("bob")
    with pytest.raises(sc.InputError, match="'cyd' is that of none"):
        found.why("cyd")
