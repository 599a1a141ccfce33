"""Makers of advantage estimators for verl and SkyRL, which call them with the whole batch on one process.

Both pass `token_level_rewards` [B, T], `response_mask` [B, T], `index` [B] (the prompt of each response) and keep what is
returned, (advantages, returns) [B, T]. What else a method needs are columns of `non_tensor_batch`, named in `registered`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.rewards import segments_of
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.convert import to_numpy
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError
from shapley_credit.methods.ospo import segment_advantages
from shapley_credit.semivalues import Semivalue

Estimator = Callable[..., tuple[Any, Any]]


def group_estimator(
    set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley, baseline: str = "mean", scale: str = "none"
) -> Estimator:
    """Estimator that credits each response with its share in the utility of all responses to its prompt.

        A_i = (phi_i(v) - b_i) / s_i,      v = set_utility(rewards=, COLUMN=, ..)

    set_utility: called once a group with float64 [G] outcome rewards, and the columns of `non_tensor_batch` where the framework
        passes them; returns what `set_shapley` takes. baseline, scale: as in `advantages`.

    >>> import numpy as np
    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.estimators import group_estimator
    >>> best_of_group = group_estimator(lambda rewards, **columns: u.Max(rewards))
    >>> advantages, returns = best_of_group(np.array([[0.0, 2.0], [4.0, 0.0]]), np.array([[1, 1], [1, 0]]), ["p", "p"])
    >>> advantages
    array([[-1., -1.],
           [ 1.,  0.]], dtype=float32)
    """

    def estimate(
        token_level_rewards: Any, response_mask: Any, index: Any = None, non_tensor_batch: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        rewards = _outcomes(token_level_rewards, response_mask)
        credit = np.empty_like(rewards)
        for members in groups_of(index, len(rewards)):
            columns = {name: column[members] for name, column in (non_tensor_batch or {}).items()}
            utility = set_utility(**columns, rewards=rewards[members])
            credit[members] = group_credit(utility, len(members), semivalue)[0]
        advantages = token_advantages(credit, response_mask, groups=list(index), baseline=baseline, scale=scale)
        return advantages, advantages

    return estimate


def segment_estimator(*, baseline: str = "mean", scale: str = "group_std", spread: str = "segment") -> Estimator:
    """Estimator that gives the segments of a response credits of their own, as `methods.ospo` does.

        A_ij = (phi_ij - b) / s,      b and s over the segments of all responses to the prompt, as in `segment_advantages`

    phi comes from `segment_credit` and `segment_lengths` of `non_tensor_batch`, and where segments come in several stretches
    `segment_order`, as in `token_advantages`. Where the framework passes no such columns, phi are the rewards by token, as in
    `segment_rewards`. Rewards of whole responses alone are refused: they say nothing about segments.
    baseline, scale: as in `segment_advantages`. spread: as in `token_advantages`.

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import segment_estimator
    >>> by_step = segment_estimator(scale="none")
    >>> by_step(np.array([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]]), np.array([[1, 1, 1], [1, 1, 0]]), ["p", "p"])[0]
    array([[ 1.,  1., -1.],
           [ 0.,  0.,  0.]], dtype=float32)
    """

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        columns = dict(non_tensor_batch or {})
        if not {"segment_credit", "segment_lengths"} <= columns.keys():
            columns = _read_rewards(token_level_rewards, response_mask, config)
        credit, order = list(columns["segment_credit"]), columns.get("segment_order")
        groups_of(index, len(credit))
        advantages = token_advantages(
            None,
            response_mask,
            segment_credit=segment_advantages(credit, list(index), baseline=baseline, scale=scale),
            segment_lengths=list(columns["segment_lengths"]),
            segment_order=None if order is None else list(order),
            spread=spread,
        )
        return advantages, advantages

    return estimate


def _outcomes(token_level_rewards: Any, response_mask: Any) -> Any:
    """Reward of each response, float64 [B]."""
    return (_numbers(token_level_rewards) * (_numbers(response_mask) != 0)).sum(1)


def _numbers(tensor: Any) -> Any:
    return to_numpy(tensor, "the batch")[0].astype(np.float64)


def groups_of(index: Any, rows: int) -> list[Any]:
    """The places of the responses to each prompt, in order of appearance."""
    if index is None or len(index) != rows:
        raise InputError(f"index must say which prompt each of the {rows} responses answers (verl: uid); got {index!r}.")
    found: dict[Any, list[int]] = {}
    for place, prompt in enumerate(index):
        found.setdefault(prompt, []).append(place)
    return [np.array(places) for places in found.values()]


def _read_rewards(token_level_rewards: Any, response_mask: Any, config: Any) -> dict[str, Any]:
    """The columns of `segment_estimator` from rewards by token."""
    rewards, mask = _numbers(token_level_rewards), _numbers(response_mask) != 0
    if (np.count_nonzero(rewards * mask, axis=1) < 2).all():
        raise InputError(
            "this estimator needs the credits of segments, and found rewards of whole responses only. Have the reward function "
            "return segment_credit and segment_lengths where the framework passes non_tensor_batch, else rewards by token."
        )
    if getattr(config, "use_kl_in_reward", False):
        raise InputError("with use_kl_in_reward the rewards of tokens hold KL penalties beside credits; use a KL loss instead.")
    credit, lengths = segments_of(rewards, mask)
    return {"segment_credit": credit, "segment_lengths": lengths}
