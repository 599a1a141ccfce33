"""The turns of rollouts: where the runs of trainable tokens are, what is earned in each, and the way back to tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from shapley_credit.convert import to_numpy
from shapley_credit.credit.layouts import Layout, agree, read_layout, read_ragged
from shapley_credit.credit.tokens import written
from shapley_credit.errors import InputError
from shapley_credit.inputs.tensors import numbers

# Rewards by token are added in float64 this many at a time, so that no float64 copy of all of them exists.
BLOCK = 1 << 20


@dataclass(frozen=True)
class Turns:
    """The K turns of B rollouts, end to end."""

    layout: Layout
    sizes: Any  # int [B] on the host, tokens of each rollout
    bounds: Any  # int [B + 1], where each rollout starts, rollouts laid end to end
    firsts: Any  # int [K], the first token of each turn
    ends: Any  # int [K], the last one

    @classmethod
    def read(cls, mask: Any) -> Turns:
        """The turns of a mask; InputError where an entry is neither 0 nor 1."""
        layout = read_layout(mask)
        given, sizes = read_ragged(mask, "mask")
        xp, flags = layout.xp, layout.mask.reshape(-1)
        if ((to_numpy(given, "mask")[0] if xp is np else given) != flags).any():
            raise InputError("mask must hold 1 for trainable tokens and 0 for all others; found other numbers. Pass mask != 0.")
        bounds = xp.asarray(np.concatenate([[0], np.cumsum(sizes)]), device=flags.device)
        whole = bounds[:-1] < bounds[1:]  # a row without tokens starts and ends nowhere
        firsts, ends = _edges(xp, flags, bounds[:-1][whole], 1), _edges(xp, flags, bounds[1:][whole] - 1, -1)
        return cls(layout, sizes, bounds, firsts, ends)

    @cached_property
    def counts(self) -> Any:
        """Turns of each rollout, int [B]."""
        return self.layout.xp.diff(self.layout.xp.searchsorted(self.firsts, self.bounds))

    @cached_property
    def owners(self) -> Any:
        """The rollout of each turn, int [K]."""
        return self._holders(self.firsts)

    @cached_property
    def places(self) -> Any:
        """The place of each turn in its rollout, from 0, int [K]."""
        xp = self.layout.xp
        return xp.arange(len(self.firsts), device=self.firsts.device) - (xp.cumsum(self.counts, 0) - self.counts)[self.owners]

    @cached_property
    def shares(self) -> Any:
        """1 / M_i of each turn, [K]."""
        return 1.0 / self.floats(self.counts[self.owners])

    def rewards(self, rewards: Any, prefix_values: bool = False) -> Any:
        """r, float64 [K], from numbers by token or by turn; the arguments are those of `turn_advantages`."""
        xp = self.layout.xp
        flat, given = read_ragged(rewards, "rewards")
        if np.array_equal(given, self.sizes):
            earned = self._sums(flat)
        else:
            told = "numbers; it needs one for each token of the mask, or one for each of its {} turns"
            agree(xp.asarray(given, device=self.counts.device), self.counts, "rewards", told)
            earned = self._known(numbers(flat, "rewards", self.layout.mask), self.owners)
        if not prefix_values:
            return earned
        return earned - xp.where(self.places > 0, xp.roll(earned, 1), 0.0)

    def to_go(self, earned: Any, gamma: float) -> Any:
        """sum_{l >= m} gamma^(l - m) r_il of each turn, [K]: sums of 1, 2, 4, .. turns from each one on."""
        xp, step = self.layout.xp, 1
        left = self.counts[self.owners] - self.places
        while (left > step).any():
            earned = earned + gamma**step * xp.where(left > step, xp.roll(earned, -step), 0.0)
            step *= 2
        return earned

    def first(self, paid: Any) -> Any:
        """What the first turn of each rollout has, [B]; NaN for the absent."""
        found, opens = self.floats(self.counts) + float("nan"), self.places == 0
        found[self.owners[opens]] = paid[opens]
        return found

    def tokens(self, paid: Any) -> Any:
        """Float32 in the layout of the mask: every token has what its turn has."""
        # What overflowed on the way is NaN here, and within no bounds.
        if not (abs(paid) <= float(np.finfo(np.float32).max)).all():
            raise InputError("the advantages are beyond float32; divide all rewards by a common factor.")
        mask = self.layout.mask
        lengths = self.ends - self.firsts + 1
        return written("spread", self.layout, numbers(paid, "advantages", mask, "float32"), lengths, mask)

    def floats(self, whole: Any) -> Any:
        """Integers as float64."""
        return self.layout.xp.asarray(whole, dtype=self.layout.xp.float64, device=whole.device)

    def _holders(self, tokens: Any) -> Any:
        """The rollout of each token."""
        return self.layout.xp.searchsorted(self.bounds, tokens, side="right") - 1

    @np.errstate(over="ignore", invalid="ignore")
    def _sums(self, flat: Any) -> Any:
        """The sums of numbers by token over turns, [K]; those of absent rollouts are checked and left out."""
        xp = self.layout.xp
        # The first turn of a rollout takes all that stands before it.
        cuts = xp.unique(xp.concatenate([self.firsts[self.places > 0], self.bounds[:-1][self.bounds[:-1] < self.bounds[1:]]]))
        spans, holders = xp.diff(xp.concatenate([cuts, self.bounds[-1:]])), self._holders(cuts)
        edges = xp.unique(xp.searchsorted(cuts, xp.arange(0, len(flat), BLOCK, device=cuts.device)))
        edges = edges[edges < len(cuts)]
        places, starts, sums = [*edges.tolist(), len(cuts)], [*cuts[edges].tolist(), len(flat)], [self.floats(cuts[:0])]
        for (low, high), (start, stop) in zip(pairwise(places), pairwise(starts), strict=True):
            block = numbers(flat[start:stop], "rewards", self.layout.mask)
            if xp is np:
                sums.append(np.add.reduceat(block, cuts[low:high] - start))
            else:
                sums.append(xp.segment_reduce(block, "sum", lengths=spans[low:high], unsafe=True))
        return self._known(xp.concatenate(sums), holders)[self.counts[holders] > 0]

    def _known(self, sums: Any, owners: Any) -> Any:
        wrong = self.layout.xp.isnan(sums)
        if wrong.any():
            row = int(owners[wrong][0])
            raise InputError(f"row {row} of rewards holds NaN; a rollout that must not count takes a mask and rewards of 0.")
        return sums


def _edges(xp: Any, flags: Any, bounds: Any, shift: int) -> Any:
    """Trainable tokens whose neighbour, before (1) or behind (-1), is none of the same run, int; bounds have no neighbour."""
    beside = xp.roll(flags, shift)
    beside[bounds] = False
    return xp.where(flags > beside)[0]
