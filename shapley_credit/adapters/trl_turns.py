"""TRL: GRPO whose advantages are those of turns, what a model writes between two answers of its tools."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

import numpy as np

from shapley_credit.adapters.trl_checks import refuse_base, refuse_padding, refuse_parameters, refuse_turn_settings
from shapley_credit.adapters.trl_trainers import Step, with_advantages
from shapley_credit.convert import Array
from shapley_credit.credit.turns import turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown

Group = dict[str, Any]

# Of `turn_advantages`, in its order.
TAKEN = ("credit", "gamma", "discounted", "baseline", "scale", "floor", "prefix_values")

# What other trainers of ours take, and what turns have in its place.
WAYS = {
    "record": "turns are not recorded. Record the completions with record= of group_reward or token_credit.",
    "lam": "pass credit='to_go' or credit='own'.",
    "spread": "every token of a turn gets the advantage of the turn.",
}


def turn_credit(base: type[Any], turn_rewards: Callable[..., Any] | None = None, **rule: Any) -> type[Any]:
    """A GRPOTrainer whose advantages [B, T] are those of the turns of each completion, by `turn_advantages`.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s,      a turn is a run of tokens that the model wrote, and no tool

    base: `trl.GRPOTrainer` or a subclass, with tools, environments or a rollout function that returns env_mask.
    turn_rewards: called once for each whole group, on one process, with lists over its G completions: prompts, completions,
        completion_ids, masks (1 for tokens of a turn), rewards, the dataset's columns, and those that a reward function has
        handed to `log_extra` or a rollout function has returned. Returns [G][M_i], r of each turn, or [G][T_i], by token. By
        default the reward of a completion is that of its last turn.
    rule: credit=, gamma=, discounted=, baseline=, scale=, floor=, prefix_values= of `turn_advantages`. The trainer must be told
        scale_rewards="none", so that nothing is divided twice.

    With one reward at the end baseline="leave_one_out" has the numbers of RLOO, and baseline="mean", scale="group_std" those of
    GRPO. A completion that no reward function answered for, or that TRL masks as truncated, has no turn: it gets 0 and changes
    nobody else's advantage.
    Raises InputError as `token_credit`, for scale="batch_std", since a process has its own groups, and as `turn_advantages`.
    """
    refuse_base(base, "turn credit")
    if rule.get("scale") == "batch_std":
        raise InputError("a process has the turns of its own groups; scale them by group_std or none, not by batch_std.")
    refuse_parameters("turn_credit", [name for name in rule if name not in TAKEN], WAYS, ", ".join(TAKEN))
    if rule.get("credit") == "marginal":
        raise InputError(
            "turns have the credit 'to_go' or 'own'. For their marginal contributions pass prefix_values=True and credit="
            "'to_go', and let turn_rewards return the value of what is written up to the end of each turn."
        )
    turn_advantages([[1.0]], [[1]], 1, **rule)

    def advantages(step: Step) -> Any:
        own = {"masks": step.masks, "rewards": step.own(step.rewards).tolist()}
        batch, scored = step.groups({**step.columns, **step.written, **own}), list[Any]()
        with batch.trying():
            refuse_padding(base, step.out["prompt_mask"])
            scored = [(_paid(group, turn_rewards, rule), []) for group in batch.mine]
        return step.tokens(batch.share(scored)[0])

    return with_advantages(base, "TurnCredit", refuse_turn_settings, advantages)


def _paid(group: Group, turn_rewards: Callable[..., Any] | None, rule: dict[str, Any]) -> list[Array]:
    """Advantages by token of the completions of one group, [G][T_i]."""
    masks, rewards = group["masks"], group["rewards"]
    earned = list(map(_at_the_end, masks, rewards)) if turn_rewards is None else _told(turn_rewards(**group), len(masks))
    there = [any(mask) and not isnan(reward) for mask, reward in zip(masks, rewards, strict=True)]
    # A rollout without tokens is absent, whether rewards come by turn or by token.
    kept, given = ([row if here else [] for row, here in zip(rows, there, strict=True)] for rows in (masks, earned))
    found = turn_advantages(given, kept, len(masks), **rule)
    return [row if here else np.zeros(len(mask), np.float32) for row, here, mask in zip(found, there, masks, strict=True)]


def _at_the_end(mask: list[int], reward: float) -> list[float]:
    """The outcome on the last token, which belongs to the last turn."""
    return [0.0] * (len(mask) - 1) + [reward] if mask else []


def _told(earned: Any, rows: int) -> list[Any]:
    """The rewards of turns that a user's function returned."""
    if not isinstance(earned, list | tuple | np.ndarray) or len(earned) != rows:
        raise InputError(f"turn_rewards returns {rows} rows, the rewards of the turns of each completion; got {shown(earned)}.")
    return list(earned)
