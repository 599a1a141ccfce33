"""What benchmarks time: one table of kernel cases, and the limits that memory sets to them."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shapley_kernels import parallel

Array = NDArray[Any]
Maker = Callable[[np.random.Generator, DTypeLike], tuple[Any, ...]]
Size = tuple[int, ...]  # (B, K) or (B, K, E): groups, members, elements or classes

# Limits may use as many threads as kernels do, from this many bytes on.
THREADS = parallel.threads()
SPLIT_BYTES = 1_000_000


class Case(NamedTuple):
    """Arguments of one kernel function at one size; `make(rng, dtype)` gives them in the kernels' own layout."""

    form: str
    game: str
    size: Size
    make: Maker

    @property
    def name(self) -> str:
        return f"{self.form}.{self.game} {'x'.join(map(str, self.size))}"

    def bytes_moved(self, arguments: tuple[Any, ...], credit: Array) -> int:
        """Bytes that no kernel can avoid moving: every array read once, the credits written once."""
        arrays = {id(a): a.nbytes for a in arguments if isinstance(a, np.ndarray)}  # gains may be their own keys
        return sum(arrays.values()) + credit.nbytes


def everyone(members: int) -> Array:
    return np.ones((1, members), np.bool_)


def airport(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.normal(size=size).astype(dtype), np.zeros(1, dtype)


def facility(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.normal(size=size).astype(dtype), np.ones((1, size[2]), dtype)


def additive(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return (rng.normal(size=size).astype(dtype),)


def coverage(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random(size) < 0.2, rng.random((1, size[2])).astype(dtype)


def unanimity(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return coverage(rng, dtype, size)


def distinct(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(0, size[1] // 2, size), everyone(size[1])


def discounted(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    gains = rng.random(size).astype(dtype)
    return gains, gains, (1 / np.log2(np.arange(2, size[1] + 2)))[None, :].astype(dtype)


def product(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    chance = rng.random(size).astype(dtype)
    return 1 - chance, np.ones((1, size[1]), dtype), -chance


def noisy_or(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return (rng.random(size).astype(dtype),)


def size_sum(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.normal(size=size).astype(dtype), everyone(size[1]), rng.random((1, size[1] + 1)).astype(dtype)


def cardinality(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random((size[0], size[1] + 1)).astype(dtype), everyone(size[1])


def pass_at_k(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random(size) < 0.3, everyone(size[1]), size[1] // 4


def plurality(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(0, size[2], size[:2]), everyone(size[1]), np.zeros(1, np.int64), True


def pair_sums(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    half = rng.random((*size, size[1])).astype(dtype)
    return half + np.swapaxes(half, 1, 2), everyone(size[1]), rng.random((1, size[1] + 1)).astype(dtype)


def mixture(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    inside, outside = (rng.random(size).astype(dtype) for _ in range(2))
    return inside, outside, inside - outside, np.ones((1, size[2]), dtype)


def sized(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    gains = rng.random(size).astype(dtype)
    return gains, gains, everyone(size[1]), rng.random((1, size[1], size[1])).astype(dtype)


def separable(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(0, 4, size), everyone(size[1]), rng.random((1, size[1] + 1)).astype(dtype)


def class_sizes(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(0, 4, size), everyone(size[1]), rng.random((1, size[1] + 1, size[1] + 1)).astype(dtype)


def typed(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    lengths = (size[1] + 1,) * 3
    return rng.integers(0, 3, size), everyone(size[1]), rng.random((1, lengths[0] ** 3)).astype(dtype), lengths


def weighted(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.integers(1, 4, size), rng.random((1, 3 * size[1] + 1)).astype(dtype), np.zeros(size[0], np.int64)


def min_gap(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random(size).astype(dtype), everyone(size[1])


def geometric(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.random(size).astype(dtype) + 1, everyone(size[1])


def solve(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return (rng.normal(size=(size[0], 1 << size[1])).astype(dtype),)


def scatter(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    mask = rng.random(size) < 0.7
    return rng.normal(size=int(mask.sum())).astype(dtype), mask


def spread(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    mask = rng.random(size) < 0.7
    lengths = np.full(int(mask.sum()) // 16 + 1, 16)
    lengths[-1] = mask.sum() - lengths[:-1].sum()
    return rng.normal(size=len(lengths)).astype(dtype), lengths, mask, True


def togo(rng: np.random.Generator, dtype: DTypeLike, size: Size) -> tuple[Any, ...]:
    return rng.normal(size=size).astype(dtype), rng.random(size) < 0.7


# Form, arguments of the game of the same name, sizes: one group, some, many.
GAMES: list[tuple[str, Callable[..., tuple[Any, ...]], tuple[Size, ...]]] = [
    ("thresholds", airport, ((1, 8), (1_000, 128), (200_000, 8))),
    ("thresholds", facility, ((1, 8, 64), (64, 16, 256), (64, 64, 512))),
    ("dividends", additive, ((1, 8), (1_000, 64), (1_000_000, 8))),
    ("dividends", coverage, ((1, 8, 64), (64, 16, 256), (2_000, 16, 512))),
    ("dividends", distinct, ((1, 8), (500, 128), (100_000, 8))),
    ("ranks", discounted, ((1, 8), (1_000, 128), (200_000, 8))),
    ("products", product, ((1, 8), (1_000, 64), (200_000, 8))),
    ("products", noisy_or, ((1, 8), (1_000, 64), (200_000, 8))),
    ("products", mixture, ((1, 8, 64), (200, 8, 64))),
    ("ranks", sized, ((1, 8), (100, 16))),
    ("dividends", unanimity, ((1, 8, 64), (64, 16, 256))),
    ("counts", size_sum, ((1, 8), (1_000, 64), (500_000, 8))),
    ("counts", cardinality, ((1, 8), (100_000, 8))),
    ("counts", separable, ((1, 8), (10_000, 8))),
    ("counts", class_sizes, ((1, 8), (100, 16))),
    ("gaps", min_gap, ((1, 8), (1_000, 16), (1, 64))),
    ("counts", typed, ((1, 8), (1_000, 16))),
    ("counts", weighted, ((1, 8), (10, 16))),
    ("counts", geometric, ((1, 8), (20, 16))),
    ("counts", pass_at_k, ((1, 8), (1_000, 64), (500_000, 8))),
    ("counts", plurality, ((1, 8, 3), (10, 32, 4), (200, 8, 3))),
    ("pairs", pair_sums, ((1, 8), (1_000, 32), (8, 1_024))),
    ("tokens", scatter, ((1, 64), (512, 4_096))),
    ("tokens", spread, ((1, 64), (512, 4_096))),
    ("tokens", togo, ((1, 64), (512, 4_096))),
    ("table", solve, ((1, 8), (1_000, 10), (1, 22))),
]

CASES = [Case(form, maker.__name__, size, partial(maker, size=size)) for form, maker, sizes in GAMES for size in sizes]

_pool = ThreadPoolExecutor(THREADS)


def split(function: Callable[..., Any], parts: int, *arrays: Array) -> Callable[[], Any]:
    """A call of `function` on the arrays, or on equal slices of them, one a thread; it returns what they return."""
    first, *rest = zip(*(np.array_split(array, parts) for array in arrays), strict=True)
    if not rest:
        return partial(function, *first)  # nothing between a small case and its limit

    def run() -> list[Any]:
        waiting = [_pool.submit(function, *slices) for slices in rest]
        return [function(*first), *(future.result() for future in waiting)]

    return run


def fastest(functions: list[Callable[..., Any]], *arrays: Array) -> Callable[[], Any]:
    """The fastest way to run one of the functions over the arrays: whole, or split if they are large."""
    ways = {1, THREADS} if sum(array.nbytes for array in arrays) >= SPLIT_BYTES else {1}
    calls = [split(function, parts, *arrays) for function in functions for parts in ways]
    return min(calls, key=lambda call: min(timeit.repeat(call, number=1, repeat=9)))


def copy_limit(moved: int) -> Callable[[], Any]:
    """A call that moves as many bytes as asked, half of them read and half written, at the speed of a copy."""
    source = np.arange(max(moved // 16, 1), dtype=np.float64)
    target = np.full_like(source, -1.0)
    run = fastest([np.copyto], target, source)
    target[:] = -1.0
    run()
    assert np.array_equal(source, target)
    return run


def read_limit(values: Array) -> Callable[[], Any]:
    """A call that reads all values at the speed of a reduction, the sum or the maximum, whichever is faster."""
    run = fastest([np.add.reduce, np.maximum.reduce], values.ravel())
    results = np.atleast_1d(run())
    assert np.isclose(results.sum(), values.sum()) or results.max() == values.max()
    return run


def enter(benchmark: Any, group: str, entry: str) -> None:
    """Put a benchmark into a group of the report under the name of the competitor."""
    benchmark.group = group
    benchmark.extra_info["entry"] = entry
