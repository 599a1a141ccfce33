"""Under which trainers and settings of TRL our advantages cannot be right."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import isnan
from typing import Any

from shapley_credit.errors import InputError

# The scale of the segments of a group, by TRL's scale_rewards.
SCALES = {"group": "group_std", "none": "none"}

# What the sums of credits and the rewards may differ by without a warning, as a share of the largest of them.
APART = 0.01


def refuse_base(base: type[Any], what: str, kinds: tuple[str, ...] = ("GRPOTrainer",)) -> None:
    """Raise InputError for trainers whose loss does not take such advantages."""
    import trl

    if tuple(int(part) for part in trl.__version__.split(".")[:2]) < (0, 26):
        raise InputError(f"{what} needs TRL 0.26 or newer, whose loss takes advantages [B, T]; this is {trl.__version__}.")
    if not (isinstance(base, type) and issubclass(base, tuple(getattr(trl, kind) for kind in kinds))):
        raise InputError(
            f"{what} is for {' and '.join(f'trl.{kind}' for kind in kinds)} and subclasses; got {base!r}. The losses of RLOO "
            "and asynchronous GRPO take one advantage a completion, and the latter sees no whole batch: use group_reward there."
        )


def refuse_parameters(what: str, given: Iterable[str], ways: Mapping[str, str], taken: str) -> None:
    """Raise InputError for parameters that a trainer of ours does not take; ways: what to do instead, by name."""
    for name in given:
        raise InputError(f"{what} takes no {name}=; {ways.get(name, f'it takes {taken}.')}")


def warn_of_division(trainer: Any) -> None:
    """Warn, once a process, of a trainer that divides the credits of `group_reward` by a deviation."""
    if _divides(trainer) or getattr(getattr(trainer, "args", None), "normalize_advantages", False):
        _warn(
            "division",
            "this trainer divides the credits of group_reward by a deviation: those of a group no longer add up to what it is "
            "worth, and groups that are nearly equal weigh most. Set scale_rewards='none' and multi_objective_aggregation="
            "'sum_then_normalize' in GRPOConfig, normalize_advantages=False in RLOOConfig.",
        )


def warn_of_sums(totals: Sequence[float], rewards: Sequence[float]) -> None:
    """Warn, once a process, if sums of credits and rewards of one group differ, and not by the same for all completions.

    The same for all, such as the reward of the empty text, changes no advantage.
    """
    told = [row for row in zip(totals, rewards, strict=True) if not any(map(isnan, row))]
    missing = [reward - total for total, reward in told]
    if told and max(missing) - min(missing) > APART * max(abs(number) for row in told for number in row):
        total, reward = max(told, key=lambda row: abs(row[1] - row[0]))
        _warn(
            "sums",
            f"the credits of the segments of a completion add up to {total:.4g}, and its reward is {reward:.4g}: token_credit "
            "trains on the credits, and not on the reward. Credit the reward that the trainer has; where credits need not add "
            "up, as leave-one-out credits, add an even share of the difference to each segment.",
        )


def warn_of_bias(credit: str, lam: float, scale_rewards: Any) -> None:
    """Warn, once a process, of marginal credit that is divided by a deviation and so no longer unbiased."""
    if credit == "marginal" and not lam and scale_rewards != "none":
        _warn(
            "bias",
            "marginal credit is noisy and unbiased, and divided by the deviation of a group it is noisy and biased: set "
            "scale_rewards='none' in GRPOConfig.",
        )


def refuse_segment_settings(trainer: Any) -> None:
    """Raise InputError for settings under which token credit would be wrong."""
    if trainer.scale_rewards not in SCALES or _normalizes_first(trainer):
        raise InputError(
            f"token credit needs scale_rewards 'group' or 'none' (it is {trainer.scale_rewards!r}) and rewards summed as they "
            "are: its segments are credited in units of the reward, and compared within their group."
        )
    _refuse_fused(trainer, "token credit")


def refuse_turn_settings(trainer: Any) -> None:
    """Raise InputError for settings under which credit of turns would be wrong."""
    _refuse_scales(trainer, "turn credit")
    _refuse_fused(trainer, "turn credit")


def refuse_group_settings(trainer: Any) -> None:
    """Raise InputError for settings that TRL would apply to advantages that are then thrown away."""
    _refuse_scales(trainer, "group credit")
    args, asked = trainer.args, []
    if not hasattr(args, "scale_rewards"):  # RLOO
        asked = [name for name in ("beta", "normalize_advantages", "reward_clip_range") if getattr(args, name, None)]
    if asked:
        raise InputError(
            f"group credit pays the rewards as they are, and RLOO would change them first by {', '.join(asked)}; set beta=0.0, "
            "normalize_advantages=False and reward_clip_range=None, or use GRPOTrainer, whose loss has beta."
        )


def refuse_padding(base: type[Any], prompt_mask: Any) -> None:
    """Raise InputError where Unsloth would move padded prompts away from under the advantages of their tokens."""
    names = [name.lower() for ancestor in base.__mro__ for name in (ancestor.__module__, ancestor.__name__)]
    if any("unsloth" in name for name in names) and not bool(prompt_mask.all()):
        raise InputError(
            "Unsloth packs padded prompts to the left but leaves advantages of tokens where they are; credit of tokens needs "
            "prompts of one length in every batch, or TRL's own GRPOTrainer."
        )


@cache
def _warned() -> set[str]:
    """What this process has been warned of."""
    return set()


def _warn(kind: str, told: str) -> None:
    if kind not in _warned():
        _warned().add(kind)
        warnings.warn(told, stacklevel=3)


def _normalizes_first(trainer: Any) -> bool:
    return getattr(getattr(trainer, "args", None), "multi_objective_aggregation", None) == "normalize_then_sum"


def _divides(trainer: Any) -> bool:
    return getattr(trainer, "scale_rewards", "none") != "none" or _normalizes_first(trainer)


def _refuse_scales(trainer: Any, what: str) -> None:
    """The rule says what to divide by, and nothing is divided twice."""
    if _divides(trainer):
        raise InputError(
            f"{what} divides by what scale= of its rule says, and by nothing else: set scale_rewards='none' (it is "
            f"{trainer.scale_rewards!r}) and multi_objective_aggregation='sum_then_normalize'."
        )


def _refuse_fused(trainer: Any, what: str) -> None:
    args = trainer.args
    fused = hasattr(type(trainer), "compute_liger_loss") and getattr(args, "use_liger_kernel", False)
    if fused or getattr(args, "use_liger_loss", False):
        raise InputError(f"fused Liger losses take one advantage a completion; {what} needs use_liger_kernel=False.")
