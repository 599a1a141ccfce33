"""Offsets of tokens, as tokenizers give them: which characters of a text each token has, or why they can't be right."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import Array, to_host
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import whole_numbers


def token_spans(offsets: Any, mask: Any, start: int, blank: Array) -> Array:
    """Spans [R, 2] of the R trainable tokens in a text, counted from its first character; empty for special tokens.

    Tokens with characters start and end in the order of the text, inside it: only the first may begin before it, only the last
    may end behind it. Tokens without characters are (0, 0), or stand where a token with characters starts, ends or is. At least
    one token has characters. Cost O(characters + tokens). Raises InputError that shows the first token that breaks a rule.

    offsets: integers [T, 2], half-open. mask: [T], nonzero for the trainable tokens, or None for all.
    start: where the text starts in what was tokenized. blank: bool [n], which of its characters are white space.

    >>> token_spans([(0, 0), (2, 4), (4, 5)], [1, 1, 0], 2, np.zeros(3, np.bool_)).tolist()
    [[0, 0], [0, 2]]
    """
    table = whole_numbers(offsets, "offsets", "integers [T, 2]")
    if table.shape == (0,):  # no tokens at all, as a list
        table = np.zeros((0, 2), np.int64)
    if table.ndim != 2 or table.shape[1:] != (2,):
        raise InputError(f"offsets must be integers [T, 2]; got {table.dtype} of shape {table.shape}.")
    places = np.arange(len(table)) if mask is None else _trainable(mask, len(table))
    given = table[places]
    special = (given == 0).all(axis=1)
    spans = np.where(special[:, None], 0, given - start)
    fault = _first_fault(spans, special, blank)
    if fault is not None:
        token, why = fault
        first, last = given[token].tolist()
        raise InputError(
            f"offsets of token {places[token]} are ({first}, {last}), {why}; the text has the characters {start} .. "
            f"{start + len(blank)}. Give each trainable token the half-open span of its characters (not bytes), special tokens "
            "(0, 0); say with start= where the text starts, and keep what is not of the text out of the mask."
        )
    return spans


def _trainable(mask: Any, tokens: int) -> Array:
    given = to_host(mask, "mask")
    if (given.size and given.dtype.kind not in "biuf") or (given.dtype.kind == "f" and np.isnan(given).any()):
        raise InputError(f"mask must hold booleans or numbers, 0 for what is not trained; got {given.dtype}, or NaN in it.")
    kept = given != 0
    if kept.shape != (tokens,):
        raise InputError(f"mask must have one entry for each of the {tokens} tokens of offsets; got shape {kept.shape}.")
    return np.flatnonzero(kept)


def _first_fault(spans: Array, special: Array, blank: Array) -> tuple[int, str] | None:
    """The first token that can't be right, and why; None if all can."""
    n, (first, last) = len(blank), spans.T
    has_text = first < last
    if len(spans) and not has_text.any() and not (last < first).any():
        return 0, f"and none of the {len(spans)} trainable tokens has a character"
    real = np.flatnonzero(has_text)
    # Only the first and the last token with text may cross an edge of the text.
    edges = spans[real[[0, -1]]] if len(real) else np.zeros((2, 2), np.int64)
    before = np.zeros(len(spans), np.bool_)
    before[real[1:]] = (np.diff(spans[real], axis=0) < 0).any(axis=1)
    faults = {
        "which end before they start": last < first,
        "outside the text": has_text & ((last <= 0) | (first >= n)),
        "over an edge of the text": has_text
        & (((first < 0) & (spans != edges[0]).any(1)) | ((last > n) & (spans != edges[1]).any(1))),
        "before those of an earlier token": before,
        "empty, at a character that no trainable token has": _lost(spans, has_text, special, blank),
    }
    found = [(int(broken.argmax()), why) for why, broken in faults.items() if broken.any()]
    return found[0] if found else None


def _lost(spans: Array, has_text: Array, special: Array, blank: Array) -> Array:
    """Which tokens are empty where no token with characters starts, ends or is; white space does not count."""
    solid = np.concatenate([[0], np.cumsum(~blank)])
    first, last = solid[np.clip(spans, 0, len(blank))].T
    # +1 where a token starts and -1 behind its end: the running sum counts the tokens that touch a place.
    edges = np.zeros(solid[-1] + 2, np.int64)
    np.add.at(edges, first[has_text], 1)
    np.add.at(edges, last[has_text] + 1, -1)
    outside = (spans < 0).any(axis=1) | (spans > len(blank)).any(axis=1)
    lost: Array = ~has_text & ~special & ((np.cumsum(edges)[first] == 0) | outside)
    return lost
