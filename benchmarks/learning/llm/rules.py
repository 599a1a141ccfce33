"""Rules of credit for the candidates of a response, which is worth what they are worth together, or nothing if not valid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapley_credit as sc
from benchmarks.learning.llm.paying import Rule
from benchmarks.learning.words import Array
from shapley_credit import semivalues
from shapley_credit import utilities as u


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


RULES = {
    "shared": Rule(shared),
    "winner takes all": Rule(winner),
    "Shapley": Rule(shapley),
    "leave one out": Rule(leave_one_out),
    "marginal": Rule(marginal),
    "marginal, to go": Rule(None, marginal),
    "mixture": Rule(leave_one_out, marginal),
}
