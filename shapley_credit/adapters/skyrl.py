"""SkyRL: advantage estimators, and credits of segments and rewards of turns as rewards by token.

Call `register()` before training starts, then `trainer.algorithm.advantage_estimator=shapley`. Step-wise training hands
estimators the last step of each rollout and copies what they say of it to the others: it knows rules of whole rollouts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

from shapley_credit.adapters.registered import BY_TOKEN, names_beside
from shapley_credit.adapters.rewards import UNTRAINED, segment_rewards, turn_rewards
from shapley_credit.adapters.settings import Estimator
from shapley_credit.errors import InputError


def register() -> None:
    """Put the estimators of `registered` into SkyRL's registry; a second time changes nothing.

    A rule that bears the name of an estimator of SkyRL's own, maxrl, is `group_maxrl`. SkyRL passes no columns beside the
    rewards: rules that read some raise InputError and say what to do.
    """
    from skyrl.backends.skyrl_train.utils.ppo_utils import AdvantageEstimator, AdvantageEstimatorRegistry

    known = AdvantageEstimatorRegistry.list_available()
    for name, estimator in names_beside({each.value for each in AdvantageEstimator}).items():
        if name not in known:
            AdvantageEstimatorRegistry.register(name, _of_whole_rows(estimator) if name in BY_TOKEN else estimator)


def _of_whole_rows(estimator: Estimator) -> Estimator:
    """The estimator, which refuses the calls of step-wise training."""

    @wraps(estimator)
    def estimate(token_level_rewards: Any, response_mask: Any, index: Any = None, **given: Any) -> tuple[Any, Any]:
        # There the mask is all ones as floats, in the place of integers.
        if response_mask.is_floating_point():
            raise InputError(
                "step-wise training copies the advantages of the last step's tokens to the tokens of all other steps, where "
                "segments and turns differ. Set generator.step_wise_trajectories=false, or use a rule of whole rollouts."
            )
        return estimator(token_level_rewards, response_mask, index, **given)

    return estimate


def token_rewards(generator_output: Any, segment_credit: Sequence[Any], segment_lengths: Sequence[Any]) -> Any:
    """A GeneratorOutput whose rewards are those of tokens: the credit of each segment at its last trainable token.

    generator_output: what a generator returns; its loss_masks say what is trainable. segment_credit, segment_lengths: as in
        `segment_rewards`. Return it from your generator, and train with `ospo` or `shape_grpo`. A response whose loss mask is 0
        has rewards of UNTRAINED, by which estimators know it for absent, whatever is said of its segments.
    Raises InputError that names the first response whose segments and trainable tokens differ in number.

    >>> from shapley_credit.adapters.skyrl import token_rewards
    >>> output = {"response_ids": [[5, 6, 7, 8]], "loss_masks": [[1, 0, 1, 1]], "rewards": [3.0]}
    >>> token_rewards(output, [[1.0, 2.0]], [[1, 2]])["rewards"]
    [[1.0, 0.0, 0.0, 2.0]]
    """
    masks = list(generator_output["loss_masks"])
    if not len(masks) == len(segment_credit) == len(segment_lengths):
        raise InputError(
            f"segment_credit and segment_lengths must have a row for each of {len(masks)} responses; got {len(segment_credit)} "
            f"and {len(segment_lengths)}."
        )
    there = [any(mask) for mask in masks]
    credit, lengths = (
        [row if here else [] for row, here in zip(rows, there, strict=True)] for rows in (segment_credit, segment_lengths)
    )
    rows = segment_rewards(masks, credit, lengths)
    rewards = [row.tolist() if here else [UNTRAINED] * len(row) for row, here in zip(rows, there, strict=True)]
    return {**generator_output, "rewards": rewards}


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
