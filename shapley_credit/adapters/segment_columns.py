"""What a batch says of the segments of its responses: columns, or rewards by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shapley_credit.adapters.members import Members, column_of
from shapley_credit.adapters.rewards import segments_of
from shapley_credit.adapters.settings import setting
from shapley_credit.adapters.token_batch import TokenBatch
from shapley_credit.convert import Array
from shapley_credit.credit.layouts import agree, read_ragged
from shapley_credit.credit.segment_shares import read_lengths, read_order
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none

# What has an entry for each stretch of tokens. Names of segments or candidates count from 0 in the column at their side.
LENGTHS = ("segment_lengths", "segment_order", "marginal_lengths", "segment_candidate")
NAMES = ("segment_order", "segment_candidate")


def from_rewards(batch: TokenBatch, config: Any, needed: Sequence[str]) -> dict[str, Any]:
    """The columns of `segment_estimator` from rewards by token; InputError where these say nothing of segments."""
    if len(needed) > 1:
        raise InputError(
            f"a mixture reads {' and '.join(needed)} of non_tensor_batch, which this framework does not pass on; rewards by "
            "token hold one number a segment. Mix them in the reward function, or use one rule."
        )
    credit: list[Array] = []
    lengths: list[Array] = []
    most = 0
    for _, rewards, flags in batch.scan():
        rewards[~flags.any(1)] = 0.0
        most = max(most, int(np.count_nonzero(rewards, axis=1).max(initial=0)))
        found = segments_of(rewards, flags)
        credit, lengths = credit + found[0], lengths + found[1]
    # With one reward a response at most, all rewards are those of outcomes, and not of segments. The absent have none.
    if most < 2 and any(len(own) for own in lengths):
        raise InputError(
            "this estimator needs the credits of segments, and found rewards of whole responses only. Have the reward function "
            f"return {needed[0]} and segment_lengths where the framework passes non_tensor_batch, else rewards by token."
        )
    if setting(config, "use_kl_in_reward", False):
        raise InputError("with use_kl_in_reward the rewards of tokens hold KL penalties beside credits; use a KL loss instead.")
    return {needed[0]: credit, "segment_lengths": lengths}


def of_members(columns: Mapping[str, Any], needed: Sequence[str], trained: Array, members: Members) -> dict[str, list[Any]]:
    """The columns of segments, a row of each for each member; empty rows for a member without trainable tokens.

    needed: what has a number for each segment or candidate. trained: int [B], trainable tokens of each row.
    """
    rows = {name: list(column_of(columns, name, len(trained))) for name in (*needed, *LENGTHS) if name in columns}
    for name, found in rows.items():
        refuse_none(found, name, "Give each response a list, [] for nothing")
    there = {name: [own if count else [] for own, count in zip(found, trained, strict=True)] for name, found in rows.items()}
    if members.are_rows:
        return there
    told: dict[str, list[Any]] = {name: [] for name in rows}
    apart = {name: members.lists(found) for name, found in there.items()}
    for i, (count, last) in enumerate(zip(members.total(trained).tolist(), members.last.tolist(), strict=True)):
        whole = count and int(np.sum(rows["segment_lengths"][last])) == count
        sizes = [len(row) for row in apart[needed[0]][i]]
        for name, found in rows.items():
            told[name].append(found[last] if whole else _end_to_end(apart[name][i], sizes if name in NAMES else None))
    return told


def _end_to_end(rows: list[Any], sizes: list[int] | None) -> list[Any]:
    """Rows as one; with sizes they are names, and those of a row count from 0 among so many."""
    before = [0] * len(rows) if sizes is None else np.cumsum([0, *sizes[:-1]]).tolist()
    return [name + shift if name >= 0 else name for row, shift in zip(rows, before, strict=True) for name in row]


def check_segments(told: Mapping[str, Any], needed: Sequence[str], tokens: Array) -> None:
    """InputError that names the first member whose segments and trainable tokens [N] do not fit."""
    for name in needed:
        own = name == "segment_marginal" and "marginal_lengths" in told
        where = "marginal_lengths" if own else "segment_lengths"
        (flat, stretches), (_, sizes) = read_ragged(told[where], where), read_ragged(told[name], name)
        if "segment_order" in told and not own:
            read_order(told["segment_order"], sizes, stretches)
        else:
            agree(sizes, stretches, name, f"credits but {{}} {where}")
        whole = np.bincount(np.repeat(np.arange(len(stretches)), stretches), read_lengths(flat, where), len(stretches))
        agree(whole.astype(np.int64), tokens, where, "tokens in all, but {} trainable tokens in the mask")
