"""Text to members and back: spans by character offsets, whatever the script, and tokens by the offsets of a real tokenizer."""

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
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from errors_seen import tolerance

PROSE: list[Splitter] = [segments.paragraphs, segments.sentences("en"), segments.phrases("and", "but"), segments.words]

HARD = [
    "One. Two! Three?",
    "a\r\n\r\nb.\r\nC d.\r\n",
    "  \n\n leading, and trailing \n\n\n ",
    "你好，世界！今天天气很好。我们去公园吧？好的；走。",
    "これは文です。次の文です！「はい」と言った。",
    "Cafe\u0301, nai\u0308ve; e\u0301tude: re\u0301sume\u0301. Fin.",
    "👩‍👩‍👧‍👦, 👍🏽! ❤️ and 🇩🇪🇫🇷. Ok…",
    "हिन्दी में, यह एक वाक्य है। दूसरा वाक्य।",
    "مرحبا، كيف حالك؟ أنا بخير.",
    "no end, no end, no end, no end",
    "1,000.5 at 12:30 (see http://x.y/z?a=b,c); e.g. this",
    ".",
    "\r\n",
    "\u0301",
]

PIECES = st.sampled_from(
    [
        "a",
        "Bc",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\r",
        ". ",
        "! ",
        ", ",
        "。",
        "，",
        "e\u0301",
        "👩‍👧",
        "👍🏽",
        "中",
        "ア",
        "\u2028",
        "1) ",
        "and ",
        "\u200d",
    ]
)
TEXTS = st.one_of(
    st.sampled_from(HARD), st.lists(PIECES, min_size=1, max_size=25).map("".join), st.text(min_size=1, max_size=20)
)
FINDERS: list[Splitter] = [
    segments.numbered,
    segments.json_array,
    segments.tagged("x"),
    segments.matching(r"\w+"),
    lambda text: [(i, i + 1) for i in range(1, len(text), 3)],
]
SPLITTERS = st.lists(st.sampled_from([*PROSE, *FINDERS]), max_size=4)


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


# Characters to tokens.


def byte_tokenizer() -> Tokenizer:
    """Byte-level BPE without merges but for a few: most characters beyond ASCII are several tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("e", "l"), ("l", "o"), ("Ġ", "w"), (".", "Ġ")]
    pieces = ["<pad>", "<s>", "</s>", *alphabet, *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


TOKENIZER = byte_tokenizer()


def solid_character(text: str, start: int, end: int) -> int:
    """The first character of a token that is no white space, its first one if all are."""
    return next((place for place in range(start, end) if not text[place].isspace()), start)


@given(text=TEXTS, chosen=SPLITTERS)
def test_tokens_belong_to_the_members_of_their_characters(text: str, chosen: list[Splitter]) -> None:
    parts = segments.segment(text, *chosen)
    encoding = TOKENIZER.encode(text)
    lengths, order = parts.stretches(encoding.offsets)
    assert lengths.sum() == len(encoding.ids)
    assert (lengths > 0).all()
    assert (np.diff(order) != 0).all()
    owners = np.repeat(order, lengths)
    inner = range(1, len(owners) - 1)
    for token in inner:
        start, end = encoding.offsets[token]
        assert owners[token] == parts.members[solid_character(text, start, end)]
    assert owners[0] == owners[1]
    assert owners[-1] == owners[-2]


def test_a_character_in_several_tokens_and_a_token_over_an_edge() -> None:
    text = "好 well. 👍 wow"
    parts = segments.segment(text, segments.sentences())
    encoding = TOKENIZER.encode(text, add_special_tokens=False)
    assert [TOKENIZER.id_to_token(i) for i in encoding.ids][-3:] == ["Ġw", "o", "w"]
    assert (".Ġ" in encoding.tokens) == (
        len([o for o in encoding.offsets if o == (0, 1)]) == 3
    )  # both real, or the test is void
    lengths, order = parts.stretches(encoding.offsets)
    first = sum(start < text.index("👍") - 1 for start, _ in encoding.offsets)
    assert order.tolist() == [0, 1]
    assert lengths.tolist() == [first, len(encoding.ids) - first]


def test_a_token_that_begins_with_a_space_belongs_to_its_word() -> None:
    encoding = TOKENIZER.encode("a. wow", add_special_tokens=False)
    assert encoding.tokens == ["a", ".", "Ġw", "o", "w"]
    assert encoding.offsets[2] == (2, 4)
    parts = segments.segment("a. wow", segments.matching(r"a. |wow"))
    assert parts.spans == ((0, 3), (3, 6))
    lengths, order = parts.stretches(encoding.offsets)
    assert (lengths.tolist(), order.tolist()) == ([2, 3], [0, 1])


def test_left_padding_truncation_and_a_prompt() -> None:
    prompt, text = "Q: hello? ", "Yes, it is. No."
    parts = segments.segment(text, segments.sentences())
    tokenizer = byte_tokenizer()
    tokenizer.enable_truncation(len(prompt) + 13)
    tokenizer.enable_padding(direction="left", length=40, pad_id=0, pad_token="<pad>")
    encoding = tokenizer.encode(prompt + text)
    starts = np.array([start for start, _ in encoding.offsets])
    mask = np.array(encoding.attention_mask) * (starts >= len(prompt)) * (1 - np.array(encoding.special_tokens_mask))
    lengths, order = parts.stretches(encoding.offsets, mask, start=len(prompt))
    assert order.tolist() == [0, 1]
    cut = max(end for _, end in encoding.offsets) - len(prompt)  # the text was cut within the second sentence
    assert len("Yes, it is. ") < cut < len(text)
    out = sc.token_advantages(
        None, mask[None], segment_credit=[[3.0, -2.0]], segment_lengths=[lengths], segment_order=[order], spread="token"
    )
    assert (out[0][mask == 0] == 0).all()
    assert abs(out.sum() - 1.0) <= 10 * tolerance(np.float32)
    first = starts[mask != 0] < len(prompt) + len("Yes, it is. ")
    assert abs(out[0][mask != 0][first].sum() - 3.0) <= 10 * tolerance(np.float32)
    assert (out[0][mask != 0] * np.where(first, 1, -1) > 0).all()


def test_credit_lands_where_the_answer_stands() -> None:
    """Not on the first tokens of the sequence: the prompt repeats the answer, and only the mask tells them apart."""
    prompt, text = "Say good, bad: ", "good, bad"
    parts = segments.segment(text, segments.phrases())
    encoding = TOKENIZER.encode(prompt + text)
    mask = np.array([start >= len(prompt) for start, _ in encoding.offsets])
    lengths, order = parts.stretches(encoding.offsets, mask, start=len(prompt))
    segmented: dict[str, Any] = {"segment_credit": [[1.0, -2.0]], "segment_lengths": [lengths], "segment_order": [order]}
    out = sc.token_advantages(None, mask[None], **segmented)[0]
    for (start, end), value in zip(encoding.offsets, out, strict=True):
        inside = start >= len(prompt) and end > start
        assert value == ((1.0 if start < len(prompt) + len("good, ") else -2.0) if inside else 0.0)


def test_tokens_without_characters_go_with_their_neighbours() -> None:
    parts = segments.segment("ab", lambda text: [(0, 1), (1, 2)])
    assert parts.stretches(np.array([(0, 0), (0, 1), (0, 0), (1, 2), (2, 2), (0, 0)]))[1].tolist() == [0, 1]
    assert [part.tolist() for part in parts.stretches(np.zeros((0, 2), int))] == [[], []]


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
    with pytest.raises(sc.MissingExtraError, match=rf"needs {name}; run: pip install 'shapley-credit\[text\]'"):
        use()
