"""Lists as language models write them: numbers that count, and arrays between citations and prose."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit.credit import segments
from shapley_credit.credit.splitters import Splitter

NUMBERED = [
    ("plain", "Ideas:\n1. a\n2. b\n   c\n\nBye", ["a", "b\n   c"]),
    ("brackets", "1) a\n2) b\n(3) c", ["a", "b", "c"]),
    ("from nought", "0. a\n1. b", ["a", "b"]),
    ("bold numbers", "**1.** Red\n**2.** Blue", ["Red", "Blue"]),
    ("bold numbers and brackets", "__1)__ Red\n*2.* Blue", ["Red", "Blue"]),
    ("bold titles", "**1. Red**: warm\n**2. Blue**: cold", ["Red**: warm", "Blue**: cold"]),
    ("a year opens a line of prose", "It began in\n1984. was dry, though.", []),
    (
        "a year opens a line of an item",
        "1. It began in\n1984. A dry year.\n2. It ended.",
        ["It began in\n1984. A dry year.", "It ended."],
    ),
    ("a page number before the list", "See page\n12. There:\n1. a\n2. b", ["a", "b"]),
    ("all ones, as Markdown allows", "1. a\n1. b\n1. c", ["a", "b", "c"]),
    ("two lists", "Pro:\n1. a\n2. b\n\nCon:\n1. c\n2. d", ["a", "b", "c", "d"]),
    ("a list that goes on", "4. d\n5. e\n6. f", ["d", "e", "f"]),
    ("a gap is no item", "1. a\n2. b\n4. d", ["a", "b\n4. d"]),
    ("nested by three columns", "1. a\n   1. x\n   2. y\n2. b", ["a\n   1. x\n   2. y", "b"]),
    ("nested by a tab", "1. a\n\t1. x\n\t2. y\n2. b\n\t1. z", ["a\n\t1. x\n\t2. y", "b\n\t1. z"]),
    ("nested twice", "1. a\n  1. x\n    1. z\n  2. y\n2. b", ["a\n  1. x\n    1. z\n  2. y", "b"]),
    ("one column deeper is not nested", "1. a\n 1. b", ["a", "b"]),
    ("numbers that go on are not nested", "1. a\n   1. x\n2. b\n    3. c", ["a\n   1. x", "b", "c"]),
    ("bullets inside", "1. a\n   - x\n   - y\n2. b", ["a\n   - x\n   - y", "b"]),
    ("indented as a whole", "  1. a\n  2. b", ["a", "b"]),
    ("aligned to the right", " 9. i\n10. j\n11. k", ["i", "j", "k"]),
    ("paragraphs of an item", "1. a\n\n   more\n\n2. b\n\nBye", ["a\n\n   more", "b"]),
    ("items far apart", "1. a\n\n2. b\n\n3. c", ["a", "b", "c"]),
    ("decimals and sections", "1.5 kg\n2.5 kg\n1.1. x", []),
    ("full width", "\uff11\uff0e甲\n\uff12\u3001乙\n\uff08\uff13\uff09丙", ["甲", "乙", "丙"]),
    ("too long a number", "9" * 5_000 + ". a", []),
    ("windows line ends", "1. a\r\n2. b\r\n", ["a", "b"]),
]

ARRAYS = [
    ("plain", 'Sure: ["a, b", {"c": [1]}]', ['"a, b"', '{"c": [1]}']),
    ("a citation before", 'As in [1], they are: ["a", "b"]. See [2].', ['"a"', '"b"']),
    ("several citations", 'As in [1, 2] and [3,4]: ["a"]', ['"a"']),
    ("an empty array before", 'found = [] so far; then ["a"]', ['"a"']),
    ("whole numbers are candidates too", "I pick [3, 5, 7].", ["3", "5", "7"]),
    ("whole numbers behind a citation", "By [1] and [2] it is [3, -5, 7], not [1, 2, 3]", ["3", "-5", "7"]),
    ("decimals cite nothing", "By [1] it is [0.5, 2]", ["0.5", "2"]),
    ("a trailing comma", '["a", "b",]', ['"a"', '"b"']),
    ("trailing commas inside, lines", '[\n  {"a": 1,},\n  ["b",],\n]', ['{"a": 1,}', '["b",]']),
    ("nested arrays", '[["a", "b"], ["c"]]', ['["a", "b"]', '["c"]']),
    ("nested whole numbers", "By [1]: [[1, 2], [3]]", ["[1, 2]", "[3]"]),
    ("objects and literals", '[{"a": {"b": [null]}}, true, "x"]', ['{"a": {"b": [null]}}', "true", '"x"']),
    ("in a fence", '```json\n["a"]\n```', ['"a"']),
    ("boxes and links", '- [ ] todo\n- [x] done [here](u) ["a"]', ['"a"']),
    ("brackets in strings", '["a ]", "[b", "\\"]"]', ['"a ]"', '"[b"', '"\\"]"']),
    ("the whole part of a broken one", '[oops, ["a", "b"]', ['"a"', '"b"']),
    ("behind a string that never ends", 'he said ["so: ["a", "b"]', ['"a"', '"b"']),
    ("an element of a broken array", '[{"a": ["x", "y"]} and so on', ['"x"', '"y"']),
    ("cut off", '["a", "b', []),
    ("a comma alone", "[,] and [1,,2]", []),
    ("two values, wrong brackets, wrong numbers", '["a" "b"] [1} [01] {"a": 1]', []),
    ("keys need colons and quotes", '[{"a", "b"}] [{a: 1}] [{"a": }]', []),
    ("line breaks end strings", '["a\nb"]', []),
    ("unknown escapes", '["\\q", "\\u12"]', []),
]


def found(splitter: Splitter, text: str) -> list[str]:
    return [text[start:end] for start, end in splitter(text)]


@pytest.mark.parametrize(("text", "items"), [row[1:] for row in NUMBERED], ids=[row[0] for row in NUMBERED])
def test_numbered_lists(text: str, items: list[str]) -> None:
    assert found(segments.numbered, text) == items


@pytest.mark.parametrize(("text", "elements"), [row[1:] for row in ARRAYS], ids=[row[0] for row in ARRAYS])
def test_arrays(text: str, elements: list[str]) -> None:
    assert found(segments.json_array, text) == elements


def is_array(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def first_array(text: str) -> list[object]:
    """By trying every pair of brackets, in cubic time; only for texts without trailing commas."""
    arrays, place = [], 0
    while (place := text.find("[", place)) >= 0:
        ends = [end.end() for end in re.finditer("]", text) if is_array(text[place : end.end()])]
        if ends:
            arrays.append(json.loads(text[place : ends[0]]))
        place = ends[0] if ends else place + 1
    whole = [all(type(item) is int for item in array) for array in arrays]
    if not all(whole):
        return list(arrays[whole.index(False)])
    return list(max(arrays, key=len, default=[]))


PARTS = ["[", "]", "{", "}", ",", ":", '"', '"a"', "1", "\\", "\\\\", " ", "x", '"b":', "null", "\n", '["', '"]', "[1", ",2"]


@given(text=st.lists(st.sampled_from(PARTS), max_size=24).map("".join).filter(lambda text: not re.search(r",\s*[\]}]", text)))
def test_arrays_by_trying_all_brackets(text: str) -> None:
    assert [json.loads(element) for element in found(segments.json_array, text)] == first_array(text)


@given(
    value=st.lists(
        st.recursive(st.none() | st.floats() | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part))
    )
)
def test_arrays_come_back(value: list[object]) -> None:
    text = "Here: " + json.dumps(value, indent=1) + " done."
    assert repr([json.loads(element) for element in found(segments.json_array, text)]) == repr(value)


def test_arrays_as_deep_as_you_like() -> None:
    depth = 100_000
    text = "[" * depth + '"a"' + "]" * depth
    assert segments.json_array(text) == [(1, len(text) - 1)]
    assert segments.json_array("[" + text) == [(2, len(text))]
