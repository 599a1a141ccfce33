"""Text that is meant to do harm: no splitter takes more than linear time, or fails at half a character."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from shapley_credit.credit import segments
from shapley_credit.credit.splitters import Splitter, _tile
from shapley_credit.report.model_answers import calculations, canonical, final_answer

READERS: dict[str, Callable[[str], Any]] = {
    "paragraphs": segments.paragraphs,
    "sentences": segments.sentences("en"),
    "phrases": segments.phrases("and"),
    "words": segments.words,
    "tagged": segments.tagged("x"),
    "numbered": segments.numbered,
    "json_array": segments.json_array,
    "matching": segments.matching(r"[^\W_]++"),
    "calculations": calculations,
    "final_answer": final_answer,
    "canonical": canonical,
    "segment": lambda text: segments.segment(text, segments.paragraphs, segments.phrases("and")).pieces,
}
# Each is repeated: marks that are never closed, runs that each place in them could be the start of, escapes, white space.
HOSTILE = [
    *("[", '["', '["\\"', "[1,", "[1] ", "[]", '[{"a":', '["[",', '["[",",', '[",",', "[   ", '"['),
    *("<x>", "<x ", "<x>a</x", "</x ", "<", "<<", "<<a", ">>", "<<1=1>>"),
    *(",", ", ", ")", "\uff0c", "\uff0c\u200d", "\u2014,", ",\u200d", "and ", "\u0301", "\u200d", "\u0301,"),
    *("\n", "\n ", " \n", "\r\n", "\u2028 ", "\t", " "),
    *("1", "1.", "1. ", "1. \n", "1. a\n", "1. a\n\n  b\n", "   1", "***1", "1,", "1e9"),
    *("“", "'", "«", "(", "é. ", "?! ", "A:", "a", "a ", "Dr. ", "👩\u200d", "\ud800", "\ud800. "),
]


NOISE = 0.02  # seconds


def cpu_time(read: Callable[[str], Any], text: str) -> float:
    start = time.process_time()
    read(text)
    return time.process_time() - start


def is_linear(read: Callable[[str], Any], short: str, long: str) -> bool:
    """Four times the text takes four times as long, sixteen times if time is quadratic."""
    if cpu_time(read, long) <= 9 * NOISE:
        return True
    times = [min(cpu_time(read, text) for _ in range(3)) for text in (short, long)]
    return times[1] <= 9 * max(times[0], NOISE)


@pytest.mark.parametrize("name", READERS)
def test_time_is_linear_whatever_the_text(name: str) -> None:
    for unit, end in product(HOSTILE, ["", "]>>"]):
        short, long = (unit * (size // len(unit)) + end for size in (20_000, 80_000))
        assert is_linear(READERS[name], short, long), repr(unit)


def test_the_check_above_can_fail() -> None:
    """With eight times the text, so that a busy machine does not hide it."""
    assert not is_linear(segments.matching("<<(.*?)>>", 1), "<<" * 500, "<<" * 4_000)


@pytest.mark.parametrize("name", READERS)
@given(text=st.text(st.characters(), max_size=30) | st.lists(st.sampled_from(HOSTILE), max_size=8).map("".join))
def test_half_characters_are_characters(name: str, text: str) -> None:
    """Lone surrogates, which JSON may hold and UTF-8 may not, are read as characters that mean nothing."""
    READERS[name]("a. \ud800" + text)
    prose: list[Splitter] = [segments.paragraphs, segments.sentences(), segments.phrases(), segments.words]
    assert "".join(piece for _, piece in segments.segment("\ud800" + text, *prose).pieces) == "\ud800" + text


def sentence(rng: np.random.Generator) -> str:
    words = rng.choice(
        ["the", "cat", "sat,", "Dr.", "Smith", "said;", "1,000.5", "no", "élan", "“yes.", "well.”"], rng.integers(3, 25)
    )
    return " ".join(words).capitalize() + str(rng.choice([". ", "! ", "?\n", ".\n\n"]))


def test_a_long_text_is_split_into_the_sentences_of_its_paragraphs() -> None:
    """Windows change nothing where sentences and quotations are shorter than half of one."""
    rng = np.random.default_rng(3)
    text = "".join(sentence(rng) for _ in range(2_000)).replace("“", "").replace("”", "")
    assert len(text) > 10 * 4_000
    split = segments.sentences("en")
    parts = segments.segment(text, segments.paragraphs, split)
    apart = [(start + low, start + high) for start, end in segments.paragraphs(text) for low, high in split(text[start:end])]
    assert max(end - start for start, end in apart) < 2_000
    assert list(parts.spans) == apart == split(text)


def test_a_quotation_is_whole_across_the_edges_of_windows() -> None:
    quote = "He said “" + "This is one. " * 100 + "end.” "
    text = quote * 20
    assert len(segments.sentences("en")(text)) == len(segments.sentences("en")(quote)) * 20 == 20


def test_a_quotation_over_half_a_window_is_not_cut_where_the_window_has_its_end() -> None:
    quote = "He said “" + "This is one. " * 200 + "end.” "
    assert 2_000 < len(quote) < 4_000
    assert segments.sentences("en")(quote + "Bye. " * 400)[0] == (0, len(quote))


def test_text_without_an_end_is_one_sentence() -> None:
    assert segments.sentences("en")("no end " * 3_000) == [(0, 21_000)]
    assert segments.sentences("en")("a" * 9_000 + ". B c.") == [(0, 9_002), (9_002, 9_006)]


# What is linear must still find what the plain patterns found.


@given(text=st.lists(st.sampled_from([",", "\uff0c", "\u3001", " ", "a", ")", "\u200d", "and"]), max_size=14).map("".join))
@example(text="a\u3001\u2014, b")
@example(text="so\u2014, well\u2014that\u2026, is")
def test_phrases_by_the_plain_pattern(text: str) -> None:
    narrow, wide = (
        r",;:)\]}\u2013\u2014\u2026\u060c\u061b\u0964",
        r"\uff0c\uff1b\uff1a\u3001\uff09\u300d\u300f\u3011\u2014\u2026",
    )
    plain = re.finditer(rf"[{narrow}]+(?=\s)|[{wide}]+|(?<=\s)(?=and\b)", text)
    assert segments.phrases("and")(text) == _tile(text, [match.end() for match in plain])


@given(
    text=st.lists(st.sampled_from(["<x>", "<x a='1'>", "</x>", "</x >", "a", "<", ">", "<y>", "<x", "</x"]), max_size=12).map(
        "".join
    )
)
@example(text="<x>a<x>b</x>c</x>")
def test_tags_by_the_plain_pattern(text: str) -> None:
    plain = [match.span(1) for match in re.finditer(r"(?s)<x(?:\s[^>]*)?>(.*?)</x\s*>", text)]
    assert segments.tagged("x")(text) == [(start, end) for start, end in plain if start < end]


@given(text=st.lists(st.sampled_from(["<<", ">>", "<", ">", "1", "\n", "\r", "\u2028"]), max_size=14).map("".join))
def test_calculations_by_the_plain_pattern(text: str) -> None:
    assert calculations(text) == tuple(re.findall(r"<<(.*?)>>", text))
