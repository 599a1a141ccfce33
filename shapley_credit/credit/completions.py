"""Sampled completions as texts in segments: which characters each token has, and which tokens each segment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from shapley_credit.coalitions import CoalitionTree
from shapley_credit.convert import Array, to_host
from shapley_credit.credit.segments import SegmentedText, segment
from shapley_credit.credit.splitters import Splitter
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import text_of, whole_numbers

# Tokens that are decoded together with those before them, so that no token is read without what it is written behind.
_CONTEXT = 16


class Decoder(Protocol):
    """A tokenizer of transformers or of tokenizers."""

    def decode(self, ids: list[int], /, *, skip_special_tokens: bool) -> str: ...


@dataclass(frozen=True)
class SegmentedCompletions:
    """Completions whose texts are cut into segments.

    Attributes:
        texts: [B], the members of each are its segments; the last may be the glue, all text that no splitter claims.
        offsets: B arrays [T_i, 2], the characters of each token.
        masks: B rows [T_i], nonzero for the trainable tokens.
    """

    texts: list[SegmentedText]
    offsets: list[Array]
    masks: list[Array]

    @cached_property
    def _stretches(self) -> list[tuple[Array, Array]]:
        return [text.stretches(*row) for text, row in self._beside(self.texts)]

    def _beside(self, texts: Sequence[SegmentedText]) -> Iterator[tuple[SegmentedText, tuple[Array, Array]]]:
        return zip(texts, zip(self.offsets, self.masks, strict=True), strict=True)

    @property
    def segment_lengths(self) -> list[Array]:
        """B arrays [R_i], trainable tokens of each stretch of one segment."""
        return [lengths for lengths, _ in self._stretches]

    @property
    def segment_order(self) -> list[Array]:
        """B arrays [R_i], the segment of each stretch."""
        return [order for _, order in self._stretches]

    def tokens(self, texts: Sequence[SegmentedText]) -> list[Array]:
        """Trainable tokens of the members of other cuts of the texts, as the steps of `segment_marginals`: B arrays [k_i]."""
        each = [(len(text), *text.stretches(*row)) for text, row in self._beside(texts)]
        return [np.bincount(order, lengths, size).astype(np.int64) for size, lengths, order in each]


def segment_completions(
    completion_ids: Sequence[Any], masks: Sequence[Any], tokenizer: Decoder, *splitters: Splitter
) -> SegmentedCompletions:
    """Completions cut into segments, with the tokens of each as they were sampled.

    A token belongs to the segment of its first character that is no white space, one without characters (the end of the text)
    to that of the token before it. A completion without text is one segment, whose text is empty.

    completion_ids: [B][T_i], as sampled: tokenizing the text again may give other tokens.
    masks: [B][T_i], nonzero for the trainable tokens.
    tokenizer: anything whose `decode(ids, skip_special_tokens=True)` gives a text, such as those of transformers.
    splitters: as in `segments.segment`, coarse to fine.

    Cost O(tokens) decodings of some 30 tokens each. Raises InputError for rows that do not go together, and as `token_offsets`
    and `segments.segment`.

    >>> from types import SimpleNamespace
    >>> from shapley_credit.credit import segments
    >>> from shapley_credit.credit.completions import segment_completions
    >>> words = ["- ", "red ", "blue "]
    >>> tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(words[i] for i in ids))
    >>> found = segment_completions([[0, 1, 0, 2]], [[1, 1, 1, 1]], tokenizer, segments.matching(r"\\w+"))
    >>> found.texts[0].text, found.texts[0].spans, found.segment_lengths[0].tolist(), found.segment_order[0].tolist()
    ('- red - blue ', ((2, 5), (8, 12)), [1, 1, 1, 1], [2, 0, 2, 1])
    """
    if len(completion_ids) != len(masks):
        raise InputError(f"completion_ids and masks must go together; got {len(completion_ids)} and {len(masks)} rows.")
    read = [token_offsets(ids, tokenizer) for ids in completion_ids]
    texts = [segment(text, *splitters) if text else _Blank() for text, _ in read]
    return SegmentedCompletions(texts, [offsets for _, offsets in read], [to_host(mask, "mask") for mask in masks])


def token_offsets(ids: Any, tokenizer: Decoder) -> tuple[str, Array]:
    """The text of sampled tokens and the characters of each, int [T, 2], half-open, as `SegmentedText.stretches` takes them.

    A token has the characters by which the text of all tokens up to it is longer than that of those before it. Tokens that
    share a character, as the bytes of one, repeat it; a token without characters has (0, 0).

    ids, tokenizer: as in `segment_completions`.

    Cost T decodings of some 30 tokens each, or of as many as stand in a row without being text yet. Raises InputError for ids
    that are no integers, and for a tokenizer that writes tokens otherwise where others stand far before them.

    >>> from types import SimpleNamespace
    >>> from shapley_credit.credit.completions import token_offsets
    >>> tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: bytes(ids).decode(errors="replace"))
    >>> text, offsets = token_offsets("né".encode(), tokenizer)
    >>> text, offsets.tolist()
    ('né', [[0, 1], [1, 2], [1, 2]])
    """
    sampled = whole_numbers(list(ids), "completion_ids").tolist()
    text = text_of(tokenizer.decode(sampled, skip_special_tokens=True), "what the tokenizer decodes")
    offsets = np.zeros((len(sampled), 2), np.int64)
    # Tokens are decoded from `first` on. What those before `anchor` decode to has `skip` characters, behind which stands
    # text[base:]; both places are between two characters, so that no byte stands without the others of its character.
    first = anchor = skip = base = place = 0
    for token in range(len(sampled)):
        offsets[token, 0] = place
        piece = tokenizer.decode(sampled[first : token + 1], skip_special_tokens=True)[skip:]
        known = _common(piece, text, base)
        place = max(place, base + known)
        # A character that is not whole yet is written as something else, and is this token's too.
        offsets[token, 1] = min(place + (known < len(piece)), len(text))
        # Bytes that are no text may be a character to who does not see all of them: no part begins among them.
        if known == len(piece) and token + 1 - anchor >= _CONTEXT and not text.endswith("\ufffd", 0, place):
            behind = tokenizer.decode(sampled[anchor : token + 1], skip_special_tokens=True)
            if behind:  # what is dropped where a text begins has been dropped
                first, anchor, skip, base = anchor, token + 1, len(behind), place
    if place < len(text):
        raise InputError(
            f"the tokenizer decodes {len(sampled)} ids to {len(text)} characters, of which only {place} can be told from its "
            "decodings of neighbouring ids; make the offsets of tokens yourself, for SegmentedText.stretches."
        )
    empty = offsets[:, :1] == offsets[:, 1:]
    return text, np.where(empty, 0, offsets)


def _common(piece: str, text: str, start: int) -> int:
    """How many first characters of a piece stand at a place of the text."""
    if text.startswith(piece, start):
        return len(piece)
    return bisect_left(range(len(piece)), True, key=lambda size: not text.startswith(piece[: size + 1], start))


class _Blank(SegmentedText):
    """A completion without text: one member that has all of its tokens, and no character."""

    def __init__(self) -> None:
        super().__init__("", (), CoalitionTree.flat(1), np.zeros(0, np.int64))

    @property
    def pieces(self) -> list[tuple[int, str]]:
        return []

    def steps(self) -> SegmentedText:
        return self

    def stretches(self, offsets: Any, mask: Any = None, *, start: int = 0) -> tuple[Array, Array]:
        count = len(offsets) if mask is None else int(np.count_nonzero(mask))
        return np.full(min(count, 1), count), np.zeros(min(count, 1), np.int64)
