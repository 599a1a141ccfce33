"""Text to a coalition tree: its parts as members, any coalition of them as a text, and its tokens as stretches of members."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from shapley_credit.coalitions import CoalitionTree, member_indices
from shapley_credit.convert import Array
from shapley_credit.credit.splitters import Splitter, apply, matching, paragraphs, phrases, sentences, tagged, words
from shapley_credit.credit.token_offsets import token_spans
from shapley_credit.credit.written_lists import Span, json_array, numbered
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import number, shown, text_of

__all__ = [
    "SegmentedText",
    "json_array",
    "matching",
    "numbered",
    "paragraphs",
    "phrases",
    "segment",
    "sentences",
    "tagged",
    "words",
]


@dataclass(frozen=True)
class SegmentedText:
    """A text as members of a coalition tree.

    Attributes:
        text: the whole text.
        spans: of the members that splitters found, half-open character offsets in text order. Equal words are distinct members.
        tree: k = len(spans) members, and one more, the last, if they leave any character: the glue, all that is between them.
        members: int [len(text)], the member of each character.

    >>> from shapley_credit.credit import segments
    >>> parts = segments.segment("Try: 1) red 2) red", segments.matching("red"))
    >>> parts.spans, parts.tree.k
    (((8, 11), (15, 18)), 3)
    >>> parts.render([1, 2])
    'Try: 1)  2) red'
    """

    text: str
    spans: tuple[Span, ...]
    tree: CoalitionTree
    members: Array

    def __len__(self) -> int:
        return int(self.tree.k)

    @property
    def pieces(self) -> list[tuple[int, str]]:
        """(member, its text) in text order; the glue may come in several pieces."""
        cuts = np.flatnonzero(np.diff(self.members)) + 1
        edges = [0, *cuts.tolist(), len(self.text)]
        return [(int(self.members[start]), self.text[start:end]) for start, end in pairwise(edges)]

    def steps(self) -> SegmentedText:
        """The text cut where its spans end, and behind the last of them: what had been written at each of these places.

        A coalition of the first members is a prefix of the text, which the glue of `render` is not.

        >>> from shapley_credit.credit import segments
        >>> parts = segments.segment("Try: 1) red 2) red!", segments.matching("red"))
        >>> [piece for _, piece in parts.steps().pieces]
        ['Try: 1) red', ' 2) red', '!']
        """
        ends = sorted({end for _, end in self.spans} | {len(self.text)})
        return segment(self.text, lambda text: list(pairwise([0, *ends])))

    def render(self, coalition: Any, absent: str | Callable[[int, str], str] = "") -> str:
        """The text of a coalition: the pieces of its members as they are, of all members the text itself, byte for byte.

        coalition: members, or booleans [k].
        absent: what stands for a piece of an absent member: nothing, a mask token, or absent(member, piece).
        """
        inside = self._inside(coalition)
        if not callable(absent):
            text_of(absent, "absent, what stands for a member left out,")
        stand_in = absent if callable(absent) else lambda member, piece: absent
        return "".join(piece if inside[member] else stand_in(member, piece) for member, piece in self.pieces)

    def _inside(self, coalition: Any) -> Array:
        try:
            named = coalition if hasattr(coalition, "ndim") else list(coalition)
        except TypeError as error:
            raise InputError(f"a coalition holds members 0 .. {len(self) - 1}; got {shown(coalition)}.") from error
        inside = np.zeros(self.tree.k, np.bool_)
        inside[member_indices(named, len(self))] = True
        return inside

    def stretches(self, offsets: Any, mask: Any = None, *, start: int = 0) -> tuple[Array, Array]:
        """Tokens as stretches of one member each, for `token_advantages`: (segment_lengths [R], segment_order [R]).

        A token belongs to the member of its first character that is no white space. One without characters goes with the token
        before it, at the start with the one behind it. Members without tokens (truncation) are in no stretch.

        offsets: [T, 2], characters of each token, half-open, as a fast tokenizer gives them; tokens that share a character
            repeat it, and a special token is (0, 0) or empty beside a token with characters.
        mask: [T], nonzero for the trainable tokens; all by default. Prompt and padding stay out.
        start: where the text starts in what was tokenized.

        Cost O(characters + tokens). Raises InputError for offsets that would put tokens at the wrong member: trainable tokens
        none of which has a character, or that are outside the text, end before they start, do not ascend, or are empty at a
        character that no token has. The first token may begin before the text and the last one end behind it.

        >>> from shapley_credit.credit import segments
        >>> parts = segments.segment("Hi you. Bye.", segments.matching(r"[^.]+[.] ?"))
        >>> lengths, order = parts.stretches([(0, 0), (0, 2), (2, 6), (6, 7), (7, 11), (11, 12), (0, 0)])
        >>> lengths.tolist(), order.tolist()
        ([4, 3], [0, 1])
        """
        number(start, "start must be a whole number of characters", lambda place: place == int(place))
        blank = np.fromiter(map(str.isspace, self.text), np.bool_, len(self.text))
        owners = self._owners(token_spans(offsets, mask, int(start), blank), blank)
        edges = np.flatnonzero(np.diff(owners, prepend=-1))
        return np.diff(edges, append=len(owners)), owners[edges]

    def _owners(self, spans: Array, blank: Array) -> Array:
        """The member of each token: that of its first character that is no white space, or that of a neighbouring token."""
        n = len(blank)
        solid = np.minimum.accumulate(np.where(blank, n, np.arange(n))[::-1])[::-1]  # the next character that is not blank
        has_text = spans[:, 0] < spans[:, 1]
        first, last = np.where(has_text, np.maximum(spans[:, 0], 0), 0), np.minimum(spans[:, 1], n)
        owners = self.members[np.where(solid[first] < last, solid[first], first)]
        if not has_text.any():  # no tokens at all
            return owners
        # The last token with text up to each one; where there is none yet, the first one with text.
        carried = np.maximum.accumulate(np.where(has_text, np.arange(len(owners)), -1))
        return owners[np.where(carried < 0, has_text.argmax(), carried)]


def segment(text: str, *splitters: Splitter) -> SegmentedText:
    """A text as members of a coalition tree, split level by level, coarse to fine; the finest parts are the members.

    text: not empty.
    splitters: those of this module, or any function from a text to half-open spans of character offsets; each is applied inside
        every part of the one before, and a part in which it finds nothing stays whole.

    Cost O(characters x levels), and that of the splitters. What no splitter claims is one more member, the glue, so that the
    grand coalition is the text itself and credits add up to its value.
    Raises InputError for an empty text and spans that overlap or are out of range.

    >>> import shapley_credit as sc
    >>> from shapley_credit.credit import segments
    >>> text = "Water boils, at 100 degrees. Ice melts.\\n\\nSo do I."
    >>> parts = segments.segment(text, segments.paragraphs, segments.sentences("en"), segments.phrases())
    >>> [piece for _, piece in parts.pieces]
    ['Water boils, ', 'at 100 degrees. ', 'Ice melts.\\n\\n', 'So do I.']
    >>> print(parts.tree)
    k = 4, depth 3
    +- 0 1 2
       +- 0 1
       +- 2
    +- 3
    >>> sc.owen(lambda coalition: len(parts.render(coalition)), parts.tree)
    array([13., 16., 12.,  8.])
    """
    if not isinstance(text, str) or not text:
        raise InputError(f"text must be a string that is not empty; got {shown(text)}.")
    parts: list[Span] = [(0, len(text))]
    levels: list[list[Span]] = []
    for depth, splitter in enumerate(splitters):
        # A part in which a splitter finds nothing stays whole; what the first splitter leaves out is glue.
        inner = [(part, apply(splitter, text[slice(*part)], part[0])) for part in parts]
        parts = [span for part, spans in inner for span in (spans or [part] * (depth > 0))]
        levels.append(parts)
    if not parts:
        parts, levels = [(0, len(text))], []
    return _member_tree(text, parts, levels[:-1])


def _member_tree(text: str, parts: list[Span], unions: Iterable[list[Span]]) -> SegmentedText:
    members = np.full(len(text), len(parts), np.int64)
    for member, (start, end) in enumerate(parts):
        members[start:end] = member
    glue = [len(text)] * bool((members == len(parts)).any())  # in unions of its own
    starts = [start for start, _ in parts] + glue
    # A member is in the last union that starts no later than it does.
    labels = [np.searchsorted([start for start, _ in spans] + glue, starts, side="right") for spans in unions]
    tree = CoalitionTree.from_labels(*labels) if labels else CoalitionTree.flat(len(starts))
    return SegmentedText(text, tuple(parts), tree, members)
