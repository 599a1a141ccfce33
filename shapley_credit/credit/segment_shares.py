"""How the credit of a completion is shared among its segments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from shapley_credit.credit.layouts import Layout, agree, read_ragged, same_rows
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import whole_numbers
from shapley_credit.inputs.tensors import numbers


@dataclass(frozen=True)
class Segments:
    """The S segments of B completions, end to end, and the R stretches of neighbouring tokens that they are made of.

    A completion's sums see its own segments alone, in order, so that no bit depends on the rest of the batch.
    """

    xp: Any  # numpy, or torch on an accelerator
    sizes: Any  # int [B], segments of each completion
    rows: Any  # int [S], the completion of each segment
    credit: Any  # float64 [S]
    stretches: Any  # int [R], tokens of each stretch
    owners: Any  # int [R], the segment of each stretch, 0 .. S - 1
    places: Any  # int [R], the place of each stretch in its completion

    @cached_property
    def lengths(self) -> Any:
        """Tokens of each segment, float64 [S]."""
        return self.xp.bincount(self.owners, self.stretches, len(self.rows)) * 1.0

    def sums(self, terms: Any) -> Any:
        """Float64 terms [S] added over each completion, [B]."""
        if self.xp is np:
            return np.bincount(self.rows, terms, len(self.sizes))
        return self.xp.segment_reduce(terms, "sum", lengths=self.sizes, unsafe=True)

    def pay(self, credit: Any, baseline: Any, scale: Any, weights: Any) -> Any:
        """(phi_ij + w_ij (c_i - sum_j phi_ij - b_i)) / s_i, [S]; w proportional to `weights`, 0 for segments without tokens."""
        # The credit of a segment without tokens can't land there: it stays in the rest, which the others share.
        landed = self.xp.where(self.lengths > 0.0, self.credit, 0.0)
        whole = self.sums(weights)
        share = weights / self.xp.where(whole > 0.0, whole, 1.0)[self.rows]
        present = ~self.xp.isnan(credit)
        rest = credit - self.sums(landed) - baseline
        return self.xp.where(present[self.rows], (landed + share * rest[self.rows]) / scale[self.rows], 0.0)

    @cached_property
    def last(self) -> Any:
        """The place of the last stretch of each segment that has tokens, int [S]; -1 for a segment without tokens."""
        return self._largest(self.xp.where(self.stretches > 0, self.places, -1), self.owners, len(self.rows))

    @cached_property
    def decisions(self) -> Any:
        """Tokens whose choice belongs to each stretch, int [R].

        They start one token later than the stretch, whose first token is still the choice to end the stretch before. So the
        first stretch has one token more, and the last one less.
        """
        taken, rows, width = self.stretches > 0, self.rows[self.owners], int(self.places.max()) + 1 if len(self.places) else 0
        last = self._largest(self.xp.where(taken, self.places, -1), rows, len(self.sizes))[rows]
        # The smallest place, as the largest distance from the end.
        first = width - self._largest(self.xp.where(taken, width - self.places, -1), rows, len(self.sizes))[rows]
        return self.stretches + 1 * (taken & (self.places == first)) - 1 * (taken & (self.places == last))

    @cached_property
    def final(self) -> Any:
        """Whether the last trainable token of a completion is the segment's, bool [S]."""
        return (self.last >= 0) & (self.last == self._largest(self.last, self.rows, len(self.sizes))[self.rows])

    def _largest(self, values: Any, owners: Any, count: int) -> Any:
        """The largest of the values of each owner, int [count]; -1 for an owner of none."""
        found = self.xp.zeros(count, dtype=self.xp.int64, device=self.credit.device) - 1
        if self.xp is np:
            np.maximum.at(found, owners, values)
            return found
        return found.scatter_reduce(0, owners, values, "amax")

    def to_go(self, paid: Any) -> Any:
        """Sum over the segments of a completion that end in a stretch or behind it, [R]."""
        if not len(self.places):
            return paid[self.owners]
        # Segments without tokens have place -1: their 0 goes to the extra last column, which no stretch reads.
        table = self.xp.zeros((len(self.sizes), int(self.places.max()) + 2), dtype=paid.dtype, device=paid.device)
        table[self.rows, self.last] = paid
        return self.xp.flip(self.xp.cumsum(self.xp.flip(table, (1,)), 1), (1,))[self.rows[self.owners], self.places]


