"""Search by a language model: a query of one to nine phrases for a need, as many as the model likes.

A response is worth the nDCG of the questions that BM25 finds for it. A response that is not a query is worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from benchmarks.learning.llm import candidates, needs, queries
from benchmarks.learning.llm.paying import Scored
from benchmarks.learning.llm.samples import Samples
from benchmarks.learning.words import Array

FEWEST, MOST_PHRASES = 1, 9
MOST = 24  # tokens of a response
METRIC, DENSE, SIZE, REPEATED = "nDCG", "nDCG by MiniLM", "phrases", "words again"


class Retrievers(NamedTuple):
    """What they give to each question: BM25 what each of n phrases adds [n, D], MiniLM the cosines of B queries [B, D]."""

    added: Callable[[list[str]], Array]
    cosines: Callable[[list[str]], Array]


def score(retrievers: Retrievers, need: str, samples: Samples) -> Scored:
    """What any of the phrases of each response are worth together."""
    rows = zip(samples.texts, samples.ended, strict=True)
    read = [candidates.read(text, bool(ended), FEWEST, MOST_PHRASES) for text, ended in rows]
    gains = needs.gains(need)
    owners = [candidates.owners(each.spans, ends) for each, ends in zip(read, samples.ends, strict=True)]
    lengths = [candidates.segments(owner, len(each.names)) for owner, each in zip(owners, read, strict=True)]
    tables = [queries.table(retrievers.added(each.names), gains) for each in read]
    counts, valid = np.array([len(each.names) for each in read]), np.array([each.valid for each in read])
    group = queries.Group(tables, counts, valid, owners, lengths)
    figures = {METRIC: float(group.rewards.mean()), "validity": float(valid.mean()), "tokens": float(samples.lengths.mean())}
    return Scored(group, figures | written(retrievers, [each.names for each in read if each.valid], gains, len(read)))


def written(retrievers: Retrievers, names: list[list[str]], gains: Array, responses: int) -> dict[str, float]:
    """Of valid queries: nDCG by MiniLM, a mean over all responses, the number of phrases, and words that stood before.

    Nothing but the first, which is 0, if there are no valid queries.
    """
    if not names:
        return {DENSE: 0.0}
    dense = queries.ndcg(retrievers.cosines([", ".join(row) for row in names]), gains)
    words = [" ".join(row).lower().split() for row in names]
    return {
        DENSE: float(dense.sum() / responses),
        SIZE: float(np.mean([len(row) for row in names])),
        REPEATED: float(np.mean([1 - len(set(row)) / len(row) for row in words])),
    }
