"""Makers of advantage estimators for verl and SkyRL, which call them with the whole batch on one process.

Both pass `token_level_rewards` [B, T], `response_mask` [B, T], `index` [B] (the prompt of each response) and keep what is
returned, (advantages, returns) [B, T]. What else a method needs are columns of `non_tensor_batch`, named in `registered`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.rewards import UNTRAINED, segments_of
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.convert import to_numpy
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.rules import check_spread, rule_tokens
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.credit.turns import TurnRule, turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.inputs.ids import codes_of
from shapley_credit.semivalues import Semivalue

Estimator = Callable[..., tuple[Any, Any]]


def group_estimator(
    set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley, baseline: str = "mean", scale: str = "none"
) -> Estimator:
    """Estimator that credits each response with its share in the utility of all responses to its prompt.

        A_i = (phi_i(v) - b_i) / s_i,      v = set_utility(rewards=, COLUMN=, ..)

    set_utility: called once a group with float64 [G] outcome rewards, those of all tokens, trainable or not, and the columns of
        `non_tensor_batch` where the framework passes them; returns what `set_shapley` takes. A response without trainable
        tokens is no member of its group. Several outputs of one rollout, to which verl gives one reward, are refused where a
        column `session_id` shows them; verl 0.9.1 has no such column, and there they count as several members.
    baseline, scale: as in `advantages`.

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
        # A mask says where credit goes, not where rewards are: the reward of an outcome may stand on a tool's token.
        rewards, trained = _numbers(token_level_rewards).sum(1), (_numbers(response_mask, "response_mask") != 0).any(1)
        credit = np.full(len(rewards), np.nan)
        for everyone in groups_of(index, len(rewards), non_tensor_batch):
            members = everyone[trained[everyone]]
            if not len(members):
                continue
            columns = {name: np.asarray(column)[members] for name, column in (non_tensor_batch or {}).items()}
            utility = set_utility(**columns, rewards=rewards[members])
            credit[members] = group_credit(utility, len(members), semivalue)[0]
        advantages = token_advantages(credit, response_mask, groups=index, baseline=baseline, scale=scale)
        return advantages, advantages

    return estimate


def segment_estimator(
    *, credit: str = "own", lam: float = 0.0, baseline: str | None = None, scale: str = "group_std", spread: str = "segment"
) -> Estimator:
    """Estimator that gives the segments of a response credits of their own, as `methods.ospo` does.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    phi comes from `segment_credit` and `segment_lengths` of `non_tensor_batch`, and where segments come in several stretches
    `segment_order`, as in `token_advantages`. The marginal contributions of `credit="marginal"` come from `segment_marginal`,
    with `marginal_lengths` where their segments are others; phi is then needed for a mixture alone. Where the framework passes
    no such columns, they are the rewards by token, as in `segment_rewards`. Rewards of whole responses alone are refused: they
    say nothing about segments.
    credit, lam, baseline, scale: the rule and what `segment_advantages` takes. spread: of own credit, "segment" or "token".

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import segment_estimator
    >>> by_step = segment_estimator(scale="none")
    >>> by_step(np.array([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]]), np.array([[1, 1, 1], [1, 1, 0]]), ["p", "p"])[0]
    array([[ 1.5,  1.5, -0.5],
           [-1. , -1. ,  0. ]], dtype=float32)
    """
    check_spread(Rule(credit, lam, baseline, scale), spread)
    needed = columns_of(credit, lam)

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        columns = dict(non_tensor_batch or {})
        missing = {*needed, "segment_lengths"} - columns.keys()
        if missing and columns.keys() & {"segment_credit", "segment_marginal", "segment_lengths"}:
            raise InputError(
                f"credit={credit!r} reads {', '.join(needed)} and segment_lengths; missing: {', '.join(sorted(missing))}."
            )
        if missing:
            columns = _read_rewards(token_level_rewards, response_mask, config, needed)
        known = (*needed, "segment_lengths", "segment_order", "marginal_lengths")
        rows = {name: list(columns[name]) for name in known if name in columns}
        groups_of(index, len(rows["segment_lengths"]), non_tensor_batch)
        advantages = rule_tokens(
            response_mask,
            rows.get("segment_credit"),
            index,
            segment_lengths=rows["segment_lengths"],
            segment_order=rows.get("segment_order"),
            marginal=rows.get("segment_marginal"),
            marginal_lengths=rows.get("marginal_lengths"),
            rule=credit,
            lam=lam,
            baseline=baseline,
            scale=scale,
            spread=spread,
        )
        return advantages, advantages

    return estimate


