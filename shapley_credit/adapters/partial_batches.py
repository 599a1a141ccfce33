"""A rule for whole responses where a trainer shows one group at a time, or those of one rank."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.methods.group_rules import SmallGroupsError, group_advantages


def advantages_of_part(rule: str, rewards: Any, groups: Any, **given: Any) -> Array:
    """`group_advantages` of a part of a batch, which may hold nothing but groups that are too small for m.

    Such a part gets 0, as small groups among larger ones do, and the process warns of it once: the other groups of the run may
    be large enough, so that it goes on.
    """
    try:
        return group_advantages(rule, rewards, groups, **given)
    except SmallGroupsError as error:
        _warn(rule, str(error))
        return np.zeros(len(rewards))


def _warn(rule: str, told: str) -> None:
    if rule not in _warned():
        _warned().add(rule)
        warnings.warn(f"{told} They are 0 here, and will be in every later group that is too small.", stacklevel=2)


@cache
def _warned() -> set[str]:
    """The rules of which this process has warned."""
    return set()
