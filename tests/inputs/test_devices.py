"""Arrays on a device: the same credits, from the device's own operations, with no trip through the host.

No accelerator is needed. torch's meta device holds no values, so that reading one raises: whatever runs on it never waits for a
device. Tensors of the host that are taken for tensors of a device show that the values are right, and array-api-strict,
whose devices are make-believe and never mix, that nothing but the array API is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any
from unittest import mock

import array_api_strict
import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapley_credit import Utility, dispatch
from shapley_credit import utilities as u
from shapley_credit.convert import Library
from shapley_credit.inputs.fields import Field

import golden
from device_checks import VALUES, check_case, moved, on_host
from errors_seen import tolerance
from golden import built_cases
from kernel_inputs import GAMES
from roles import using
from shapley_kernels import arrays
from strategies import FAMILIES, instances

pytestmark = pytest.mark.torch

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)

UNIONS_OF_21 = [[0, 1], list(range(2, 21))]
STRICT = array_api_strict.Device("device1")


def to_meta(array: NDArray[Any]) -> Any:
    return to_torch(array).to("meta")


def to_torch(array: NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(np.array(array, array.dtype.newbyteorder("=")))


def to_strict(array: NDArray[Any]) -> Any:
    return array_api_strict.asarray(array, device=STRICT)


@pytest.fixture
def _taken_for_a_device() -> Iterator[None]:
    """Every array that is not NumPy's counts as one on a device."""
    with mock.patch("shapley_credit.convert._device_type", return_value=None):
        yield


taken_for_a_device = pytest.mark.usefixtures("_taken_for_a_device")


UNIONS = [[0, 2], [1]]


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
    with_sizes = u.Cardinality(np.arange(k + 1.0) ** 2)
    empty = not all(array.size for name in family.fields if (array := np.asarray(getattr(utility, name))) is not None)
    for move in (to_torch,) if empty else (to_torch, to_strict):  # the standard leaves open what [:-1] of nothing is
        there = sc.marginal_vector(moved(utility, move) + with_sizes, order=order)
        here = sc.marginal_vector(utility + with_sizes, order=order)
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


def test_sizes_that_a_rule_refuses_do_not_matter_without_a_mask() -> None:
    """On a device every number of members is prepared for, as nobody knows how many there are."""
    for rule in (sc.semivalues.of_size(3), [0.25, 0.25, 0.25]):
        for utility in (u.Mean([1.0, 2.0, 4.0]), u.MinGap([1.0, 2.0, 4.0]), u.SumPairwise(np.ones((3, 3)))):
            with mock.patch("shapley_credit.convert._device_type", return_value=None):
                there = sc.set_semivalue(moved(utility, to_torch), rule).numpy()
            assert np.abs(there - sc.set_semivalue(utility, rule)).max() <= tolerance(np.float64)


@taken_for_a_device
def test_half_precision_comes_out_in_float32() -> None:
    import torch

    for dtype in (torch.bfloat16, torch.float16):
        credit = sc.set_shapley(u.Max(torch.tensor([8.0, 11.0, 13.0, 18.0], dtype=dtype, requires_grad=True)), 4)
        assert credit.dtype == torch.float32
        assert credit.tolist() == [2, 3, 4, 9]


def backwards(utility: Utility, case: golden.Case) -> Any:
    """The marginal vector from the last member on."""
    return sc.marginal_vector(utility, order=range(utility.k)[::-1])


@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_constants_travel_once(family: str) -> None:
    """The second call of a size sends nothing to the device, so that it can be part of a CUDA graph."""
    import torch
    from torch.overrides import TorchFunctionMode

    class NothingSent(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            makes = func in (torch.asarray, torch.tensor, torch.as_tensor, torch.from_numpy)
            assert not makes or isinstance(args[0], torch.Tensor), "sent again"
            return func(*args, **(kwargs or {}))

    case = next(case for case in built_cases() if case["family"] == family)
    there = moved(golden.utility_of(case)[0], to_meta)
    parts = {name: getattr(there, name) for name in there.fields}
    make: Any = type(there)
    for solve in [*VALUES.values(), backwards]:
        solve(0.5 * make(**parts) + u.Cardinality(range(there.k + 1)), case)
        with NothingSent():
            solve(0.5 * make(**parts) + u.Cardinality(range(there.k + 1)), case)


@taken_for_a_device
def test_a_trace_leaves_nothing_behind() -> None:
    """Constants made while torch traces shapes with fake tensors must not be met again with real ones."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    arrays._kept.cache_clear()
    with FakeTensorMode():
        assert sc.set_shapley(u.DCG(torch.ones(2, 7))).shape == (2, 7)
    assert arrays._kept.cache_info().currsize == 0
    assert torch.isfinite(sc.set_shapley(u.DCG(torch.ones(2, 7)))).all()


@taken_for_a_device
@pytest.mark.checkout
def test_the_operator_of_the_page_is_one_node_of_a_graph() -> None:
    """The page as printed, on a backend that needs no compiler of C++."""
    import torch

    page = (Path(__file__).parents[2] / "docs" / "arrays.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    printed: dict[str, Any] = {}
    with mock.patch("torch.compile", partial(torch.compile, backend="aot_eager")):
        exec(compile(block, "docs/arrays.md", "exec"), printed)
    scores = torch.tensor([[8.0, 11.0, 13.0, 18.0], [1.0, 3.0, 2.0, 2.0]], requires_grad=True)
    share = sc.set_shapley(u.Max(scores) + 0.5 * u.Mean(scores))
    found = printed["advantages"](scores)
    assert torch.equal(found, share - share.mean(dim=-1, keepdim=True))
    (found * scores).sum().backward()
    assert scores.grad is not None
    assert torch.equal(scores.grad, found)


def test_a_device_takes_the_kernel_that_it_has() -> None:
    """Where there is a Triton kernel it is used, and nothing is missing where there is none."""

    import torch

    library = Library("torch", torch.utils.dlpack.from_dlpack, torch.device("cuda:0"))
    triton = find_spec("triton") is not None
    assert dispatch.role(library) == ("gpu" if triton else "ref")
    assert dispatch.role(library._replace(device=torch.device("meta"))) == "ref"
    assert dispatch.role(library._replace(name="cupy")) == "ref"
    for form, game in GAMES:
        if triton:
            assert dispatch.kernel(form, game, "gpu").__module__.rpartition(".")[2] in ("gpu", "ref")
