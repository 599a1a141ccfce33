"""One sample of slime: its reward, the tokens that are trained, and the numbers in its metadata."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none


def is_aborted(sample: Any) -> bool:
    """Whether generation was cut off before the sample was whole."""
    return getattr(getattr(sample, "status", None), "value", None) == "aborted"


def given_reward(args: Any, sample: Any) -> float | None:
    reward = None if sample.reward is None else sample.get_reward_value(args)
    return None if reward is None else float(reward)


def trained(sample: Any, row: int) -> Array:
    """The tokens that slime trains on, bool [response_length]: none of a removed sample, all of one without a mask."""
    if sample.remove_sample or sample.loss_mask is None:
        return np.full(sample.response_length, not sample.remove_sample)
    mask = np.asarray(sample.loss_mask)
    if mask.dtype == object:
        refuse_none(list(sample.loss_mask), f"the loss_mask of sample {row}", "Have a 0 or 1 for every token")
    if mask.shape != (sample.response_length,) or (mask.size and mask.dtype.kind not in "biu"):
        raise InputError(
            f"the loss_mask of sample {row} must hold a 0 or 1 for each of its {sample.response_length} response tokens; got "
            f"{mask.dtype} of shape {mask.shape}."
        )
    return mask != 0


def listed(sample: Any, name: str, row: int) -> list[Any]:
    """A list of numbers in the metadata of a sample."""
    found = list(sample.metadata[name])
    refuse_none(found, f"{name} of sample {row}", "Have a number for every one")
    return found
