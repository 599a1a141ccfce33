"""Time of competitors in turns, and the limits that memory sets to them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[], Any]

# Calls shorter than this are timed several at once, by default.
TICK_S = 2e-4
# Limits may use as many threads as kernels do, from this many bytes on.
SPLIT_BYTES = 1_000_000


def medians(calls: Mapping[str, Call], *, budget_s: float = 1.0, rounds: int = 15, tick_s: float = TICK_S) -> dict[str, float]:
    """Median seconds of each call. All take turns, so that what else the machine does meets all of them.

    Each turn starts with a call that is not timed: all find their data in the caches, and memory to write to, as they left them
    themselves, whoever had the turn before. A call drops out of the turns once its own time exceeds the budget, after its first
    turn at the earliest.
    """
    numbers = {name: _repetitions(call, tick_s) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            if sum(times[name]) * numbers[name] <= budget_s:
                call()
                times[name].append(_seconds(call, numbers[name]))
    return {name: statistics.median(taken) for name, taken in times.items()}


def _repetitions(call: Call, tick_s: float) -> int:
    call()  # compiles, touches memory
    once = _seconds(call, 1)
    return max(1, int(tick_s / max(once, 1e-9)))


def _seconds(call: Call, number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def spelled(seconds: float | None) -> str:
    """Three digits and a unit.

    >>> spelled(0.0123456)
    '12.3 ms'
    """
    if seconds is None:
        return ""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 999.5:
            return f"{seconds * scale:#.3g}".rstrip(".") + f" {unit}"
    return f"{seconds:.2f} s"


def exponent(sizes: list[float], values: list[float]) -> float:
    """Slope of log value against log size.

    >>> exponent([1, 10, 100], [2, 200, 20000])
    2.0
    """
    slope = np.polyfit(np.log(sizes), np.log(values), 1)[0]
    return round(float(slope), 2)


# Limits of the host's memory.


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def split(function: Callable[..., Any], parts: int, *arrays: Array) -> Call:
    """A call of `function` on the arrays, or on equal slices of them, one a thread; it returns what they return."""
    first, *rest = zip(*(np.array_split(array, parts) for array in arrays), strict=True)
    if not rest:
        return partial(function, *first)  # nothing between a small case and its limit

    def run() -> list[Any]:
        waiting = [_pool(parts).submit(function, *slices) for slices in rest]
        return [function(*first), *(future.result() for future in waiting)]

    return run


def fastest(functions: list[Callable[..., Any]], threads: int, *arrays: Array) -> Call:
    """The fastest way to run one of the functions over the arrays: whole, or split if they are large."""
    ways = {1, threads} if sum(array.nbytes for array in arrays) >= SPLIT_BYTES else {1}
    calls = {f"{i} {parts}": split(f, parts, *arrays) for i, f in enumerate(functions) for parts in ways}
    taken = medians(calls, budget_s=0.1, rounds=9)
    return calls[min(taken, key=lambda name: taken[name])]


def copy_limit(moved: int, threads: int) -> Call:
    """A call that moves as many bytes as asked, half of them read and half written, at the speed of a copy."""
    source = np.arange(max(moved // 16, 1), dtype=np.float64)
    target = np.full_like(source, -1.0)
    run = fastest([np.copyto], threads, target, source)
    target[:] = -1.0
    run()
    assert np.array_equal(source, target)
    return run


def read_limit(values: Array, threads: int) -> Call:
    """A call that reads all values at the speed of a reduction, the sum or the maximum, whichever is faster."""
    run = fastest([np.add.reduce, np.maximum.reduce], threads, values.ravel())
    results = np.atleast_1d(run())
    assert np.isclose(results.sum(), values.sum()) or results.max() == values.max()
    return run


# CUDA: events around many calls that take rotating copies of their arguments, so that no cache holds them.


def cuda_medians(calls: Mapping[str, Callable[[int], Any]], *, rounds: int = 15, number: int = 20) -> dict[str, float]:
    """As `medians`, in seconds of the device; each call is given a running number that chooses its copy of the data."""
    import torch

    event: Callable[..., Any] = torch.cuda.Event
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for turn in range(3):
            call(turn)
    for turn in range(rounds):
        for name, call in calls.items():
            start, end = (event(enable_timing=True) for _ in range(2))
            start.record()
            for step in range(number):
                call(turn * number + step)
            end.record()
            end.synchronize()
            times[name].append(start.elapsed_time(end) / 1e3 / number)
    return {name: statistics.median(taken) for name, taken in times.items()}
