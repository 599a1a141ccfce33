"""Credit at tokens: packed values and segments, laid out by a mask of B rows of T tokens.

Packed means: row after row, only the tokens of the mask, j = 0 .. N-1 in row-major order. Padding, shifts and holes leave j
as it is, so that one rule serves every layout; packed sequences (`cu_seqlens`) are a mask of one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def scatter(values: Array, mask: Array) -> Array:
    """out[mask] = values, 0 elsewhere. values [N], mask [B, T] bool with N true entries -> [B, T]. O(B T)."""
    out = np.zeros(mask.shape, values.dtype)
    out[mask] = values
    return out


def spread(credit: Array, lengths: Array, mask: Array) -> Array:
    """Every token gets the credit of its segment.

    credit [S], lengths [S] int, in order and packed as tokens are, mask [B, T] bool with sum(lengths) true entries -> [B, T].
    O(B T + S).
    """
    return scatter(np.repeat(credit, lengths), mask)
