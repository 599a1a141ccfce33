"""What responses to one prompt, sampled side by side, are paid before a baseline: one function a rule of `group_rules`.

Every function takes the responses that are present, of all groups, and returns a credit for each. A group is paid for its own
members alone, so that no bit depends on the other groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.convert import Array, to_host
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import flags, shown
from shapley_credit.inputs.ids import cells_of, frozen, is_column
from shapley_credit.inputs.labels import Labels, read_labels
from shapley_credit.inputs.partition import partition_of
from shapley_credit.inputs.tensors import numbers
from shapley_credit.methods.gapo import diversity_utility
from shapley_credit.semivalues import Semivalue
from shapley_credit.utilities.classes import Entropy
from shapley_credit.utilities.coverage import DistinctCount
from shapley_credit.utilities.determinant import Determinant
from shapley_credit.utilities.l_statistic import LStatistic
from shapley_credit.utilities.maximum import Max
from shapley_credit.utility import Utility
from shapley_credit.values import set_semivalue, set_shapley

# What stands in the columns that rules read beside rewards.
COLUMNS = {
    "answer": "the answer that each response gives, of any kind, None where there is none",
    "covers": "the items that each response covers, a list for each, or flags [N, E]",
    "embedding": "an embedding of each response, [N, d]",
}

# Added to the deviation of passes, as the authors do.
EPSILON = 1e-6


@dataclass(frozen=True)
class Responses:
    """The responses that are present: rewards [n], groups [n] as integers, and the rows that they have among all."""

    rewards: Array
    groups: Array
    rows: Array
    total: int
    columns: Mapping[str, Any]

    @cached_property
    def sizes(self) -> Array:
        """Responses in the group of each, [n]."""
        return np.bincount(self.groups)[self.groups]

    @property
    def filled(self) -> list[str]:
        """The names of columns that are there."""
        return [name for name, cells in self.columns.items() if cells is not None]

    def column(self, name: str) -> Any:
        """The cells of these responses: an array of an array, else a list. InputError where there is no such column."""
        given = self.columns.get(name)
        if given is None:
            told, known = COLUMNS.get(name, "one entry a response"), ", ".join(sorted(self.filled)) or "none"
            raise InputError(f"the column {name!r} is needed beside rewards, {told}; the columns are {known}.")
        cells = cells_of(given) if is_column(given) else given
        cells = cells if isinstance(cells, list | tuple) else to_host(cells, name)
        if not getattr(cells, "ndim", 1) or len(cells) != self.total:
            raise InputError(f"the column {name!r} must have an entry for each of {self.total} responses; got {shown(given)}.")
        return cells[self.rows] if isinstance(cells, np.ndarray) else [cells[row] for row in self.rows.tolist()]

    def answers(self) -> Labels:
        """The answers as labels, one a response, lists among them too."""
        cells = self.column("answer")
        cells = cells.tolist() if isinstance(cells, np.ndarray) else cells
        return read_labels(np.fromiter(cells, object, len(cells)), "answer")

    def right_answers(self) -> Labels:
        """The answers of responses that earn something, those of the others missing."""
        return self.answers().where(self.rewards > 0.0)


def _volume(responses: Responses) -> Utility:
    """det(I + sum_i x_i x_i^T) - 1, x the embedding times the reward."""
    cells = responses.column("embedding")
    cells = cells.tolist() if isinstance(cells, np.ndarray) and cells.dtype.kind == "O" else cells
    vectors = numbers(cells, "embedding", responses.rewards)
    if vectors.ndim != 2:
        raise InputError(f"embedding must be [N, d], one vector a response; got shape {vectors.shape}.")
    gone = np.isnan(vectors).any(axis=1)
    if gone.any():
        raise InputError(f"embedding has NaN in row {responses.rows[gone.argmax()]}; set present to False where there is none.")
    return Determinant(responses.rewards[:, None] * vectors)


# Set utilities by name.
UTILITIES: dict[str, Callable[[Responses], Utility]] = {
    "best": lambda responses: Max(responses.rewards),
    "distinct": lambda responses: DistinctCount(responses.right_answers()),
    "entropy": lambda responses: Entropy(responses.right_answers()),
    "volume": _volume,
}


def by_semivalue(responses: Responses, rule: Semivalue, utility: Any = "best") -> Array:
    """Credits of a semivalue in a set utility of each group, by name or by a function of rewards= and the columns."""
    if callable(utility):
        # A column of that name is the trainer's, and may have other entries than the rewards that the rule gets.
        columns = {name: responses.column(name) for name in responses.filled if name != "rewards"}
        game = utility(rewards=responses.rewards, **columns)
    else:
        game = UTILITIES[utility](responses)
    return np.asarray(set_semivalue(game, rule, groups=responses.groups), np.float64)


def pass_at_k(responses: Responses, m: int) -> Array:
    """(rho_i - rho) / (sigma + 1e-6): the pass rate of the sets of m with i, less that of all, over its deviation."""
    right = responses.rewards == 1.0
    other = ~right & (responses.rewards != 0.0)
    if other.any():
        place = int(other.argmax())
        raise InputError(
            f"pass_at_k reads right and wrong, rewards 1 and 0; row {responses.rows[place]} has {responses.rewards[place]}. "
            "Pass 1.0 where a response is right, or use pkpo or maxpo, which take any rewards."
        )
    n = responses.sizes
    wrong = np.bincount(responses.groups, ~right)[responses.groups]
    missed = _all_missed(wrong, n, m)
    missed_with = np.where(right, 0.0, _all_missed(wrong - 1.0, n - 1, m - 1))
    # 0 in a group of m or fewer: it has one set, with all in it, or none.
    return np.asarray((missed - missed_with) / (np.sqrt(missed * (1.0 - missed)) + EPSILON))


def _all_missed(wrong: Array, n: Array, draws: int) -> Array:
    """C(wrong, draws) / C(n, draws): the chance that none of the draws from n is right."""
    chance = np.ones(len(n))
    for draw in range(draws):
        chance *= np.maximum(wrong - draw, 0.0) / np.maximum(n - draw, 1)
    return chance


def pkpo(responses: Responses, m: int) -> Array:
    """What i adds to the best of m - 1 others, the sum over their sets, over the number of sets of m."""
    credit, enough = np.zeros(len(responses.rewards)), responses.sizes >= m
    if enough.any():
        found = set_semivalue(Max(responses.rewards[enough]), semivalues.of_size(m), groups=responses.groups[enough])
        credit[enough] = m / responses.sizes[enough] * found
    return credit


def maxpo(responses: Responses, m: int) -> Array:
    """The mean best of the sets of m with i, less that of the sets of m without i."""
    credit = np.zeros(len(responses.rewards))
    for rows in partition_of(responses.groups, len(credit)).by_size():
        size = rows.shape[1]
        if size > m:
            own = responses.rewards[rows]
            # Above the worst of the group, so that equal rewards are paid exactly 0.
            best_of_m = LStatistic.of_sizes(own - own.min(axis=1, keepdims=True), lambda n: best_weights(n, m))
            credit[rows] = size / m * set_semivalue(best_of_m, semivalues.leave_one_out)
    return credit


def best_weights(n: int, m: int) -> list[float]:
    """How often the r-th largest of n is the best of a set of m, r = 1 .. n; 0 for n < m."""
    return [comb(n - rank, m - 1) / max(comb(n, m), 1) for rank in range(1, n + 1)]


def maxrl(responses: Responses) -> Array:
    """n times the Shapley credit in the best."""
    return responses.sizes * by_semivalue(responses, semivalues.shapley)


def gapo(responses: Responses, utility: str, options: int | None) -> Array:
    """Shapley credit in the diversity of the answers, less 1 for a response without one."""
    game = diversity_utility(responses.answers(), utility=utility, options=options)
    return np.asarray(set_shapley(game, groups=responses.groups))


def coverage(responses: Responses) -> Array:
    """Shapley credit in the number of items that the responses that earn something cover together."""
    owners, items = _covered(responses.column("covers"), responses.rows)
    counted = responses.rewards[owners] > 0.0
    owners, items = owners[counted], items[counted]
    if not len(owners):
        return np.zeros(len(responses.rewards))
    # An item is shared by the responses that cover it: each pair of response and item is a member with that label.
    shares = set_shapley(DistinctCount(items), groups=responses.groups[owners])
    return np.bincount(owners, shares, len(responses.rewards))


def _covered(covers: Any, rows: Array) -> tuple[Array, Array]:
    """Pairs of response and item, each once."""
    if isinstance(covers, np.ndarray) and covers.dtype.kind in "biuf":
        if covers.ndim != 2:
            raise InputError(f"covers must be lists of items, or flags [N, E]; got numbers of shape {covers.shape}.")
        owners, items = np.nonzero(flags(covers, "covers"))
        return owners, items
    lists = []
    for row, cell in zip(rows.tolist(), covers, strict=True):
        if isinstance(cell, str | bytes) or not isinstance(cell, Iterable):
            raise InputError(f"covers must be a list of items for each response, [] for none; row {row} has {shown(cell)}.")
        lists.append({frozen(item, "an item of covers"): None for item in cell})
    flat = [item for covered in lists for item in covered]
    return np.repeat(np.arange(len(lists)), [len(covered) for covered in lists]), np.fromiter(flat, object, len(flat))
