"""SkyRL: advantage estimators, and credits of segments and rewards of turns as rewards by token.

Call `register()` before training starts, then `trainer.algorithm.advantage_estimator=shapley`. Step-wise training knows outcome
estimators only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapley_credit.adapters.registered import ESTIMATORS
from shapley_credit.adapters.rewards import segment_rewards, turn_rewards


def register() -> None:
    """Put `shapley`, `shape_grpo`, `ospo`, `turns` and their other rules into SkyRL's registry, those that it lacks.

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


def turn_token_rewards(generator_output: Any, rewards: Sequence[Any] | None = None) -> Any:
    """A GeneratorOutput whose rewards by token show `turns` where the turns are, which SkyRL's response mask does not.

    generator_output: what a generator returns; the runs of 1 in its loss_masks are the turns. Return the answer in its place. A
        response whose rewards don't come this way counts as a single turn.
    rewards: ragged, one for each turn or for each token of a response; by default those of the generator, by token or for whole
        responses, which are those of their last turns.
    Raises InputError that names the first response whose rewards are neither one a token nor one a turn.

    >>> from shapley_credit.adapters.rewards import UNTRAINED
    >>> from shapley_credit.adapters.skyrl import turn_token_rewards
    >>> output = {"response_ids": [[5, 6, 7, 8]], "loss_masks": [[1, 0, 1, 1]], "rewards": [3.0]}
    >>> turn_token_rewards(output)["rewards"] == [[0.0, UNTRAINED, 0.0, 3.0]]
    True
    """
    masks = list(generator_output["loss_masks"])
    given = list(generator_output["rewards"] if rewards is None else rewards)
    if len(given) == len(masks) and not any(hasattr(reward, "__len__") for reward in given):
        given = [[*[0.0] * (len(mask) - 1), reward][: len(mask)] for mask, reward in zip(masks, given, strict=True)]
    return {**generator_output, "rewards": [row.tolist() for row in turn_rewards(masks, given)]}
