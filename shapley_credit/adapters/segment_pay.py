"""What the segments of the completions of one group are paid, and from there to their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.adapters.answer_reading import read_answer
from shapley_credit.adapters.rule_answers import Answer
from shapley_credit.adapters.scoring import Figures, credit_figures
from shapley_credit.convert import Array
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.rules import Increments, increments
from shapley_credit.credit.stretches import ends_of
from shapley_credit.methods.candidates import own_pieces


class Paid(NamedTuple):
    """What one completion is paid.

    Attributes:
        own, to_go: as in `Increments`.
        lengths, order: of the stretches of own, and of to_go where it has no lengths of its own. later: those of to_go.
    """

    own: Any
    to_go: Any
    lengths: Any
    order: Any
    later: Any


def pay_segments(
    answer: Any, masks: Sequence[Any], rewards: Sequence[float], scale: str, credit: str = "own", lam: float = 0.0
) -> tuple[list[Paid], list[Figures]]:
    """What a user's rule returns for the completions of one group, as increments of a rule of credit.

    answer: as `token_credit` says. scale, credit, lam: as in `segment_advantages`. Completions whose reward is NaN are absent.
    Returns what each is paid, and the figures of those that have a reward.
    """
    rule = Rule(credit, lam, scale=scale)
    told = read_answer(answer, masks, rule).among(rewards)
    outside = told.has_outside()
    placed = told.in_text().with_outside(rule) if outside else told.in_text()
    found = increments(
        rule,
        placed.credit,
        placed.marginal,
        len(rewards),
        # A completion without segments counts in the baseline of the others.
        rewards=told.totals(rewards) if outside else None,
        ends=ends_of(placed.credit, placed.lengths, placed.order) if credit == "to_go" else None,
    )
    own = found.own if found.own is None or not outside else _landed(found.own, placed, rewards, rule)
    figures = [credit_figures(row, reward) for row, reward in zip(told.shown, rewards, strict=True) if not isnan(reward)]
    nothing = [None] * len(rewards)
    parts = (own, found.to_go, placed.lengths, placed.order, placed.marginal_lengths)
    return [Paid(*row) for row in zip(*(part or nothing for part in parts), strict=True)], figures


def tokens_of(rows: Sequence[Paid], mask: Any, spread: str) -> Any:
    """Advantages of the tokens of the completions of one group, in the layout of the mask."""
    own, to_go, lengths, order, later = (None if part[0] is None else list(part) for part in zip(*rows, strict=True))
    return Increments(own, to_go).tokens(mask, lengths, order, spread=spread, marginal_lengths=later)


def _landed(own: Sequence[Array], told: Answer, rewards: Sequence[float], rule: Rule) -> list[Array]:
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
