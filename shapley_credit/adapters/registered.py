"""The estimators that verl and SkyRL know by name, and the columns of `non_tensor_batch` [B] that each of them reads.

    every rule of `methods.group_rules`, such as shapley, maxrl or pass_at_k
                  none: outcome rewards; or those of the rule, such as answer for gapo: the item that a response names, any
                  hashable, None for an invalid one
    ospo          segment_credit, segment_lengths: lists of credits in units of the reward, and of numbers of trainable tokens;
                  segment_order for segments in several stretches
    shape_grpo    candidate_rewards: the list of rewards of a response's candidates; segment_candidate: for each segment the
                  candidate it belongs to, 0 .., or -1; segment_lengths. Or the columns of ospo
    turns         turn_rewards: lists of one reward a turn. Or none: rewards by token, added over turns
    all           session_id, output_index: which rollout of its prompt a row is an output of, and its place among them

`ospo_to_go`, `ospo_marginal`, `shape_grpo_to_go` and `shape_grpo_marginal` are the same under the other rules of credit;
`ospo_marginal` reads segment_marginal in the place of segment_credit. Without their columns all of these read rewards by token,
each the credit of the segment that it ends. `ospo` divides by the deviation of the segments of the group, as `methods.ospo`
does, and `shape_grpo` does not. `turns` is `turn_advantages` by reward to go with the framework's gamma, and `turns_own` pays
each turn its own reward. Parameters come from the configuration: `algorithm.shapley_credit.m` is that of `pass_at_k`.
"""

from __future__ import annotations

from functools import partial

from shapley_credit.adapters.estimators import candidate_estimator, rule_estimator, segment_estimator, turn_estimator
from shapley_credit.adapters.settings import Estimator, configured
from shapley_credit.methods.group_rules import GROUP_RULES

ESTIMATORS: dict[str, Estimator] = {
    **{name: configured(partial(rule_estimator, name)) for name in GROUP_RULES},
    "shape_grpo": configured(candidate_estimator),
    "shape_grpo_to_go": configured(candidate_estimator, credit="to_go"),
    "shape_grpo_marginal": configured(candidate_estimator, credit="marginal"),
    "ospo": configured(segment_estimator),
    "ospo_to_go": configured(segment_estimator, credit="to_go"),
    "ospo_marginal": configured(segment_estimator, credit="marginal"),
    "turns": configured(turn_estimator),
    "turns_own": configured(turn_estimator, credit="own"),
}

# Those that pay the tokens of a response differently.
BY_TOKEN = tuple(name for name in ESTIMATORS if name not in GROUP_RULES)


def names_beside(known: set[str]) -> dict[str, Estimator]:
    """The estimators by the names to register them under: `group_` is put in front of a rule whose name the framework uses."""
    return {f"group_{name}" if name in known else name: estimator for name, estimator in ESTIMATORS.items()}
