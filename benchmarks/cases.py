"""What benchmarks time: one table of kernel cases, with the bytes and operations that none can avoid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import log2
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from shapley_credit import Utility
from shapley_credit import utilities as u

from shapley_kernels.arguments import arguments
from shapley_kernels.quadrature import count

Array = NDArray[Any]
Make = Callable[[np.random.Generator, DTypeLike], tuple[Any, ...]]
Maker = Callable[..., tuple[Any, ...]]
Size = tuple[int, ...]  # (B, K) or (B, K, E): groups, members, elements or classes; (B, T) rows of tokens


class Case(NamedTuple):
    """Arguments of one kernel function at one size; `make(rng, dtype)` gives them in the kernels' own layout."""

    form: str
    game: str
    size: Size
    make: Make

    @property
    def name(self) -> str:
        return f"{self.form}.{self.game} {'x'.join(map(str, self.size))}"

    @property
    def flops(self) -> float | None:
        """Additions, multiplications and comparisons, to leading order; None for games whose cost the data decide."""
        operations = FLOPS.get(self.game)
        return None if operations is None else float(operations(*self.size))


def bytes_moved(arguments: tuple[Any, ...], credit: Any) -> int:
    """Bytes that no kernel can avoid moving: every array read once, the credits written once."""
    arrays = {id(a): a.nbytes for a in arguments if hasattr(a, "nbytes")}  # gains may be their own keys
    return int(sum(arrays.values()) + credit.nbytes)


def everyone(members: int) -> Array:
    return np.ones((1, members), np.bool_)


# Games whose textbook formulas have base 0 and weights 1, here as there.
PLAIN = ("airport", "coverage", "facility", "pair_sums")


