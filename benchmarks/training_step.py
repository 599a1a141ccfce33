"""What credit costs a training step: credits of candidates, their advantages, and the advantages of all tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import utilities as u

Array = NDArray[Any]
Step = Callable[..., Array]

PROMPTS, CANDIDATES, TOKENS, SEGMENTS = 64, 8, 4096, 16


def completions(scores: Array, mask: Array) -> Array:
    """Credit of a completion at each of its tokens, less the mean of its group."""
    credit = sc.set_shapley(u.Max(scores), CANDIDATES)
    advantage: Array = sc.token_advantages(credit.reshape(-1), mask, groups=CANDIDATES)
    return advantage


def numpy_completions(scores: Array, mask: Array) -> Array:
    """The airport formula by a sort, the group mean, and a choice at every token."""
    order = np.argsort(scores, axis=1)
    steps = np.diff(np.take_along_axis(scores, order, axis=1), axis=1, prepend=0.0)
    credit = np.empty_like(scores)
    np.put_along_axis(credit, order, np.cumsum(steps / np.arange(CANDIDATES, 0, -1), axis=1), axis=1)
    advantage = (credit - credit.mean(axis=1, keepdims=True)).reshape(-1, 1)
    return np.where(mask != 0, advantage, 0).astype(np.float32)


def segments(credit: Array, lengths: Array, mask: Array) -> Array:
    """Credit of segments spread evenly over their tokens, less the mean of the group."""
    advantage: Array = sc.token_advantages(
        None, mask, segment_credit=credit, segment_lengths=lengths, groups=CANDIDATES, spread="token"
    )
    return advantage


def numpy_segments(credit: Array, lengths: Array, mask: Array) -> Array:
    """The mean of each group shared evenly by the tokens of a completion, and a repeated number for every token."""
    tokens = lengths.sum(axis=1, keepdims=True)
    mean = credit.sum(axis=1).reshape(-1, CANDIDATES).mean(axis=1).repeat(CANDIDATES)[:, None]
    each = credit / np.maximum(lengths, 1) - mean / tokens
    out = np.zeros(mask.shape, np.float32)
    out[mask != 0] = np.repeat(each.ravel(), lengths.ravel())
    return out


STEPS: dict[str, tuple[Step, Step]] = {
    "completions": (completions, numpy_completions),
    "segments": (segments, numpy_segments),
}


def arguments(what: str, kind: str) -> tuple[Array, ...]:
    """Random arguments of a step with a mask of dtype `kind`."""
    rng = np.random.default_rng(9)
    trained = rng.integers(TOKENS // 4, TOKENS + 1, PROMPTS * CANDIDATES)
    mask = (np.arange(TOKENS) < trained[:, None]).astype(kind)
    cuts = np.sort(rng.integers(0, trained[:, None] + 1, (len(trained), SEGMENTS - 1)), axis=1)
    lengths = np.diff(cuts, axis=1, prepend=0, append=trained[:, None])
    credit = np.where(lengths > 0, rng.normal(size=lengths.shape), 0)
    return (rng.random((PROMPTS, CANDIDATES)), mask) if what == "completions" else (credit, lengths, mask)
