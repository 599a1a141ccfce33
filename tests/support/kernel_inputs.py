"""Random arguments of every kernel function, in the kernels' own layout: the first array has B groups, others B or 1."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arguments import Argument, arguments, forms

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
    here: Array = rng.random((groups, members)) < rng.choice([0.0, 0.5, 0.7, 1.0, 1.0])
    return here


def airport(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    """Scores with ties, or that differ in their last digits only, few in a group or nearly all; in some groups below base."""
    scores, base = normal(rng, (groups, members), np.float64), normal(rng, (shared(rng, groups),), dtype)
    close = 1e-6 * rng.normal(size=scores.shape)
    scores[::4] += close[::4]
    scores[1::2, 1:] = 20 + close[1::2, 1:]
    scores[2::3] -= 15  # all below base
    return scores.astype(dtype), base, present(rng, shared(rng, groups), members)


def facility(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    """Scores with ties; in half of the groups scores that differ in their last digits."""
    elements = int(rng.integers(0, 70))
    scores = normal(rng, (groups, members, elements), np.float64)
    scores[::2] += 1e-6 * rng.normal(size=scores[::2].shape)
    return scores.astype(dtype), normal(rng, (shared(rng, groups), elements), dtype)


def plurality(rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    labels = rng.integers(0, 5, (groups, members))
    target = rng.integers(0, 5, shared(rng, groups))
    return labels, present(rng, shared(rng, groups), members), target, bool(rng.random() < 0.5)


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
    return rng.integers(0, kinds, (groups, members)), present(rng, shared(rng, groups), members), table, (members + 1,) * kinds


# Arguments that must go together, or that hold what their kinds do not say.
SPECIAL: dict[tuple[str, str], Maker] = {
    ("thresholds", "airport"): airport,
    ("thresholds", "facility"): facility,
    ("counts", "plurality"): plurality,
    ("counts", "pass_at_k"): lambda rng, b, k, dtype: (
        rng.random((b, k)) < 0.4,
        present(rng, shared(rng, b), k),
        int(rng.integers(1, k + 2)),
    ),
    ("counts", "typed"): typed,
    ("counts", "weighted"): weighted,
    ("tokens", "scatter"): scatter,
    ("tokens", "spread"): spread,
}

GAMES = [(form, game) for form, games in forms().items() for game in games]


def inputs(form: str, game: str, rng: np.random.Generator, groups: int, members: int, dtype: Any) -> tuple[Any, ...]:
    """Arguments for B groups of K members, by what the form says of them."""
    if (form, game) in SPECIAL:
        return SPECIAL[form, game](rng, groups, members, dtype)
    lengths = {"K": members, "R": members, "L": members + 1, "V": 1 << members, "E": int(rng.integers(0, 40))}
    made: list[Array] = []
    for argument in arguments(form, game).values():
        rows = groups if argument.of_each else shared(rng, groups)
        made.append(_array(rng, argument, (rows, *(lengths[axis] for axis in argument.axes)), dtype, made))
    here = [array for array, argument in zip(made, arguments(form, game).values(), strict=True) if argument.kind == "flag"]
    for place, argument in enumerate(arguments(form, game).values()):
        if argument.kind == "symmetric":  # nothing is between absent members
            made[place] = np.where(here[0][:, :, None] & here[0][:, None, :], made[place], 0).astype(dtype)
    return tuple(made)


def _array(rng: np.random.Generator, argument: Argument, shape: tuple[int, ...], dtype: Any, before: list[Array]) -> Array:
    if argument.kind == "rest":
        return before[0] - before[1]
    if argument.kind == "flag":
        return present(rng, *shape) if len(shape) == 2 and before else rng.random(shape) < 0.3
    if argument.kind == "label":
        return rng.integers(0, max(shape[-1] // 2, 2), shape)
    if argument.kind == "chance":
        return rng.random(shape).astype(dtype)
    numbers = normal(rng, shape, dtype)
    return numbers + np.swapaxes(numbers, 1, 2) if argument.kind == "symmetric" else numbers


# Sizes K that reach every branch of every kernel: networks, tiles with a ragged end, sorts, streams.
SIZES = {
    ("thresholds", "airport"): (1, 2, 3, 7, 8, 9, 16, 31, 64, 65, 4097),
    ("thresholds", "facility"): (1, 2, 3, 7, 8, 9, 16, 17, 31, 64, 65, 130, 4097),
    ("table", "solve"): (1, 2, 5, 6, 7, 8, 9, 12, 17),
    ("counts", "plurality"): (1, 2, 5, 9, 24),
    ("counts", "class_sizes"): (1, 2, 5, 9, 33),
    ("counts", "geometric"): (1, 2, 5),
    ("counts", "typed"): (1, 2, 5, 9),
    ("ranks", "discounted"): (1, 2, 3, 7, 8, 9, 16, 17, 64, 65, 128, 129, 1000, 2049),
    ("counts", "weighted"): (1, 2, 5, 40),
    ("ranks", "sized"): (1, 2, 5, 9, 33, 129),
    ("gaps", "min_gap"): (1, 2, 3, 9, 24),
    ("pairs", "pair_sums"): (1, 2, 3, 7, 8, 9, 31, 33, 64, 65, 130, 139, 272),
}
DEFAULT_SIZES = (1, 2, 3, 7, 8, 9, 31, 33, 63, 64, 65, 130)


def module_of(form: str, role: str) -> ModuleType:
    return importlib.import_module(f"shapley_kernels.{form}.{role}")


# Functions whose first array is packed: where the values of a row stand depends on the rows before it.
PACKED = {("tokens", "scatter"), ("tokens", "spread")}
