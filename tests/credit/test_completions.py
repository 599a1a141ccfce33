"""Sampled tokens to characters and segments, by the decodings of real tokenizers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import InputError
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions, token_offsets
from shapley_credit.methods import ospo
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from random_texts import SPLITTERS, TEXTS


def with_end(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken("<end>", special=True)])
    return tokenizer


def byte_level() -> Tokenizer:
    """As of GPT-2 and Qwen: most characters beyond ASCII are several tokens, and any bytes may follow each other."""
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġw", ".Ġ", "el"]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, [("Ġ", "w"), (".", "Ġ"), ("e", "l")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return with_end(tokenizer)


def byte_fallback() -> Tokenizer:
    """As of Llama 2: a space before the first word is dropped, and a run of bytes that is no text is lost as a whole."""
    pieces = [*(f"<0x{byte:02X}>" for byte in range(256)), "<unk>", *"▁abcBc.,", "▁a", "▁▁", "▁well"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    return with_end(tokenizer)


def word_pieces() -> Tokenizer:
    """As of BERT: pieces go on with a word, and spaces before marks are taken back."""
    pieces = ["[UNK]", *"abc.,'!", *(f"##{letter}" for letter in "abc"), "do", "##n't", "n't", "'s"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    return with_end(tokenizer)


TOKENIZERS = {"bytes": byte_level(), "fallback": byte_fallback(), "pieces": word_pieces()}
KIND = pytest.mark.parametrize("kind", TOKENIZERS)


def by_prefixes(ids: list[int], tokenizer: Any) -> list[tuple[int, int]]:
    """The characters of each token, by the decoding of every prefix."""
    text, place, spans = tokenizer.decode(ids), 0, []
    for count in range(1, len(ids) + 1):
        prefix, start = tokenizer.decode(ids[:count]), place
        common = next((i for i, (a, b) in enumerate(zip(prefix, text, strict=False)) if a != b), min(len(prefix), len(text)))
        place = max(place, common)
        end = min(place + (common < len(prefix)), len(text))
        spans.append((start, end) if start < end else (0, 0))
    return spans


@st.composite
def sampled(draw: st.DrawFn, kind: str) -> list[int]:
    """Ids that a policy may sample: tokens of texts, and any others, in stretches that are often longer than a window."""
    tokenizer = TOKENIZERS[kind]
    some = st.lists(st.integers(0, tokenizer.get_vocab_size() - 1), max_size=12)
    parts = draw(st.lists(st.one_of(some, TEXTS.map(lambda text: tokenizer.encode(text).ids)), max_size=6))
    return [i for part in parts for i in part] * draw(st.integers(1, 3))


@KIND
@settings(max_examples=40)
@given(data=st.data())
def test_tokens_have_the_characters_by_which_the_text_grows(kind: str, data: st.DataObject) -> None:
    tokenizer, ids = TOKENIZERS[kind], data.draw(sampled(kind))
    text, offsets = token_offsets(ids, tokenizer)
    assert text == tokenizer.decode(ids)
    assert [tuple(span) for span in offsets.tolist()] == by_prefixes(ids, tokenizer)


@KIND
def test_tokens_without_characters_are_no_start_of_a_text(kind: str) -> None:
    """The space before a word is dropped where a text begins, and not behind any number of special tokens."""
    tokenizer = TOKENIZERS[kind]
    end: Any = tokenizer.token_to_id("<end>")
    ids = [*tokenizer.encode("a").ids, *[end] * 70, *tokenizer.encode("a a a").ids]
    assert [tuple(span) for span in token_offsets(ids, tokenizer)[1].tolist()] == by_prefixes(ids, tokenizer)


@KIND
@given(data=st.data(), chosen=SPLITTERS)
def test_every_trainable_token_is_in_one_stretch(kind: str, data: st.DataObject, chosen: Any) -> None:
    """Whatever a policy samples, and whatever tools write between; a token goes with what it writes."""
    tokenizer, ids = TOKENIZERS[kind], data.draw(sampled(kind))
    mask = data.draw(st.lists(st.integers(0, 1), min_size=len(ids), max_size=len(ids)))
    found = segment_completions([ids], [mask], tokenizer, *chosen)
    (text,), (offsets,) = found.texts, found.offsets
    written = [place for place, flag in enumerate(mask) if flag and offsets[place, 0] < offsets[place, 1]]
    if any(mask) and text.text and not written:
        with pytest.raises(InputError, match="trainable tokens has a character"):
            _ = found.segment_lengths
        return
    owners = np.repeat(found.segment_order[0], found.segment_lengths[0])
    assert len(owners) == sum(mask)
    for place in written:
        solid = [i for i in range(*offsets[place]) if not text.text[i].isspace()]
        assert owners[sum(mask[:place])] == text.members[[*solid, offsets[place, 0]][0]]


@given(text=TEXTS, chosen=SPLITTERS)
def test_segments_of_encoded_texts_are_those_of_the_tokenizers_own_offsets(text: str, chosen: Any) -> None:
    tokenizer = TOKENIZERS["bytes"]
    encoding = tokenizer.encode(text)
    ids = [*encoding.ids, tokenizer.token_to_id("<end>")]
    mask = [1] * len(ids)
    found = segment_completions([ids], [mask], tokenizer, *chosen)
    parts = segments.segment(text, *chosen)
    lengths, order = parts.stretches([*encoding.offsets, (0, 0)], mask)
    assert found.texts[0].spans == parts.spans
    assert (found.segment_lengths[0].tolist(), found.segment_order[0].tolist()) == (lengths.tolist(), order.tolist())
    assert found.tokens(found.texts)[0].tolist() == np.bincount(order, lengths, len(parts)).tolist()


def test_ids_are_read_as_sampled_and_not_as_the_text_would_be_tokenized() -> None:
    tokenizer = TOKENIZERS["bytes"]
    ids = [tokenizer.token_to_id(piece) for piece in ("a", ".", "Ġ", "w")]
    assert tokenizer.encode("a. w").ids != ids
    found = segment_completions([ids], [[1, 1, 1, 1]], tokenizer, segments.matching(r"\S+ ?"))
    assert found.segment_lengths[0].tolist() == [3, 1]


def test_glue_stands_in_several_stretches_and_holes_of_the_mask_in_none() -> None:
    tokenizer = TOKENIZERS["bytes"]
    ids = tokenizer.encode("1. el\n2. a").ids
    assert [tokenizer.decode([i]) for i in ids] == ["1", ". ", "el", "\n", "2", ". ", "a"]
    mask = [1, 1, 1, 1, 0, 1, 1]
    found = segment_completions([ids, ids], [mask, [0] * 7], tokenizer, segments.numbered)
    assert [row.tolist() for row in found.segment_lengths] == [[2, 1, 2, 1], []]
    assert [row.tolist() for row in found.segment_order] == [[2, 0, 2, 1], []]
    steps = ospo.segment_marginals(found.texts, lambda text: float(len(text))).steps
    assert [row.tolist() for row in found.tokens(steps)] == [[3, 3], [0, 0]]


def test_a_completion_without_text_is_one_segment_that_earns_nothing() -> None:
    tokenizer = TOKENIZERS["bytes"]
    end = tokenizer.token_to_id("<end>")
    ids = [[end], [], [end, end], tokenizer.encode("a. a.").ids]
    masks = [[1], [], [0, 1], [1, 1, 1, 1]]
    found = segment_completions(ids, masks, tokenizer, segments.matching(r"\S+ ?"))
    assert [len(text) for text in found.texts] == [1, 1, 1, 2]
    assert [row.tolist() for row in found.segment_lengths] == [[1], [], [1], [2, 2]]
    assert [row.tolist() for row in found.segment_order] == [[0], [], [0], [0, 1]]
    credit = ospo.segment_credit(found.texts, lambda text: 2.0 + text.count("a"))
    assert [each.values.tolist() for each in credit.estimates] == [[0.0], [0.0], [0.0], [1.0, 1.0]]
    grown = ospo.segment_marginals(found.texts, lambda text: 2.0 + text.count("a"))
    assert [row.tolist() for row in grown.values] == [[0.0], [0.0], [0.0], [1.0, 1.0]]
    assert [row.tolist() for row in found.tokens(grown.steps)] == [[1], [0], [1], [2, 2]]


@KIND
def test_long_completions_are_decoded_in_windows(kind: str) -> None:
    """What is decoded in all grows with the tokens, and not with their square."""
    tokenizer, decoded = TOKENIZERS[kind], 0
    ids = [tokenizer.token_to_id(piece) for piece in ("a", ".", "a", ",")] * 500

    def decode(part: list[int], **how: Any) -> str:
        nonlocal decoded
        decoded += len(part)
        return str(tokenizer.decode(part, **how))

    token_offsets(ids, SimpleNamespace(decode=decode))
    assert decoded <= 40 * len(ids)


def test_a_tokenizer_whose_pieces_do_not_make_its_text() -> None:
    """One that numbers its tokens, and one that writes the last token first."""
    numbers = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(chr(97 + place) for place in range(len(ids))))
    assert token_offsets([5] * 16, numbers)[1][-1].tolist() == [15, 16]
    with pytest.raises(InputError, match=r"decodes 40 ids to 40 characters, of which only 32 can be told"):
        token_offsets([5] * 40, numbers)
    backwards = SimpleNamespace(decode=lambda ids, skip_special_tokens: bytes(ids[::-1]).decode())
    assert token_offsets(list(b"abc"), backwards)[1].tolist() == [[0, 1], [0, 1], [0, 3]]


BAD: list[tuple[Any, str]] = [
    (([[1]], [], TOKENIZERS["bytes"]), "completion_ids and masks must go together; got 1 and 0 rows"),
    (([[1.0]], [[1]], TOKENIZERS["bytes"]), "completion_ids must be integers; got float64"),
    (([[1]], [[1]], SimpleNamespace(decode=lambda ids, **_: None)), "what the tokenizer decodes must be a string; got None"),
]


@pytest.mark.parametrize(("given_", "match"), BAD, ids=[match[:20] for _, match in BAD])
def test_bad_input(given_: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        segment_completions(*given_)


def test_a_mask_of_another_length_is_refused() -> None:
    found = segment_completions([TOKENIZERS["bytes"].encode("abc").ids], [[1, 1]], TOKENIZERS["bytes"])
    with pytest.raises(InputError, match="mask must have one entry for each of the 3 tokens"):
        _ = found.segment_lengths
