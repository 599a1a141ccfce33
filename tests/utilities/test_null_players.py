"""A member of a table that adds nothing to any coalition has exactly 0, whatever rounds on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.typing import NDArray

from roles import ROLES, using

Array = NDArray[Any]


every_role = pytest.mark.parametrize("role", ROLES)


def with_null_player(table: Array, i: int) -> Array:
    """The table of one more member, who stands at place i and changes no value."""
    codes = np.arange(2 * table.shape[-1])
    return table[..., codes & ((1 << i) - 1) | codes >> (i + 1) << i]


def test_a_published_table() -> None:
    credit = sc.set_shapley([0, 42, 12, 55, 0, 42, 12, 55], 3)
    assert credit == pytest.approx([42.5, 12.5, 0.0])
    assert credit[2] == 0.0


@every_role
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 7, 8, 9, 12, 16, 17])
def test_a_null_player_has_nothing(n: int, role: str, dtype: Any) -> None:
    rng = np.random.default_rng(n)
    table = (rng.random((2, 1 << n)) * 100 - 50 + np.array([[0.0], [1e4]])).astype(dtype)
    with using(role):
        plain = sc.set_shapley(table, n)
        for i in {0, n // 2, n}:
            credit = sc.set_shapley(with_null_player(table, i), n + 1)
            assert not credit[:, i].any()
            assert np.delete(credit, i, axis=1) == pytest.approx(plain, rel=1e-3, abs=1e-2 if dtype == np.float32 else 1e-9)


@every_role
@pytest.mark.parametrize("n", [3, 5, 8, 9, 17])
def test_who_adds_a_little_keeps_it(n: int, role: str) -> None:
    """Members who add 2^-30 to a single coalition, or to all."""
    table = np.random.default_rng(n).integers(-50, 50, 1 << (n - 1)) / 8
    with using(role):
        for i in {0, n // 2, n - 1}:
            little = with_null_player(table, i)
            codes = np.arange(1 << n)
            chosen = np.flatnonzero(codes >> i & 1)
            for gains in (chosen, chosen[-1:]):
                changed = little.copy()
                changed[gains] += 2.0**-30
                assert sc.set_shapley(changed, n)[i] != 0.0
