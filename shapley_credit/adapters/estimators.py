"""Makers of advantage estimators for verl and SkyRL, which call them with the whole batch on one process.

Both pass `token_level_rewards` [B, T], `response_mask` [B, T], `index` [B] (the prompt of each response) and keep what is
returned, (advantages, returns) [B, T]. What else a method needs are columns of `non_tensor_batch`, named in `registered`.
Beside the float32 result an estimator takes a few megabytes, and numbers for each response and segment: tokens are read and
written in blocks. Rewards may be of any dtype and are added in float64. Tensors stay on the device of the mask.
"""

from __future__ import annotations

from shapley_credit.adapters.group_estimators import group_estimator, rule_estimator
from shapley_credit.adapters.segment_estimators import candidate_estimator, segment_estimator
from shapley_credit.adapters.turn_estimators import turn_estimator

__all__ = ["candidate_estimator", "group_estimator", "rule_estimator", "segment_estimator", "turn_estimator"]
