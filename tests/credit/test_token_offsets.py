"""Offsets of real tokenizers are taken as they are; those that would put every token at one member are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import InputError
from shapley_credit.credit import segments
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

Pairs = list[tuple[int, int]]
TEXT = "Hi you. Bye  now."  # members: "Hi you. " and "Bye  now."
PARTS = segments.segment(TEXT, lambda text: [(0, 8), (8, len(text))])
GOOD = [(0, 2), (2, 6), (6, 7), (8, 11), (12, 16), (16, 17)]


def trained(model: Any, trainer: Any, pre: Any, normalizer: Any = None, post: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(["Hi you. Bye now, the cat sat on the mat! étude ½ and more. " * 5], trainer)
    tokenizer.post_processor = post or processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer


MARKS = ["<s>", "</s>", "<unk>"]
ALPHABET = pre_tokenizers.ByteLevel.alphabet()
REAL = {
    "bytes": trained(
        models.BPE(),
        trainers.BpeTrainer(vocab_size=300, special_tokens=MARKS, initial_alphabet=ALPHABET),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ),
    "bytes, spaces trimmed": trained(
        models.BPE(),
        trainers.BpeTrainer(vocab_size=300, special_tokens=MARKS, initial_alphabet=ALPHABET),
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        post=processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=True),
    ),
    "sentencepiece": trained(
        models.Unigram(),
        trainers.UnigramTrainer(vocab_size=80, special_tokens=MARKS, unk_token="<unk>"),
        pre_tokenizers.Metaspace(),
        normalizers.NFKC(),
    ),
    "wordpiece": trained(
        models.WordPiece(unk_token="<unk>"),
        trainers.WordPieceTrainer(vocab_size=120, special_tokens=MARKS),
        pre_tokenizers.BertPreTokenizer(),
        normalizers.BertNormalizer(),
    ),
}
TEXTS = st.text("ab é½ﬁ好👍🏽e\u0301\u200d\n .,!A", min_size=1, max_size=30)


@pytest.mark.parametrize("name", REAL)
@given(text=TEXTS, data=st.data())
def test_real_offsets_whole_cut_and_masked(name: str, text: str, data: st.DataObject) -> None:
    parts = segments.segment(text, segments.phrases())
    offsets = REAL[name].encode(text).offsets
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, len(offsets))] * 2)))
    for first, last in ((0, len(offsets)), (0, high), (low, high)):
        chosen = offsets[first:last]
        if chosen and all(start == end for start, end in chosen):
            continue  # tokens of which none has a character are refused
        lengths, order = parts.stretches(offsets, [first <= token < last for token in range(len(offsets))])
        assert lengths.sum() == len(chosen)
        owners = np.repeat(order, lengths)
        for (start, end), owner in zip(chosen, owners.tolist(), strict=True):
            if start < end:
                assert owner in parts.members[start:end]


@given(text=TEXTS, before=TEXTS, data=st.data())
def test_real_offsets_behind_a_prompt(text: str, before: str, data: st.DataObject) -> None:
    """Tokens that reach over the edge between prompt and text may be trained or not."""
    parts = segments.segment(text, segments.phrases())
    offsets = REAL["bytes"].encode(before + text + " tail").offsets
    n = len(before)
    mask = [start < n + len(text) and end > n for start, end in offsets]
    lengths, _ = parts.stretches(offsets, mask, start=n)
    assert lengths.sum() == sum(mask)


LEGITIMATE: dict[str, tuple[Pairs, list[int], list[int]]] = {
    "plain": (GOOD, [3, 3], [0, 1]),
    "specials at the ends": ([(0, 0), (0, 0), *GOOD, (0, 0)], [5, 4], [0, 1]),
    "a special between turns": ([*GOOD[:3], (0, 0), *GOOD[3:]], [4, 3], [0, 1]),
    "an end mark behind the last character": ([*GOOD, (17, 17)], [3, 4], [0, 1]),
    "an end mark where the text was cut": ([*GOOD[:4], (11, 11)], [3, 2], [0, 1]),
    "trimmed white space": ([(0, 2), (2, 6), (6, 7), (8, 8), (8, 11), (11, 11), (12, 12), (13, 17)], [4, 4], [0, 1]),
    "a character in several tokens": ([(0, 1), (1, 2), (1, 2), (1, 3), (2, 7), (8, 17)], [5, 1], [0, 1]),
    "cut": (GOOD[:2], [2], [0]),
    "the last one over the end": ([*GOOD[:5], (16, 19)], [3, 3], [0, 1]),
    "one token for all": ([(0, 17)], [1], [0]),
    "none": ([], [], []),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_legitimate_offsets(name: str) -> None:
    offsets, lengths, order = LEGITIMATE[name]
    found = PARTS.stretches(offsets)
    assert (found[0].tolist(), found[1].tolist()) == (lengths, order)
    shifted = [(a + 4, b + 4) if (a, b) != (0, 0) else (0, 0) for a, b in offsets]
    moved = PARTS.stretches([(0, 3), *shifted], [0, *[1] * len(offsets)], start=4)
    assert (moved[0].tolist(), moved[1].tolist()) == (lengths, order)


def test_one_token_may_begin_before_the_text() -> None:
    assert PARTS.stretches([(0, 2), (2, 5), (5, 9)], [0, 1, 1], start=4)[0].tolist() == [2]
    assert PARTS.stretches([(2, 5), (2, 5), (5, 9)], start=4)[0].tolist() == [3]  # a character in two tokens
    with pytest.raises(InputError, match=r"token 1 are \(3, 6\), over an edge of the text"):
        PARTS.stretches([(2, 5), (3, 6), (6, 9)], start=4)


def test_an_empty_mask() -> None:
    for offsets in (GOOD, [(4, 4)] * 6, [(99, 3)] * 6):  # nothing is trained, so that nothing can be wrong
        assert [part.tolist() for part in PARTS.stretches(offsets, [0] * 6)] == [[], []]


WRONG: list[tuple[str, Any, str]] = [
    ("all at one place", [(4, 4)] * 6, r"token 0 are \(4, 4\), and none of the 6 trainable tokens has a character"),
    ("empty where each starts", [(0, 0), (2, 2), (6, 6), (8, 8)], r"none of the 4 trainable tokens has a character"),
    ("nothing", [(0, 0)] * 3, r"token 0 are \(0, 0\), and none of the 3"),
    ("only the first is right", [(0, 2), (2, 2), (6, 6), (8, 8)], r"token 2 are \(6, 6\), empty, at a character that no"),
    (
        "some are lost",
        [(0, 2), (4, 4), (6, 7), (8, 17)],
        r"token 1 are \(4, 4\), empty, at a character that no trainable token has",
    ),
    ("an empty one behind the text", [*GOOD, (40, 40)], r"token 6 are \(40, 40\), empty"),
    ("past the end", [*GOOD, (17, 18)], r"token 6 are \(17, 18\), outside the text; the text has the characters 0 .. 17"),
    ("all past the end", [(30, 32), (32, 36)], r"token 0 are \(30, 32\), outside the text"),
    ("two over the end", [(0, 7), (8, 18), (12, 20)], r"token 1 are \(8, 18\), over an edge of the text"),
    ("end before start", [(0, 2), (6, 2)], r"token 1 are \(6, 2\), which end before they start"),
    ("all end before they start", [(4, 0), (6, 2)], r"token 0 are \(4, 0\), which end before they start"),
    ("descending", [(8, 11), (0, 2)], r"token 1 are \(0, 2\), before those of an earlier token"),
    ("one inside another", [(0, 7), (2, 6)], r"token 1 are \(2, 6\), before those of an earlier token"),
    ("negative", [(-1, -1), *GOOD], r"token 0 are \(-1, -1\), empty"),
    ("before the text", [(-4, -1), *GOOD], r"token 0 are \(-4, -1\), outside the text"),
    ("no pairs", [1, 2], r"offsets must be integers \[T, 2\]; got int64 of shape \(2,\)"),
    ("no integers", [(0.0, 2.0)], r"offsets must be integers \[T, 2\]; got float64"),
]


@pytest.mark.parametrize(("offsets", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_offsets_are_refused(offsets: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PARTS.stretches(offsets)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: PARTS.stretches([(0, 5), *GOOD], [0, 1, 1, 1, 1, 1, 1], start=5),
            r"token 1 are \(0, 2\), outside .* 5 \.\. 22",
        ),
        (lambda: PARTS.stretches([(a + 9, b + 9) for a, b in GOOD]), r"token 3 are \(17, 20\), outside"),  # start= is forgotten
        (
            lambda: PARTS.stretches(GOOD, [1, 1]),
            r"mask must have one entry for each of the 6 tokens of offsets; got shape \(2,\)",
        ),
        (lambda: PARTS.stretches(GOOD, [[1] * 6]), r"mask must have one entry .* got shape \(1, 6\)"),
    ],
)
def test_wrong_starts_and_masks_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_bytes_for_characters_are_refused() -> None:
    text = "Ça va, très bien. Où? Là-bas, où l'été dure."
    encoded = [len(text[:place].encode()) for place in range(len(text) + 1)]
    parts = segments.segment(text, segments.phrases())
    offsets = REAL["bytes"].encode(text, add_special_tokens=False).offsets
    parts.stretches(offsets)
    with pytest.raises(InputError, match=r"outside the text.*\(not bytes\)"):
        parts.stretches([(encoded[start], encoded[end]) for start, end in offsets])


def test_the_message_says_what_to_do() -> None:
    with pytest.raises(InputError) as refused:
        PARTS.stretches([(4, 4)] * 6)
    assert str(refused.value).endswith(
        "Give each trainable token the half-open span of its characters (not bytes), special tokens (0, 0); say with start= "
        "where the text starts, and keep what is not of the text out of the mask."
    )
