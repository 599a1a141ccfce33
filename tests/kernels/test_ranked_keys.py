"""Groups above the network in registers: ranks by keys that sort in 32 bits, and what these do not tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.numba

# The smallest and the largest size sorted by such keys, and sizes that fill no block or run.
MEMBERS = (17, 24, 129, 2048)


def hard_keys(rng: np.random.Generator, groups: int, members: int) -> Any:
    """Keys that are equal or nearly so beside one far away, common ties, and keys whose differences overflow."""
    keys = rng.integers(0, 5, (groups, members)) * 1e-7
    keys[:, 2] = 1.0
    keys[1::3] = rng.integers(0, 3, keys[1::3].shape)
    keys[2::3] = np.where(rng.random(keys[2::3].shape) < 0.3, 3e38, -3e38)
    return keys


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("members", MEMBERS)
def test_equal_and_near_keys_stand_in_their_order(members: int, dtype: Any) -> None:
    from shapley_kernels.ranks import cpu, ref

    rng = np.random.default_rng(members)
    gains, discounts = rng.normal(size=(19, members)), rng.random((1, members))
    keys = hard_keys(rng, 19, members).astype(dtype)
    found = cpu.discounted(gains.astype(dtype), keys, discounts.astype(dtype))
    truth = ref.discounted(gains, keys.astype(np.float64), discounts)
    assert np.abs(found - truth).max() < (1e-3 if dtype == np.float32 else 1e-11)
    for group in (0, 7, 18):
        one = slice(group, group + 1)
        alone = cpu.discounted(gains[one].astype(dtype), keys[one], discounts.astype(dtype))
        assert np.array_equal(alone[0], found[group])


def test_absent_members_rank_behind_all() -> None:
    from shapley_kernels.ranks import cpu, ref

    rng = np.random.default_rng(1)
    gains, keys, weights = rng.normal(size=(9, 21)), hard_keys(rng, 9, 21), rng.random((1, 21, 21))
    present = rng.random((9, 21)) < 0.6
    present[4] = False
    found = cpu.sized(gains, keys, present, weights)
    assert not found[~present].any()
    assert np.abs(found - ref.sized(gains, keys, present, weights)).max() < 1e-11
