"""What retrievers find for a query among the questions of GSM8K: BM25, which pays the policy, and MiniLM, which never does."""

from __future__ import annotations

import re
from functools import lru_cache

import bm25s
import numpy as np
from benchmarks.learning.retrievers import embed, embedded
from benchmarks.learning.words import Array, words


@lru_cache(maxsize=1)
def index() -> bm25s.BM25:
    """BM25 over the words of three letters or more."""
    found = bm25s.BM25(k1=1.5, b=0.75)
    found.index(words().texts, show_progress=False)
    return found


def added(phrases: list[str]) -> Array:
    """What each phrase adds to the BM25 score of each question, [n, D]; scores of queries are sums of rows."""
    return np.stack([_scores(phrase) for phrase in phrases]) if phrases else np.zeros((0, len(words().texts)))


def _scores(phrase: str) -> Array:
    known = [word for word in re.findall(r"[a-z]{3,}", phrase.lower()) if word in index().vocab_dict]
    if not known:
        return np.zeros(len(words().texts))
    found: Array = index().get_scores(known).astype(np.float64)
    return found


def cosines(queries: list[str]) -> Array:
    """Of queries and questions by MiniLM, [B, D]."""
    return np.asarray(embed(queries) @ embedded().T, np.float64)
