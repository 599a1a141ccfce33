"""The questions of GSM8K, their words, which question holds which, and how telling each is."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FILE = Path(__file__).parents[1] / "data" / "gsm8k_model_solutions.jsonl.gz"


@dataclass(frozen=True)
class Words:
    """V words of D questions.

    Attributes:
        texts: the questions, each as its words, D of them.
        names: the V words of the vocabulary, none so rare or so common that it tells nothing.
        held: bool [D, V], which question holds which word.
        telling: float32 [V], ln(D / number of questions with the word), scaled to at most 1.
    """

    texts: list[list[str]]
    names: list[str]
    held: Array
    telling: Array


@lru_cache(maxsize=1)
def words(least: int = 15, most: int = 150) -> Words:
    """The words of three letters or more that between `least` and `most` of the 1,319 questions hold."""
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        texts = [re.findall(r"[a-z]{3,}", json.loads(line)["question"].lower()) for line in lines]
    counts = Counter(word for text in texts for word in set(text))
    names = sorted(word for word, count in counts.items() if least <= count <= most)
    held = np.array([[word in text for word in names] for text in map(set, texts)])
    rarity = np.log(len(texts) / held.sum(axis=0))
    return Words(texts, names, held, (rarity / rarity.max()).astype(np.float32))
