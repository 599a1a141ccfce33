"""Under which trainers and settings of TRL token credit cannot be right."""

from __future__ import annotations

from typing import Any

from shapley_credit.errors import InputError

# The scale of the segments of a group, by TRL's scale_rewards.
SCALES = {"group": "group_std", "none": "none"}


def refuse_base(base: type[Any]) -> None:
    """Raise InputError for trainers whose loss takes one advantage a completion."""
    import trl

    if tuple(int(part) for part in trl.__version__.split(".")[:2]) < (0, 26):
        raise InputError(
            f"token credit needs TRL 0.26 or newer, whose loss takes advantages [B, T]; this is {trl.__version__}."
        )
    if not (isinstance(base, type) and issubclass(base, trl.GRPOTrainer)):
        raise InputError(
            f"token credit is for trl.GRPOTrainer and its subclasses; got {base!r}. The losses of RLOO and asynchronous "
            "GRPO take one advantage a completion: use group_reward there."
        )


def refuse_settings(trainer: Any) -> None:
    """Raise InputError for settings under which token credit would be wrong."""
    args = trainer.args
    if trainer.scale_rewards not in SCALES or getattr(args, "multi_objective_aggregation", None) == "normalize_then_sum":
        raise InputError(
            f"token credit needs scale_rewards 'group' or 'none' (it is {trainer.scale_rewards!r}) and rewards summed as they "
            "are: its segments are credited in units of the reward, and compared within their group."
        )
    fused = hasattr(type(trainer), "compute_liger_loss") and getattr(args, "use_liger_kernel", False)
    if fused or getattr(args, "use_liger_loss", False):
        raise InputError("fused Liger losses take one advantage a completion; token credit needs use_liger_kernel=False.")


def refuse_padding(base: type[Any], prompt_mask: Any) -> None:
    """Raise InputError where Unsloth would move padded prompts away from under the advantages of their tokens."""
    names = [name.lower() for ancestor in base.__mro__ for name in (ancestor.__module__, ancestor.__name__)]
    if any("unsloth" in name for name in names) and not bool(prompt_mask.all()):
        raise InputError(
            "Unsloth packs padded prompts to the left but leaves advantages of tokens where they are; token credit needs "
            "prompts of one length in every batch, or TRL's own GRPOTrainer."
        )
