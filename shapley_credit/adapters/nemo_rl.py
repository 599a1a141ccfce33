"""NeMo-RL: advantage estimators, to be returned by `_create_advantage_estimator` of `nemo_rl.algorithms.grpo`.

NeMo-RL calls `compute_advantage` on the driver, once a step, with the whole batch, so that groups are complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shapley_credit.adapters.rule_checks import check_rule
from shapley_credit.adapters.whole_batch import by_group_rule, by_turns
from shapley_credit.credit.turns import TurnRule
from shapley_credit.errors import InputError


class GroupRuleEstimator:
    """Estimator that pays each response by a rule for whole responses.

        A_it = A_i, the advantage of response i by the rule of `methods.group_rules.GROUP_RULES`

    rule, parameters: as in `group_advantages`, checked at once. What a rule reads beside rewards are keys of NeMo-RL's batch.

    >>> import numpy as np
    >>> from shapley_credit.adapters.nemo_rl import GroupRuleEstimator
    >>> best = GroupRuleEstimator("shapley")
    >>> best.compute_advantage(np.array([[5, 6], [5, 6]]), np.array([1.0, 3.0]), np.array([[0, 0, 1], [0, 1, 1]]))
    array([[ 0.,  0., -1.],
           [ 0.,  1.,  1.]], dtype=float32)
    """

    def __init__(self, rule: str, **parameters: Any) -> None:
        check_rule(rule, parameters)
        self.rule, self.parameters = rule, parameters

    def compute_advantage(
        self, prompt_ids: Any, rewards: Any, mask: Any, repeated_batch: Mapping[str, Any] | None = None, **_: Any
    ) -> Any:
        """Advantages [B, S], float32, 0 outside of the mask.

        prompt_ids: [B, P] tokens, or [B] numbers; equal ones are a group. rewards: [B]. mask: [B, S], token_mask * sample_mask;
        a response without trainable tokens is absent. repeated_batch: NeMo-RL's batch.
        """
        columns = {name: repeated_batch[name] for name in repeated_batch} if repeated_batch is not None else {}
        return by_group_rule(self.rule, rewards, mask, prompt_ids, columns, **self.parameters)


class TurnEstimator:
    """Estimator that pays the turns of a rollout for what they lead to.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s, as in `turn_advantages`

    A turn is a run of trainable tokens: what the assistant writes between two answers of the environment.
    turn_rewards: the key of NeMo-RL's batch that holds r, a list of one number a turn for each rollout, or a matrix padded
        behind with 0. NeMo-RL adds the rewards of turns up and keeps none of them; without a key the last turn earns all.
    credit, gamma, discounted, baseline, scale, floor, prefix_values: as in `turn_advantages`.

    >>> import numpy as np
    >>> from shapley_credit.adapters.nemo_rl import TurnEstimator
    >>> mask, batch = np.array([[0, 1, 0, 1], [0, 1, 0, 1]]), {"turn_rewards": [[1.0, 2.0], [0.0, 1.0]]}
    >>> TurnEstimator("turn_rewards").compute_advantage(np.array([7, 7]), np.array([3.0, 1.0]), mask, batch)
    array([[ 0.,  2.,  0.,  1.],
           [ 0., -2.,  0., -1.]], dtype=float32)
    """

    def __init__(self, turn_rewards: str | None = None, *, prefix_values: bool = False, **how: Any) -> None:
        TurnRule(**how)
        self.turn_rewards, self.how = turn_rewards, {**how, "prefix_values": prefix_values}

    def compute_advantage(
        self, prompt_ids: Any, rewards: Any, mask: Any, repeated_batch: Mapping[str, Any] | None = None, **_: Any
    ) -> Any:
        """Advantages [B, S], float32, 0 outside of the mask; the arguments are those of `GroupRuleEstimator`."""
        if self.turn_rewards is None:
            return by_turns(rewards, None, mask, prompt_ids, **self.how)
        if self.turn_rewards not in (repeated_batch or {}):
            raise InputError(
                f"NeMo-RL's batch has no {self.turn_rewards!r}, which was to hold the rewards of turns; it has "
                f"{', '.join(repeated_batch or {}) or 'nothing'}. Have your rollout put it there."
            )
        assert repeated_batch is not None
        return by_turns(rewards, repeated_batch[self.turn_rewards], mask, prompt_ids, **self.how)
