"""The data that Tinker trains on, by trajectory: which belong together, where their turns are, and their new advantages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shapley_credit.errors import InputError

# Where the data of each trajectory stand, by group and member.
Places = dict[tuple[int, int], list[int]]


def turns_of(trajectory_groups: Sequence[Any], group: int, member: int) -> tuple[list[int], list[float]]:
    """Numbers of tokens and rewards of the turns of a trajectory, the reward of its group among those of the last turn."""
    from tinker_cookbook.rl.types import PARSE_ERROR_MASKED_METRIC_KEY

    if group >= len(trajectory_groups) or member >= len(trajectory_groups[group].trajectories_G):
        raise InputError(f"the data hold trajectory {member} of group {group}, which is not among the groups; pass theirs.")
    known = trajectory_groups[group]
    counts, rewards, before = [], [], 0.0
    for step in known.trajectories_G[member].transitions:
        if step.ac.tokens and float(step.metrics.get(PARSE_ERROR_MASKED_METRIC_KEY, 0.0)) < 1.0:
            counts.append(len(step.ac.tokens))
            rewards.append(before + step.reward)
            before = 0.0
        elif rewards:
            rewards[-1] += step.reward
        else:
            before += step.reward
    if rewards:
        rewards[-1] += known.final_rewards_G[member]
    return counts, rewards


def by_trajectory(data: Sequence[Any], metadata: Sequence[Mapping[str, int]]) -> tuple[Places, dict[tuple[int, int], Any]]:
    """The places of data, and the masks of trajectories, which may be cut into several data."""
    if len(data) != len(metadata):
        raise InputError(f"data and metadata must go together; got {len(data)} and {len(metadata)}.")
    places: Places = {}
    for place, found in enumerate(metadata):
        places.setdefault((found["group_idx"], found["traj_idx"]), []).append(place)
    masks = {key: np.concatenate([data[place].loss_fn_inputs["mask"].data for place in own]) for key, own in places.items()}
    return places, masks


def credited(data: Sequence[Any], places: Places, rows: Sequence[Any]) -> list[Any]:
    """New data with the advantages of each trajectory, which run through all of its data."""
    from tinker import TensorData

    paid = list(data)
    for row, own in zip(rows, places.values(), strict=True):
        cuts = np.cumsum([len(data[place].loss_fn_inputs["mask"].data) for place in own])[:-1]
        for place, part in zip(own, np.split(row, cuts), strict=True):
            tensor = TensorData(data=part, dtype="float32", shape=[len(part)])
            paid[place] = replace(data[place], loss_fn_inputs={**data[place].loss_fn_inputs, "advantages": tensor})
    return paid
