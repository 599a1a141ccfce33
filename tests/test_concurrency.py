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

pytestmark = pytest.mark.numba

SCORES = np.random.default_rng(0).random((4096, 8))


@pytest.fixture(autouse=True)
def _three_threads_for_any_work() -> Iterator[None]:
    with mock.patch("shapley_kernels.parallel.threads", return_value=3), mock.patch("shapley_kernels.parallel.GRAIN_NS", 1):
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
