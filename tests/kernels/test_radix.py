"""The order that a radix sort finds is that of a stable sort, whatever the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytestmark = pytest.mark.numba

FLOATS = st.floats(allow_nan=False)


def order(numbers: Any) -> Any:
    from shapley_kernels.compiled.radix_sort import INDEX, ascending, room_for_order

    filled, scratch, counts = room_for_order(len(numbers))
    filled[:] = numbers
    return ascending(filled, scratch, counts) & INDEX


@given(arrays(np.float64, st.integers(1, 300), elements=FLOATS))
def test_any_numbers(numbers: Any) -> None:
    np.testing.assert_array_equal(order(numbers), np.argsort(numbers, kind="stable"))


@given(arrays(np.float64, st.integers(1, 300), elements=st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 5e-324, 1.0, np.inf])))
def test_many_that_are_equal(numbers: Any) -> None:
    np.testing.assert_array_equal(order(numbers), np.argsort(numbers, kind="stable"))


@pytest.mark.parametrize("spread", [1e-300, 1e-12, 1e-9, 1e-6, 1.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_many_that_agree_in_their_leading_bits(spread: float, sign: float) -> None:
    rng = np.random.default_rng(0)
    for size in (1000, 70_000):
        numbers = sign * (1.0 + spread * rng.integers(0, size // 2, size))
        np.testing.assert_array_equal(order(numbers), np.argsort(numbers, kind="stable"))
