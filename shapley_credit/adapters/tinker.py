"""Tinker cookbook: rewards of whole groups, their advantages, and token credit in the training data.

Functions for your own loop, in the place of, or after, those of `tinker_cookbook.rl.data_processing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.scoring import Figures, group_credit
from shapley_credit.adapters.tinker_data import by_trajectory, credited, turns_of
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.rules import rule_tokens
from shapley_credit.credit.turns import turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.methods.group_rules import COMMON, GROUP_RULES, group_advantages
from shapley_credit.semivalues import Semivalue


def group_rewards(utility: Any, k: int, *, semivalue: Semivalue = semivalues.shapley) -> list[tuple[float, Figures]]:
    """What `EnvGroupBuilder.compute_group_rewards` returns: the credit of each trajectory in the utility of its group.

        reward_i = phi_i(v)

    utility: of the k trajectories, as `set_shapley` takes it. The cookbook adds the rewards of the steps, which should be 0.
    Returns (reward, figures) for each trajectory; the figures go to the training log.

    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.tinker import group_rewards
    >>> [reward for reward, figures in group_rewards(u.Max([2.0, 4.0]), 2)]
    [1.0, 3.0]
    """
    credit, figures = group_credit(utility, k, semivalue)
    return [(share, dict(figures)) for share in credit]


def compute_advantages(
    trajectory_groups: Sequence[Any],
    rule: str | None = None,
    *,
    columns: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    **parameters: Any,
) -> list[Any]:
    """The cookbook's function of the same name: total rewards to advantages, a float32 tensor a group.

    rule: one of `methods.group_rules.GROUP_RULES`, such as "maxrl"; by default `advantages`, which is the cookbook's.
    columns: what the rule reads beside rewards, [groups][G] each, in the order of the trajectories.
    parameters: those of the rule, and baseline, scale and floor as in `advantages`. A total of NaN marks the absent.
    """
    import torch

    totals = [group.get_total_rewards() for group in trajectory_groups]
    ids = np.repeat(np.arange(len(totals)), [len(rewards) for rewards in totals])
    rewards = np.concatenate(totals)
    if rule is None:
        strange = [*parameters.keys() - COMMON, *(columns or ())]
        if strange:
            raise InputError(f"{', '.join(sorted(strange))} belong to a rule; pass rule=, one of {', '.join(GROUP_RULES)}.")
        flat = advantages(rewards, ids, **parameters)
    else:
        cells = {name: [cell for group in column for cell in group] for name, column in (columns or {}).items()}
        flat = group_advantages(rule, rewards, ids, columns=cells, **parameters)
    return [torch.tensor(flat[ids == group], dtype=torch.float32) for group in range(len(totals))]


def credit_tokens(
    data: Sequence[Any],
    metadata: Sequence[Mapping[str, int]],
    segment_credit: Sequence[Sequence[Any]] | None,
    segment_lengths: Sequence[Sequence[Any]],
    *,
    segment_marginal: Sequence[Sequence[Any]] | None = None,
    credit: str = "own",
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "group_std",
    spread: str = "segment",
) -> list[Any]:
    """Training data in which the segments of a trajectory have credits of their own.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    data, metadata: from `assemble_training_data`.
    segment_credit, segment_lengths: [groups][G][S_i], phi and the numbers of trainable tokens, those whose mask is not 0, over
        all the data of a trajectory in order. segment_marginal: the same of m, for `credit="marginal"`, which without a mixture
        takes None for segment_credit.
    credit, lam, baseline, scale, spread: as in `methods.ospo`.

    Returns new data, equal but for `loss_fn_inputs["advantages"]`. Raises InputError for a trajectory whose segments and
    trainable tokens differ in number, and for metadata of another length than data.
    """
    places, masks = by_trajectory(data, metadata)
    phi, lengths, marginal = (
        None if rows is None else [rows[group][member] for group, member in places]
        for rows in (segment_credit, segment_lengths, segment_marginal)
    )
    rows = rule_tokens(
        list(masks.values()),
        phi,
        [group for group, _ in places],
        segment_lengths=lengths,
        rule=credit,
        marginal=marginal,
        lam=lam,
        baseline=baseline,
        scale=scale,
        spread=spread,
    )
    return credited(data, places, rows)


def credit_turns(
    data: Sequence[Any],
    metadata: Sequence[Mapping[str, int]],
    trajectory_groups: Sequence[Any],
    *,
    turn_rewards: Sequence[Sequence[Any]] | None = None,
    **parameters: Any,
) -> list[Any]:
    """Training data in which each turn of a trajectory is paid for what it leads to, as `turn_advantages` does.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s

    data, metadata: from `assemble_training_data(trajectory_groups, ..)`. A turn is an action with tokens that are not masked.
    turn_rewards: [groups][G][M_i], one for each turn. By default the rewards of the steps, of which one that is no turn adds to
        the turn before it, and the group's reward at the last turn.
    parameters: credit, gamma, discounted, baseline, scale, floor and prefix_values of `turn_advantages`.

    Returns new data, equal but for `loss_fn_inputs["advantages"]`. Raises InputError for data of other trajectories, and as
    `turn_advantages`.
    """
    places, masks = by_trajectory(data, metadata)
    read = {key: turns_of(trajectory_groups, *key) for key in places}
    rewards = [read[key][1] if turn_rewards is None else turn_rewards[key[0]][key[1]] for key in places]
    # A zero before each turn: where no token stands between two actions, a mask alone does not tell them apart.
    apart = [np.concatenate([[0.0], *([0.0] + [1.0] * count for count in read[key][0])]) for key in places]
    paid, rows = turn_advantages(rewards, apart, [group for group, _ in places], **parameters), []
    for (group, member), mask, own, row in zip(places, masks.values(), apart, paid, strict=True):
        if np.count_nonzero(mask) != np.count_nonzero(own):
            raise InputError(
                f"trajectory {member} of group {group} has {np.count_nonzero(own)} tokens to train and its data "
                f"{np.count_nonzero(mask)}; pass the groups that the data were assembled from."
            )
        rows.append(np.zeros(len(mask), np.float32))
        rows[-1][mask != 0] = np.asarray(row)[own != 0]
    return credited(data, places, rows)
