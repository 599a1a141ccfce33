"""slime's samples as members of groups: what each member earned, which tokens are trained, and the way back to the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np

from shapley_credit.adapters.slime_samples import given_reward, is_aborted, listed, trained
from shapley_credit.convert import Array
from shapley_credit.errors import InputError


@dataclass(frozen=True)
class Rollouts:
    """The M rollouts of a batch. Samples that share a rollout_id are the forks of one rollout, and one member of its group.

    A member is absent where it has no trainable token, or where one of its forks was aborted.

    Attributes:
        samples: [B], all samples of the batch.
        flags: [B], the trainable tokens of each, bool.
        rows: [M], the samples of each member, in the order of the batch.
        rewards: [M], NaN for the absent.
        masks: [M], the trainable tokens of each member, its forks end to end with an untrained token between two of them, so
            that no turn and no segment reaches from one fork into the next. All False for the absent.
    """

    samples: list[Any]
    flags: list[Array]
    rows: list[list[int]]
    rewards: list[float]
    masks: list[Array]

    @classmethod
    def read(cls, args: Any, samples: list[Any]) -> Rollouts:
        if not samples:
            raise InputError("the rollout has no sample; slime calls its hooks with those of a whole rollout.")
        flags = [trained(sample, row) for row, sample in enumerate(samples)]
        rows = _forks(samples)
        present = [_is_present(samples, flags, forks) for forks in rows]
        rewards = [_reward(args, samples, forks, there) for forks, there in zip(rows, present, strict=True)]
        masks = [
            joined if there else np.zeros_like(joined)
            for joined, there in zip((_joined([flags[row] for row in forks]) for forks in rows), present, strict=True)
        ]
        return cls(samples, flags, rows, rewards, masks)

    @property
    def groups(self) -> list[Any]:
        """The group_index of each member."""
        return [self.samples[forks[0]].group_index for forks in self.rows]

    @property
    def present(self) -> list[bool]:
        return [not isnan(reward) for reward in self.rewards]

    def raw(self, args: Any) -> list[float]:
        """The reward of each sample: its own, or that of its rollout; 0 where there is none."""
        shared = [0.0] * len(self.samples)
        for forks, reward in zip(self.rows, self.rewards, strict=True):
            for row in forks:
                told = (given_reward(args, self.samples[row]), reward, 0.0)
                shared[row] = next(each for each in told if each is not None and not isnan(each))
        return shared

    def columns(self, *names: str) -> list[tuple[list[Any], ...] | None]:
        """Lists of the metadata of each member, those of its forks end to end; None for the absent, and where no fork has any.

        Forks without a trainable token are left out. Raises InputError where a fork has one of the names and not the others, or
        where one fork has them and another has not.
        """
        return [
            self._columns(names, [row for row in forks if self.flags[row].any()]) if there else None
            for forks, there in zip(self.rows, self.present, strict=True)
        ]

    def _columns(self, names: tuple[str, ...], forks: list[int]) -> tuple[list[Any], ...] | None:
        held = {row: [name for name in names if name in self.samples[row].metadata] for row in forks}
        if not any(held.values()):
            return None
        if any(len(own) < len(names) for own in held.values()):
            raise InputError(
                f"every sample of a rollout must hold {' and '.join(names)} in its metadata, or none of them; got "
                + ", ".join(f"sample {row} with {' and '.join(own) or 'none'}" for row, own in held.items())
                + "."
            )
        return tuple([x for row in forks for x in listed(self.samples[row], name, row)] for name in names)

    def shared(self) -> dict[str, list[Any]]:
        """What the metadata of every present member holds, by name, [M], None for the absent; of forks the last one tells."""
        told = [{name: x for row in forks for name, x in self.samples[row].metadata.items()} for forks in self.rows]
        kept = [own for own, there in zip(told, self.present, strict=True) if there]
        return {name: [own.get(name) for own in told] for name in set.intersection(*map(set, kept))} if kept else {}

    def back(self, rows: Sequence[Array]) -> list[Array]:
        """The advantages of the trainable tokens of each sample, float32, from those of all tokens of each member [M]."""
        paid: list[Any] = [None] * len(self.samples)
        for forks, row in zip(self.rows, rows, strict=True):
            start = 0
            for one in forks:
                own = self.flags[one]
                paid[one] = row[start : start + len(own)][own]
                start += len(own) + 1
        return paid


def _forks(samples: list[Any]) -> list[list[int]]:
    """The samples of each rollout. Without a rollout_id, as before slime had one, a sample is a rollout."""
    found: dict[Any, list[int]] = {}
    for row, sample in enumerate(samples):
        if sample.group_index is None:
            raise InputError(f"sample {row} has no group_index, which says what prompt it answers; set it in your rollout.")
        rollout = getattr(sample, "rollout_id", None)
        found.setdefault(("sample", row) if rollout is None else (sample.group_index, rollout), []).append(row)
    return list(found.values())


def _is_present(samples: list[Any], flags: list[Array], forks: list[int]) -> bool:
    return not any(is_aborted(samples[row]) for row in forks) and any(flags[row].any() for row in forks)


def _reward(args: Any, samples: list[Any], forks: list[int], present: bool) -> float:
    """The one reward of a rollout."""
    if not present:
        return nan
    given = {row: given_reward(args, samples[row]) for row in forks}
    known = {reward for reward in given.values() if reward is not None}
    if not known:
        raise InputError(f"sample {forks[0]} has no reward (None) and is not removed; reward it, or set its remove_sample.")
    if len(known) > 1:
        raise InputError(
            f"samples {forks} are forks of one rollout and must have one reward, that of the whole rollout; got "
            f"{list(given.values())}. Give each the same, or None to all but one."
        )
    reward = known.pop()
    if isnan(reward):
        raise InputError(f"the reward of sample {forks[0]} is NaN; set its remove_sample, or reward it with a number.")
    return reward


def _joined(flags: list[Array]) -> Array:
    if len(flags) == 1:
        return flags[0]
    between = np.zeros(1, np.bool_)
    return np.concatenate([part for each in flags for part in (each, between)][:-1])
