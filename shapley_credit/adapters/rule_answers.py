"""What a user's rule says of the completions of one group: credits of segments, where their tokens are, text of no segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import isnan, nan
from operator import add
from typing import Any

from shapley_credit.credit.increments import Rule
from shapley_credit.credit.stretches import in_text_order

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
