"""Sorting networks: which pairs to compare, whatever the data."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Length of the runs that kernels sort, and merge, in registers.
RUN = 16


@lru_cache(maxsize=256)
def comparators(members: int) -> NDArray[np.int32]:
    """Pairs [C, 2] of Batcher's odd-even merge sort, to be put in ascending order one after the other; read-only.

    C ~ K log2(K)^2 / 4: 19 for K = 8, 543 for 64, 24,063 for 1,024 (Batcher 1968). Any K: members beyond are not compared.
    """
    pairs = []
    p = 1
    while p < members:
        k = p
        while k >= 1:
            j = np.arange(k % p, members - k, 2 * k)[:, None]
            i = np.arange(k)[None, :]
            low, high = i + j, i + j + k
            kept = (high < members) & (low // (2 * p) == high // (2 * p))
            pairs.append(np.stack([low[kept], high[kept]], axis=1))
            k //= 2
        p *= 2
    found = np.concatenate(pairs or [np.zeros((0, 2))]).astype(np.int32)
    found.flags.writeable = False
    return found


def halvings(members: int) -> list[tuple[int, int]]:
    """Pairs that put a power of two of numbers that rise and then fall, or fall and then rise, in order (Batcher 1968)."""
    spans = [1 << bit for bit in reversed(range(members.bit_length() - 1))]
    return [(i, i + span) for span in spans for i in range(members) if not i & span]
