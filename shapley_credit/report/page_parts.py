"""The texts of a page with their segments, and everything that a page holds as blocks that a browser inflates."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.report.page_figures import Figures
from shapley_credit.report.page_rows import Rollouts, text_of_value

# Characters of text in a block, which is inflated as one: a search reads all of them, a look at a group one.
_BLOCK = 1 << 18
# Texts compress by little more beyond this.
_LEVEL = 6
# Digits of credits, and of what is added up or compared on the page.
_DIGITS, _MORE_DIGITS = 3, 6
_FIRST_ASTRAL = "\U00010000"

# Of a segment: how long it is and its credit; and, where it has them, the gap before it, its error, its union and what the
# response is worth without it.
Segments = dict[str, list[Any]]


def rounded(number: float, digits: int = _DIGITS) -> float | int:
    """A number to some digits, as short as JSON can write it."""
    short = float(f"{number:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def numbers(values: Any) -> list[float | int]:
    """Numbers with enough digits to be added up."""
    return [rounded(value, _MORE_DIGITS) for value in values]


def packed(value: Any) -> str:
    """A value as JSON, compressed, in characters of base64, none of which can end the element of a page that holds them.

    Half surrogates stay as escapes of JSON. NaN is refused.

    >>> packed("</script>").isalnum()
    False
    >>> "<" in packed("</script>" * 9)
    False
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(errors="backslashreplace"), _LEVEL)).decode()


def read_segments(given: Any, text: str, row: int) -> Segments | None:
    """The segments of a completion for a browser, whose characters are half those of UTF-16; None where it has none.

    given: a list of {start, end, credit}, and error, union and without where they are known, or its JSON; half-open, in
        characters of the text. Raises InputError for segments that overlap, leave the text or have no finite credit.
    """
    parts = sorted(_objects(given, row), key=lambda each: _place(each, "start", row))
    if not parts:
        return None
    spans = _spans(parts, len(text), row)
    wide = (
        [place for place, letter in enumerate(text) if letter >= _FIRST_ASTRAL]
        if max(text, default="") >= _FIRST_ASTRAL
        else []
    )
    ends = [0, *(end for _, end in spans)]
    found: Segments = {
        "size": [end - start + _between(wide, start, end) for start, end in spans],
        "credit": [_figure(each, "credit", row) for each in parts],
    }
    gaps = [start - end + _between(wide, end, start) for (start, _), end in zip(spans, ends, strict=False)]
    if any(gaps):
        found["gap"] = gaps
    for name in ("error", "without"):
        if any(each.get(name) is not None for each in parts):
            found[name] = [None if each.get(name) is None else _figure(each, name, row) for each in parts]
    if any(each.get("union") is not None for each in parts):
        found["union"] = [None if each.get("union") is None else str(each["union"]) for each in parts]
    return found


def _objects(given: Any, row: int) -> list[dict[str, Any]]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise InputError(f"the segments of row {row} are no JSON: {error}. Write a list of objects.") from error
    listed = [] if given is None else [*given] if isinstance(given, list | tuple) or hasattr(given, "tolist") else [given]
    if not all(isinstance(each, dict) for each in listed):
        raise InputError(f"the segments of row {row} must be a list of {{start, end, credit}}; got {shown(given)}.")
    return listed


def _spans(parts: list[dict[str, Any]], length: int, row: int) -> list[tuple[int, int]]:
    """Where ordered segments start and end. Raises InputError for those that overlap or leave the text."""
    spans, before = [], 0
    for number, each in enumerate(parts):
        start, end = _place(each, "start", row), _place(each, "end", row)
        if not before <= start <= end <= length:
            raise InputError(
                f"segment {number} of row {row} is [{start}, {end}) of {length} characters, and the one before ends at "
                f"{before}; segments must not overlap, nor leave the text."
            )
        spans.append((start, end))
        before = end
    return spans


def _place(segment: dict[str, Any], name: str, row: int) -> int:
    value = segment.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise InputError(f"{name!r} of a segment of row {row} must be a whole number of characters; got {shown(value)}.")
    return int(value)


def _figure(segment: dict[str, Any], name: str, row: int) -> float | int:
    value = segment.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name!r} of a segment of row {row} must be a finite number; got {shown(value)}.")
    return rounded(value)


def _between(places: Sequence[int], start: int, end: int) -> int:
    return sum(start <= place < end for place in places) if places else 0


def text_blocks(
    rollouts: Rollouts, found: Figures, asked: str | None, said: str, segments: str | None
) -> Iterator[tuple[int, list[Any]]]:
    """Groups in the order of the page, as blocks of about equal size: (groups in it, [[prompt, texts, segments], ..]).

    `segments` names the column of segments, None if there is none.
    """
    texts = rollouts.listed(said)
    prompts = None if asked is None else rollouts.listed(asked)
    parts = None if segments is None else rollouts.listed(segments)
    block: list[Any] = []
    size = 0
    for rows in (group.tolist() for group in found.groups):
        completions = [text_of_value(texts[row]) for row in rows]
        prompt = "" if prompts is None else text_of_value(prompts[rows[0]])
        cut = parts and [read_segments(parts[row], text, row) for row, text in zip(rows, completions, strict=True)]
        block.append([prompt, completions, cut])
        size += len(prompt) + sum(map(len, completions))
        if size >= _BLOCK:
            yield len(block), block
            block, size = [], 0
    if block:
        yield len(block), block
