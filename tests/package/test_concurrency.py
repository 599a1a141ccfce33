"""The library inside threads and forked workers of somebody else's program."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u

from shapley_kernels.compiled import memory

pytestmark = pytest.mark.numba

SCORES = np.random.default_rng(0).random((4096, 8))


@pytest.fixture(autouse=True)
def _three_threads_for_any_work() -> Iterator[None]:
    with (
        mock.patch("shapley_kernels.compiled.threads.threads", return_value=3),
        mock.patch("shapley_kernels.compiled.threads.GRAIN_NS", 1),
    ):
        yield


def solve(_: int) -> Any:
    return sc.set_shapley(u.Max(SCORES))


def test_many_threads_at_once_get_the_same_bits() -> None:
    alone = solve(0)
    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(alone, credit) for credit in pool.map(solve, range(64)))


def test_a_forked_worker_solves_after_its_parent_used_threads() -> None:
    alone = solve(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
        with multiprocessing.get_context("fork").Pool(2) as workers:
            answers = workers.map_async(solve, range(4)).get(timeout=120)
    assert all(np.array_equal(alone, credit) for credit in answers)


def test_memory_of_results_is_used_again_and_never_shared() -> None:
    shape, dtype = (600_000,), np.dtype(np.float64)
    first = memory.empty(shape, dtype)
    first[:] = 1.0
    where, part = first.__array_interface__["data"], first[7:9].reshape(2, 1)
    del first
    second = memory.empty(shape, dtype)
    assert not np.shares_memory(part, second)
    assert part.tolist() == [[1.0], [1.0]]
    del part
    third = memory.empty((599_000,), dtype)
    assert third.__array_interface__["data"] == where
    assert third.flags.writeable
    assert third.flags.c_contiguous
    fourth = memory.empty((10, 60_000), dtype)
    fourth[:] = 2.0
    assert not np.shares_memory(third, fourth)
    assert not np.shares_memory(second, fourth)


def test_memory_of_results_under_threads() -> None:
    def work(seed: int) -> bool:
        block = memory.empty((1 << 20,), np.dtype(np.float64))
        block[:] = seed
        return bool((block == seed).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))
    assert len(memory._free) <= memory.KEPT
