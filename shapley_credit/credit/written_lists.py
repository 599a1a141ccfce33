"""Splitters for lists as language models write them: numbered lines, and JSON arrays with prose around them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shapley_credit.inputs.checks import text_of

Span = tuple[int, int]

NEWLINE = r"(?:\r\n|[\n\r\v\f\x85\u2028\u2029])"
BLANK_LINES = re.compile(rf"{NEWLINE}(?:[^\S\n\r\v\f\x85\u2028\u2029]*{NEWLINE})+")
_INDENT = re.compile(r"[^\S\r\n]*")
_MARKER = re.compile(
    r"^(?P<indent>[^\S\r\n]*+)[*_]{0,3}[(\uff08]?(?P<number>\d{1,9})"
    r"(?:[.)][*_]{0,3}[^\S\r\n]+|[\uff0e\u3001\uff09][*_]{0,3})",
    re.MULTILINE,
)
# How much deeper than its item a nested number or paragraph stands; one space is how 9. is aligned with 10.
_DEEPER = 2

_TOKEN = re.compile(
    r'\s*+(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<scalar>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity)"
    r"|(?P<mark>[\[\]{},:])|(?P<other>.))",
    re.DOTALL,
)
_MARK = _TOKEN.groupindex["mark"]
# For each state, the tokens that may follow and the state after each: two states inside arrays, four inside objects.
_AFTER_TOKEN = {
    "item": {"string": "next", "scalar": "next", "[": "item", "{": "key", "]": "close"},
    "next": {",": "item", "]": "close"},
    "key": {"string": "colon", "}": "close"},
    "colon": {":": "value"},
    "value": {"string": "pair", "scalar": "pair", "[": "item", "{": "key"},
    "pair": {",": "key", "}": "close"},
}
_WHOLE_NUMBERS = re.compile(r"[\s,0-9-]*")


def numbered(text: str) -> list[Span]:
    """Items of a numbered list, without their numbers: from a line's "1. ", "1) ", "(1) " or "**1.** " to the next one.

    Numbers count up by one, or start a list at 0 or 1; the first list may start anywhere if the next number follows. Any other
    number ("1984. was dry") starts no item. A list nested in an item, two columns deeper or more, belongs to the item. A blank
    line ends an item, unless what follows is indented as much. Cost O(characters).

    >>> numbered("Ideas:\\n1. a\\n2. b\\n   c\\n\\nBye")
    [(10, 11), (15, 21)]
    """
    markers = list(_MARKER.finditer(text_of(text)))
    indents = [len(marker["indent"].expandtabs(4)) for marker in markers]
    kept = _counted(indents, [int(marker["number"]) for marker in markers])
    stops = [*(markers[place].start() for place in kept[1:]), len(text)]
    items = []
    for place, stop in zip(kept, stops, strict=False):
        start = markers[place].end()
        item = text[start : _end_of_item(text, start, stop, indents[place])].rstrip()
        if item:
            items.append((start, start + len(item)))
    return items


def _counted(indents: list[int], numbers: list[int]) -> list[int]:
    """Places of the numbers that start an item."""
    kept: list[int] = []
    nested: int | None = None  # the indentation of the nested list that is being read
    for place, (indent, number) in enumerate(zip(indents, numbers, strict=True)):
        if nested is not None and indent >= nested:
            continue
        if kept and number <= 1 and indent >= indents[kept[-1]] + _DEEPER:
            nested = indent
            continue
        follows = number == numbers[kept[-1]] + 1 if kept else numbers[place + 1 : place + 2] == [number + 1]
        if number <= 1 or follows:
            kept.append(place)
            nested = None
    return kept


def _end_of_item(text: str, start: int, stop: int, indent: int) -> int:
    """The start of the first blank line behind which the text is not indented under the item, or `stop`."""
    for blank in BLANK_LINES.finditer(text, start, stop):
        margin = _INDENT.match(text, blank.end())
        if margin is None or len(margin[0].expandtabs(4)) < indent + _DEEPER:
            return blank.start()
    return stop


def json_array(text: str) -> list[Span]:
    """Elements of the first JSON array in the text that holds more than whole numbers, as they are written.

    An array inside another is an element of it. Commas may trail. Whole numbers alone, as in "see [1]", may be citations: the
    longest array of them, the first of equals, counts only where there is no other. Without a whole array nothing is found.
    Cost O(characters).

    >>> json_array('Sure [1]: ["a, b", {"c": [1]},]')
    [(11, 17), (19, 29)]
    """
    citation: Span | None = None
    most = 0
    for start, end in _arrays(text_of(text)):
        if not _WHOLE_NUMBERS.fullmatch(text, start + 1, end - 1):
            return _elements(text, start)
        count = text.count(",", start, end)
        if citation is None or count > most:
            citation, most = (start, end), count
    return _elements(text, citation[0]) if citation else []


def _arrays(text: str) -> Iterator[Span]:
    """Spans of the whole arrays, with their brackets, in the order in which they open.

    Linear: no bracket is read twice in the same role. Text read as strings from one bracket may be read as values from another,
    never in a third way, since outside strings a backslash ends the reading.
    """
    ends: dict[int, int] = {}
    hopeless = bytearray(len(text))
    # No array that opens behind the last ] is whole.
    place, last = text.find("["), text.rfind("]")
    while 0 <= place < last:
        if place not in ends and not hopeless[place]:
            _read_array(text, place, ends, hopeless)
        if place in ends:
            yield place, ends[place]
        place = text.find("[", place + 1)


def _read_array(text: str, start: int, ends: dict[int, int], hopeless: bytearray) -> None:
    """Read from a bracket on; note where each bracket on the way is closed, and which ones never are."""
    opened, behind = [start], [""]  # the places of brackets and braces, and the states behind what they open
    state = "item"
    for token in _TOKEN.finditer(text, start + 1):
        kind = token[_MARK] or token.lastgroup or ""
        following = _AFTER_TOKEN[state].get(kind)
        if following is None:
            break
        if following == "close":
            place, following = opened.pop(), behind.pop()
            if kind == "]":
                ends[place] = token.end()
            if not opened:
                return
        elif kind == "[" or kind == "{":
            opened.append(token.end() - 1)
            behind.append("pair" if state == "value" else "next")
        state = following
    for place in opened:
        hopeless[place] = 1


def _elements(text: str, start: int) -> list[Span]:
    """Spans of the elements of a whole array."""
    found: list[Span] = []
    begin, end, depth = -1, -1, 1
    for token in _TOKEN.finditer(text, start + 1):
        kind = token[_MARK]
        if depth == 1 and kind in (",", "]"):
            found += [(begin, end)] * (begin >= 0)
            begin = -1
        else:
            begin, end = token.start(str(token.lastgroup)) if begin < 0 else begin, token.end()
        depth += (kind in ("[", "{")) - (kind in ("]", "}"))
        if not depth:
            break
    return found
