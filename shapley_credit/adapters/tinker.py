"""Tinker cookbook: rewards of whole groups, their advantages, and token credit in the training data.

Functions for your own loop, in the place of, or after, those of `tinker_cookbook.rl.data_processing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.scoring import Figures, group_credit
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.rules import rule_tokens
from shapley_credit.errors import InputError
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


def compute_advantages(trajectory_groups: Sequence[Any], *, baseline: str = "mean", scale: str = "none") -> list[Any]:
    """The cookbook's function of the same name, with the baselines and scales of `advantages`: a float32 tensor a group."""
    import torch

    totals = [group.get_total_rewards() for group in trajectory_groups]
    ids = np.repeat(np.arange(len(totals)), [len(rewards) for rewards in totals])
    flat = advantages(np.concatenate(totals), ids, baseline=baseline, scale=scale)
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
    from tinker import TensorData

    if len(data) != len(metadata):
        raise InputError(f"data and metadata must go together; got {len(data)} and {len(metadata)}.")
    # A trajectory may be cut into several data; its segments run through all of them.
    places: dict[tuple[int, int], list[int]] = {}
    for place, found in enumerate(metadata):
        places.setdefault((found["group_idx"], found["traj_idx"]), []).append(place)
    masks = [np.asarray(datum.loss_fn_inputs["mask"].data) for datum in data]
    phi, lengths, marginal = (
        None if rows is None else [rows[group][member] for group, member in places]
        for rows in (segment_credit, segment_lengths, segment_marginal)
    )
    rows = rule_tokens(
        [np.concatenate([masks[place] for place in own]) for own in places.values()],
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
    credited: list[Any] = list(data)
    for row, own in zip(rows, places.values(), strict=True):
        cuts = np.cumsum([len(masks[place]) for place in own])[:-1]
        for place, part in zip(own, np.split(row, cuts), strict=True):
            tensor = TensorData(data=part, dtype="float32", shape=[len(part)])
            credited[place] = replace(data[place], loss_fn_inputs={**data[place].loss_fn_inputs, "advantages": tensor})
    return credited
