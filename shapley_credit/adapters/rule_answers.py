"""What a user's rule says of the completions of one group: credits of segments, where their tokens are, text of no segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import isnan, nan
from operator import add
from typing import Any

import numpy as np

from shapley_credit.convert import Array, to_numpy
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.stretches import in_text_order
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, whole_numbers
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.methods.candidates import own_pieces

OUTSIDE = -1  # the segment of text that belongs to none

Rows = list[list[Any]]


@dataclass(frozen=True)
class Answer:
    """What a rule says of the B completions of one group, ragged; None for what it does not say.

    Attributes:
        credit, marginal: [B][S_i], NaN for the absent.
        lengths: [B][R_i], trainable tokens of each stretch.
        order: [B][R_i], the segment of each stretch, OUTSIDE for text of none; None where stretches are segments.
        marginal_lengths: [B][..], tokens of the segments of marginal in the order of the text, where they have their own.
    """

    credit: Rows | None
    marginal: Rows | None
    lengths: Rows
    order: Rows | None
    marginal_lengths: Rows | None

    @property
    def shown(self) -> Rows:
        """The credits that figures are of."""
        return self.credit or self.marginal or []

    def totals(self, rewards: Sequence[float]) -> list[float]:
        """What the credits of each completion add up to, 0 for one without segments, NaN for an absent one."""
        # One after the other from the left, as tables of credits are added up, so that nothing is missing by rounding.
        return [
            nan if isnan(reward) or (row and all(map(isnan, row))) else reduce(add, (x for x in row if not isnan(x)), 0.0)
            for row, reward in zip(self.shown, rewards, strict=True)
        ]

    def among(self, rewards: Sequence[float]) -> Answer:
        """The answer in which completions whose reward is NaN are absent."""

        def present(rows: Rows | None) -> Rows | None:
            return rows and [[nan] * len(row) if isnan(reward) else row for row, reward in zip(rows, rewards, strict=True)]

        return replace(self, credit=present(self.credit), marginal=present(self.marginal))

    def has_outside(self) -> bool:
        return any(OUTSIDE in row for row in self.order or [])

    def with_outside(self, rule: Rule) -> Answer:
        """The answer in which text of no segment is one more segment of each completion.

        It is absent, but worth 0 to what is to go where it ends the completion: elsewhere no decision ends with it.
        """
        if self.credit is None or self.order is None:
            return self
        closing = [_closing(*row) if rule.name == "to_go" else nan for row in zip(self.order, self.lengths, strict=True)]
        named = [
            [len(row) if owner == OUTSIDE else owner for owner in owners]
            for row, owners in zip(self.credit, self.order, strict=True)
        ]
        rows = [[*row, worth] for row, worth in zip(self.credit, closing, strict=True)]
        return replace(self, credit=rows, order=named)

    def in_text(self) -> Answer:
        """The answer whose marginal contributions stand in the order of the text, with the lengths of their own segments."""
        if self.marginal is None or self.order is None or self.marginal_lengths is not None:
            return self
        each = [_each_outside(*row) for row in zip(self.marginal, self.order, self.lengths, strict=True)]
        rows, lengths = in_text_order([row for row, _ in each], self.lengths, [owners for _, owners in each])
        return replace(self, marginal=rows, marginal_lengths=lengths)


def read_answer(answer: Any, masks: Sequence[Any], rule: Rule) -> Answer:
    """What a user's rule returned for completions with these masks, or InputError that says what is wrong with it."""
    parts = {name: _rows(rows, name) for name, rows in _named(answer, len(masks), rule).items()}
    # A truncated completion that the trainer masks has no trainable token left.
    for name in {"segment_lengths", "marginal_lengths"} & parts.keys():
        parts[name] = [row if any(mask) else [0] * len(row) for row, mask in zip(parts[name], masks, strict=True)]
    found = Answer(
        credit=parts.get("segment_credit"),
        marginal=parts.get("segment_marginal"),
        lengths=parts["segment_lengths"],
        order=parts.get("segment_order"),
        marginal_lengths=parts.get("marginal_lengths"),
    )
    for part in (found.credit, None if found.marginal_lengths else found.marginal):
        if found.order is not None and part is not None:
            _check_order(found.order, found.lengths, part)
    return found


