"""Estimators that pay the turns of a rollout for what they lead to."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from shapley_credit.adapters.members import Members, column_of
from shapley_credit.adapters.settings import Estimator, setting, warn_of_filters
from shapley_credit.adapters.token_batch import TokenBatch
from shapley_credit.convert import Array, to_host
from shapley_credit.credit.layouts import read_ragged
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.credit.turn_runs import Turns
from shapley_credit.credit.turns import TurnRule, turn_advantages
from shapley_credit.inputs.fields import refuse_none


def turn_estimator(
    *,
    credit: str = "to_go",
    gamma: float | None = None,
    discounted: bool = False,
    baseline: str | None = None,
    scale: str = "none",
    prefix_values: bool = False,
) -> Estimator:
    """Estimator that pays the turns of a rollout for what they lead to, by `turn_advantages`.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s

    r comes from the rewards by token, or from the column `turn_rewards` of `non_tensor_batch` in their place, a list of one
    number a turn. Rewards of whole responses are those of their last turns. A token whose reward is `rewards.UNTRAINED` is none
    of a turn, whatever the mask says. KL penalties among the rewards count as rewards.
    Rows of one `session_id` are one rollout, as `members.Members` says: its turns are those of its rows, one row after the
    other. Its rewards by token are those of its last row, for verl writes the reward of a rollout into every row;
    `turn_rewards` of the last row are those of all turns, or else each row has its own.
    gamma: None for that of the framework: the argument that SkyRL passes, verl's `algorithm.gamma`.
    credit, discounted, baseline, scale, prefix_values: as in `turn_advantages`.

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import turn_estimator
    >>> by_turn = turn_estimator()
    >>> by_turn(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]), np.array([[1, 0, 1], [1, 0, 1]]), ["p", "p"])[0]
    array([[ 2.,  0.,  1.],
           [-2.,  0., -1.]], dtype=float32)
    """
    TurnRule(credit, 1.0 if gamma is None else gamma, discounted, baseline, scale)

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **given: Any,
    ) -> tuple[Any, Any]:
        batch, columns = TokenBatch.read(token_level_rewards, response_mask), non_tensor_batch or {}
        members = Members.read(index, len(batch.mask), columns)
        warn_of_filters(config)
        lengths, earned = _turns_of(batch, members)
        if "turn_rewards" in columns:
            earned = _told(list(column_of(columns, "turn_rewards", len(batch.mask))), lengths, members)
        rows = turn_advantages(
            earned,
            # A turn as one token, with one beside it that is not trained, is enough to be paid.
            [np.tile([True, False], len(own)) for own in lengths],
            members.prompts,
            credit=credit,
            gamma=given.get("gamma", setting(config, "gamma", 1.0)) if gamma is None else gamma,
            discounted=discounted,
            baseline=baseline,
            scale=scale,
            prefix_values=prefix_values,
        )
        paid = [row[::2] for row in rows]
        found = batch.spread(
            members,
            lambda some, flags, bounds: token_advantages(
                None, flags, segment_credit=paid[some], segment_lengths=lengths[some], cu_seqlens=bounds
            ),
        )
        return found, found

    return estimate


def _turns_of(batch: TokenBatch, members: Members) -> tuple[list[Array], list[Array]]:
    """Of each member the tokens of its turns, and what their rewards by token add up to."""
    lengths: list[Array] = []
    earned: list[Array] = []
    for rows, rewards, flags in batch.scan():
        turns = Turns.read(to_host(batch.mask[rows], "response_mask") * flags)
        rewards[~flags.any(1)] = 0.0
        cuts = np.cumsum(turns.counts)[:-1]
        lengths += np.split(turns.ends - turns.firsts + 1, cuts)
        earned += np.split(turns.rewards(rewards), cuts)
    last = np.zeros(len(earned), np.bool_)
    last[members.last] = True
    earned = [row if counts else row * 0.0 for row, counts in zip(earned, last, strict=True)]
    return [_joined(own) for own in members.lists(lengths)], [_joined(own) for own in members.lists(earned)]


def _joined(rows: list[Array]) -> Array:
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _told(rewards: list[Any], lengths: list[Array], members: Members) -> list[Any]:
    """The rewards by turn of each member: what its last row says of all its turns, or what its rows say of their own."""
    refuse_none(rewards, "turn_rewards", "Have a number for every turn")
    read_ragged(rewards, "turn_rewards")  # or it says which row is none
    told: list[Any] = []
    for own, turns in zip(members.lists(rewards), lengths, strict=True):
        if not len(turns):
            told.append([])
        else:
            told.append(list(own[-1] if len(own[-1]) == len(turns) else chain.from_iterable(own)))
    return told
