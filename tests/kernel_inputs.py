"""Random arguments of every kernel function, in the kernels' own layout: the first array has B groups, others B or 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Maker = Callable[[np.random.Generator, int, int, Any], tuple[Any, ...]]


def normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Numbers on a grid of eighths: ties are common and sums are exact."""
    numbers: Array = np.round(rng.normal(size=shape) * 16) / 8
    return numbers.astype(np.dtype(dtype))


def shared(rng: np.random.Generator, groups: int) -> int:
    """B, or 1 for data that all groups share."""
    return int(rng.choice([1, groups])) if groups else 0


def present(rng: np.random.Generator, groups: int, members: int) -> Array:
    """Who is there; sometimes nobody."""
    here: Array = rng.random((shared(rng, groups), members)) < rng.choice([0.0, 0.5, 0.7, 1.0, 1.0])
    return here


def airport(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    """Scores with ties; scores that differ in their last digits only, few of them in a group or nearly all."""
    scores, base = normal(rng, (groups, members), np.float64), normal(rng, (shared(rng, groups),), dtype)
    close = 1e-6 * rng.normal(size=scores.shape)
    scores[::4] += close[::4]
    scores[1::2, 1:] = 20 + close[1::2, 1:]
    return scores.astype(dtype), base


def coverage(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    elements = int(rng.integers(0, 40))
    return rng.random((groups, members, elements)) < 0.3, normal(rng, (shared(rng, groups), elements), dtype)


def facility(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    """Scores with ties; in half of the groups scores that differ in their last digits."""
    elements = int(rng.integers(0, 70))
    scores = normal(rng, (groups, members, elements), np.float64)
    scores[::2] += 1e-6 * rng.normal(size=scores[::2].shape)
    return scores.astype(dtype), normal(rng, (shared(rng, groups), elements), dtype)


def product(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    inside = rng.random((groups, members)).astype(dtype)
    outside = rng.random((shared(rng, groups), members)).astype(dtype)
    return inside, outside, inside - outside


def pair_sums(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    half, here = normal(rng, (groups, members, members), dtype), present(rng, groups, members)
    distances = np.where(here[:, :, None] & here[:, None, :], half + np.swapaxes(half, 1, 2), 0)
    return distances, here, normal(rng, (shared(rng, groups), members + 1), dtype)


def plurality(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    labels = rng.integers(0, 5, (groups, members))
    target = rng.integers(0, 5, shared(rng, groups))
    return labels, present(rng, groups, members), target, bool(rng.random() < 0.5)


def mixture(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    games = int(rng.integers(0, 5))
    inside, outside = (rng.random((groups, members, games)).astype(dtype) for _ in range(2))
    return inside, outside, inside - outside, normal(rng, (shared(rng, groups), games), dtype)


def sized(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    gains, keys = normal(rng, (groups, members), dtype), normal(rng, (shared(rng, groups), members), dtype)
    return gains, keys, present(rng, groups, members), normal(rng, (shared(rng, groups), members, members), dtype)


def weighted(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    steps = rng.integers(-2, 4, (groups, members))
    return steps, normal(rng, (shared(rng, groups), 5 * members + 1), dtype), np.full(groups, 2 * members)


def scatter(rng: np.random.Generator, groups: int, tokens: int, dtype: Any) -> tuple[Any, ...]:
    mask = rng.random((groups, tokens)) < rng.choice([0.0, 0.6, 1.0])
    return normal(rng, (int(mask.sum()),), dtype), mask


def spread(rng: np.random.Generator, groups: int, tokens: int, dtype: Any) -> tuple[Any, ...]:
    """Segments of any length, empty ones too, few or many cut from the packed tokens."""
    mask = rng.random((groups, tokens)) < rng.choice([0.0, 0.6, 1.0])
    most = rng.choice([3, groups * tokens // 40 + 2, 2 * groups * tokens + 2])
    cuts = np.sort(rng.integers(0, mask.sum() + 1, int(rng.integers(0, most))))
    lengths = np.diff(cuts, prepend=0, append=mask.sum())
    return normal(rng, lengths.shape, dtype), lengths, mask


def typed(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    kinds = int(rng.integers(1, 4))
    table = normal(rng, (shared(rng, groups), (members + 1) ** kinds), dtype)
    return rng.integers(0, kinds, (groups, members)), present(rng, groups, members), table, (members + 1,) * kinds


# (form, game) -> arguments for B groups of K members.
MAKERS: dict[tuple[str, str], Maker] = {
    ("thresholds", "airport"): airport,
    ("thresholds", "facility"): facility,
    ("gaps", "min_gap"): lambda rng, b, k, dtype: (normal(rng, (b, k), dtype), present(rng, b, k)),
    ("dividends", "additive"): lambda rng, b, k, dtype: (normal(rng, (b, k), dtype),),
    ("dividends", "coverage"): coverage,
    ("dividends", "distinct"): lambda rng, b, k, dtype: (rng.integers(0, max(k // 2, 2), (b, k)), present(rng, b, k)),
    ("dividends", "unanimity"): coverage,
    ("products", "mixture"): mixture,
    ("products", "noisy_or"): lambda rng, b, k, dtype: (rng.random((b, k)).astype(dtype),),
    ("ranks", "sized"): sized,
    ("counts", "separable"): lambda rng, b, k, dtype: (
        rng.integers(0, 4, (b, k)),
        present(rng, b, k),
        normal(rng, (shared(rng, b), k + 1), dtype),
    ),
    ("counts", "class_sizes"): lambda rng, b, k, dtype: (
        rng.integers(0, 4, (b, k)),
        present(rng, b, k),
        normal(rng, (shared(rng, b), k + 1, k + 1), dtype),
    ),
    ("counts", "typed"): typed,
    ("counts", "weighted"): weighted,
    ("counts", "geometric"): lambda rng, b, k, dtype: (rng.random((b, k)).astype(dtype), present(rng, b, k)),
    ("ranks", "discounted"): lambda rng, b, k, dtype: (
        normal(rng, (b, k), dtype),
        normal(rng, (shared(rng, b), k), dtype),
        normal(rng, (shared(rng, b), k), dtype),
    ),
    ("products", "product"): product,
    ("counts", "size_sum"): lambda rng, b, k, dtype: (
        normal(rng, (b, k), dtype),
        present(rng, b, k),
        normal(rng, (shared(rng, b), k + 1), dtype),
    ),
    ("counts", "cardinality"): lambda rng, b, k, dtype: (normal(rng, (b, k + 1), dtype), present(rng, b, k)),
    ("counts", "pass_at_k"): lambda rng, b, k, dtype: (
        rng.random((b, k)) < 0.4,
        present(rng, b, k),
        int(rng.integers(1, k + 2)),
    ),
    ("counts", "plurality"): plurality,
    ("pairs", "pair_sums"): pair_sums,
    ("tokens", "scatter"): scatter,
    ("tokens", "spread"): spread,
    ("table", "solve"): lambda rng, b, k, dtype: (normal(rng, (b, 1 << k), dtype),),
}

# Sizes K that reach every branch of every kernel: networks, tiles with a ragged end, sorts, streams.
SIZES = {
    ("thresholds", "airport"): (1, 2, 3, 7, 8, 9, 16, 31, 64, 65, 4097),
    ("thresholds", "facility"): (1, 2, 3, 7, 8, 9, 16, 17, 31, 64, 65, 130, 4097),
    ("table", "solve"): (1, 2, 5, 6, 7, 8, 9, 12, 17),
    ("counts", "plurality"): (1, 2, 5, 9, 24),
    ("counts", "class_sizes"): (1, 2, 5, 9, 33),
    ("counts", "geometric"): (1, 2, 5),
    ("counts", "typed"): (1, 2, 5, 9),
    ("ranks", "discounted"): (1, 2, 3, 7, 8, 9, 16, 17, 64, 65, 128, 129, 1000),
    ("counts", "weighted"): (1, 2, 5, 40),
    ("ranks", "sized"): (1, 2, 5, 9, 33, 129),
    ("gaps", "min_gap"): (1, 2, 3, 9, 24),
}
DEFAULT_SIZES = (1, 2, 3, 7, 8, 9, 31, 33, 63, 64, 65, 130)
