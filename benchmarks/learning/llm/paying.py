"""From credits of the parts of a response to an advantage for each of its tokens; the same for every task.

Nothing is divided by a deviation, so that prefix marginals with reward to go are unbiased. Tokens of no part, the end of the
text among them, get the advantage of the whole response under every rule of own credit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import shapley_credit as sc
from benchmarks.learning.words import Array
from shapley_credit.credit.rules import rule_tokens, segment_advantages

CALLS = "retriever calls"  # a figure: of a step, a response


class Group(Protocol):
    """B responses to one prompt, of counts_i parts each: what rules of every task share.

    A response that is not valid is worth nothing; owners and lengths are those of `candidates`.
    """

    @property
    def counts(self) -> Array: ...
    @property
    def valid(self) -> Array: ...
    @property
    def owners(self) -> list[Array]: ...
    @property
    def lengths(self) -> list[Array]: ...
    @property
    def rewards(self) -> Array: ...


class Scored(NamedTuple):
    """The group of a prompt as the policy is paid for it, figures of it, and what it leaves to the next group of the prompt."""

    group: Any
    figures: dict[str, float]
    said: Sequence[str] = ()


class Rule(NamedTuple):
    """A rule of credit; with own credit and credit to go it is half of each.

    Attributes:
        own: from a group to own credits, ragged [B][counts_i or more].
        ahead: to credits that are paid with reward to go.
        coalitions: of n parts, bool [m, n], those that have to be asked for; None where asking costs nothing.
        together: from a group to credits of whole responses as its members, [B], in the place of the other two.
    """

    own: Callable[[Any], Sequence[Array] | Array] | None
    ahead: Callable[[Any], Sequence[Array] | Array] | None = None
    coalitions: Callable[[int], Array] | None = None
    together: Callable[[Any], Array] | None = None


def advantages(rule: Rule, group: Group) -> list[Array]:
    """The advantage of every token by a rule, B arrays [T_i]."""
    if rule.together is not None:
        return _together(rule.together(group), group)
    own = None if rule.own is None else _own(rule.own(group), group)
    ahead = None if rule.ahead is None else _to_go(rule.ahead(group), group)
    if own is None or ahead is None:
        return own or ahead or []
    return [(a + b) / 2 for a, b in zip(own, ahead, strict=True)]


def calls(rule: Rule, group: Group) -> float | None:
    """How many coalitions are asked for, a response; that of nothing is worth nothing and is not."""
    if rule.coalitions is None:
        return None
    return float(np.mean([rule.coalitions(count).any(axis=1).sum() for count in group.counts.tolist()]))


def _together(credit: Array, group: Group) -> list[Array]:
    """phi_i - b for all tokens of response i, b the mean credit of the group."""
    paid = np.asarray(sc.advantages(credit, len(credit)))
    return [np.full(len(row), each) for row, each in zip(group.owners, paid, strict=True)]


def _own(credit: Sequence[Array] | Array, group: Group) -> list[Array]:
    """K phi_ij - b K / K_i for the tokens of part j, R_i - b for those of none, and for all tokens of what is not valid.

    What credits lack of the reward, as those of leave-one-out do, is shared evenly; b is the mean reward of the group, K the
    mean number of parts of its valid responses: one factor, so that what the parts of a response get adds up in the order of
    rewards.
    """
    known = [row if valid else np.full(max(len(row), 1), np.nan) for row, valid in zip(credit, group.valid, strict=True)]
    paid = segment_advantages(known, len(known), scale="none", rewards=group.rewards)
    whole = sc.advantages(group.rewards, len(known))
    times = group.counts[group.valid].mean() if group.valid.any() else 1.0
    found = []
    for row, own, all_of_it, valid in zip(group.owners, paid, whole, group.valid, strict=True):
        given = np.append(times * np.asarray(own), all_of_it)
        found.append(given[row] if valid else np.full(len(row), all_of_it))
    return found


def _to_go(credit: Sequence[Array] | Array, group: Group) -> list[Array]:
    """Credits with reward to go: of prefix marginals R_i - v(parts before) - b, b from the other responses at the same place.

    The value of a prefix may not know what comes later: a response that turns out not to be valid loses at its end what its
    parts had been worth.
    """
    rows = []
    for each, count, reward in zip(credit, group.counts, group.rewards, strict=True):
        rows.append(np.append(each[:count], reward - each[:count].sum()))
    mask = [np.ones(len(row)) for row in group.owners]
    found = rule_tokens(mask, None, len(rows), segment_lengths=group.lengths, rule="marginal", marginal=rows, scale="none")
    return [np.asarray(row, np.float64) for row in found]
