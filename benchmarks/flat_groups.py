"""groups=: flat rows of ragged, shuffled groups beside the steps that nobody can leave out, and pandas, in one run.

    PYTHONPATH=. python -m benchmarks.flat_groups [--rows 1000000]

Every result is checked before it is timed; medians, all competitors but pandas taking turns.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from typing import Any

import numpy as np
import shapley_credit as sc
from benchmarks import measure
from numpy.typing import NDArray
from shapley_credit import utilities as u

Array = NDArray[Any]


def steps(rewards: Array, ids: Array) -> Array:
    """Sort, gather, kernel and scatter, a size at a time, with nothing checked."""
    order = np.argsort(ids, kind="stable")
    known = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], known[1:] != known[:-1]]))
    sizes = np.diff(starts, append=len(ids))
    credit = np.empty(len(ids))
    for size in np.unique(sizes):
        rows = order[starts[sizes == size][:, None] + np.arange(size)]
        credit[rows] = sc.set_shapley(u.Max(rewards[rows]))
    return credit


def airport(rewards: Any) -> Array:
    """The formula for one group, as people write it for a transform."""
    values = np.asarray(rewards)
    order = np.argsort(values)
    steps = np.diff(values[order], prepend=0.0) / np.arange(len(values), 0, -1)
    credit = np.empty(len(values))
    credit[order] = np.cumsum(steps)
    return credit


def rows_of(sizes: Array, seed: int = 0) -> tuple[Array, Array]:
    """Rewards and shuffled ids of groups of these sizes."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(np.repeat(rng.permutation(10 * len(sizes))[: len(sizes)], sizes))
    return rng.standard_normal(len(ids)), ids


def extra_memory(rewards: Array, ids: Array) -> float:
    """Memory at the peak beyond the data, as a multiple of the data: rewards and ids."""
    sc.set_shapley(u.Max(rewards), groups=ids)  # compiles
    tracemalloc.start()
    sc.set_shapley(u.Max(rewards), groups=ids)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / (rewards.nbytes + ids.nbytes)


def main() -> None:
    """Print the table."""
    import pandas

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    rng = np.random.default_rng(1)
    rewards, ids = rows_of(rng.integers(1, 16, rows // 8))
    frame = pandas.DataFrame({"reward": rewards, "id": ids})
    truth = steps(rewards, ids)
    np.testing.assert_array_equal(sc.set_shapley(u.Max(rewards), groups=ids), truth)
    start = time.perf_counter()
    transformed = frame.groupby("id")["reward"].transform(airport)
    pandas_s = time.perf_counter() - start
    np.testing.assert_allclose(transformed, truth, rtol=1e-9, atol=1e-12)
    seconds = measure.medians(
        {
            "ours": lambda: sc.set_shapley(u.Max(rewards), groups=ids),
            "sort, gather, kernel, scatter": lambda: steps(rewards, ids),
        },
        budget_s=5.0,
    )
    seconds["pandas transform, once"] = pandas_s
    print(f"{len(ids):,} rows, {len(np.unique(ids)):,} groups of 1 to 15, shuffled")
    for name, taken in seconds.items():
        print(f"  {name:32} {measure.spelled(taken):>10}  {taken / seconds['ours']:6.2f} of ours")
    print(f"  memory beyond the data, as a multiple of it: {extra_memory(rewards, ids):.2f}")
    rewards, ids = rows_of(rng.integers(1, 1001, rows // 500))
    print(f"{len(ids):,} rows in groups of 1 to 1,000: memory beyond the data {extra_memory(rewards, ids):.2f}")


if __name__ == "__main__":
    main()
