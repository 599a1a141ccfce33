"""What is subtracted from a credit and what it is divided by: one function a rule, on a whole batch of groups at once.

NumPy, or torch on an accelerator: the rules use what both spell alike. A sum sees the members of one group in batch order and
nothing else, so that no bit depends on the other groups of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown


@dataclass(frozen=True)
class Batch:
    """Credits of the members of groups, the absent at 0. Every figure of a group is given to each of its members, [N]."""

    xp: Any  # numpy or torch
    codes: Any  # int [N], the group of each member, 0 .. groups - 1
    groups: int
    lengths: Any = None  # float64 [N]
    without: Any = None  # float64 [N]
    credit: Any = None  # float64 [N]
    present: Any = None  # bool [N]

    def whole(self) -> Batch:
        """The same members as a single group."""
        return replace(self, codes=self.codes * 0, groups=1)

    def of(self, values: Any) -> Batch:
        """The same groups with other credits, NaN for the absent."""
        present = ~self.xp.isnan(values)
        return replace(self, credit=self.xp.where(present, values, 0.0), present=present)

    @cached_property
    def sizes(self) -> Any:
        """Members of each group, the absent too, int [groups]."""
        return self.xp.bincount(self.codes, minlength=self.groups)

    @cached_property
    def _sorted(self) -> Any:
        return self.xp.argsort(self.codes, stable=True)

    def total(self, terms: Any) -> Any:
        """Sum of float64 terms over each member's group."""
        if self.xp is np:
            return np.bincount(self.codes, terms, self.groups)[self.codes]
        # Segments add up in a fixed order, scattered additions on an accelerator do not.
        return self.xp.segment_reduce(terms[self._sorted], "sum", lengths=self.sizes, unsafe=True)[self.codes]

    @cached_property
    def count(self) -> Any:
        """Number of the present."""
        return self.total(self.present * 1.0)

    @cached_property
    def others(self) -> Any:
        """Number of the present but one, at least 1."""
        return (self.count - 1.0).clip(min=1.0)

    @cached_property
    def alone(self) -> Any:
        """Whether no other member is present, so that a baseline from others has nothing to go by."""
        return self.count <= 1.0

    @cached_property
    def mean(self) -> Any:
        """Exact where all credits of a group are equal, so that such a group has advantages of exactly 0."""
        # The second pass removes the rounding error of the first.
        rough = self.total(self.credit) / self.count.clip(min=1.0)
        return rough + self.total(self.apart(rough)) / self.count.clip(min=1.0)

    def apart(self, centre: Any) -> Any:
        """Credit less a centre, 0 for the absent."""
        return self.xp.where(self.present, self.credit - centre, 0.0)

    @cached_property
    def deviation(self) -> Any:
        """Unbiased standard deviation; 0 in a group of one."""
        apart = self.apart(self.mean)
        return self.xp.sqrt(self.total(apart * apart) / self.others)


def leave_one_out(batch: Batch) -> Any:
    """The mean of the others; a member's own credit where it has none."""
    return batch.mean + (batch.mean - batch.credit) / batch.others


def length_weighted(batch: Batch) -> Any:
    """The mean by length; the plain mean where no member has any length."""
    lengths = batch.xp.where(batch.present, batch.lengths, 0.0)
    tokens = batch.total(lengths)
    return batch.mean + batch.total(lengths * batch.apart(batch.mean)) / batch.xp.where(tokens > 0.0, tokens, 1.0)


def length_weighted_leave_one_out(batch: Batch) -> Any:
    """The mean of the others by length; their plain mean where none of them has any length."""
    lengths = batch.xp.where(batch.present, batch.lengths, 0.0)
    apart = lengths * batch.apart(batch.mean)
    tokens = batch.total(lengths) - lengths
    weighted = batch.mean + (batch.total(apart) - apart) / batch.xp.where(tokens > 0.0, tokens, 1.0)
    return batch.xp.where((tokens > 0.0) & ~batch.alone, weighted, leave_one_out(batch))


