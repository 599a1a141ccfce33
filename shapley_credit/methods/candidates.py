"""Candidates in the texts of responses: which one a piece belongs to, in which order they end, what their pieces are paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.credit.layouts import agree, read_ragged
from shapley_credit.credit.rules import added
from shapley_credit.credit.segment_shares import read_lengths
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import whole_numbers


def read_candidates(candidates: Any, here: Array, lengths: Any = None) -> tuple[list[Array], list[Array]]:
    """The candidate of each piece with tokens, K for none, and its tokens, [B][R_i] each; without lengths every piece has one.

    here: bool [B, K], which candidates are present. Raises InputError that names the response whose candidates can't be right.
    """
    flat, sizes = read_ragged(candidates, "candidates")
    if len(sizes) != len(here):
        raise InputError(f"candidates must have a row for each of the {len(here)} responses; got {len(sizes)}.")
    named = whole_numbers(flat, "candidates", "integers, -1 for text that belongs to none")
    if lengths is None:
        counts = np.ones(len(named), np.int64)
    else:
        given, pieces = read_ragged(lengths, "lengths")
        agree(sizes, pieces, "candidates", "pieces but {} lengths")
        counts = read_lengths(given, "lengths")
    rows, k = np.repeat(np.arange(len(here)), sizes), here.shape[1]
    inside = (named >= 0) & (named < k)
    wrong = (named != -1) & ~(inside & here[rows, np.where(inside, named, 0)] if k else inside)
    if wrong.any():
        row = int(rows[wrong.argmax()])
        raise InputError(
            f"response {row} has a segment of candidate {named[wrong.argmax()]}, which is not one of its present candidates "
            f"{np.flatnonzero(here[row]).tolist()}; -1 marks text that belongs to none."
        )
    cuts, taken = np.cumsum(sizes)[:-1], counts > 0
    owners = np.where(named < 0, k, named)
    parts = zip(np.split(owners, cuts), np.split(counts, cuts), np.split(taken, cuts), strict=True)
    both = [(own[there], count[there]) for own, count, there in parts]
    return [own for own, _ in both], [count for _, count in both]


def in_text(owners: Array, counts: Array, k: int, row: int) -> list[int]:
    """The candidates 0 .. k - 1 in the order of the text, those that are not in it last."""
    found = [int(owner) for owner in owners if owner < k]
    if len(set(found)) < len(found):
        raise InputError(
            f"marginal credit needs candidates of one piece each, for what one is worth is not known at its first piece; the "
            f"pieces of response {row} are {found}. Use credit='to_go'."
        )
    return [*found, *(owner for owner in range(k) if owner not in found)]


def trailing(owners: Sequence[Array], counts: Sequence[Array], outside: int) -> Array:
    """The credit of text that belongs to no candidate, [B]: 0 where it ends a response, else NaN.

    Elsewhere no decision ends with it: a prefix of a text tells how many candidates have ended, and not whether more text comes
    between them.
    """
    return np.array([0.0 if len(own) and own[-1] == outside else np.nan for own in owners])


def own_pieces(paid: Array, owners: Array, counts: Array, spread: str) -> Array:
    """What each piece of a response is paid, from what its candidates are paid and, last, the text of no candidate, [K + 1].

    The pay of candidates without tokens is shared by the others. With spread "token" the pieces of a candidate share its pay
    by their tokens.
    """
    outside, written = len(paid) - 1, np.bincount(owners, counts, len(paid))
    shown = np.flatnonzero(written[:outside] > 0)
    lost = paid[:outside].sum() - paid[shown].sum()
    each = np.append(paid[:outside] + (lost / len(shown) if len(shown) else 0.0), paid[outside])[owners]
    return each * counts / written[owners] if spread == "token" else each


@dataclass(frozen=True)
class CandidatePay:
    """What the pieces of B responses are paid, before anything is known of their tokens but numbers.

    Attributes:
        own: [B][R_i], of each piece, None under rules without it. to_go: as in `Increments`.
        owners, counts: [B][R_i], the candidate of each piece, K for none, and its tokens. spread: as in `shape_grpo`.
    """

    own: list[Array] | None
    to_go: Any
    owners: list[Array]
    counts: list[Array]
    spread: str

    def tokens(self, mask: Any, some: slice = slice(None), cu_seqlens: Any = None) -> Any:
        """Advantages of the tokens of some responses, in the layout of their mask."""
        parts, where = [], dict[str, Any](segment_lengths=self.counts[some], cu_seqlens=cu_seqlens)
        if self.own is not None:
            parts.append(token_advantages(None, mask, segment_credit=self.own[some], spread=self.spread, **where))
        if self.to_go is not None:
            later = {"segment_credit": self.to_go[some], "segment_order": self.owners[some], "spread": "reward_to_go"}
            parts.append(token_advantages(None, mask, **later, **where))
        return added(*parts)
