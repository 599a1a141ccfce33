"""Independent rows on several threads of one process.

Plain threads and kernels that release the GIL instead of a compiler's parallel region: safe to call from several threads at
once and in forked workers, where OpenMP aborts the process. Rows are independent, so the split never changes a bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numba

# A thread is worth waking for this much work.
GRAIN_NS = 100_000


def threads() -> int:
    """Number of threads: NUMBA_NUM_THREADS, by default the processors of this process."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="shapley_kernels")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def rows(kernel: Callable[..., Any], count: int, ns_a_row: float, *arguments: Any) -> Any:
    """Run kernel(*arguments, low, high) over a partition of range(count), on as many threads as the work is worth.

    Returns whether the kernel returned True for every part, which means something for kernels that return a bool.
    """
    if not count:  # kernels may write to what they keep of their first row
        return True
    if count * ns_a_row < 2 * GRAIN_NS:
        return kernel(*arguments, 0, count)
    return _on_threads(kernel, count, int(count * ns_a_row) // GRAIN_NS, arguments)


def _on_threads(kernel: Callable[..., Any], count: int, most: int, arguments: tuple[Any, ...]) -> bool:
    parts = max(1, min(threads(), count, most))
    bounds = [count * part // parts for part in range(parts + 1)]
    waiting = [_pool(threads() - 1).submit(kernel, *arguments, *pair) for pair in pairwise(bounds[1:])]
    try:
        first = kernel(*arguments, bounds[0], bounds[1])
    # Even after an error all parts must end, since they write to the arrays of the caller.
    finally:
        others = [future.result() for future in waiting]
    return bool(first) and all(others)
