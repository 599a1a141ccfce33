"""Orders of members on a device: connected orders and marginal vectors, with no trip through the host."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import Field
from shapley_credit.testing.instances import instances

from device_checks import moved, on_host
from errors_seen import tolerance
from family_games import every_family
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_meta, to_strict, to_torch
from shapley_kernels import arrays

pytestmark = pytest.mark.torch


@taken_for_a_device
@every_family
@given(data=st.data())
def test_connected_orders(family: type[Utility], data: st.DataObject) -> None:
    """Against the definition of every interval on the host."""
    k, shape = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([(), (3,), (2, 2)]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    utility = data.draw(instances(family, dtype, k, shape)).utility
    there, here = sc.connected_shapley(moved(utility, to_torch)), sc.connected_shapley(utility)
    assert type(there).__module__ == "torch"
    assert arrays.dtype_of(there) == here.dtype
    table = [np.abs(utility.value(np.arange(k)[a : b + 1])).max() for a in range(k) for b in range(a, k)]
    assert np.abs(there.numpy() - here).max() <= tolerance(dtype) * max(*table, 1)


@every_family
@given(data=st.data())
def test_no_value_is_read_over_connected_orders(family: type[Utility], data: st.DataObject) -> None:
    k, shape = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([(), (3,), (2, 1)]))
    credit = sc.connected_shapley(moved(data.draw(instances(family, np.float64, k, shape)).utility, to_meta))
    assert str(credit.device) == "meta"
    assert credit.shape == (*shape, k)


def an_order(data: st.DataObject, k: int, shape: tuple[int, ...]) -> Any:
    """As members stand, one order for all groups, or one for each."""
    rows = np.array([data.draw(st.permutations(range(k))) for _ in range(prod(shape))])
    return data.draw(st.sampled_from([None, rows[0], rows.reshape(*shape, k)]))


@taken_for_a_device
@every_family
@given(data=st.data())
def test_marginal_vectors(family: type[Utility], data: st.DataObject) -> None:
    """Masked, batched and in a combination with a utility of the host, against NumPy."""
    k, shape = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([(3,), (2, 2)]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    utility, order = data.draw(instances(family, dtype, k, shape)).utility, an_order(data, k, shape)
    sizes = np.arange(k + 1.0) ** 2
    empty = not all(array.size for name in family.fields if (array := np.asarray(getattr(utility, name))) is not None)
    for move in (to_torch,) if empty else (to_torch, to_strict):  # the standard leaves open what [:-1] of nothing is
        device = moved(utility, move)
        there = sc.marginal_vector(device + u.Cardinality(sizes, mask=device.mask), order=order)
        here = sc.marginal_vector(utility + u.Cardinality(sizes, mask=utility.mask), order=order)
        assert type(there).__module__ != "numpy"
        assert arrays.dtype_of(there) == here.dtype
        assert np.abs(on_host(there) - here).max() <= tolerance(here.dtype) * max(np.abs(here).max(), 1)


@every_family
@given(data=st.data())
def test_no_value_is_read_in_an_order(family: type[Utility], data: st.DataObject) -> None:
    k, shape = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([(), (3,), (2, 1)]))
    utility = data.draw(instances(family, data.draw(st.sampled_from([np.float32, np.float64])), k, shape)).utility
    credit = sc.marginal_vector(moved(utility, to_meta), k, order=an_order(data, k, shape))
    assert str(credit.device) == "meta"
    assert credit.shape == (*shape, k)
    assert arrays.dtype_of(credit) == (utility.dtype or np.float64)


@taken_for_a_device
@every_family
@given(data=st.data())
def test_nan_shows_in_the_marginal_vector_of_its_group_alone(family: type[Utility], data: st.DataObject) -> None:
    utility = data.draw(instances(family, np.float64, 3, (3,))).utility
    utility.mask = None
    good = sc.marginal_vector(moved(utility, to_torch)).numpy()
    for name, spec in family.fields.items():
        array = getattr(utility, name)
        if not isinstance(spec, Field) or array is None or array.dtype.kind != "f" or not array[1].size:
            continue
        changed, spoilt = array.copy(), array.copy()
        changed[1] = 1 - array[1] if spec.domain == "probability" else array[1] + 1
        spoilt[1] = np.nan
        credit, other = (sc.marginal_vector(moved(utility, to_torch, **{name: a})).numpy() for a in (spoilt, changed))
        assert np.array_equal(credit[[0, 2]], good[[0, 2]]), name
        assert spec.domain == "key" or np.array_equal(other, good) or np.isnan(credit[1]).any(), name


def test_an_order_is_read_on_the_host() -> None:
    with pytest.raises(sc.InputError, match=r"order is on device meta.*order.cpu\(\)"):
        sc.marginal_vector(u.Max(to_meta(np.ones(3))), order=to_meta(np.arange(3)))