def described(form: str, game: str, rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    """Random arguments by what the form says of them; what groups may share they share, and all members are present."""
    groups, members = size[:2]
    lengths = {"K": members, "R": members, "L": members + 1, "V": 1 << members, "E": size[-1]}
    made: list[Array] = []
    for argument in arguments(form, game).values():
        shape = (groups if argument.of_each else 1, *(lengths[axis] for axis in argument.axes))
        if game in PLAIN and argument.kind == "real" and not argument.of_each:
            made.append(np.full(shape, 1 if argument.axes else 0, dtype))
        else:
            made.append(_array(rng, argument.kind, shape, dtype, made))
    return tuple(made)


def _array(rng: np.random.Generator, kind: str, shape: Size, dtype: DTypeLike, before: list[Array]) -> Array:
    if kind == "rest":
        return np.asarray(before[0] - before[1])
    if kind == "flag":
        return np.ones(shape, np.bool_) if before else rng.random(shape) < 0.2
    if kind == "label":
        return rng.integers(0, max(shape[-1] // 2, 1), shape)
    numbers = rng.random(shape).astype(dtype)
    return numbers + np.swapaxes(numbers, 1, 2) if kind == "symmetric" else numbers


def discounted(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    gains = rng.random(size).astype(dtype)
    return gains, gains, (1 / np.log2(np.arange(2, size[1] + 2)))[None, :].astype(dtype)


def pass_at_k(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random(size) < 0.3, everyone(size[1]), size[1] // 4


def plurality(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(0, size[2], size[:2]), everyone(size[1]), np.zeros(1, np.int64), True


def sized(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    gains = rng.random(size).astype(dtype)
    return gains, gains, everyone(size[1]), rng.random((1, size[1], size[1])).astype(dtype)


def typed(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    lengths = (size[1] + 1,) * 3
    return rng.integers(0, 3, size), everyone(size[1]), rng.random((1, lengths[0] ** 3)).astype(dtype), lengths


def weighted(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(1, 4, size), rng.random((1, 3 * size[1] + 1)).astype(dtype), np.zeros(size[0], np.int64)


def geometric(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random(size).astype(dtype) + 1, everyone(size[1])


def scatter(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    mask = rng.random(size) < 0.7
    return rng.normal(size=int(mask.sum())).astype(dtype), mask


def spread(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    mask = rng.random(size) < 0.7
    return rng.normal(size=size[0]).astype(dtype), mask.sum(axis=1), mask


# Arguments that are numbers, that go together or that are the same array.
MAKERS: dict[str, Maker] = {
    "discounted": discounted,
    "pass_at_k": pass_at_k,
    "plurality": plurality,
    "sized": sized,
    "typed": typed,
    "weighted": weighted,
    "geometric": geometric,
    "scatter": scatter,
    "spread": spread,
}

# What is timed, at which sizes: one group, some, many.
GAMES: dict[tuple[str, str], tuple[Size, ...]] = {
    ("thresholds", "airport"): ((1, 8), (1_000, 128), (200_000, 8)),
    ("thresholds", "facility"): ((1, 8, 64), (64, 16, 256), (64, 64, 512)),
    ("dividends", "additive"): ((1, 8), (1_000, 64), (1_000_000, 8)),
    ("dividends", "coverage"): ((1, 8, 64), (64, 16, 256), (2_000, 16, 512)),
    ("dividends", "distinct"): ((1, 8), (500, 128), (100_000, 8)),
    ("ranks", "discounted"): ((1, 8), (1_000, 128), (200_000, 8)),
    ("products", "product"): ((1, 8), (1_000, 64), (200_000, 8)),
    ("products", "noisy_or"): ((1, 8), (1_000, 64), (200_000, 8)),
    ("products", "mixture"): ((1, 8, 64), (200, 8, 64)),
    ("ranks", "sized"): ((1, 8), (100, 16)),
    ("dividends", "unanimity"): ((1, 8, 64), (64, 16, 256)),
    ("counts", "size_sum"): ((1, 8), (1_000, 64), (500_000, 8)),
    ("counts", "cardinality"): ((1, 8), (100_000, 8)),
    ("counts", "separable"): ((1, 8), (10_000, 8)),
    ("counts", "class_sizes"): ((1, 8), (100, 16)),
    ("gaps", "min_gap"): ((1, 8), (1_000, 16), (1, 64)),
    ("counts", "typed"): ((1, 8), (1_000, 16)),
    ("counts", "weighted"): ((1, 8), (10, 16)),
    ("counts", "geometric"): ((1, 8), (20, 16)),
    ("counts", "pass_at_k"): ((1, 8), (1_000, 64), (500_000, 8)),
    ("counts", "plurality"): ((1, 8, 3), (10, 32, 4), (200, 8, 3)),
    ("pairs", "pair_sums"): ((1, 8), (1_000, 32), (8, 1_024)),
    ("tokens", "scatter"): ((1, 64), (512, 4_096)),
    ("tokens", "spread"): ((1, 64), (512, 4_096)),
    ("table", "solve"): ((1, 8), (1_000, 10), (1, 22)),
}


def case(form: str, game: str, size: Size) -> Case:
    make = partial(MAKERS[game], size=size) if game in MAKERS else partial(described, form, game, size=size)
    return Case(form, game, size, make)


CASES = [case(form, game, size) for (form, game), sizes in GAMES.items() for size in sizes]


FLOPS: dict[str, Callable[..., float]] = {
    "airport": lambda b, k: b * k * (log2(k) + 3),
    "facility": lambda b, k, e: b * e * k * (log2(k) + 4),
    "additive": lambda b, k: 0,
    "coverage": lambda b, k, e: 2 * b * k * e,
    "unanimity": lambda b, k, e: 2 * b * k * e,
    "discounted": lambda b, k: b * k * (log2(k) + 4),
    "product": lambda b, k: 8 * b * k * count(k, 1e-16),
    "noisy_or": lambda b, k: 7 * b * k * count(k, 1e-16),
    "mixture": lambda b, k, x: 8 * b * k * x * count(k, 1e-16),
    "size_sum": lambda b, k: 4 * b * k,
    "cardinality": lambda b, k: b * k,
    "pass_at_k": lambda b, k: 2 * b * k,
    "pair_sums": lambda b, k: b * k * k,
    "solve": lambda b, n: 3 * b * 2**n,
    "scatter": lambda b, t: 0,
    "spread": lambda b, t: 0,
}


class Work(NamedTuple):
    """A case that users meet, as a utility, beside the textbook formula of the same name; `sizes` for the CPU and for a GPU."""

    name: str
    form: str
    game: str
    utility: Callable[[Any], Utility] | None
    sizes: tuple[Size, ...]
    gpu_sizes: tuple[Size, ...]

    def case(self, size: Size) -> Case:
        return case(self.form, self.game, size)

    def label(self, size: Size) -> str:
        if self.form == "table":
            return f"{self.name} n={size[1]}"
        return f"{self.name} {' x '.join(f'{length:,}' for length in size)}"


WORKS = [
    Work(
        "table",
        "table",
        "solve",
        u.Table,
        tuple((1, n) for n in (8, 12, 16, 20, 24, 28)),
        tuple((1, n) for n in range(16, 31, 2)),
    ),
    Work(
        "max",
        "thresholds",
        "airport",
        u.Max,
        ((1_000, 8), (1_000_000, 4), (1_000_000, 8), (100_000, 64), (1_000, 1_024), (50, 16_384)),
        tuple((1 << 23 >> shift, 8 << shift) for shift in range(4)),
    ),
    Work("facility", "thresholds", "facility", u.FacilityLocation, ((256, 16, 1_024),), ((4_096, 16, 1_024),)),
    Work("noisy-or", "products", "noisy_or", u.NoisyOr, ((1_000_000, 8), (10_000, 64)), ((1 << 22, 8), (1 << 17, 64))),
    Work("DCG", "ranks", "discounted", u.DCG, ((200_000, 8), (10_000, 64), (50, 16_384)), ((1 << 22, 8), (1 << 17, 64))),
    Work("coverage", "dividends", "coverage", u.Coverage, ((2_000, 16, 512),), ((1 << 16, 16, 512),)),
    Work("pairs", "pairs", "pair_sums", u.SumPairwise, ((1_000, 32), (8, 1_024)), ((1 << 16, 32), (64, 1_024))),
    Work("tokens", "tokens", "spread", None, ((512, 4_096),), ((1_024, 32_768),)),
]

# Form and game, groups, members (bits of a table), and the cost that is promised: its exponent stands beside that of the time.
SWEEPS: list[tuple[str, str, int, tuple[int, ...], Callable[[float], float]]] = [
    ("table", "solve", 1, (16, 18, 20, 22), lambda n: 2**n),
    ("thresholds", "airport", 200, (32, 128, 512, 2_048), lambda k: k * log2(k) ** 2),
    ("thresholds", "airport", 20, (4_096, 16_384, 65_536), lambda k: k * log2(k)),
    ("products", "noisy_or", 500, (16, 32, 64), lambda k: k * k),
    ("products", "noisy_or", 100, (128, 512, 2_048), lambda k: k**1.5),
    ("ranks", "discounted", 200, (32, 128, 512, 2_048), lambda k: k * log2(k) ** 2),
    ("pairs", "pair_sums", 8, (64, 256, 1_024), lambda k: k * k),
    ("counts", "size_sum", 2_000, (64, 256, 1_024), lambda k: k),
]
