"""Advantages of batches [B, S] whose rewards, masks and groups a trainer holds side by side: NeMo-RL, AReaL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shapley_credit.convert import Array, to_host
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.credit.turn_runs import Turns
from shapley_credit.credit.turns import turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.methods.group_rules import group_advantages


def by_group_rule(
    rule: str,
    rewards: Any,
    mask: Any,
    groups: Any,
    columns: Mapping[str, Any],
    pay: Callable[..., Array] = group_advantages,
    **parameters: Any,
) -> Any:
    """Every trainable token has the advantage of its row, by a rule of `methods.group_rules`; float32 as the mask.

    columns: [B] each, what a rule reads beside rewards; lengths are trainable tokens. Rows without any are absent.
    pay: `group_advantages`, or `advantages_of_part` where the batch is a part of one.
    """
    flags = to_host(mask, "mask")
    if flags.ndim != 2:
        raise InputError(f"the mask must be [B, S], a row for each response; got shape {flags.shape}.")
    lengths = np.count_nonzero(flags, axis=1)
    known, present = _known(rewards, lengths > 0), lengths > 0
    paid = pay(rule, known, groups, columns={**columns, "lengths": lengths}, present=present, **parameters)
    return token_advantages(paid, mask)


def by_turns(rewards: Any, turn_rewards: Any, mask: Any, groups: Any, **how: Any) -> Any:
    """`turn_advantages`, with the reward of a row at the end of its last turn where `turn_rewards` is None."""
    counts = to_host(Turns.read(mask).counts, "mask").tolist()
    if turn_rewards is None:
        earned = zip(_known(rewards, counts).tolist(), counts, strict=True)
        rows: list[Any] = [[0.0] * (turns - 1) + [reward] if turns else [] for reward, turns in earned]
    elif len(turn_rewards) != len(counts):
        raise InputError(
            f"turn_rewards must hold a row for each of the {len(counts)} rows of the mask; got {len(turn_rewards)}."
        )
    else:
        rows = [_cut(row, turns, number) for number, (row, turns) in enumerate(zip(turn_rewards, counts, strict=True))]
    return turn_advantages(rows, mask, groups, **how)


def _known(rewards: Any, present: Any) -> Array:
    """Rewards as numbers, each known where the row is present."""
    found = to_host(rewards, "rewards").astype(np.float64)
    if found.shape[:1] != np.shape(present):
        raise InputError(f"rewards must be [{len(present)}], one for each row of the mask; got shape {found.shape}.")
    wrong = np.isnan(found.reshape(len(found), -1)).any(1) & np.asarray(present, bool)
    if wrong.any():
        raise InputError(f"the reward of row {int(wrong.argmax())} is NaN; reward it, or give it a mask of 0.")
    return found


def _cut(row: Any, turns: int, number: int) -> Array:
    """One number for each turn of a row, which may be padded behind with 0."""
    given = to_host(row, "turn_rewards")
    if len(given) < turns or np.any(given[turns:] != 0):
        raise InputError(
            f"row {number} of turn_rewards has {len(given)} numbers for {turns} turns of its mask; it needs one for each turn, "
            "and behind them nothing but zeros."
        )
    return given[:turns]
