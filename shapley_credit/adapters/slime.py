"""slime: rewards that see whole groups, and token credit, by three of its command line hooks.

    --group-rm --custom-rm-path mine.reward                     reward = group_reward(set_utility)
    --custom-reward-post-process-path shapley_credit.adapters.slime.post_process_rewards
    --custom-advantage-function-path shapley_credit.adapters.slime.compute_advantages

The last two go together: the first runs once on the whole rollout and works out the advantages of tokens, which travel to the
trainers in the place of the rewards, the one ragged field that slime ships as it is; the second unpacks them there. For
rollouts of several turns `post_process_turns` takes the place of `post_process_rewards`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import isnan
from typing import Any

from shapley_credit import semivalues
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.credit.rules import rule_tokens
from shapley_credit.credit.tokens import scatter_credit
from shapley_credit.credit.turn_runs import Turns
from shapley_credit.credit.turns import turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.semivalues import Semivalue


def group_reward(set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley) -> Callable[..., Any]:
    """Reward function for `--group-rm --custom-rm-path` that pays each sample its credit in the utility of its group.

        reward_i = phi_i(v),      v = set_utility(samples)

    set_utility: from the list of a group's samples to what `set_shapley` takes; may be `async def`. Also sets
    `sample.metadata["credit"]`, the figures of the group. With `--disable-rewards-normalization` credits arrive as they are.

    >>> import asyncio
    >>> from types import SimpleNamespace as Sample
    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.slime import group_reward
    >>> reward = group_reward(lambda samples: u.Max([float(len(sample.response)) for sample in samples]))
    >>> asyncio.run(reward(None, [Sample(response="so", metadata={}), Sample(response="thus", metadata={})]))
    [1.0, 3.0]
    """

    async def reward(args: Any, samples: list[Any], **_: Any) -> list[float]:
        utility = set_utility(samples)
        credit, figures = group_credit(await utility if inspect.isawaitable(utility) else utility, len(samples), semivalue)
        for sample in samples:
            sample.metadata["credit"] = figures
        return credit

    return reward


def post_process_rewards(
    args: Any,
    samples: list[Any],
    *,
    credit: str = "own",
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "group_std",
    spread: str = "segment",
) -> tuple[list[float], list[list[float]]]:
    """Raw rewards, and for each sample the advantages of its trainable tokens, by the groups of `sample.group_index`.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    phi and the lengths of segments come from `sample.metadata["segment_credit"]` and `["segment_lengths"]`, which your reward
    or generate function sets, marginal contributions from `["segment_marginal"]`; a sample without them is one segment,
    credited with its reward. A removed sample without a reward is absent, and its raw reward is 0.
    credit, lam, baseline, scale, spread: as in `methods.ospo`. slime passes none of them: to set one, give slime a function of
        yours that calls this one.
    """
    raw = [_raw(sample, args, row) for row, sample in enumerate(samples)]
    masks = [_mask(sample, row) for row, sample in enumerate(samples)]
    metadata = [sample.metadata for sample in samples]
    rows = rule_tokens(
        masks,
        _column("segment_credit", metadata, raw) if credit != "marginal" or lam else None,
        [sample.group_index for sample in samples],
        segment_lengths=[
            # A sample that is masked as a whole has no trainable token in any segment.
            [0] * len(found.get("segment_lengths", [0])) if not any(mask) else found.get("segment_lengths", [sum(mask)])
            for found, mask in zip(metadata, masks, strict=True)
        ],
        rule=credit,
        marginal=_column("segment_marginal", metadata, raw) if credit == "marginal" else None,
        lam=lam,
        baseline=baseline,
        scale=scale,
        spread=spread,
    )
    return _packed(raw, rows, masks)


def post_process_turns(
    args: Any,
    samples: list[Any],
    *,
    credit: str = "to_go",
    gamma: float | None = None,
    discounted: bool = False,
    baseline: str | None = None,
    scale: str = "none",
    prefix_values: bool = False,
) -> tuple[list[float], list[list[float]]]:
    """Raw rewards, and for each sample the advantages of its trainable tokens, by the turns of its loss mask.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s, as in `turn_advantages`

    r comes from `sample.metadata["turn_rewards"]`, a list of one number a turn. The reward of a sample without it
    is that of its last turn. A removed sample is absent.
    gamma: None for that of slime's command line. credit, discounted, baseline, scale, prefix_values: as in `turn_advantages`.
        slime passes none of them: to set one, give slime a function of yours that calls this one.
    """
    raw = [_raw(sample, args, row) for row, sample in enumerate(samples)]
    masks = [_mask(sample, row) for row, sample in enumerate(samples)]
    rows = turn_advantages(
        [_of_turns(*each) for each in zip(samples, raw, range(len(raw)), Turns.read(masks).counts.tolist(), strict=True)],
        masks,
        [sample.group_index for sample in samples],
        credit=credit,
        gamma=getattr(args, "gamma", 1.0) if gamma is None else gamma,
        discounted=discounted,
        baseline=baseline,
        scale=scale,
        prefix_values=prefix_values,
    )
    return _packed(raw, rows, masks)


def compute_advantages(args: Any, rollout_data: dict[str, Any]) -> None:
    """Set `advantages` and `returns` from the advantages that `post_process_rewards` sent, and `rewards` back to numbers.

    The rewards that slime logs are then the sums of the advantages over tokens.
    Raises InputError for context parallelism, where a rank holds a part of each response, and where `post_process_rewards` is
    not in place.
    """
    if getattr(args, "context_parallel_size", 1) != 1:
        raise InputError(
            f"token credit needs context_parallel_size = 1; got {args.context_parallel_size}, where each rank holds a part "
            "of a response."
        )
    rewards = rollout_data["rewards"]
    if any(not isinstance(row, list | tuple) for row in rewards):
        raise InputError(
            "rewards are numbers, not advantages of tokens; set --custom-reward-post-process-path "
            "shapley_credit.adapters.slime.post_process_rewards as well."
        )
    masks = rollout_data["loss_masks"]
    rollout_data["advantages"] = scatter_credit(rewards, masks)
    rollout_data["returns"] = [row.clone() for row in rollout_data["advantages"]]
    rollout_data["rewards"] = [float(sum(row)) for row in rewards]


def _raw(sample: Any, args: Any, row: int) -> float:
    """The reward of a sample; NaN for one that is removed and has none: it is a member of no group."""
    reward = sample.get_reward_value(args)
    if reward is None and not sample.remove_sample:
        raise InputError(f"sample {row} has no reward (None) and is not removed; reward it, or set its remove_sample.")
    return float("nan") if reward is None else float(reward)


def _packed(raw: list[float], rows: list[Any], masks: list[list[int]]) -> tuple[list[float], list[list[float]]]:
    """Raw rewards as numbers, and the advantages of trainable tokens."""
    raw = [0.0 if isnan(reward) else reward for reward in raw]
    return raw, [row[[flag != 0 for flag in mask]].tolist() for row, mask in zip(rows, masks, strict=True)]


def _of_turns(sample: Any, reward: float, row: int, turns: int) -> list[Any]:
    """One number for each turn of a sample."""
    found = list(sample.metadata.get("turn_rewards", [*[0.0] * (turns - 1), reward]))
    refuse_none(found, f"turn_rewards of sample {row}", "Have a number for every turn")
    return found if turns else []


def _column(name: str, metadata: list[dict[str, Any]], raw: list[float]) -> list[Any]:
    """A list for each sample; the reward alone for a sample of one segment, which has no lengths either."""
    for row, found in enumerate(metadata):
        if ("segment_lengths" in found) != (name in found):
            raise InputError(
                f"the metadata of sample {row} must hold {name} and segment_lengths, or neither; got {sorted(found)}."
            )
        for each in {name, "segment_lengths"} & found.keys():
            refuse_none(list(found[each]), f"{each} of sample {row}", "Have a number for every segment")
    rows = [found.get(name, [reward]) for found, reward in zip(metadata, raw, strict=True)]
    return [[reward] * len(row) if isnan(reward) else row for row, reward in zip(rows, raw, strict=True)]


def _mask(sample: Any, row: int) -> list[int]:
    """What slime will train on: nothing of a removed sample, everything of one without a mask."""
    if sample.remove_sample:
        return [0] * sample.response_length
    if sample.loss_mask is not None and None in sample.loss_mask:
        refuse_none(list(sample.loss_mask), f"the loss_mask of sample {row}", "Have a 0 or 1 for every token")
    return [1] * sample.response_length if sample.loss_mask is None else list(sample.loss_mask)
