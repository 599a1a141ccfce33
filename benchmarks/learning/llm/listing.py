"""List picking by a language model: one item of a list that stands in the prompt, paid for the variety of its group.

An answer is valid if it is an item of the list, but for case, spaces and final punctuation, and ends by itself. Figures are of
the samples of a group: with few valid answers the divergence is overstated and the entropy understated, so that figures are
compared only for the same number of samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from benchmarks.learning.llm import lists, picking
from benchmarks.learning.llm.paying import Scored
from benchmarks.learning.llm.samples import Samples
from benchmarks.learning.words import Array

MOST = 6  # tokens of a response
METRIC, COVERAGE, DIVERGENCE, ENTROPY = "variety", "coverage", "JSD to uniform", "entropy, bits"


def score(kind: str, samples: Samples, earlier: Sequence[str]) -> Scored:
    """A group of answers, behind the valid ones of the last group to the same prompt."""
    items, answers = lists.items(kind), [lists.plain(text) for text in samples.texts]
    valid = np.array([ended and text in items for text, ended in zip(answers, samples.ended.tolist(), strict=True)])
    owners = [np.full(length, -1) for length in samples.lengths.tolist()]
    group = picking.Group(answers, valid, items, list(earlier), owners)
    counts = group.hits.sum(axis=0)
    figures = {
        METRIC: variety(counts, len(answers)),
        COVERAGE: float((counts > 0).mean()),
        "validity": float(valid.mean()),
        "tokens": float(samples.lengths.mean()),
    }
    said = [text for text, good in zip(answers, valid, strict=True) if good]
    return Scored(group, figures | evenness(counts), said)


def variety(counts: Array, answers: int) -> float:
    """Expected number of different items among n of the answers, drawn without repetition, over n.

        sum_c (1 - C(B - n_c, n) / C(B, n)) / n,    n = min(L, B)

    An unbiased estimate for any number of answers B >= L; it is 1 / n where all give one item, and 0 where none is valid.
    counts: int [L], how many answers each item has; answers: B, invalid ones included.
    """
    size = min(len(counts), answers)
    missed = [comb(answers - count, size) / comb(answers, size) for count in counts.tolist()]
    return float(sum(1 - each for each in missed) / size)


def evenness(counts: Array) -> dict[str, float]:
    """Of the valid answers: Jensen-Shannon divergence from the uniform distribution, and entropy, both in bits.

    Nothing if there are none. counts: int [L].
    """
    if not counts.any():
        return {}
    share, even = counts / counts.sum(), 1 / len(counts)
    middle = (share + even) / 2
    divergence = float(bits(middle) - (bits(share) + np.log2(len(counts))) / 2)
    return {DIVERGENCE: divergence, ENTROPY: bits(share)}


def bits(shares: Array) -> float:
    """The entropy of a distribution."""
    known = shares[shares > 0]
    return float(np.log2(1 / known) @ known)
