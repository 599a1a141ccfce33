"""Where the segments of responses stand in their texts: the order in which they end, their tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.credit.baselines import NEEDS
from shapley_credit.credit.layouts import read_ragged
from shapley_credit.credit.segment_shares import read_lengths, read_order
from shapley_credit.errors import InputError


def trained_tokens(baseline: str | None, segment_lengths: Any) -> Any:
    """Trainable tokens of each response [B] where the baseline weighs by them, else None."""
    if baseline is None or NEEDS.get(baseline) != "lengths":
        return None
    flat, sizes = read_ragged(segment_lengths, "segment_lengths")
    return np.bincount(np.repeat(np.arange(len(sizes)), sizes), read_lengths(flat, "segment_lengths"), len(sizes))


def ends_of(rows: Any, segment_lengths: Any, segment_order: Any = None) -> Any:
    """Where in the text segments end: the place of their last stretch that has tokens, behind all others where there is none.

    rows: ragged [B][S_i], anything of the segments; the others as in `token_advantages`. Returns B arrays [S_i], None without
    segment_order.
    """
    if segment_order is None:
        return None
    ends = []
    for size, lengths, owners in _stretches(rows, segment_lengths, segment_order):
        last, places = np.full(size, len(lengths), np.int64), np.flatnonzero(lengths)
        last[owners[places]] = places  # of several places of one segment, the last is kept
        ends.append(last)
    return ends


def in_text_order(marginal: Any, segment_lengths: Any, segment_order: Any) -> tuple[list[Any], list[Any]]:
    """Marginal contributions and numbers of tokens in the order of the text; segments without tokens behind all others."""
    rows, counts = [], []
    whole = _stretches(marginal, segment_lengths, segment_order)
    for row, (given, (size, lengths, owners)) in enumerate(zip(marginal, whole, strict=True)):
        taken = owners[lengths > 0]
        if len(np.unique(taken)) < len(taken):
            raise InputError(
                "marginal credit needs segments of one stretch each, for what one is worth at its first stretch is not known "
                f"there; response {row} has stretches of segments {taken.tolist()}. Use credit='to_go', or cut them up."
            )
        names = [*taken, *np.setdiff1d(np.arange(size), taken)]
        rows.append([given[name] for name in names])
        counts.append([*lengths[lengths > 0], *[0] * (size - len(taken))])
    return rows, counts


def _stretches(rows: Any, segment_lengths: Any, segment_order: Any) -> list[tuple[int, Any, Any]]:
    """Of each response: the number of its segments, and tokens and segment of each stretch."""
    (_, sizes), (flat, stretches) = read_ragged(rows, "credit"), read_ragged(segment_lengths, "segment_lengths")
    if len(sizes) != len(stretches):
        raise InputError(f"segment_lengths has {len(stretches)} rows where {len(sizes)} are needed, one for each completion.")
    owners = read_order(segment_order, sizes, stretches)
    lengths, cuts = read_lengths(flat, "segment_lengths"), np.cumsum(stretches)[:-1]
    return list(zip(sizes.tolist(), np.split(lengths, cuts), np.split(owners, cuts), strict=True))
