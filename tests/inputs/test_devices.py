"""Arrays on a device: the same credits, from the device's own operations, with no trip through the host.

No accelerator is needed. torch's meta device holds no values, so that reading one raises: whatever runs on it never waits for a
device. Tensors of the host that are taken for tensors of a device show that the values are right, and array-api-strict,
whose devices are make-believe and never mix, that nothing but the array API is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
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

import golden
from device_checks import check_case, moved
from errors_seen import tolerance
from family_games import every_family
from golden import built_cases
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_meta, to_strict, to_torch
from roles import using
from shapley_kernels import arrays

pytestmark = pytest.mark.torch

UNIONS = [[0, 2], [1]]
UNIONS_OF_21 = [[0, 1], list(range(2, 21))]


@taken_for_a_device
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_golden_on_torch(family: str, dtype: Any) -> None:
    for case in built_cases():
        if case["family"] == family:
            check_case(case, dtype, to_torch, f"torch {np.dtype(dtype).name}")


@taken_for_a_device
@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_golden_in_the_array_api_alone(family: str) -> None:
    case = next(case for case in built_cases() if case["family"] == family)
    check_case(case, np.float64, to_strict, "strict float64")


@every_family
@given(data=st.data())
def test_no_value_is_read(family: type[Utility], data: st.DataObject) -> None:
    """Every family, masked and batched, on tensors that have no values."""
    import torch

    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    k, shape = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([(), (3,), (2, 1)]))
    utility = data.draw(instances(family, dtype, k, shape)).utility
    credit = sc.set_shapley(moved(utility, to_meta), k)
    assert credit.device == torch.device("meta")
    assert credit.shape == (*shape, k)
    assert arrays.dtype_of(credit) == (utility.dtype or np.float64)


@every_family
@given(data=st.data())
def test_no_value_is_read_on_trees(family: type[Utility], data: st.DataObject) -> None:
    """Trees shared by all groups or of their own, levels of any semivalue, on tensors that have no values."""
    import torch

    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    k, shape = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([(), (3,), (2, 1)]))
    utility = data.draw(instances(family, dtype, k, shape)).utility
    there = moved(utility, to_meta)
    tree, levels = a_tree(data, k, shape)
    credit = sc.owen(there, tree, levels=levels)
    assert credit.device == torch.device("meta")
    assert credit.shape == (*shape, k)
    assert arrays.dtype_of(credit) == (utility.dtype or np.float64)


def a_tree(data: st.DataObject, k: int, shape: tuple[int, ...]) -> tuple[sc.CoalitionTree, Any]:
    """One tree for all groups, one for each, or the flat one, and its levels."""
    numbers = st.lists(st.integers(0, 2), min_size=k, max_size=k)
    labels = np.array([data.draw(numbers) for _ in range(prod(shape))])
    own = labels.reshape(*shape, k)
    mixed = (sc.semivalues.beta(2, 1), sc.semivalues.banzhaf)
    pairs = [
        (sc.CoalitionTree.from_labels(labels[0]), None),
        (sc.CoalitionTree.from_labels(own, own % 2), None),
        (sc.CoalitionTree.from_labels(own), mixed),
        (sc.CoalitionTree.flat(k), mixed[:1]),
    ]
    chosen: tuple[sc.CoalitionTree, Any] = data.draw(st.sampled_from(pairs))
    return chosen


@taken_for_a_device
@every_family
@given(data=st.data())
def test_trees_and_masks_and_groups(family: type[Utility], data: st.DataObject) -> None:
    """Against NumPy, masked and batched, and a combination with a utility of the host."""
    k, shape = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([(3,), (2, 2)]))
    utility = data.draw(instances(family, np.float64, k, shape)).utility
    tree, levels = a_tree(data, k, shape)
    sizes, device = np.arange(k + 1.0) ** 2, moved(utility, to_torch)
    there = sc.owen(device + u.Cardinality(sizes, mask=device.mask), tree, levels=levels)
    here = sc.owen(utility + u.Cardinality(sizes, mask=utility.mask), tree, levels=levels)
    assert type(there).__module__ == "torch"
    assert np.abs(there.numpy() - here).max() <= tolerance(np.float64) * max(np.abs(here).max(), 1)


@taken_for_a_device
@every_family
@given(data=st.data())
def test_masks_and_groups_and_sums(family: type[Utility], data: st.DataObject) -> None:
    """A combination with a utility of the host, an array of coefficients, and absent members, against NumPy."""
    utility = data.draw(instances(family, np.float64, data.draw(st.integers(1, 5)), (2, 3))).utility
    weights = np.array([[0.5], [-2.0]])
    with using("ref"):
        device, scores = moved(utility, to_torch), np.arange(utility.k) + 0.5
        there = sc.set_shapley(to_torch(weights) * device + u.Additive(scores, mask=device.mask))
        here = sc.set_shapley(weights * utility + u.Additive(scores, mask=utility.mask))
    assert type(there).__module__ == "torch"
    assert np.abs(there.numpy() - here).max() <= tolerance(np.float64) * max(np.abs(here).max(), 1)


@taken_for_a_device
@every_family
@given(data=st.data())
def test_nan_shows_in_its_group_alone(family: type[Utility], data: st.DataObject) -> None:
    """In every array on which the credit of the group depends."""
    utility = data.draw(instances(family, np.float64, 3, (3,))).utility
    utility.mask = None
    good = sc.set_shapley(moved(utility, to_torch)).numpy()
    for name, spec in family.fields.items():
        array = getattr(utility, name)
        if not isinstance(spec, Field) or array is None or array.dtype.kind != "f" or not array[1].size:
            continue
        changed, spoilt = array.copy(), array.copy()
        changed[1] = 1 - array[1] if spec.domain == "probability" else array[1] + 1
        spoilt[1] = np.nan
        credit = sc.set_shapley(moved(utility, to_torch, **{name: spoilt})).numpy()
        assert np.array_equal(credit[[0, 2]], good[[0, 2]]), name
        in_unions = sc.owen(moved(utility, to_torch, **{name: spoilt}), UNIONS).numpy()
        assert np.array_equal(in_unions[[0, 2]], sc.owen(moved(utility, to_torch), UNIONS).numpy()[[0, 2]]), name
        if spec.domain == "key" or np.array_equal(sc.set_shapley(moved(utility, to_torch, **{name: changed})).numpy(), good):
            continue  # keys only say who comes first; and nobody's credit depends on the offset of a product
        assert np.isnan(credit[1]).any(), name
        assert np.isnan(in_unions[1]).any(), name


@taken_for_a_device
def test_entries_outside_their_domain_show() -> None:
    credit = sc.set_shapley(u.NoisyOr(to_torch(np.array([[0.5, 0.5], [0.5, 1.5]])))).numpy()
    assert np.isfinite(credit[0]).all()
    assert np.isnan(credit[1]).any()
    assert np.isnan(sc.set_shapley(u.SqrtSum(to_torch(np.array([1.0, -1.0])))).numpy()).any()
    weights = to_torch(np.array([[1, 1], [1, 4]]))
    assert np.isnan(sc.set_shapley(u.WeightedVoting(weights, 2, total=4)).numpy()).tolist() == [[False, False], [True, True]]
    types = to_torch(np.array([[0, 1], [1, 1], [0, 2]]))
    credit = sc.set_shapley(u.Typed(types, [[0.0, 1.0], [2.0, 4.0]])).numpy()
    assert np.isnan(credit).any(axis=1).tolist() == [False, True, True]
    far_apart = sc.set_shapley(u.LogSum(to_torch(np.array([[1.0, 1e30], [1.0, 1e40]])))).numpy()
    assert np.isnan(far_apart).any(axis=1).tolist() == [False, True]


@taken_for_a_device
def test_room_for_distant_scores() -> None:
    """For three members anywhere, and for any number within 88 of each other, where a gap above 44 counts as 44."""
    rows = np.array([[0.0, -800.0, 5.0], [3.0, 50.0, 97.0], [-1e4, 0.0, 1e4]])
    assert np.abs(sc.set_shapley(u.LogSumExp(to_torch(rows))).numpy() - sc.set_shapley(u.LogSumExp(rows))).max() <= 1e-12 * 1e4
    rows = np.array([[5.0, -800.0, -801.0, -810.0, -844.0], [5.0, -800.0, -840.0, -2000.0, -2001.0]])
    credit = sc.set_shapley(u.LogSumExp(to_torch(rows))).numpy()
    assert np.abs(credit[0] - sc.set_shapley(u.LogSumExp(rows[0]))).max() <= tolerance(np.float64) * 2000
    assert np.isnan(credit[1]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: u.Max(to_meta(np.ones(3)), to_torch(np.ones(()))), r"arrays on meta and the host are mixed; move all of them"),
        (lambda: u.Max(to_torch(np.ones(3))) + u.Max(to_meta(np.ones(3))), r"arrays on the host and meta are mixed"),
        (lambda: u.Max(to_meta(np.ones((2, 3))), to_meta(np.ones(4))), r"leading axes do not broadcast: scores \(2,\), base"),
        (lambda: u.Max(to_meta(np.ones(3) * 1j)), r"scores must hold real numbers; got an array of complex128"),
        (lambda: u.DistinctCount(to_meta(np.ones(3))), r"labels must be integers"),
        (lambda: u.Max(to_meta(np.ones(3))).value((0,)), r"value is computed on the host, but the data are on device meta"),
        (lambda: sc.owen(u.MinGap(to_meta(np.ones(21))), UNIONS_OF_21), r"at most 20 points"),
        (
            lambda: sc.owen(u.Plurality(to_meta(np.ones(21, int))), UNIONS_OF_21),
            r"at most 20 members; make .* moved to the host",
        ),
        (
            lambda: sc.set_semivalue(u.Max(to_meta(np.ones(3)), mask=to_meta(np.ones(3, bool))), sc.semivalues.of_size(2)),
            r"counts members by size, .*; a mask on a device is not read",
        ),
        (lambda: u.WeightedVoting(to_meta(np.ones(3, np.int64)), 2), r"the weights are on device meta.*pass total="),
        (lambda: sc.CoalitionTree.from_labels(to_meta(np.ones(3, np.int64))), r"labels is on device meta.*labels.cpu\(\)"),
    ],
)
def test_what_a_device_can_not_do_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        make()
