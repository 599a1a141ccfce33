"""slime: rewards that see whole groups, and token credit, by three of its command line hooks.

    --group-rm --custom-rm-path mine.reward                     reward = group_reward(set_utility)
    --custom-reward-post-process-path shapley_credit.adapters.slime.post_process_rewards
    --custom-advantage-function-path shapley_credit.adapters.slime.compute_advantages
    --custom-config-path credit.yaml                            shapley_credit: {credit: to_go, scale: none}

The second and third go together: the former runs once on the whole rollout and works out the advantages of tokens, which travel
to the trainers in the place of the rewards, the one ragged field that slime ships as it is; the latter unpacks them there. For
rollouts of several turns `post_process_turns` takes the place of `post_process_rewards`, for a rule over whole responses
`post_process_group_rule`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.adapters.settings import parameters_of
from shapley_credit.adapters.slime_members import Rollouts
from shapley_credit.adapters.slime_rules import by_group_rule, by_segments, by_turns
from shapley_credit.adapters.slime_slices import own_part
from shapley_credit.convert import Array
from shapley_credit.credit.tokens import scatter_credit
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue

Paid = tuple[list[float], list[Array]]


def group_reward(set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley) -> Callable[..., Any]:
    """Reward function for `--group-rm --custom-rm-path` that pays each sample its credit in the utility of its group.

        reward_i = phi_i(v),      v = set_utility(samples)

    set_utility: from the list of a group's samples to what `set_shapley` takes; may be `async def`. Also sets
    `sample.metadata["credit"]`, the figures of the group. With `--disable-rewards-normalization` credits arrive as they are.
    Raises InputError for the forks of a rollout: slime can't reward them as a group.

    >>> import asyncio
    >>> from types import SimpleNamespace as Sample
    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.slime import group_reward
    >>> reward = group_reward(lambda samples: u.Max([float(len(sample.response)) for sample in samples]))
    >>> asyncio.run(reward(None, [Sample(response="so", metadata={}), Sample(response="thus", metadata={})]))
    [1.0, 3.0]
    """

    async def reward(args: Any, samples: list[Any], **_: Any) -> list[float]:
        if any(isinstance(sample, list) for sample in samples):
            raise InputError(
                "slime can't reward a group of forks (--group-rm); reward them in your generate function, and credit their "
                "rollouts by post_process_group_rule."
            )
        utility = set_utility(samples)
        credit, figures = group_credit(await utility if inspect.isawaitable(utility) else utility, len(samples), semivalue)
        for sample in samples:
            sample.metadata["credit"] = figures
        return credit

    return reward


def post_process_rewards(args: Any, samples: list[Any], **options: Any) -> Paid:
    """Raw rewards, and for each sample the advantages of its trainable tokens, by the segments of its response.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    phi and the lengths of segments come from `sample.metadata["segment_credit"]` and `["segment_lengths"]`, which your reward
    or generate function sets, marginal contributions from `["segment_marginal"]`; a rollout without them is one segment,
    credited with its reward. Groups are those of `sample.group_index`; samples of one rollout are one member, as in `Rollouts`.
    options: credit, lam, baseline, scale, spread, as in `methods.ospo`; from the mapping `shapley_credit` of slime's
        `--custom-config-path`, or by keyword.
    """
    return _paid(args, samples, by_segments, options)


def post_process_turns(args: Any, samples: list[Any], **options: Any) -> Paid:
    """Raw rewards, and for each sample the advantages of its trainable tokens, by the turns of its loss mask.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s, as in `turn_advantages`

    r comes from `sample.metadata["turn_rewards"]`, a list of one number a turn. The reward of a rollout without it
    is that of its last turn. The turns of forks follow one another in the order of the samples.
    options: credit, gamma, discounted, baseline, scale, floor, prefix_values, as in `turn_advantages`; from the mapping
        `shapley_credit` of slime's `--custom-config-path`, or by keyword. gamma is that of slime's command line by default.
    """
    return _paid(args, samples, by_turns, {"gamma": getattr(args, "gamma", 1.0)} | parameters_of(args) | options)


def post_process_group_rule(args: Any, samples: list[Any], **options: Any) -> Paid:
    """Raw rewards, and for each sample the advantages of its trainable tokens, by a rule for whole responses.

        A_it = A_i, the advantage of the rollout by the rule of `methods.group_rules.GROUP_RULES`

    What a rule reads beside rewards are the names that the metadata of every rollout holds; of forks the last one tells.
    options: rule, its name, and its parameters, as in `group_advantages`, utility also as a text that `with_utility` reads;
        from the mapping `shapley_credit` of slime's `--custom-config-path`, or by keyword, which goes first.
    """
    return _paid(args, samples, by_group_rule, options)


def compute_advantages(args: Any, rollout_data: dict[str, Any]) -> None:
    """Set `advantages` and `returns` from the advantages that the hooks above sent, and `rewards` back to numbers.

    Under context parallelism these are the tokens that the rank holds. The rewards that slime logs are then the sums of the
    advantages over tokens. Raises InputError where none of the hooks above is in place.
    """
    rewards = rollout_data["rewards"]
    if any(np.ndim(row) != 1 for row in rewards):
        raise InputError(
            "rewards are numbers, not advantages of tokens; set --custom-reward-post-process-path "
            "shapley_credit.adapters.slime.post_process_rewards as well."
        )
    rollout_data["advantages"] = own_part(args, rollout_data, scatter_credit(rewards, rollout_data["loss_masks"]))
    rollout_data["returns"] = [row.clone() for row in rollout_data["advantages"]]
    rollout_data["rewards"] = [float(row.sum(dtype=np.float64)) for row in rewards]


def _paid(args: Any, samples: list[Any], rule: Callable[..., list[Array]], options: Mapping[str, Any]) -> Paid:
    """What slime takes from its hook."""
    options = {**parameters_of(args), **options}
    parameters = inspect.signature(rule).parameters
    known = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
    if "parameters" not in parameters and options.keys() - set(known):
        strange = ", ".join(sorted(options.keys() - set(known)))
        raise InputError(f"this hook takes the options {', '.join(known)} of shapley_credit; got {strange}.")
    members = Rollouts.read(args, samples)
    return members.raw(args), members.back(rule(members, **options))
