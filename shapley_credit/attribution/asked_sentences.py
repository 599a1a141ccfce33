"""What an item or a union earns, in sentences that the scores of some of the sets tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shapley_credit.display.text_table import short_name

Flags = NDArray[np.bool_]

NOISE = 1e-10  # what may be rounding, relative to the largest score
# The most items of a union that are named.
MOST = 3
# Standard errors that a credit must exceed for its item to be named: of items that earn 0, one in twenty does.
SURE = 2


class Credited(Protocol):
    """Of an `Attribution`, what the sentences tell."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def union_of(self) -> tuple[str, ...]: ...

    @property
    def values(self) -> NDArray[Any]: ...

    @property
    def stderr(self) -> NDArray[Any]: ...

    @property
    def coalitions(self) -> Flags: ...

    @property
    def scores(self) -> NDArray[Any]: ...

    @property
    def empty(self) -> float: ...

    @property
    def whole(self) -> float: ...


def score_of(found: Credited, kept: Flags) -> float:
    """The score of a set [k], NaN if it was not asked for."""
    known = found.scores[(found.coalitions == kept).all(axis=1)]
    return float(known[0]) if len(known) else float("nan")


def members_of(found: Credited, union: str) -> Flags:
    """Which items are in a union, [k]."""
    return np.array([name == union for name in found.union_of])


def sentences_of_item(found: Credited, i: int) -> Iterator[str]:
    """One to three sentences about item i: its credit, what it adds first and last, and what its union earns."""
    alone = np.arange(len(found.names)) == i
    yield f"Member {_quoted(found.names[i])} earns {_earned(found, alone)}, where {_together(found)}."
    yield from _first_and_last(found, alone)
    if not found.union_of:
        return
    union = members_of(found, found.union_of[i])
    others = np.flatnonzero(union & ~alone).tolist()
    if others:
        with_whom = f" of {len(others) + 1}" if len(others) > MOST else f", with {_listed(found, others)},"
        yield f"Its {union_called(found.union_of[i])}{with_whom} earns {_earned(found, union)}."


def sentences_of_union(found: Credited, name: str) -> Iterator[str]:
    """Two to three sentences about a union: its credit, what it adds first and last, and which of its items earn most."""
    union = members_of(found, name)
    inside = np.flatnonzero(union).tolist()
    whom = f"{len(inside)} members" if len(inside) > MOST else _listed(found, inside)
    yield f"U{union_called(name)[1:]}, of {whom}, earns {_earned(found, union)}, where {_together(found)}."
    yield from _first_and_last(found, union)
    if len(inside) > 1:
        yield f"In it, {_largest(found, inside)}."


def _largest(found: Credited, inside: Sequence[int]) -> str:
    """Which of some items earn most, those that may be at 0 left out, and what is known of the others."""
    sure = [i for i in inside if not found.stderr[i] or abs(found.values[i]) > SURE * found.stderr[i]]
    largest = sorted(sure, key=lambda i: -float(found.values[i]))[:MOST]
    if not largest:
        return "no member earns more than twice its standard error"
    *first, last = [f"{_called(found, i)} earns {_with_error(found, i)}" for i in largest]
    told = f"{', '.join(first)} and {last}" if first else last
    unsure = len(sure) < len(inside)
    if len(sure) > MOST:
        return (
            f"{told}; {'the others earn less, or less than twice their standard errors' if unsure else 'no other earns more'}"
        )
    return f"{told}; no other earns more than twice its standard error" if unsure else told


def _with_error(found: Credited, i: int) -> str:
    error = f" (standard error {found.stderr[i]:.2g})" if found.stderr[i] else ""
    return f"{_said(found, found.values[i])}{error}"


def _together(found: Credited) -> str:
    return f"all members earn {_said(found, found.values.sum())} together"


def _first_and_last(found: Credited, inside: Flags) -> Iterator[str]:
    first, last = score_of(found, inside) - found.empty, found.whole - score_of(found, ~inside)
    if first == first and last == last:  # none is NaN: both were asked
        yield f"By itself it adds {_said(found, first)}, and to all the others together {_said(found, last)}."


def _earned(found: Credited, inside: Flags) -> str:
    """The credit of an item or a union, and its standard error, of which a bound is known where it is of several items."""
    error = float(found.stderr[inside].sum())
    bound = "at most " if inside.sum() > 1 else ""
    doubt = f", with a standard error of {bound}{error:.2g}" if error > 0 else ""
    return f"{_said(found, found.values[inside].sum())}{doubt}"


def _listed(found: Credited, items: Iterable[int]) -> str:
    return " and ".join(_called(found, i) for i in items)


def union_called(name: str) -> str:
    """The word union and its name, which has the word itself if its label is no text."""
    return short_name(name) if name.startswith("union ") else f"union {_quoted(name)}"


def _called(found: Credited, i: int) -> str:
    """An item inside a sentence, where a number alone could be read as an amount."""
    return f"member {found.names[i]}" if found.names[i].isdecimal() else _quoted(found.names[i])


def _quoted(name: str) -> str:
    """A name, in quotes where it is not one word."""
    text = short_name(name)
    return text if len(text.split()) == 1 else f'"{text}"'


def _said(found: Credited, number: Any) -> str:
    return "0" if abs(number) <= NOISE * np.abs(found.scores).max() else f"{number:.4g}"