def turn_estimator(
    *,
    credit: str = "to_go",
    gamma: float | None = None,
    discounted: bool = False,
    baseline: str | None = None,
    scale: str = "none",
    prefix_values: bool = False,
) -> Estimator:
    """Estimator that pays the turns of a rollout for what they lead to, by `turn_advantages`.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s

    r comes from the rewards by token, or from the column `turn_rewards` of `non_tensor_batch` in their place, a list of one
    number a turn. Rewards of whole responses are those of their last turns. A token whose reward is `rewards.UNTRAINED` is none
    of a turn, whatever the mask says. KL penalties among the rewards count as rewards.
    gamma: None for that of the framework: the argument that SkyRL passes, verl's `algorithm.gamma`.
    credit, discounted, baseline, scale, prefix_values: as in `turn_advantages`.

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import turn_estimator
    >>> by_turn = turn_estimator()
    >>> by_turn(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]), np.array([[1, 0, 1], [1, 0, 1]]), ["p", "p"])[0]
    array([[ 2.,  0.,  1.],
           [-2.,  0., -1.]], dtype=float32)
    """
    TurnRule(credit, 1.0 if gamma is None else gamma, discounted, baseline, scale)

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **given: Any,
    ) -> tuple[Any, Any]:
        groups_of(index, len(response_mask), non_tensor_batch)
        rewards, untrained = token_level_rewards, token_level_rewards == UNTRAINED
        if untrained.any():
            response_mask, rewards = response_mask * ~untrained, rewards * ~untrained
        if "turn_rewards" in (non_tensor_batch or {}):
            rewards = list(non_tensor_batch["turn_rewards"])
            refuse_none(rewards, "turn_rewards", "Have a number for every turn")
        advantages = turn_advantages(
            rewards,
            response_mask,
            index,
            credit=credit,
            gamma=given.get("gamma", getattr(config, "gamma", 1.0)) if gamma is None else gamma,
            discounted=discounted,
            baseline=baseline,
            scale=scale,
            prefix_values=prefix_values,
        )
        return advantages, advantages

    return estimate


def _numbers(tensor: Any, name: str = "token_level_rewards") -> Any:
    array = to_numpy(tensor, name)[0]
    refuse_none(array, name, "Have a number for every token")
    return array.astype(np.float64)


def groups_of(index: Any, rows: int, columns: Mapping[str, Any] | None = None) -> list[Any]:
    """The places of the responses to each prompt, in order of appearance. Raises InputError for two outputs of one rollout."""
    if index is None or len(index) != rows:
        raise InputError(f"index must say which prompt each of the {rows} responses answers (verl: uid); got {index!r}.")
    codes, _ = codes_of(index, np.zeros(rows))
    order, found = np.unique(codes, return_index=True)
    groups = [np.flatnonzero(codes == code) for code in order[np.argsort(found)]]
    sessions = (columns or {}).get("session_id")
    if sessions is not None:
        for members in groups:
            _refuse_several_outputs(np.asarray(sessions)[members].tolist(), members)
    return groups


def _refuse_several_outputs(sessions: list[Any], members: Any) -> None:
    first: dict[Any, int] = {}
    for row, session in zip(members.tolist(), sessions, strict=True):
        if first.setdefault(session, row) != row:
            raise InputError(
                f"rows {first[session]} and {row} are outputs of one rollout: their prompt and session_id {session!r} are one. "
                "They would count as two responses; let the agent loop return one output, or train with verl's own grpo."
            )


def columns_of(credit: str, lam: float) -> tuple[str, ...]:
    """The columns of credits that a rule reads."""
    return (*("segment_credit",) * (credit != "marginal" or lam > 0), *("segment_marginal",) * (credit == "marginal"))


def _read_rewards(token_level_rewards: Any, response_mask: Any, config: Any, needed: tuple[str, ...]) -> dict[str, Any]:
    """The columns of `segment_estimator` from rewards by token."""
    if len(needed) > 1:
        raise InputError(
            f"a mixture reads {' and '.join(needed)} of non_tensor_batch, which this framework does not pass on; rewards by "
            "token hold one number a segment. Mix them in the reward function, or use one rule."
        )
    rewards, mask = _numbers(token_level_rewards), _numbers(response_mask, "response_mask") != 0
    # With one reward a response at most, all rewards are those of outcomes, and not of segments.
    if (np.count_nonzero(rewards, axis=1) < 2).all():
        raise InputError(
            "this estimator needs the credits of segments, and found rewards of whole responses only. Have the reward function "
            f"return {needed[0]} and segment_lengths where the framework passes non_tensor_batch, else rewards by token."
        )
    if getattr(config, "use_kl_in_reward", False):
        raise InputError("with use_kl_in_reward the rewards of tokens hold KL penalties beside credits; use a KL loss instead.")
    credit, lengths = segments_of(rewards, mask)
    return {needed[0]: credit, "segment_lengths": lengths}
