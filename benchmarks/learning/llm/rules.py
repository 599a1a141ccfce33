"""Rules of credit for the candidates of a response: from what they are worth to an advantage for each token.

A response is worth what its candidates are worth together if it is valid, else nothing. Nothing is divided by a deviation, so
that prefix marginals with reward to go are unbiased. Tokens of no candidate get the advantage of the whole response under every
rule of own credit, the end of the text among them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shapley_credit as sc
from benchmarks.learning.words import Array
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.credit.rules import rule_tokens, segment_advantages


class Group(NamedTuple):
    """B responses to one prompt, of at most K candidates each.

    Attributes:
        worth: float [B, K, E], what each candidate is worth to each of E users, 0 where there is none.
        counts: int [B], how many candidates each response opens with.
        valid: bool [B].
        owners: ragged [B][T_i], the candidate of each token, -1 for none.
        lengths: ragged [B][counts_i + 1], tokens of the segments that `candidates.segments` makes.
    """

    worth: Array
    counts: Array
    valid: Array
    owners: list[Array]
    lengths: list[Array]

    @property
    def utility(self) -> u.FacilityLocation:
        """The mean over users of the best candidate's worth to them."""
        users = self.worth.shape[-1]
        return u.FacilityLocation(self.worth, np.full(users, 1 / users))

    @property
    def rewards(self) -> Array:
        """What the responses are worth, [B]."""
        best: Array = np.where(self.valid, self.worth.max(axis=1).mean(axis=1), 0.0)
        return best


def shared(group: Group) -> Array:
    """Every candidate gets an even share of the reward, which is the shared reward of GRPO."""
    size = group.worth.shape[1]
    return np.repeat(group.rewards / size, size).reshape(-1, size)


def winner(group: Group) -> Array:
    """The best candidate for a user, the first of them at ties, gets all that this user is worth."""
    best = group.worth.argmax(axis=1)[:, None] == np.arange(group.worth.shape[1])[:, None]
    found: Array = np.where(best, group.worth, 0.0).mean(axis=2)
    return found


def shapley(group: Group) -> Array:
    return np.asarray(sc.set_shapley(group.utility))


def leave_one_out(group: Group) -> Array:
    return np.asarray(sc.set_semivalue(group.utility, semivalues.leave_one_out))


def marginal(group: Group) -> Array:
    """What the response grows by with each candidate, in the order of the text."""
    return np.asarray(sc.marginal_vector(group.utility))


class Rule(NamedTuple):
    """Own credit, its share of the advantage, and whether the rest is prefix marginals with reward to go."""

    credit: Callable[[Group], Array]
    share: float = 1.0


RULES = {
    "shared": Rule(shared),
    "winner takes all": Rule(winner),
    "Shapley": Rule(shapley),
    "leave one out": Rule(leave_one_out),
    "marginal": Rule(marginal),
    "marginal, to go": Rule(marginal, 0.0),
    "mixture": Rule(leave_one_out, 0.5),
}


def advantages(rule: Rule, group: Group) -> list[Array]:
    """The advantage of every token by a rule, B arrays [T_i]."""
    own = _own(rule.credit(group), group) if rule.share else None
    ahead = _to_go(group) if rule.share < 1 else None
    if own is None or ahead is None:
        return own or ahead or []
    return [rule.share * a + (1 - rule.share) * b for a, b in zip(own, ahead, strict=True)]


def _own(credit: Array, group: Group) -> list[Array]:
    """(K phi_ij - b) for the tokens of candidate j, R_i - b for those of none, and for all tokens of what is not valid.

    What credits lack of the reward, as those of leave-one-out do, is shared evenly; b is the mean reward of the group.
    """
    size = credit.shape[1]
    known = np.where(group.valid[:, None], credit, np.nan)
    paid = segment_advantages(known, len(known), scale="none", rewards=group.rewards)
    whole = sc.advantages(group.rewards, len(known))
    found = []
    for row, own, all_of_it, valid in zip(group.owners, paid, whole, group.valid, strict=True):
        given = np.append(size * np.asarray(own), all_of_it)
        found.append(given[row] if valid else np.full(len(row), all_of_it))
    return found


def _to_go(group: Group) -> list[Array]:
    """Prefix marginals with reward to go: R_i - v(candidates before) - b, b from the other responses at the same place.

    The value of a prefix may not know what comes later: a response that turns out not to be valid loses at its end what its
    candidates had been worth.
    """
    grown, rows = marginal(group), []
    for each, count, reward in zip(grown, group.counts, group.rewards, strict=True):
        rows.append(np.append(each[:count], reward - each[:count].sum()))
    mask = [np.ones(len(row)) for row in group.owners]
    found = rule_tokens(mask, None, len(rows), segment_lengths=group.lengths, rule="marginal", marginal=rows, scale="none")
    return [np.asarray(row, np.float64) for row in found]
