"""groups= on a device: ids are read on the host, data stay where they are, and credits are those of the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.testing.instances import instances

from device_checks import moved
from errors_seen import tolerance
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_meta, to_strict, to_torch
from strategies import SPLIT

pytestmark = pytest.mark.torch

REWARDS = np.array([1.0, 4.0, 3.0, -2.0, 0.5, 8.0])
IDS = np.array([5, -7, 5, 5, 0, -7])


@pytest.mark.parametrize("family", SPLIT, ids=lambda family: family.__name__)
@taken_for_a_device
@given(data=st.data())
@settings(max_examples=4)
def test_credits_on_a_device_are_those_of_the_host(family: type[Utility], data: st.DataObject) -> None:
    instance = data.draw(instances(family, np.float64, 5))
    ids = np.array(data.draw(st.lists(st.integers(0, 2), min_size=5, max_size=5)))
    truth = sc.set_shapley(instance.utility, groups=ids)
    credit = sc.set_shapley(moved(instance.utility, to_torch), groups=ids)
    scale = max(1.0, float(np.abs(truth).max()))
    assert np.abs(credit.numpy() - truth).max() <= 64 * tolerance(np.float64) * scale


@pytest.mark.parametrize("move", [to_meta, to_strict])
def test_no_value_of_the_data_is_read(move: Any) -> None:
    base = np.array([1.0, 2.0, 1.0, 1.0, 0.0, 2.0])
    factor = np.array([2.0, 3.0, 2.0, 2.0, 1.0, 3.0])
    utility = u.Max(move(REWARDS), base=move(base)) * move(factor) + u.DistinctCount(move(np.array([1, 1, 1, 2, 3, 1])))
    for credit in (
        sc.set_shapley(utility, groups=IDS),
        sc.owen(utility, np.array([0, 1, 1, 0, 1, 1]), groups=IDS),
        sc.marginal_vector(utility, groups=IDS),
    ):
        assert credit.shape == (6,)
        assert credit.device == move(REWARDS).device


@taken_for_a_device
def test_a_column_that_differs_within_a_group_shows_as_nan_in_that_group() -> None:
    utility = u.Max(to_torch(REWARDS), base=to_torch(np.array([1.0, 2.0, 1.0, 0.5, 0.0, 2.0])))
    credit = sc.set_shapley(utility, groups=IDS)
    np.testing.assert_array_equal(np.isnan(credit.numpy()), IDS == 5)
