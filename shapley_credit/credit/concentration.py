"""How the credits of a set are spread: evenly, or upon one member."""

from __future__ import annotations

import numpy as np

from shapley_credit.convert import Array


def concentration(credit: Array) -> tuple[float | None, float | None]:
    """Share of the best and entropy of the credits [k] of one set, none absent.

        max_i phi_i / sum_i |phi_i|,      -sum_i p_i log p_i / log k,      p_i = |phi_i| / sum_j |phi_j|

    The share is 1 where the best takes all; the entropy is 1 where all get the same. Both are None where all credits are 0, and
    the entropy for k = 1. Cost O(k).

    >>> import numpy as np
    >>> from shapley_credit.credit.concentration import concentration
    >>> concentration(np.array([1.0, 1.0])), concentration(np.array([0.0, 0.0]))
    ((0.5, 1.0), (None, None))
    """
    total = float(np.abs(credit).sum())
    if not total > 0.0:
        return None, None
    parts = np.abs(credit[credit != 0.0]) / total
    entropy = float(-(parts * np.log(parts)).sum() / np.log(len(credit))) if len(credit) > 1 else None
    return float(credit.max()) / total, entropy
