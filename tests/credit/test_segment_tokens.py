"""Members to tokens, by the offsets of a real tokenizer."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapley_credit as sc
from hypothesis import given
from shapley_credit.credit import segments
from shapley_credit.credit.splitters import Splitter
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from errors_seen import tolerance
from random_texts import SPLITTERS, TEXTS


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
