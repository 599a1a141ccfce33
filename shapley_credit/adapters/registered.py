"""The estimators that verl and SkyRL know by name, and the columns of `non_tensor_batch` [B] that each of them reads.

    shapley       none: outcome rewards, utility of the best response to a prompt
    gapo          answer: the item that a response names, any hashable, None for an invalid one
    ospo          segment_credit, segment_lengths: lists of credits in units of the reward, and of numbers of trainable tokens;
                  segment_order for segments in several stretches
    shape_grpo    candidate_rewards: the list of rewards of a response's candidates; segment_candidate: for each segment the
                  candidate it belongs to, 0 .., or -1; segment_lengths. Or the columns of ospo
    turns         turn_rewards: lists of one reward a turn. Or none: rewards by token, added over turns

`ospo_to_go`, `ospo_marginal`, `shape_grpo_to_go` and `shape_grpo_marginal` are the same under the other rules of credit;
`ospo_marginal` reads segment_marginal in the place of segment_credit. Without their columns all of these read rewards by token,
each the credit of the segment that it ends. `ospo` divides by the deviation of the segments of the group, as `methods.ospo`
does, and `shape_grpo` does not. `turns` is `turn_advantages` by reward to go with the framework's gamma, and `turns_own` pays
each turn its own reward. The members of `shapley` and `gapo` are responses written side by side, which have no order:
there is no marginal rule for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.adapters.estimators import Estimator, group_estimator, groups_of, segment_estimator, turn_estimator
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.methods.gapo import diversity_utility
from shapley_credit.methods.shape_grpo import shape_grpo
from shapley_credit.utilities.maximum import Max
from shapley_credit.utility import Utility


def _best(rewards: Any, **columns: Any) -> Utility:
    return Max(rewards)


def _diversity(rewards: Any, answer: Any = None, **columns: Any) -> Utility:
    if answer is None:
        raise InputError(
            "gapo reads the column answer of non_tensor_batch, the item that each response names, and this framework passes no "
            "such column to estimators. Reward whole groups with methods.gapo before the estimator, and use shapley or grpo."
        )
    return diversity_utility(answer)


def candidate_estimator(*, credit: str = "own", lam: float = 0.0, baseline: str | None = None) -> Estimator:
    """Estimator of `methods.shape_grpo` from the columns of `shape_grpo`; `segment_estimator(scale="none")` without them.

    credit, lam, baseline: as in `shape_grpo`.
    """
    by_segment = segment_estimator(credit=credit, lam=lam, baseline=baseline, scale="none")

    def estimate(
        token_level_rewards: Any, response_mask: Any, index: Any = None, non_tensor_batch: Any = None, **given: Any
    ) -> tuple[Any, Any]:
        columns = non_tensor_batch or {}
        if "candidate_rewards" not in columns:
            return by_segment(token_level_rewards, response_mask, index, non_tensor_batch=columns, **given)
        missing = {"segment_candidate", "segment_lengths"} - columns.keys()
        if missing:
            raise InputError(f"candidate_rewards come with segment_candidate and segment_lengths; missing: {sorted(missing)}.")
        refuse_none(list(columns["candidate_rewards"]), "candidate_rewards", "Give each response a list, [] for no candidates")
        groups_of(index, len(columns["candidate_rewards"]), columns)
        counts = [len(row) for row in columns["candidate_rewards"]]
        # Rows of candidates are padded to the longest, and to one place where there is no candidate at all.
        present = np.arange(max(*counts, 1)) < np.array(counts)[:, None]
        rewards = np.zeros(present.shape)
        rewards[present] = np.concatenate([np.asarray(row, np.float64) for row in columns["candidate_rewards"]])
        advantages = shape_grpo(
            rewards,
            response_mask,
            candidates=columns["segment_candidate"],
            lengths=columns["segment_lengths"],
            groups=index,
            present=present,
            credit=credit,
            lam=lam,
            baseline=baseline,
        )
        return advantages, advantages

    return estimate


ESTIMATORS: dict[str, Estimator] = {
    "shapley": group_estimator(_best),
    "shape_grpo": candidate_estimator(),
    "shape_grpo_to_go": candidate_estimator(credit="to_go"),
    "shape_grpo_marginal": candidate_estimator(credit="marginal"),
    "ospo": segment_estimator(),
    "ospo_to_go": segment_estimator(credit="to_go"),
    "ospo_marginal": segment_estimator(credit="marginal"),
    "turns": turn_estimator(),
    "turns_own": turn_estimator(credit="own"),
    "gapo": group_estimator(_diversity, scale="group_std"),
}
