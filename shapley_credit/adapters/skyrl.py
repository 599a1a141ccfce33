"""SkyRL: advantage estimators, and credits of segments as rewards by token.

Call `register()` before training starts, then `trainer.algorithm.advantage_estimator=shapley`. Step-wise training knows outcome
estimators only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapley_credit.adapters.registered import ESTIMATORS
from shapley_credit.adapters.rewards import segment_rewards


def register() -> None:
    """Put `shapley`, `shape_grpo`, `ospo` and their other rules into SkyRL's registry, those of them that it does not have yet.

    SkyRL passes no columns beside the rewards, which `gapo` would need.
    """
    from skyrl.backends.skyrl_train.utils.ppo_utils import AdvantageEstimatorRegistry

    known = AdvantageEstimatorRegistry.list_available()
    for name, estimator in ESTIMATORS.items():
        if name not in known and name != "gapo":
            AdvantageEstimatorRegistry.register(name, estimator)


def token_rewards(generator_output: Any, segment_credit: Sequence[Any], segment_lengths: Sequence[Any]) -> Any:
    """A GeneratorOutput whose rewards are those of tokens: the credit of each segment at its last trainable token.

    generator_output: what a generator returns; its loss_masks say what is trainable. segment_credit, segment_lengths: as in
        `segment_rewards`. Return it from your generator, and train with `ospo` or `shape_grpo`.
    Raises InputError that names the first response whose segments and trainable tokens differ in number.

    >>> from shapley_credit.adapters.skyrl import token_rewards
    >>> output = {"response_ids": [[5, 6, 7, 8]], "loss_masks": [[1, 0, 1, 1]], "rewards": [3.0]}
    >>> token_rewards(output, [[1.0, 2.0]], [[1, 2]])["rewards"]
    [[1.0, 0.0, 0.0, 2.0]]
    """
    rows = segment_rewards(list(generator_output["loss_masks"]), segment_credit, segment_lengths)
    return {**generator_output, "rewards": [row.tolist() for row in rows]}
