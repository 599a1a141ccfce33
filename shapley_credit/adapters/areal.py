"""AReaL: advantages of the batch that its actor prepares, for a `PPOActor` whose `_compute_advantages` calls these functions.

AReaL rolls masks by -1 there: entry t of `loss_mask` is that of token t + 1, which the logits at t predict, and the first token
of a row, which nothing predicts, comes last. Turns are read before that roll, and the last column of advantages is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.adapters.partial_batches import advantages_of_part
from shapley_credit.adapters.whole_batch import by_group_rule, by_turns
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import whole_number


def credit_by_rule(
    data: dict[str, Any], rule: str, *, meta: Any = None, group_size: int | None = None, **parameters: Any
) -> Any:
    """AReaL's batch with the `advantages` of a rule for whole responses.

        A_it = A_i, the advantage of row i by the rule of `methods.group_rules.GROUP_RULES`

    data: what `PPOActor._compute_advantages` returned: `rewards` [B] and the rolled `loss_mask` [B, S], and what a rule reads
        beside them, [B] by name. Rows without a trainable token are absent.
    rule, parameters: as in `group_advantages`.
    meta: AReaL's `TrajBatchMeta`, which knows the size of each group. group_size: of all groups, where there is no meta.

    A rank whose groups are all too small for m gets 0, with a warning. Raises InputError where rows do not make whole groups,
    and for rollouts of several rows.

    >>> import numpy as np
    >>> from shapley_credit.adapters.areal import credit_by_rule
    >>> data = {"rewards": np.array([1.0, 3.0]), "loss_mask": np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])}
    >>> credit_by_rule(data, "shapley", group_size=2)["advantages"]
    array([[-1.,  0.,  0.],
           [ 1.,  1.,  0.]], dtype=float32)
    """
    mask = _unrolled(data)
    groups = _groups(len(mask), meta, group_size)
    found = by_group_rule(rule, data["rewards"], mask, groups, data, advantages_of_part, **parameters)
    return {**data, "advantages": _rolled(found)}


def credit_by_turns(
    data: dict[str, Any], *, meta: Any = None, group_size: int | None = None, turn_rewards: str | None = None, **how: Any
) -> dict[str, Any]:
    """AReaL's batch with `advantages` that pay the turns of a rollout for what they lead to.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s, as in `turn_advantages`

    data, meta, group_size: as in `credit_by_rule`.
    turn_rewards: the key of data that holds r, [B, M], one number a turn, padded behind with 0 as AReaL pads; None where the
        last turn earns the reward of its row.
    how: credit, gamma, discounted, baseline, scale, floor, prefix_values, as in `turn_advantages`.

    >>> import numpy as np
    >>> from shapley_credit.adapters.areal import credit_by_turns
    >>> data = {"rewards": np.array([3.0, 1.0]), "loss_mask": np.array([[1.0, 0.0, 1.0, 0.0]] * 2)}
    >>> data["turn_rewards"] = np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> credit_by_turns(data, group_size=2, turn_rewards="turn_rewards")["advantages"]
    array([[ 2.,  0.,  1.,  0.],
           [-2.,  0., -1.,  0.]], dtype=float32)
    """
    mask = _unrolled(data)
    if turn_rewards is not None and turn_rewards not in data:
        raise InputError(f"the batch has no {turn_rewards!r}; it has {', '.join(data)}. Have your workflow return it, [B, M].")
    told = None if turn_rewards is None else data[turn_rewards]
    return {**data, "advantages": _rolled(by_turns(data["rewards"], told, mask, _groups(len(mask), meta, group_size), **how))}


def _unrolled(data: dict[str, Any]) -> Any:
    """The loss mask in the order of the tokens."""
    mask = data["loss_mask"]
    return mask[:, np.arange(mask.shape[1]) - 1]


def _rolled(advantages: Any) -> Any:
    """Advantages at the logits that predict their tokens."""
    width = advantages.shape[1]
    moved = advantages[:, (np.arange(width) + 1) % width]
    moved[:, -1] = 0.0
    return moved


def _groups(rows: int, meta: Any, group_size: int | None) -> Any:
    """The group of each row."""
    if (meta is None) == (group_size is None):
        raise InputError("say what a group is: meta, as AReaL passes it, or group_size, that of its configuration.")
    if meta is None:
        whole_number(group_size, "group_size", 1)
        return group_size
    several = [each for each in getattr(meta, "rollout_groups", None) or [] if each is not None and max(each.row_counts) > 1]
    if several:
        raise InputError(
            f"rollouts of several rows (row_counts {list(several[0].row_counts)}) would count as several members of their "
            "group; have your workflow return one row a rollout."
        )
    if sum(meta.traj_group_sizes) != rows:
        raise InputError(f"the groups of meta have {sum(meta.traj_group_sizes)} rows, and the batch {rows}.")
    return np.repeat(np.arange(len(meta.traj_group_sizes)), meta.traj_group_sizes)
