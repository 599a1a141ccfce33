"""What credit costs a training step: credits of candidates, their advantages, and the advantages of all tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from benchmarks.cases import Array, copy_limit, enter
from shapley_credit import utilities as u

pytestmark = pytest.mark.benchmark(max_time=0.5, min_rounds=5, min_time=1e-4)

PROMPTS, CANDIDATES, TOKENS, SEGMENTS = 64, 8, 4096, 16

Step = Callable[..., Array]


def ours(scores: Array, mask: Array) -> Array:
    credit = sc.set_shapley(u.Max(scores), CANDIDATES)
    advantage: Array = sc.token_advantages(credit.reshape(-1), mask, groups=CANDIDATES)
    return advantage


def numpy_step(scores: Array, mask: Array) -> Array:
    """The airport formula by a sort, the group mean, and a choice at every token."""
    order = np.argsort(scores, axis=1)
    steps = np.diff(np.take_along_axis(scores, order, axis=1), axis=1, prepend=0.0)
    credit = np.empty_like(scores)
    np.put_along_axis(credit, order, np.cumsum(steps / np.arange(CANDIDATES, 0, -1), axis=1), axis=1)
    advantage = (credit - credit.mean(axis=1, keepdims=True)).reshape(-1, 1)
    return np.where(mask != 0, advantage, 0).astype(np.float32)


def ours_segments(credit: Array, lengths: Array, mask: Array) -> Array:
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


STEPS: dict[str, tuple[Step, Step]] = {"completions": (ours, numpy_step), "segments": (ours_segments, numpy_segments)}


@lru_cache(maxsize=1)
def checked(what: str, kind: str) -> tuple[Array, ...]:
    """Arguments of a step, on which both ways agree."""
    rng = np.random.default_rng(9)
    trained = rng.integers(TOKENS // 4, TOKENS + 1, PROMPTS * CANDIDATES)
    mask = (np.arange(TOKENS) < trained[:, None]).astype(kind)
    cuts = np.sort(rng.integers(0, trained[:, None] + 1, (len(trained), SEGMENTS - 1)), axis=1)
    lengths = np.diff(cuts, axis=1, prepend=0, append=trained[:, None])
    credit = np.where(lengths > 0, rng.normal(size=lengths.shape), 0)
    arguments = (rng.random((PROMPTS, CANDIDATES)), mask) if what == "completions" else (credit, lengths, mask)
    first, second = (step(*arguments) for step in STEPS[what])
    assert np.abs(first - second).max() <= 1e-5 * np.abs(second).max()
    return arguments


@pytest.mark.parametrize("entry", ["ours", "NumPy", "limit"])
@pytest.mark.parametrize("kind", ["bool", "int64"])
@pytest.mark.parametrize("what", STEPS)
def test_step(benchmark: Any, what: str, kind: str, entry: str) -> None:
    arguments = checked(what, kind)
    enter(benchmark, f"advantages of {what}, {PROMPTS} x {CANDIDATES} x {TOKENS:,} tokens, {kind} mask", entry)
    if entry == "limit":
        benchmark(copy_limit(arguments[-1].nbytes + 4 * arguments[-1].size))
    else:
        benchmark(STEPS[what][entry != "ours"], *arguments)
