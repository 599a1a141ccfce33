"""Seconds to split a megabyte of hostile text and ten of prose: python -m benchmarks.hostile_text"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from shapley_credit.credit import segments
from shapley_credit.report.model_answers import calculations

MEGABYTE = 1_000_000
# For each reader what once took quadratic time, or what it has most to do with.
CASES: list[tuple[str, Callable[[str], Any], list[str]]] = [
    ("paragraphs", segments.paragraphs, ["\n", "a\n\n"]),
    ("sentences", segments.sentences("en"), ["\n", "“", "'", "A. "]),
    ("phrases", segments.phrases("and"), [",", ", ", "\uff0c\u200d", "and "]),
    ("words", segments.words, ["a ", "\u0301", "1\n"]),
    ("tagged", segments.tagged("x"), ["<x>", "<x ", "<x>a</x"]),
    ("numbered", segments.numbered, ["1. ", "1. a\n", " "]),
    ("json_array", segments.json_array, ["[", '["', "[1] ", '["[",",']),
    ("calculations", calculations, ["<<", "<<1=1>>"]),
]


def prose(size: int) -> str:
    """Sentences and paragraphs of a few words, again and again."""
    rng = np.random.default_rng(0)
    words = rng.choice(["the", "cat", "sat,", "on", "Dr.", "Smith", "1,000", "and", "said;", "well.\n\nThen", "no. But"], 5_000)
    text = " ".join(words)
    return (text * (size // len(text) + 1))[:size]


def seconds(read: Callable[[str], Any], text: str) -> float:
    """Time of one reading."""
    start = time.perf_counter()
    read(text)
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each reader and text; a mark of which something is left open ends in what could close it."""
    for name, read, units in CASES:
        for unit in units:
            text = (unit * (MEGABYTE // len(unit))) + "]>>"
            print(f"{name:14}{unit!r:>16} {seconds(read, text):7.2f} s for 1 MB")
        print(f"{name:14}{'prose':>16} {seconds(read, prose(10 * MEGABYTE)):7.2f} s for 10 MB")
    parts = segments.segment(prose(10 * MEGABYTE), segments.words)
    everyone = np.ones(len(parts), np.bool_)
    offsets = np.array(parts.spans)
    for name, call in [
        ("segment", lambda text: segments.segment(text, segments.words)),
        ("pieces", lambda text: parts.pieces),
        ("render", lambda text: parts.render(everyone)),
        ("stretches", lambda text: parts.stretches(offsets)),
    ]:
        print(f"{name:14}{'words of prose':>16} {seconds(call, parts.text):7.2f} s for 10 MB")


if __name__ == "__main__":
    main()
