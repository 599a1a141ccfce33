"""How the credit of a completion is shared among its segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shapley_credit.credit.arrays import numbers
from shapley_credit.credit.layouts import Layout, agree, read_ragged
from shapley_credit.errors import InputError


@dataclass(frozen=True)
class Segments:
    """The segments of B completions, end to end, S of them. A completion's sums see its own segments alone, in text order."""

    xp: Any  # numpy, or torch on an accelerator
    sizes: Any  # int [B], segments of each completion
    rows: Any  # int [S], the completion of each segment
    places: Any  # int [S], the place of each segment in its completion
    credit: Any  # float64 [S]
    lengths: Any  # int [S], trainable tokens of each segment

    def sums(self, terms: Any) -> Any:
        """Float64 terms [S] added over each completion, [B]."""
        if self.xp is np:
            return np.bincount(self.rows, terms, len(self.sizes))
        return self.xp.segment_reduce(terms, "sum", lengths=self.sizes, unsafe=True)

    def pay(self, credit: Any, baseline: Any, scale: Any, weights: Any) -> Any:
        """(phi_ij + w_ij (c_i - sum_j phi_ij - b_i)) / s_i, [S]; w proportional to `weights`, 0 for segments without tokens."""
        landed = self.xp.where(self.lengths > 0, self.credit, 0.0)
        whole = self.sums(weights)
        share = weights / self.xp.where(whole > 0.0, whole, 1.0)[self.rows]
        present = ~self.xp.isnan(credit)
        rest = credit - self.sums(landed) - baseline
        return self.xp.where(present[self.rows], (landed + share * rest[self.rows]) / scale[self.rows], 0.0)

    def to_go(self, paid: Any) -> Any:
        """Sum of `paid` over a segment and the later ones of its completion, [S]."""
        if not len(paid):
            return paid
        shape = (len(self.sizes), int(self.places.max()) + 1)
        table = self.xp.zeros(shape, dtype=paid.dtype, device=paid.device)
        table[self.rows, self.places] = paid
        return self.xp.flip(self.xp.cumsum(self.xp.flip(table, (1,)), 1), (1,))[self.rows, self.places]


def read_segments(layout: Layout, completion_credit: Any, segment_credit: Any, segment_lengths: Any) -> Segments:
    """The segments of a batch, by default one a completion; or InputError that names the completion that can't be right."""
    if (segment_credit is None) != (segment_lengths is None) or (segment_credit is None and completion_credit is None):
        raise InputError("give completion_credit, or segment_credit together with segment_lengths, or all three.")
    if segment_credit is None:
        credit = read_completions(completion_credit, layout)
        return _segments(layout, np.ones(len(credit), np.int64), credit, layout.counts)
    flat, sizes = read_ragged(segment_credit, "segment_credit")
    flat_lengths, sizes_too = read_ragged(segment_lengths, "segment_lengths")
    agree(sizes, sizes_too, "segment_credit", "credits but {} segment_lengths")
    lengths = numbers(flat_lengths, "segment_lengths", layout.mask)
    if (lengths < 0.0).any() or (lengths % 1.0 != 0.0).any():
        raise InputError("segment_lengths must be whole numbers of tokens, 0 or more.")
    segments = _segments(layout, sizes, numbers(flat, "segment_credit", layout.mask), lengths)
    agree(segments.sums(lengths), layout.counts, "segment_lengths", "tokens in all, but {} trainable tokens in the mask")
    return segments


def read_completions(credit: Any, layout: Layout) -> Any:
    """Credits of completions in float64 [B], NaN for the absent."""
    values = numbers(credit, "completion_credit", layout.mask)
    if tuple(values.shape) != (len(layout.counts),):
        raise InputError(
            f"completion_credit must hold one number for each of the {len(layout.counts)} completions of the mask; got shape "
            f"{tuple(values.shape)}."
        )
    return values


def _segments(layout: Layout, sizes: Any, credit: Any, lengths: Any) -> Segments:
    rows = np.repeat(np.arange(len(sizes)), sizes)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    sizes, rows, places = (layout.xp.asarray(index, device=layout.mask.device) for index in (sizes, rows, places))
    whole = lengths.astype(np.int64) if layout.xp is np else lengths.to(layout.xp.int64)
    return Segments(layout.xp, sizes, rows, places, credit, whole)
