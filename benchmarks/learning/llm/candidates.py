"""From the text of a response to the candidates in it, and to the tokens of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from benchmarks.learning.words import Array

WANTED = 4
PIECE = re.compile(r" ?([A-Za-z][A-Za-z'-]*(?: [A-Za-z][A-Za-z'-]*){0,2})(\.?)")


class Candidates(NamedTuple):
    """The candidates that a response opens with.

    Attributes:
        names: no more than are wanted, of one to three words each; the first piece that is none ends them, and so does a cut.
        spans: of each, where in the text it starts and ends.
        valid: whether the response is these candidates in one line, as many as are wanted, with commas, a full stop at most
            behind the last, and ends by itself.
    """

    names: list[str]
    spans: list[tuple[int, int]]
    valid: bool


def read(text: str, ended: bool, fewest: int = WANTED, most: int = WANTED) -> Candidates:
    """The candidates of a response, from its text without the end token; ended is False for a response that was cut off.

    fewest, most: how many are wanted.
    """
    names, spans, start = [], [], 0
    pieces = text.split(",")
    for place, piece in enumerate(pieces[:most]):
        last = place == len(pieces) - 1
        found = PIECE.fullmatch(piece)
        # A full stop belongs behind the whole list; behind a piece that was cut off more could have come.
        if found is None or (last and not ended) or (found[2] and not last):
            break
        names.append(found[1])
        spans.append((start + found.start(1), start + found.end(1)))
        start += len(piece) + 1
    return Candidates(names, spans, ended and fewest <= len(names) == len(pieces))


def owners(spans: Sequence[tuple[int, int]], ends: Array) -> Array:
    """The candidate that each token belongs to, -1 for none; a token in two of them belongs to the first. int [T].

    ends: where in the text each token ends, ascending; the token that ends the response has no text.
    """
    starts = np.concatenate([np.zeros(min(len(ends), 1), np.int64), ends[:-1]])
    found = np.full(len(ends), -1)
    for place, (first, last) in reversed(list(enumerate(spans))):
        found[(starts < last) & (ends > first)] = place
    return found


def segments(owner: Array, count: int) -> Array:
    """The number of tokens of each segment of a response, int [count + 1], in text order.

    The segment of a candidate starts behind the one before and ends with the candidate; the last one is what comes behind all
    of them, where a response is ended, or spoilt. owner: as `owners` gives, ascending but for -1; count: how many candidates.
    """
    seen = np.maximum.accumulate(owner) if len(owner) else owner
    place = np.where(owner >= 0, owner, seen + 1)
    return np.bincount(place, minlength=count + 1)
