"""What a language model wrote, and where in the text its tokens are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.learning.words import Array
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """B responses to one prompt.

    Attributes:
        ids: int64 [B, T], what stands behind a response's length is padding.
        lengths: int [B], tokens of each, its end included.
        ended: bool [B], whether it ends by itself; otherwise it was cut off.
        texts: B strings, without the end.
        ends: B arrays [lengths], where in its text each token ends; the end of the text for the end token.
    """

    ids: Tensor
    lengths: Array
    ended: Array
    texts: list[str]
    ends: list[Array]


def places(prefixes: Sequence[str], ended: bool) -> Array:
    """Where in the text each token ends, from the texts of its prefixes, and once more the end for a token that ends it.

    What is sampled need not be how its text would be cut into tokens, so that the text alone does not say. A prefix that ends
    within a character may be longer than what it becomes; ends never go back, and never beyond the text.
    """
    found = np.array([len(each) for each in prefixes], np.int64)
    whole = len(prefixes[-1]) if prefixes else 0
    found = np.minimum(np.maximum.accumulate(found), whole)
    return np.append(found, whole) if ended else found
