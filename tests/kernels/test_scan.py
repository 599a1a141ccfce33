"""Compiled checks of large arrays against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u

from roles import ROLES, using

BAD = (np.nan, np.inf, -np.inf, 1.5, -0.5)


@pytest.mark.numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1, 31, 4095, 4096, 5000, 40_000])
def test_every_entry_is_looked_at(size: int, dtype: Any) -> None:
    from shapley_kernels.compiled.array_scans import within

    values = np.random.default_rng(size).random(size).astype(dtype)
    assert within(values)
    assert within(values, 0.0, 1.0)
    for bad in BAD:
        for place in {0, size // 2, size - 1}:
            wrong = values.copy()
            wrong[place] = bad
            assert within(wrong) == np.isfinite(bad)
            assert not within(wrong, 0.0, 1.0)


@pytest.mark.numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("k", [1, 2, 7, 8, 9, 17, 40, 150, 264])
def test_asymmetry_of_every_pair(k: int, dtype: Any) -> None:
    from shapley_kernels.compiled.array_scans import asymmetry

    rng = np.random.default_rng(k)
    symmetric = rng.normal(size=(3, k, k)).astype(dtype)
    symmetric += np.swapaxes(symmetric, 1, 2)
    assert asymmetry(symmetric) == (0.0, np.abs(symmetric).max())
    pairs = [(i, j) for i in range(k) for j in range(k)]
    for i, j in pairs if k <= 17 else rng.choice(pairs, 50).tolist():
        group = rng.integers(3)
        if i != j:
            wrong = symmetric.copy()
            wrong[group, i, j] += 8
            gap, largest = asymmetry(wrong)
            assert gap == pytest.approx(8, rel=1e-5)
            assert np.abs(wrong).max() - gap <= largest <= np.abs(wrong).max()
        for bad in (np.nan, np.inf, -np.inf):
            wrong = symmetric.copy()
            wrong[group, i, j] = bad
            assert np.isnan(asymmetry(wrong)).all()
            wrong[group, j, i] = bad
            assert np.isnan(asymmetry(wrong)).all()


@pytest.mark.numba
@pytest.mark.parametrize("dtype", "?bBhHiIlLqQfd")
@pytest.mark.parametrize("shape", [(1, 1), (3, 63), (5, 64), (2, 65), (7, 1000), (1, 40_001)])
def test_entries_that_are_not_0_are_found_and_counted(shape: tuple[int, int], dtype: str) -> None:
    from shapley_kernels.compiled.array_scans import flags, row_counts

    rng = np.random.default_rng(shape[1])
    for share in (0.0, 0.3, 1.0):
        numbers = np.where(rng.random(shape) < share, 1.75, 0).astype(dtype)
        found = flags(numbers)
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found, numbers != 0)
        np.testing.assert_array_equal(row_counts(found), (numbers != 0).sum(1))


@pytest.mark.parametrize("role", ROLES)
def test_large_data_are_checked_entry_by_entry(role: str) -> None:
    values = np.random.default_rng(0).random((5000, 8))
    with using(role):
        for place, bad in (((0, 0), np.nan), ((4999, 7), np.inf), ((500, 3), -np.inf)):
            wrong = values.copy()
            wrong[place] = bad
            with pytest.raises(sc.InputError, match=rf"scores must be finite; found -?(nan|inf) at \[{place[0]}, {place[1]}\]"):
                u.Mean(wrong)
            with pytest.raises(sc.InputError, match="must be finite"):
                u.NoisyOr(wrong)
        wrong = values.copy()
        wrong[3, 3] = 1.25
        with pytest.raises(sc.InputError, match=r"probabilities in \[0, 1\]; found 1\.25 at \[3, 3\]"):
            u.NoisyOr(wrong)
        with pytest.raises(sc.InputError, match=r"above 0; found -1\.0"):
            u.GeometricMean(np.where(np.arange(40_000).reshape(5000, 8) == 4321, -1.0, values + 1))
        u.GeometricMean(values * 1e-300 + 1e-301)
        matrices = np.ones((100, 9, 9))
        u.SumPairwise(matrices * 1e300)
        matrices[7, 2, 8] = 2
        with pytest.raises(sc.InputError, match=r"must be symmetric; found 2\.0"):
            sc.set_shapley(u.SumPairwise(matrices))


def test_sums_of_finite_numbers_may_overflow() -> None:
    assert u.Max(np.full((5000, 8), 1e308)).k == 8
    assert u.Max(np.full((2, 8), -1e308)).k == 8


@pytest.mark.numba
def test_no_kernel_is_asked_for_no_rows() -> None:
    from shapley_kernels.compiled import threads

    asked: list[int] = []
    assert threads.rows(lambda low, high: asked.append(low), 0, 1.0)
    assert not asked
    assert sc.set_shapley(u.SumPairwise(np.zeros((0, 72, 72)))).shape == (0, 72)
