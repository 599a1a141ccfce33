"""Estimators that pay responses for what their group is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.members import Members, column_of
from shapley_credit.adapters.rewards import MARK
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.adapters.settings import Estimator, plain, setting
from shapley_credit.adapters.token_batch import TokenBatch
from shapley_credit.adapters.utility_text import with_utility
from shapley_credit.convert import Array
from shapley_credit.credit.baselines import NEEDS
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.inputs.tensors import numbers
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages
from shapley_credit.semivalues import Semivalue


def group_estimator(
    set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley, baseline: str = "mean", scale: str = "none"
) -> Estimator:
    """Estimator that credits each response with its share in the utility of all responses to its prompt.

        A_i = (phi_i(v) - b_i) / s_i,      v = set_utility(rewards=, COLUMN=, ..)

    set_utility: called once a group with float64 [G] outcome rewards, those of all tokens, trainable or not, and the columns of
        `non_tensor_batch` where the framework passes them; returns what `set_shapley` takes. A response without trainable
        tokens is no member of its group. Rows of one `session_id` are one member, as `members.Members` says: it has the reward
        and the columns of its last row, and its advantage goes to the tokens of all of them.
    baseline, scale: as in `advantages`.

    >>> import numpy as np
    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.estimators import group_estimator
    >>> best_of_group = group_estimator(lambda rewards, **columns: u.Max(rewards))
    >>> advantages, returns = best_of_group(np.array([[0.0, 2.0], [4.0, 0.0]]), np.array([[1, 1], [1, 0]]), ["p", "p"])
    >>> advantages
    array([[-1., -1.],
           [ 1.,  0.]], dtype=float32)
    """

    def pay(outcomes: Outcomes, config: Any) -> Array:
        credit, columns = np.full(len(outcomes.rewards), np.nan), outcomes.columns
        for everyone in outcomes.members.groups():
            group = everyone[outcomes.present[everyone]]
            if len(group):
                theirs = {name: np.asarray(column)[group] for name, column in columns.items() if name != "rewards"}
                utility = set_utility(**theirs, rewards=outcomes.rewards[group])
                credit[group] = group_credit(utility, len(group), semivalue)[0]
        sides = {"lengths": outcomes.lengths} if NEEDS.get(baseline) == "lengths" else {}
        return np.asarray(advantages(credit, outcomes.members.prompts, baseline=baseline, scale=scale, **sides))

    return _paid_by(pay)


def rule_estimator(rule: str, **parameters: Any) -> Estimator:
    """Estimator of a rule of `methods.group_rules`, by its name.

    rule, parameters: as in `group_advantages`, utility also as a text that `with_utility` reads. Members are those of
        `group_estimator`, and baselines by length count their trainable tokens. gdpo reads a reward from each column that the
        setting `gdpo_reward_keys` of the algorithm names, and weighs them by `gdpo_reward_weights`, as verl's own does.
    Raises InputError for rules of segments, and when it is called for columns that the framework does not pass.

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import rule_estimator
    >>> rule_estimator("maxrl")(np.array([[1.0], [0.0]]), np.array([[1], [1]]), ["p", "p"])[0].tolist()
    [[1.0], [-1.0]]
    """
    if rule not in GROUP_RULES:
        group_advantages(rule, [0.0], 1)  # says why not
    parameters = with_utility(rule, parameters)

    def pay(outcomes: Outcomes, config: Any) -> Array:
        rewards, settings = outcomes.rewards, parameters
        names = GROUP_RULES[rule].columns if rule != "gdpo" else tuple(setting(config, "gdpo_reward_keys") or ())
        missing = [name for name in names if name not in outcomes.columns]
        if missing or (rule == "gdpo" and not names):
            raise InputError(
                f"{rule} reads the column {', '.join(missing) or 'that gdpo_reward_keys names'} of non_tensor_batch, and this "
                "framework passes no such column to estimators. Credit whole groups by methods.group_rules before the "
                "estimator, in the rewards; or use a rule that reads rewards alone."
            )
        if rule == "gdpo":
            rewards = np.column_stack([_numbers(outcomes.columns[name], name) for name in names])
            settings = {"weights": plain(setting(config, "gdpo_reward_weights")), **parameters}
        columns = {**outcomes.columns, "lengths": outcomes.lengths}
        return group_advantages(rule, rewards, outcomes.members.prompts, columns=columns, present=outcomes.present, **settings)

    return _paid_by(pay)


@dataclass(frozen=True)
class Outcomes:
    """What each of the N members of a batch earns in all."""

    members: Members
    rewards: Array  # float64 [N], 0 for the absent
    lengths: Array  # int [N], trainable tokens
    present: Array  # bool [N]
    columns: dict[str, Array]  # of the last row of each member

    @classmethod
    def read(cls, batch: TokenBatch, members: Members, columns: Mapping[str, Any]) -> Outcomes:
        sums, trained = np.zeros(len(batch.mask)), np.zeros(len(batch.mask), np.int64)
        for rows, rewards, flags in batch.scan():
            rewards[np.abs(rewards) <= MARK] = 0.0  # a mark is no reward
            sums[rows], trained[rows] = rewards.sum(1), flags.sum(1)
        lengths = members.total(trained)
        last = {name: np.asarray(column_of(columns, name, len(sums)))[members.last] for name in columns}
        return cls(members, np.where(lengths > 0, sums[members.last], 0.0), lengths, lengths > 0, last)


def _paid_by(pay: Callable[[Outcomes, Any], Array]) -> Estimator:
    """An estimator from what each member is paid, float64 [N]."""

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        batch, columns = TokenBatch.read(token_level_rewards, response_mask), non_tensor_batch or {}
        members = Members.read(index, len(batch.mask), columns)
        paid = pay(Outcomes.read(batch, members, columns), config)
        found = batch.spread(members, lambda some, flags, bounds: token_advantages(paid[some], flags, cu_seqlens=bounds))
        return found, found

    return estimate


def _numbers(column: Array, name: str) -> Array:
    refuse_none(column, name, "Have a reward for every response")
    return np.asarray(numbers(column.tolist(), name, np.zeros(0)))