def half_window_median(batch: Batch) -> Any:
    """The median of the narrowest window of ceil(n / 2) ascending credits, the lowest of equally narrow ones."""
    xp, codes = batch.xp, batch.codes
    first = xp.cumsum(batch.sizes, 0) - batch.sizes  # where a group starts, [groups]
    n = xp.bincount(codes[batch.present], minlength=batch.groups)
    half = (n + 1) // 2
    order = _by_group(xp, codes, xp.where(batch.present, batch.credit, float("inf")))  # the absent behind the present
    credit, group = batch.credit[order], codes[order]
    start = xp.cumsum(codes * 0 + 1, 0) - 1
    end = (start + half[group] - 1).clip(max=len(codes) - 1)
    fits = start + half[group] <= first[group] + n[group]
    # Windows that leave their group are infinitely wide; equally narrow ones stay in order, so that the lowest comes first.
    narrowest = _by_group(xp, group, xp.where(fits, credit[end] - credit, float("inf")))[first]
    return ((credit[narrowest + (half - 1) // 2] + credit[narrowest + half // 2]) / 2.0)[codes]


def _by_group(xp: Any, codes: Any, key: Any) -> Any:
    """Order by group, and by key within a group; equal keys keep their order."""
    order = xp.argsort(key, stable=True)
    return order[xp.argsort(codes[order], stable=True)]


BASELINES: dict[str, Callable[[Batch], Any]] = {
    "none": lambda batch: batch.credit * 0.0,
    "mean": lambda batch: batch.mean,
    "leave_one_out": leave_one_out,
    "length_weighted": length_weighted,
    "length_weighted_leave_one_out": length_weighted_leave_one_out,
    "half_window_median": half_window_median,
    "set_leave_one_out": lambda batch: batch.without / batch.others,
}

SCALES: dict[str, Callable[[Batch], Any]] = {
    "none": lambda batch: batch.credit * 0.0 + 1.0,
    "group_std": lambda batch: batch.deviation,
    "batch_std": lambda batch: batch.whole().deviation,
}

# What a baseline needs beside the credits.
NEEDS: dict[str, str] = {
    "length_weighted": "lengths",
    "length_weighted_leave_one_out": "lengths",
    "set_leave_one_out": "without",
}

# Means of the others, of which there are none in a group of one.
FROM_OTHERS = ("leave_one_out", "length_weighted_leave_one_out")

# All that don't see the own response: only these may a rule subtract whole at every decision.
OF_OTHERS = ("none", *FROM_OTHERS, "set_leave_one_out")


def of_others(baseline: str | None, known: tuple[str, ...] = OF_OTHERS) -> str:
    """The baseline of a rule that accumulates, by default leave-one-out; InputError for one that sees the own response."""
    if baseline is not None and not (isinstance(baseline, str) and baseline in known):
        raise InputError(
            f"reward to go subtracts its baseline whole at every decision, so that it must not see the own response: one of "
            f"{', '.join(known)}; got {shown(baseline)}."
        )
    return "leave_one_out" if baseline is None else baseline


def statistics(batch: Batch, baseline: str, scale: str, floor: float) -> tuple[Any, Any]:
    """(b, s), [N] each: advantages are (credit - b) / s."""
    over = SCALES[scale](batch)
    return BASELINES[baseline](batch), over if scale == "none" else over.clip(min=floor)


def scaled(batch: Batch, baseline: str, scale: str, floor: float) -> Any:
    """(credit - b) / s, 0 for the absent."""
    below, over = statistics(batch, baseline, scale, floor)
    return batch.xp.where(batch.present, (batch.credit - below) / over, 0.0)


def decoupled(batch: Batch, rewards: Any, weights: list[float], baseline: str, floor: float) -> Any:
    """Rewards [N, R], each column scaled within its groups; then their weighted sum, scaled over the whole batch."""
    columns = (scaled(batch.of(rewards[:, r]), baseline, "group_std", floor) * weight for r, weight in enumerate(weights))
    absent = batch.xp.isnan(rewards).all(1)
    return scaled(batch.whole().of(batch.xp.where(absent, float("nan"), sum(columns))), "mean", "group_std", floor)
