"""Splitters: where the parts of a text are, as half-open spans of character offsets in text order.

A splitter is any function from a text to such spans. Those of prose (`paragraphs`, `sentences`, `phrases`, `words`) tile the
text: the white space behind a part is its own, and no part starts inside a character. Those of candidates (`tagged`,
`matching`, and in written_lists.py `numbered` and `json_array`) find the candidates alone, and leave what is around them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise
from typing import Any

from shapley_credit.credit.written_lists import BLANK_LINES, Span
from shapley_credit.errors import InputError, MissingExtraError, install
from shapley_credit.inputs.checks import shown, text_of, whole_numbers

Splitter = Callable[[str], list[Span]]

# A narrow mark ends a phrase before white space only; a wide one anywhere, since its scripts have no spaces.
_NARROW, _WIDE = r",;:)\]}\u2013\u2014\u2026\u060c\u061b\u0964", r"\uff0c\uff1b\uff1a\u3001\uff09\u300d\u300f\u3011\u2014\u2026"
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# Characters that are read at a time to find the ends of sentences. A quotation of up to half as many is kept whole.
_WINDOW = 4000
_JOINERS = ("\u200c", "\u200d")


def _tile(text: str, cuts: Iterable[int]) -> list[Span]:
    """Spans between cuts, each moved behind white space and whatever belongs to the character before it."""
    edges = [0]
    for cut in sorted(cuts):
        if cut <= edges[-1]:  # the last cut has moved past this one
            continue
        while cut < len(text) and (text[cut].isspace() or _continues(text, cut)):
            cut += 1
        edges.append(cut)
    if edges[-1] < len(text):
        edges.append(len(text))
    return list(pairwise(edges))


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
        raise MissingExtraError(f"this splitter needs {name}; {install('text')}") from error


def paragraphs(text: str) -> list[Span]:
    """Paragraphs, set apart by blank lines. Cost O(characters).

    >>> paragraphs("One.\\r\\n\\r\\nTwo,\\nthree.")
    [(0, 8), (8, 19)]
    """
    return _tile(text, (match.end() for match in BLANK_LINES.finditer(text_of(text))))


def sentences(language: str = "en") -> Splitter:
    """Sentences by the rules and abbreviations of a language, one of some 300, named by its ISO 639 code.

    A long text is read 4000 characters at a time, so the cost is O(characters) whatever it holds; a quotation or a sentence of
    more than 2000 characters may be cut. Raises MissingExtraError without sentencex, of the extra `text`.

    >>> sentences("en")("This is Dr. Smith. Hello!")
    [(0, 19), (19, 25)]
    """
    find = _extra("sentencex").get_sentence_boundaries
    if _SURROGATES.search(text_of(language, "language")):
        raise InputError(f"language must be an ISO 639 code, such as 'en'; got {shown(language)}.")

    def ends(text: str) -> list[int]:
        return [boundary["end_index"] for boundary in find(language, text)]

    return lambda text: _tile(text, _in_windows(ends, _SURROGATES.sub("\ufffd", text_of(text))))


def _in_windows(ends: Callable[[str], list[int]], text: str) -> Iterable[int]:
    """Ends of sentences; each is found with as much text behind it as is in half a window."""
    start = 0
    while len(text) - start > _WINDOW:
        found = [end for end in ends(text[start : start + _WINDOW]) if end < _WINDOW]
        # Ends in the first half are certain; a sentence that fills it is taken up to its first end.
        found = [end for end in found if end <= _WINDOW // 2] or found[:1]
        yield from (start + end for end in found)
        start += found[-1] if found else _WINDOW // 2
    yield from (start + end for end in ends(text[start:]))


def phrases(*conjunctions: str) -> Splitter:
    """Phrases: cut behind commas, semicolons, colons, dashes and closing brackets of any script, and before `conjunctions`.

    It knows no language: a mark inside a number, a time or an address does not cut, and a conjunction is a whole word that you
    name. Cost O(characters x conjunctions).

    >>> phrases("and")("1,000 cats, black and white")
    [(0, 12), (12, 18), (18, 27)]
    """
    named = [re.escape(text_of(word, "a conjunction")) for word in conjunctions]
    # A run of marks is tried from its first mark only: tried from each, it would be read in quadratic time.
    ends = rf"(?<![{_NARROW}])[{_NARROW}]++(?=\s)|[{_WIDE}]++|[{_NARROW}](?=\s)"
    pattern = re.compile("|".join([ends, *(rf"(?<=\s)(?={word}\b)" for word in named)]), re.IGNORECASE)
    return lambda text: _tile(text, (match.end() for match in pattern.finditer(text_of(text))))


def words(text: str) -> list[Span]:
    """Words by the default rules of Unicode (UAX 29), with the marks and the white space behind them.

    Cost O(characters). Raises MissingExtraError without regex, of the extra `text`.

    >>> words("Don't stop, Zoë!")
    [(0, 6), (6, 12), (12, 16)]
    """
    regex = _extra("regex")
    return _tile(text, (match.start() for match in regex.finditer(r"(?w)\b(?=\w)", text_of(text))))


def tagged(tag: str) -> Splitter:
    """What stands inside <tag> and </tag>; a tag that is never closed holds no candidate, and a tag inside itself is text.

    Cost O(characters).

    >>> tagged("idea")("<idea>a</idea> or <idea id='2'>b</idea>")
    [(6, 7), (31, 32)]
    """
    name = re.escape(text_of(tag, "tag"))
    marks = re.compile(rf"(?P<opening><{name}(?:\s[^>]*+)?>)|</{name}\s*+>")

    def find(text: str) -> list[Span]:
        found, start = [], None
        # No tag is whole behind the last >; the search would read each opening there to the end of the text.
        for mark in marks.finditer(text_of(text), 0, text.rfind(">") + 1):
            if start is None and mark["opening"]:
                start = mark.end()
            elif start is not None and not mark["opening"]:
                found += [(start, mark.start())] * (start < mark.start())
                start = None
        return found

    return find


def matching(pattern: str, group: int | str = 0) -> Splitter:
    """What a regular expression matches, or one group of it; empty matches are left out.

    The cost is your pattern's: "<<.*?>>" reads to the end of the text from every "<<" that is not closed, in quadratic time;
    repetitions inside repetitions may never end. For hostile text write what fails soon, "<<[^<>]*+>>".

    >>> matching(r"(\\d+) apples", group=1)("3 apples, 12 apples")
    [(0, 1), (10, 12)]
    """
    try:
        compiled = re.compile(text_of(pattern, "pattern"))
    except (re.error, OverflowError) as error:
        raise InputError(f"pattern {shown(pattern)} is no regular expression: {error}.") from error
    numbered = isinstance(group, int) and not isinstance(group, bool) and 0 <= group <= compiled.groups
    if not numbered and not (isinstance(group, str) and group in compiled.groupindex):
        raise InputError(f"pattern has groups 0 .. {compiled.groups} and {list(compiled.groupindex)}; got {shown(group)}.")
    return lambda text: [span for match in compiled.finditer(text_of(text)) if (span := match.span(group))[0] < span[1]]


def _pairs(found: Any) -> list[Span]:
    """The spans that a splitter returns, in text order, as Python numbers."""
    try:
        spans = list(found)
    except Exception as error:  # the caller's object may raise anything
        raise InputError(f"a splitter must return a list of spans (start, end); got {shown(found)}.") from error
    table = whole_numbers(spans, "the spans of a splitter", "pairs (start, end) of whole numbers")
    if spans and table.shape != (len(spans), 2):
        raise InputError(f"the spans of a splitter must be pairs (start, end) of whole numbers; got {shown(found)}.")
    return sorted((start, end) for start, end in table.tolist())


def apply(splitter: Splitter, text: str, offset: int) -> list[Span]:
    """The spans that a splitter finds in a piece of text, moved by the offset of the piece; or InputError."""
    if not callable(splitter):
        raise InputError(f"a splitter must be a function from a text to spans, as segments.words is; got {shown(splitter)}.")
    spans = _pairs(splitter(text))
    for (start, end), (following, _) in pairwise([*spans, (len(text), len(text))]):
        if not 0 <= start < end <= following:
            raise InputError(
                f"a splitter must give non-empty spans inside the text that do not overlap; got ({start}, {end}) before "
                f"{following} in a text of {len(text)} characters."
            )
    return [(start + offset, end + offset) for start, end in spans]