def _named(answer: Any, rows: int, rule: Rule) -> dict[str, Any]:
    """What a rule returned, by name: as a tuple, or as a dict, which may hold more."""
    names = ("segment_credit", "segment_lengths", *("segment_marginal",) * (rule.name == "marginal"))
    more = ("segment_order", *("marginal_lengths",) * bool(rule.lam))
    # Marginal credit that is not mixed reads no phi, which may be None.
    unused = rule.name == "marginal" and not rule.lam
    positional = isinstance(answer, tuple) and len(answer) == len(names)
    told = dict(zip(names, answer, strict=True)) if positional else answer
    given = {name: part for name, part in told.items() if part is not None} if isinstance(told, Mapping) else {}
    if unused:
        given.pop("segment_credit", None)
    counts = {name: _count(part) for name, part in given.items()}
    missing, unknown = set(names[unused:]) - given.keys(), given.keys() - {*names, *more}
    if missing or unknown or set(counts.values()) != {rows}:
        got = ", ".join(f"{name} of {count} rows" for name, count in counts.items()) or shown(answer)
        raise InputError(
            f"a rule returns ({', '.join(names)}), or a dict of these and {', '.join(more)}, each with {rows} rows"
            f"{' (segment_credit may be None)' if unused else ''}; got {got}."
        )
    return given


def landed(own: Sequence[Array], told: Answer, rewards: Sequence[float], rule: Rule) -> list[Array]:
    """Own advantages of segments, the last of which is the text of none: that of the whole completion, as in plain GRPO."""
    whole = rule.share * np.asarray(advantages(rewards, len(rewards), baseline=rule.below_whole, scale=rule.scale))
    out = []
    for paid, mine, owners, lengths in zip(own, whole, told.order or [], told.lengths, strict=True):
        taken = np.flatnonzero(lengths)
        named = np.array(owners, np.int64)[taken]
        row = np.zeros(len(paid))
        row[named] = own_pieces(np.append(paid[:-1], mine), named, np.array(lengths, np.int64)[taken], "segment")
        out.append(row)
    return out


def _count(rows: Any) -> int | None:
    try:
        return len(rows)
    except TypeError:
        return None


def _rows(rows: Any, name: str) -> Rows:
    refuse_none(list(rows), name, "Have a number for every segment")
    arrays = [to_numpy(row, name)[0] for row in rows]
    for place, array in enumerate(arrays):
        if array.ndim != 1:
            raise InputError(f"row {place} of {name} must be numbers in a row; got {shown(rows[place])}.")
    return [array.tolist() for array in arrays]


def _check_order(order: Rows, lengths: Rows, rows: Rows) -> None:
    for place, (owners, tokens, row) in enumerate(zip(order, lengths, rows, strict=True)):
        named = whole_numbers(owners, "segment_order", "integers, -1 for text that belongs to no segment")
        if len(named) != len(tokens):
            raise InputError(
                f"row {place} of segment_order has {len(named)} entries but {len(tokens)} segment_lengths; it must name the "
                "segment of each stretch of tokens."
            )
        wrong = (named < OUTSIDE) | (named >= len(row))
        if wrong.any():
            raise InputError(
                f"row {place} of segment_order names segment {named[wrong][0]}; there are {len(row)}, numbered from 0, and -1 "
                "marks text that belongs to none."
            )


def _closing(owners: Sequence[int], lengths: Sequence[int]) -> float:
    """What text of no segment is worth to what is to go: 0 where the last token is its, else NaN."""
    taken = [owner for owner, tokens in zip(owners, lengths, strict=True) if tokens]
    return 0.0 if taken and taken[-1] == OUTSIDE else nan


def _each_outside(row: list[float], owners: Sequence[int], lengths: Sequence[int]) -> tuple[list[float], list[int]]:
    """The row in which each stretch of no segment is a segment of its own, the last one worth what `_closing` says."""
    count = list(owners).count(OUTSIDE)
    names = iter(range(len(row), len(row) + count))
    named = [next(names) if owner == OUTSIDE else owner for owner in owners]
    written = [name for name, tokens in zip(named, lengths, strict=True) if tokens]
    worth = [_closing(owners, lengths) if [len(row) + place] == written[-1:] else nan for place in range(count)]
    return [*row, *worth], named