def read_segments(layout: Layout, completion_credit: Any, credit: Any, lengths: Any, order: Any) -> Segments:
    """The segments of a batch, by default one a completion; or InputError that names the completion that can't be right."""
    if (credit is None) != (lengths is None) or (credit is None and (completion_credit is None or order is not None)):
        raise InputError("give completion_credit, or segment_credit together with segment_lengths, or all three.")
    if credit is None:
        values = read_completions(completion_credit, layout)
        one = np.ones(len(values), np.int64)
        return _segments(layout, one, values, one, layout.counts, np.zeros(len(values), np.int64))
    flat, sizes = read_ragged(credit, "segment_credit")
    flat_lengths, stretches = read_ragged(lengths, "segment_lengths")
    same_rows(len(sizes), layout, "segment_credit")
    if order is None:
        agree(sizes, stretches, "segment_credit", "credits but {} segment_lengths")
        places = _places(sizes)
    else:
        places = read_order(order, sizes, stretches)
    whole = read_lengths(flat_lengths, "segment_lengths")
    segments = _segments(layout, sizes, numbers(flat, "segment_credit", layout.mask), stretches, whole, places)
    agree(
        segments.sums(segments.lengths), layout.counts, "segment_lengths", "tokens in all, but {} trainable tokens in the mask"
    )
    return segments


def read_lengths(flat: Any, name: str) -> Any:
    """Numbers of tokens, int64 [R] on the host."""
    return whole_numbers(flat, name, "whole numbers of tokens, 0 or more, as integers", least=0)


def read_order(order: Any, sizes: Any, stretches: Any) -> Any:
    """The segment of each stretch within its completion, int [R]."""
    flat, given = read_ragged(order, "segment_order")
    agree(given, stretches, "segment_order", "entries but {} segment_lengths")
    places = whole_numbers(flat, "segment_order")
    rows = np.repeat(np.arange(len(sizes)), stretches)
    if len(sizes) != len(stretches):
        raise InputError(f"segment_lengths must have {len(sizes)} rows, as segment_credit has; got {len(stretches)}.")
    wrong = (places < 0) | (places >= sizes[rows])
    if wrong.any():
        row = int(rows[wrong.argmax()])
        raise InputError(f"row {row} of segment_order names segment {places[wrong][0]}; it has 0 .. {sizes[row] - 1}.")
    return places


def read_completions(credit: Any, layout: Layout) -> Any:
    """Credits of completions in float64 [B], NaN for the absent."""
    values = numbers(credit, "completion_credit", layout.mask)
    if tuple(values.shape) != (len(layout.counts),):
        raise InputError(
            f"completion_credit must hold one number for each of the {len(layout.counts)} completions of the mask; got shape "
            f"{tuple(values.shape)}."
        )
    return values


def _places(sizes: Any) -> Any:
    """0 .. size - 1 for each of the sizes, end to end."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _segments(layout: Layout, sizes: Any, credit: Any, stretches: Any, lengths: Any, order: Any) -> Segments:
    """sizes, stretches [B]: segments and stretches of each completion; order [R]: the segment of each stretch, from 0."""
    rows = np.repeat(np.arange(len(sizes)), sizes)
    owners = order + np.repeat(np.cumsum(sizes) - sizes, stretches)
    given = (sizes, rows, owners, _places(stretches), lengths)
    sizes, rows, owners, places, whole = (layout.xp.asarray(index, device=layout.mask.device) for index in given)
    return Segments(layout.xp, sizes, rows, credit, whole, owners, places)
