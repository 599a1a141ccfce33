"""Splitters: where the parts of a text are, as half-open spans of character offsets in text order.

A splitter is any function from a text to such spans. Those of prose (`paragraphs`, `sentences`, `phrases`, `words`) tile the
text: the white space behind a part is its own, and no part starts inside a character. Those of candidates (`tagged`,
`numbered`, `json_array`, `matching`) find the candidates alone, and leave what is around them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise
from typing import Any

from shapley_credit.errors import InputError, MissingExtraError

Span = tuple[int, int]
Splitter = Callable[[str], list[Span]]

_NEWLINE = r"(?:\r\n|[\n\r\v\f\x85\u2028\u2029])"
_BLANK_LINES = re.compile(rf"{_NEWLINE}(?:[^\S\n\r\v\f\x85\u2028\u2029]*{_NEWLINE})+")
# Before white space any of these ends a phrase; the wide ones do without, in scripts that have no spaces.
_NARROW, _WIDE = r",;:)\]}\u2013\u2014\u2026\u060c\u061b\u0964", r"\uff0c\uff1b\uff1a\u3001\uff09\u300d\u300f\u3011\u2014\u2026"
_MARKER = re.compile(r"^[^\S\r\n]*\d+(?:[.)][^\S\r\n]+|[\uff0e\u3001\uff09])", re.MULTILINE)
_JOINERS = ("\u200c", "\u200d")


def _tile(text: str, cuts: Iterable[int]) -> list[Span]:
    """Spans between cuts, each moved behind white space and whatever belongs to the character before it."""
    inner = set()
    for cut in cuts:
        while 0 < cut < len(text) and (text[cut].isspace() or _continues(text, cut)):
            cut += 1
        inner.add(cut)
    return [span for span in pairwise(sorted(inner | {0, len(text)})) if span[0] < span[1]]


def _continues(text: str, place: int) -> bool:
    """Whether a mark, a joiner, a variation selector or a skin tone goes on with the character before it."""
    return (
        unicodedata.category(text[place])[0] == "M"
        or text[place] in _JOINERS
        or text[place - 1] == "\u200d"
        or "\U0001f3fb" <= text[place] <= "\U0001f3ff"
    )


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"this splitter needs {name}; run: pip install 'shapley-credit[text]'.") from error


def paragraphs(text: str) -> list[Span]:
    """Paragraphs, set apart by blank lines.

    >>> paragraphs("One.\\r\\n\\r\\nTwo,\\nthree.")
    [(0, 8), (8, 19)]
    """
    return _tile(text, (match.end() for match in _BLANK_LINES.finditer(text)))


def sentences(language: str = "en") -> Splitter:
    """Sentences by the rules and abbreviations of a language: its ISO 639 code, one of some 300, without spaces or with.

    Raises MissingExtraError without sentencex, of the extra `text`.

    >>> sentences("en")("This is Dr. Smith. Hello!")
    [(0, 19), (19, 25)]
    """
    find = _extra("sentencex").get_sentence_boundaries
    return lambda text: _tile(text, (boundary["end_index"] for boundary in find(language, text)))


def phrases(*conjunctions: str) -> Splitter:
    """Phrases: cut behind commas, semicolons, colons, dashes and closing brackets of any script, and before `conjunctions`.

    Knows no language: a mark inside a number, a time or an address does not cut, a conjunction is a whole word that you name.

    >>> phrases("and")("1,000 cats, black and white")
    [(0, 12), (12, 18), (18, 27)]
    """
    ends = rf"[{_NARROW}]+(?=\s)|[{_WIDE}]+"
    pattern = re.compile("|".join([ends, *(rf"(?<=\s)(?={re.escape(word)}\b)" for word in conjunctions)]), re.IGNORECASE)
    return lambda text: _tile(text, (match.end() for match in pattern.finditer(text)))


def words(text: str) -> list[Span]:
    """Words by the default rules of Unicode (UAX 29), with the marks and the white space behind them.

    Raises MissingExtraError without regex, of the extra `text`.

    >>> words("Don't stop, Zoë!")
    [(0, 6), (6, 12), (12, 16)]
    """
    regex = _extra("regex")
    return _tile(text, (match.start() for match in regex.finditer(r"(?w)\b(?=\w)", text)))


def tagged(tag: str) -> Splitter:
    """What stands inside <tag> and </tag>; a tag that is never closed holds no candidate.

    >>> tagged("idea")("<idea>a</idea> or <idea id='2'>b</idea>")
    [(6, 7), (31, 32)]
    """
    name = re.escape(tag)
    return matching(rf"(?s)<{name}(?:\s[^>]*)?>(.*?)</{name}\s*>", group=1)


def matching(pattern: str, group: int | str = 0) -> Splitter:
    """What a regular expression matches, or one group of it; empty matches are left out.

    >>> matching(r"(\\d+) apples", group=1)("3 apples, 12 apples")
    [(0, 1), (10, 12)]
    """
    compiled = re.compile(pattern)
    return lambda text: [span for match in compiled.finditer(text) if (span := match.span(group))[0] < span[1]]


def numbered(text: str) -> list[Span]:
    """Items of a numbered list, without their numbers: from a line's "1. " or "1) " to the next one, or to a blank line.

    >>> numbered("Ideas:\\n1. a\\n2. b\\n   c\\n\\nBye")
    [(10, 11), (15, 21)]
    """
    starts = [(match.start(), match.end()) for match in _MARKER.finditer(text)]
    items = []
    for (_, start), (stop, _) in pairwise([*starts, (len(text), 0)]):
        blank = _BLANK_LINES.search(text, start, stop)
        item = text[start : blank.start() if blank else stop].rstrip()
        if item:
            items.append((start, start + len(item)))
    return items


def json_array(text: str) -> list[Span]:
    """Elements of the first JSON array in the text, as they are written; none where there is no whole array.

    >>> json_array('Sure: ["a, b", {"c": [1]}]')
    [(7, 13), (15, 25)]
    """
    for opening in re.finditer(r"\[", text):
        elements = _elements(text, opening.end())
        if elements is not None:
            return elements
    return []


def _elements(text: str, place: int) -> list[Span] | None:
    """Spans of the elements of an array whose bracket opened just before; None if it is no JSON array."""
    decode = json.JSONDecoder().raw_decode
    found: list[Span] = []
    while True:
        start = re.compile(r"\s*").match(text, place).end()  # type: ignore[union-attr]
        if text[start : start + 1] == "]" and not found:
            return found
        try:
            end = decode(text, start)[1]
        except (json.JSONDecodeError, RecursionError):
            return None
        found.append((start, end))
        mark = re.compile(r"\s*([,\]])").match(text, end)
        if mark is None:
            return None
        if mark[1] == "]":
            return found
        place = mark.end()


def apply(splitter: Splitter, text: str, offset: int) -> list[Span]:
    """The spans that a splitter finds in a piece of text, moved by the offset of the piece; or InputError."""
    spans = sorted((int(start), int(end)) for start, end in splitter(text))
    for (start, end), (following, _) in pairwise([*spans, (len(text), len(text))]):
        if not 0 <= start < end <= following:
            raise InputError(
                f"a splitter must give non-empty spans inside the text that do not overlap; got ({start}, {end}) before "
                f"{following} in a text of {len(text)} characters."
            )
    return [(start + offset, end + offset) for start, end in spans]
