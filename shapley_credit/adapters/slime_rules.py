"""What the members of slime's groups are paid, by token: by segments, by turns, or by a rule for whole responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.adapters.slime_members import Rollouts
from shapley_credit.adapters.utility_text import with_utility
from shapley_credit.convert import Array
from shapley_credit.credit.rules import rule_tokens
from shapley_credit.credit.turn_runs import Turns
from shapley_credit.credit.turns import turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages


def by_segments(
    members: Rollouts,
    *,
    credit: str = "own",
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "group_std",
    spread: str = "segment",
) -> list[Array]:
    """By the segments in the metadata; the whole rollout is one segment where there are none."""
    own, ahead = credit != "marginal" or lam != 0, credit == "marginal"
    names = [*["segment_credit"] * own, *["segment_marginal"] * ahead, "segment_lengths"]
    rows = [
        found or (*[[reward]] * (len(names) - 1), [np.count_nonzero(mask)])
        for found, reward, mask in zip(members.columns(*names), members.rewards, members.masks, strict=True)
    ]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return rule_tokens(  # type: ignore[no-any-return]
        members.masks,
        columns.get("segment_credit"),
        members.groups,
        segment_lengths=columns["segment_lengths"],
        rule=credit,
        marginal=columns.get("segment_marginal"),
        lam=lam,
        baseline=baseline,
        scale=scale,
        spread=spread,
    )


def by_turns(
    members: Rollouts,
    *,
    credit: str = "to_go",
    gamma: float = 1.0,
    discounted: bool = False,
    baseline: str | None = None,
    scale: str = "none",
    floor: float = 1e-3,
    prefix_values: bool = False,
) -> list[Array]:
    """By the rewards of turns in the metadata; the last turn earns all where there are none."""
    counts = Turns.read(members.masks).counts.tolist()
    told = zip(members.columns("turn_rewards"), members.rewards, counts, strict=True)
    return turn_advantages(  # type: ignore[no-any-return]
        [_of_turns(found, reward, turns) for found, reward, turns in told],
        members.masks,
        members.groups,
        credit=credit,
        gamma=gamma,
        discounted=discounted,
        baseline=baseline,
        scale=scale,
        floor=floor,
        prefix_values=prefix_values,
    )


def by_group_rule(members: Rollouts, *, rule: str | None = None, **parameters: Any) -> list[Array]:
    """By a rule for whole responses: every token has the advantage of its rollout."""
    if rule is None:
        raise InputError(f"shapley_credit has no rule; set one of {', '.join(GROUP_RULES)}.")
    columns = members.shared() | {"lengths": [np.count_nonzero(mask) for mask in members.masks]}
    how = with_utility(rule, parameters)
    paid = group_advantages(rule, members.rewards, members.groups, columns=columns, **how)
    return [np.full(len(mask), each, np.float32) for mask, each in zip(members.masks, paid, strict=True)]


def _of_turns(found: tuple[list[Any], ...] | None, reward: float, turns: int) -> list[Any]:
    """One number for each turn of a rollout, none for the absent."""
    if found is not None:
        return found[0]
    return [*[0.0] * (turns - 1), reward] if turns else []
