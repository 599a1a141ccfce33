"""Queries of phrases: what any of a query's phrases are worth together, and rules of credit for the phrases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapley_credit as sc
from benchmarks.learning.llm.paying import Rule
from benchmarks.learning.words import Array
from shapley_credit.methods.windows import window_credit
from shapley_credit.methods.windows import windows as neighbours

CUT = 20  # places of a ranking that count


class Group(NamedTuple):
    """B responses to one prompt, each a query of n_i phrases; no phrases are a query that finds nothing.

    Attributes:
        tables: B arrays [2 ** n_i], what the query of some of its phrases is worth, bit j of the index for phrase j.
        counts: int [B], n_i.
        valid: bool [B]; a response that is not valid is worth nothing.
        owners: ragged [B][T_i], the phrase of each token, -1 for none.
        lengths: ragged [B][n_i + 1], tokens of the segments that `candidates.segments` makes.
    """

    tables: list[Array]
    counts: Array
    valid: Array
    owners: list[Array]
    lengths: list[Array]

    @property
    def rewards(self) -> Array:
        """What the responses are worth, [B]."""
        return np.where(self.valid, [table[-1] for table in self.tables], 0.0)


def ndcg(scores: Array, gains: Array) -> Array:
    """DCG of the `CUT` best questions over that of the best ranking there is, float [...].

        DCG = sum_{r <= CUT} gain of the question at rank r / log2(1 + r)

    Questions without a positive score are not found; of equal scores the first question is ranked first.
    scores: [..., D]; gains: [D], not all 0.
    """
    discount = 1 / np.log2(np.arange(2, CUT + 2))
    ranked = np.argsort(-scores, axis=-1, kind="stable")[..., :CUT]
    found = np.where(np.take_along_axis(scores, ranked, axis=-1) > 0, gains[ranked], 0)
    ideal = np.sort(gains)[::-1][:CUT]
    worth: Array = found @ discount[: found.shape[-1]] / (ideal @ discount[: len(ideal)])
    return worth


def table(added: Array, gains: Array) -> Array:
    """nDCG of the query of each subset of n phrases, [2 ** n]; scores add over phrases. added: [n, D]; gains: [D]."""
    scores = np.zeros((1, len(gains)))
    for phrase in added:
        scores = np.concatenate([scores, scores + phrase])
    return ndcg(scores, gains)


def _worth(group: Group, coalitions: list[Array]) -> list[Array]:
    """What coalitions bool [m, n_i] of the phrases are worth, ragged [B][m]."""
    return [row[sets @ (1 << np.arange(sets.shape[1]))] for row, sets in zip(group.tables, coalitions, strict=True)]


def whole(size: int) -> Array:
    return np.ones((1, size), np.bool_)


def every(size: int) -> Array:
    """All coalitions, in the order of a table."""
    return (np.arange(1 << size)[:, None] >> np.arange(size) & 1).astype(np.bool_)


def prefixes(size: int) -> Array:
    return np.arange(size + 1)[:, None] > np.arange(size)


def without_one(size: int) -> Array:
    return np.concatenate([whole(size), ~np.eye(size, dtype=np.bool_)])


def windows(size: int) -> Array:
    return neighbours(size) if size else np.zeros((1, 0), np.bool_)


def shared(group: Group) -> list[Array]:
    """Every phrase gets an even share of the reward, which is the shared reward of GRPO."""
    return [np.repeat(reward / max(count, 1), count) for reward, count in zip(group.rewards, group.counts, strict=True)]


def shapley(group: Group) -> list[Array]:
    return [np.asarray(sc.set_shapley(row, k=int(np.log2(len(row))))) if len(row) > 1 else np.zeros(0) for row in group.tables]


def leave_one_out(group: Group) -> list[Array]:
    """What the query loses without the phrase."""
    worth = _worth(group, [without_one(count) for count in group.counts])
    return [row[0] - row[1:] for row in worth]


def marginal(group: Group) -> list[Array]:
    """What the query grows by with each phrase, in the order of the text."""
    return [np.diff(row) for row in _worth(group, [prefixes(count) for count in group.counts])]


def by_windows(group: Group) -> list[Array]:
    """OSPO's credits from windows of neighbouring phrases; what they lack of the reward is left to the rule."""
    sets = [windows(count) for count in group.counts]
    worth = _worth(group, sets)
    return [window_credit(each, row).values if each.size else np.zeros(0) for each, row in zip(sets, worth, strict=True)]


RULES = {
    "shared": Rule(shared, coalitions=whole),
    "Shapley": Rule(shapley, coalitions=every),
    "Shapley, to go": Rule(None, shapley, coalitions=every),
    "marginal, to go": Rule(None, marginal, coalitions=prefixes),
    "windows": Rule(by_windows, coalitions=windows),
    "leave one out": Rule(leave_one_out, coalitions=without_one),
}
