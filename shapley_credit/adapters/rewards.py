"""Credits of segments as rewards by token, for frameworks that hand nothing else from a reward function to an estimator.

A segment ends at the token that holds its credit, as in rewards of steps. A credit of 0 would not show there, so it is MARK.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.credit.tokens import scatter_credit, token_advantages
from shapley_credit.credit.turn_runs import Turns
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.inputs.tensors import numbers

MARK = float(np.finfo(np.float32).tiny)  # not 0 in bfloat16 either, and too small to change a sum
UNTRAINED = -MARK  # the reward of a token that is not trained, where a framework's estimators see no mask of such tokens


def segment_rewards(mask: Any, segment_credit: Any, segment_lengths: Any) -> Any:
    """Rewards by token: the credit of each segment at its last trainable token.

        r_it = phi_ij at the last token t of segment j, 0 elsewhere; the rewards of a response add up to its credits

    mask, segment_credit, segment_lengths: as in `token_advantages`, each segment one stretch of tokens. The credit of a segment
        without tokens is shared by the others.

    Returns float32 in the layout of mask; a credit of 0 as 1.2e-38. Cost O(tokens).
    Raises InputError that names the first response whose segments and trainable tokens differ in number.
    Source: the rewards of process supervision, Shao et al. (2024), section 4.1.3.

    >>> import numpy as np
    >>> from shapley_credit.adapters.rewards import segment_rewards
    >>> segment_rewards(np.array([[1, 1, 0, 1], [1, 1, 0, 0]]), [[3.0, 1.0], [2.0]], [[2, 1], [2]])
    array([[0., 3., 0., 1.],
           [0., 2., 0., 0.]], dtype=float32)
    """
    refuse_none(list(segment_lengths), "segment_lengths", "Have a number for every segment")
    lengths = [np.asarray(row if len(row) else np.zeros(0, np.int64)) for row in segment_lengths]
    whole = [np.ones(int(row.sum())) for row in lengths]
    rows = token_advantages(None, whole, segment_credit=segment_credit, segment_lengths=lengths)
    return scatter_credit([_at_ends(row, own) for row, own in zip(rows, lengths, strict=True)], mask)


def turn_rewards(mask: Any, rewards: Any) -> Any:
    """Rewards by token that say where the turns are: the reward of each turn at its last token, UNTRAINED outside of turns.

        r_it = r_im at the last token t of turn m, -1.2e-38 where mask_it = 0, else 0

    mask, rewards: as in `turn_advantages`, by token or by turn; what a tool's answer earns moves to the turn before it.

    Returns float32 in the layout of mask. Cost O(tokens). Raises InputError as `turn_advantages` does.
    Source: the definition of a turn in docs/turns.md.

    >>> import numpy as np
    >>> from shapley_credit.adapters.rewards import UNTRAINED, turn_rewards
    >>> found = turn_rewards(np.array([[1, 1, 0, 1]]), [[3.0, 1.0]])
    >>> found.tolist() == [[0.0, 3.0, UNTRAINED, 1.0]]
    True
    """
    turns = Turns.read(mask)
    layout, xp = turns.layout, turns.layout.xp
    flags = layout.mask.reshape(-1)
    paid = xp.where(flags, xp.zeros_like(flags, dtype=xp.float32), UNTRAINED)
    paid[turns.ends] = numbers(turns.rewards(rewards), "rewards", layout.mask, "float32")
    return layout.give_back(paid.reshape(layout.mask.shape))


def segments_of(rewards: Array, mask: Array) -> tuple[list[Array], list[Array]]:
    """(segment_credit, segment_lengths) [B][S_i] of rewards [B, T] by token; tokens behind the last reward go with it.

    A reward on a token that is not trained, as of a tool, goes with the trainable token before it, or the first one.
    """
    found = [_ends(_on_trained(row, present)) for row, present in zip(rewards, mask, strict=True)]
    return [credit for credit, _ in found], [lengths for _, lengths in found]


def _at_ends(paid: Array, lengths: Array) -> Array:
    ends = np.cumsum(lengths[lengths > 0]) - 1
    row = np.zeros(len(paid))
    row[ends] = np.where(paid[ends] == 0, MARK, paid[ends])
    return row


def _on_trained(rewards: Array, present: Array) -> Array:
    """The rewards of a response at its trainable tokens, with those of other tokens added to them."""
    count = int(present.sum())
    if not count:
        return np.zeros(0)
    # The trainable token at or before each token, the first one for those before it.
    place = np.maximum(np.cumsum(present) - 1, 0)
    moved = np.where(present, 0.0, rewards)
    return np.where(rewards[present] != 0, rewards[present], 0.0) + np.bincount(place, moved, count)


def _ends(rewards: Array) -> tuple[Array, Array]:
    ends = np.flatnonzero(rewards)
    if not len(ends):
        return np.zeros(min(len(rewards), 1)), np.full(min(len(rewards), 1), len(rewards))
    credit = rewards[ends]
    return np.where(np.abs(credit) > MARK, credit, 0.0), np.diff([*ends[:-1], len(rewards) - 1], prepend=-1)
