"""Text to members and back: spans by character offsets, whatever the script."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import regex
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit.credit import segments
from shapley_credit.credit.segments import SegmentedText
from shapley_credit.credit.splitters import Splitter

from errors_seen import tolerance
from random_texts import PROSE, SPLITTERS, TEXTS


def everyone(parts: SegmentedText) -> range:
    return range(parts.tree.k)


@given(text=TEXTS, chosen=SPLITTERS)
def test_the_grand_coalition_is_the_text(text: str, chosen: list[Splitter]) -> None:
    parts = segments.segment(text, *chosen)
    assert parts.render(everyone(parts)) == text
    assert parts.render(everyone(parts)).encode("utf-8", "surrogatepass") == text.encode("utf-8", "surrogatepass")
    assert parts.render([]) == ""
    assert "".join(piece for _, piece in parts.pieces) == text
    assert parts.tree.k == len(parts.spans) + (len(set(parts.members.tolist())) > len(parts.spans))


@given(text=TEXTS, chosen=SPLITTERS, data=st.data())
def test_a_coalition_keeps_its_characters_and_no_others(text: str, chosen: list[Splitter], data: st.DataObject) -> None:
    parts = segments.segment(text, *chosen)
    inside = np.array(data.draw(st.lists(st.booleans(), min_size=parts.tree.k, max_size=parts.tree.k)))
    owner = np.full(len(text), len(parts.spans))
    for member, (start, end) in enumerate(parts.spans):
        owner[start:end] = member
    kept = "".join(character for character, member in zip(text, owner, strict=True) if inside[member])
    assert parts.render(inside) == parts.render(np.flatnonzero(inside)) == parts.render(tuple(np.flatnonzero(inside))) == kept
    pieces = [(member, piece) for member, piece in parts.pieces if not inside[member]]
    assert parts.render(inside, "\ue000").count("\ue000") - kept.count("\ue000") == len(pieces)
    seen: list[tuple[int, str]] = []

    def stand_in(member: int, piece: str) -> str:
        seen.append((member, piece))
        return piece

    assert parts.render(inside, stand_in) == text
    assert seen == pieces


@given(text=TEXTS, prose=st.lists(st.sampled_from(PROSE), min_size=1, max_size=4))
def test_prose_tiles_the_text_and_cuts_no_character(text: str, prose: list[Splitter]) -> None:
    parts = segments.segment(text, *prose)
    edges = [edge for span in parts.spans for edge in span]
    assert edges[0] == 0
    assert edges[-1] == len(text)
    assert edges[1:-1:2] == edges[2::2]
    clusters = {match.start() for match in regex.finditer(r"\X", text)}
    for start, _ in parts.spans[1:]:
        assert not text[start].isspace()
        if not any(mark in text for mark in "\u200c\u200d"):  # a joiner between what it can't join is no cluster of Unicode's
            assert start in clusters


@given(text=TEXTS, chosen=SPLITTERS)
def test_levels_are_nested_spans(text: str, chosen: list[Splitter]) -> None:
    """The tree by labels is the tree of spans, the glue a union of its own on every level."""
    parts = segments.segment(text, *chosen)
    assert parts.tree.depth == max(len(chosen), 1) or parts.tree.depth == 1
    glue = parts.tree.k > len(parts.spans)
    for depth, labels in enumerate(parts.tree.labels, start=1):
        coarse = segments.segment(text, *chosen[:depth])
        for member, (start, end) in enumerate(parts.spans):
            inside = [i for i, (low, high) in enumerate(coarse.spans) if low <= start and end <= high]
            assert inside == [labels[member] - 1]
        if glue:
            assert (labels == labels[-1]).sum() == 1


def test_splitters_find_what_a_reader_sees() -> None:
    def split(text: str, *chosen: Splitter) -> list[str]:
        return [text[start:end] for start, end in segments.segment(text, *chosen).spans]

    assert split("你好，世界！今天很好。", segments.sentences("zh")) == ["你好，世界！", "今天很好。"]
    assert split("你好，世界！今天很好。", segments.phrases()) == ["你好，", "世界！今天很好。"]
    assert split("これは文です。次だ！", segments.sentences("ja")) == ["これは文です。", "次だ！"]
    assert split("यह एक है। दूसरा।", segments.sentences("hi")) == ["यह एक है। ", "दूसरा।"]
    assert split("A b.\r\nC d.\r\n\r\nE.", segments.paragraphs, segments.sentences()) == ["A b.\r\n", "C d.\r\n\r\n", "E."]
    assert split("At 12:30, 1,000 came; they ate (a lot), or not", segments.phrases("or")) == [
        "At 12:30, ",
        "1,000 came; ",
        "they ate (a lot), ",
        "or not",
    ]
    assert split("Don't go, 世界", segments.words) == ["Don't ", "go, ", "世", "界"]
    assert split("<a>1</a><a k='v'>\n2</a ><b>3</b><a>4", segments.tagged("a")) == ["1", "\n2"]
    assert split("Hi\n 1. one\n 2) two\n    more\n３、三\n\nBye 4. no", segments.numbered) == ["one", "two\n    more", "三"]
    assert split('x [1, then ["a, ]", {"k": [1, 2]} ,3.5] y [4]', segments.json_array) == ['"a, ]"', '{"k": [1, 2]}', "3.5"]
    assert split("a，\u0301b。\ufe0f c", segments.phrases()) == ["a，\u0301", "b。\ufe0f c"]
    assert split("no [array", segments.json_array) == ["no [array"]
    assert split("a1 b22", segments.matching(r"[a-z](?P<n>\d+)", "n")) == ["1", "22"]


def test_candidates_in_unions_with_their_sentences() -> None:
    text = "Ideas:\n1. Go home. Sleep.\n2. Stay.\n"
    parts = segments.segment(text, segments.numbered, segments.sentences())
    assert [text[start:end] for start, end in parts.spans] == ["Go home. ", "Sleep.", "Stay."]
    assert parts.tree.labels.tolist() == [[1, 1, 2, 3]]
    assert [piece for member, piece in parts.pieces if member == 3] == ["Ideas:\n1. ", "\n2. ", "\n"]


# What the published segment rules get wrong.


def test_repeated_phrases_are_members_of_their_own() -> None:
    text = "very, very, very good"
    parts = segments.segment(text, segments.phrases())
    assert parts.spans == ((0, 6), (6, 12), (12, 21))
    assert parts.render([1]) == "very, "
    # A reward for the second "very, " alone pays the second member, not the first one that reads the same.
    credit = sc.owen(lambda coalition: float(1 in coalition), parts.tree)
    assert credit.tolist() == [0.0, 1.0, 0.0]


def reward_of(text: str) -> float:
    """Signed: it likes "good" and dislikes "bad"; of three words together more than of each."""
    score = text.count("good") - 2.0 * text.count("bad")
    return score + (0.5 if "good" in text and "bad" in text else 0.0)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("It is good, quite plain. It is bad.", [1, 0, -1]),  # negative in all, and the good phrase is still paid
        ("It is good, really good. It is bad, though.", [1, 1, -1, 0]),
    ],
)
def test_signs_survive_and_all_is_paid(text: str, signs: list[int]) -> None:
    parts = segments.segment(text, segments.sentences(), segments.phrases())
    credit = sc.owen(lambda coalition: reward_of(parts.render(coalition)), parts.tree)
    assert np.sign(credit).tolist() == signs
    assert abs(credit.sum() - reward_of(text)) <= tolerance(np.float64)


def test_a_reward_of_zero_still_tells_good_from_bad() -> None:
    text = "It is good, so good. It is bad."
    assert reward_of(text) == 0.5
    parts = segments.segment(text, segments.sentences(), segments.phrases())
    credit = sc.owen(lambda coalition: reward_of(parts.render(coalition)) - 0.5 * (len(coalition) == 3), parts.tree)
    assert abs(credit.sum()) <= tolerance(np.float64)
    lengths = [[3, 3, 4]]
    out = sc.token_advantages(None, np.ones((1, 10)), segment_credit=[credit], segment_lengths=lengths, spread="token")
    assert out[0, 0] > 0 > out[0, -1]


def test_text_outside_all_segments_belongs_to_the_glue() -> None:
    text = "good: <a>bad</a> good"
    parts = segments.segment(text, segments.tagged("a"))
    credit = sc.owen(lambda coalition: reward_of(parts.render(coalition)), parts.tree)
    assert parts.tree.k == 2
    assert abs(credit.sum() - reward_of(text)) <= tolerance(np.float64)
    assert credit[1] > 0 > credit[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: segments.segment(""), r"text must be a string that is not empty; got ''"),
        (
            lambda: segments.segment("abc", lambda text: [(0, 2), (1, 3)]),
            r"do not overlap; got \(0, 2\) before 1",
        ),
        (lambda: segments.segment("abc", lambda text: [(1, 4)]), r"got \(1, 4\) before 3"),
        (lambda: segments.segment("abc", lambda text: [(1, 1)]), r"non-empty spans.*got \(1, 1\)"),
        (lambda: segments.segment("abc").render([1]), r"members in 0 .. 0 or a bool array of shape \(1,\); got \[1\]"),
        (lambda: segments.segment("abc").render([0.5]), r"a coalition is a sequence of members"),
        (lambda: segments.segment("abc").render([True, False]), r"a coalition is a sequence of members"),
        (lambda: segments.segment("abc").stretches([1, 2]), r"offsets must be integers \[T, 2\]; got int64 of shape \(2,\)"),
    ],
)
def test_bad_input(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        call()


@pytest.mark.parametrize(("name", "use"), [("sentencex", segments.sentences), ("regex", lambda: segments.words("a b"))])
def test_a_missing_library_is_named_with_its_extra(name: str, use: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(sc.MissingExtraError, match=rf"needs {name}; run, in a checkout .*: pip install '\.\[text\]'"):
        use()
