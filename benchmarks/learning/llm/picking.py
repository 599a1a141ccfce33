"""Groups of answers that pick items of a list, and rules of credit for the answers: what they are paid for is variety.

The members are the answers of a group; credit is for a whole answer, and all of its tokens are paid alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapley_credit as sc
from benchmarks.learning.llm.paying import Rule
from benchmarks.learning.words import Array
from shapley_credit import utilities as u
from shapley_credit.methods import gapo
from shapley_credit.utility import Utility


class Group(NamedTuple):
    """B answers to one prompt; an answer has no parts.

    Attributes:
        answers: B texts, as they are read.
        valid: bool [B], whether each is an item of the list.
        items: the items of the list.
        earlier: the valid answers of the last group to the same prompt, none in the first.
        owners: ragged [B][T_i], -1 for every token.
    """

    answers: list[str]
    valid: Array
    items: list[str]
    earlier: list[str]
    owners: list[Array]

    @property
    def counts(self) -> Array:
        return np.zeros(len(self.answers), np.int64)

    @property
    def lengths(self) -> list[Array]:
        return [np.array([len(row)]) for row in self.owners]

    @property
    def rewards(self) -> Array:
        """1 for a valid answer, [B]."""
        return self.valid.astype(np.float64)

    @property
    def hits(self) -> Array:
        """Which item each answer is, bool [B, L]; an answer that is not valid is none."""
        same = np.array(self.answers)[:, None] == np.array(self.items)
        found: Array = same & self.valid[:, None]
        return found

    @property
    def utility(self) -> Utility:
        """What a coalition of answers adds to those of the last group, which are always there.

            v(S) = sum over different valid answers c of S of 1 / (1 + n_c), less the number of invalid answers of S

        n_c: how often the last group gave the answer c. It is what the coalition adds to a sum of 1 + 1 / 2 + ... + 1 / n for n
        copies of an item, where it counts an item once. Without a last group it is the distinct utility of GAPO.
        """
        times = np.array([self.earlier.count(item) for item in self.items])
        return u.Coverage(self.hits, 1 / (1 + times)) + u.Additive(np.where(self.valid, 0.0, -1.0))


def validity(group: Group) -> Array:
    """1 for a valid answer, the reward of GRPO."""
    return group.rewards


def published(group: Group) -> Array:
    """The frequency-aware reward, which knows how many items the list has."""
    return np.asarray(gapo.frequency_reward(group.answers, len(group.items), valid=group.valid))


def entropy(group: Group) -> Array:
    return np.asarray(gapo.diversity_credit(group.answers, utility="entropy", valid=group.valid))


def distinct(group: Group) -> Array:
    return np.asarray(gapo.diversity_credit(group.answers, utility="distinct", valid=group.valid))


def beyond_past(group: Group) -> Array:
    """Shapley values of the utility with the last group: of m answers c each gets 1 / (m (1 + n_c))."""
    return np.asarray(sc.set_shapley(group.utility))


RULES = {
    "GRPO": Rule(None, together=validity),
    "GAPO": Rule(None, together=published),
    "entropy": Rule(None, together=entropy),
    "distinct": Rule(None, together=distinct),
    "distinct, past answers": Rule(None, together=beyond_past),
}
