"""What stays behind of a call on a device: constants, traces, types, and the kernel that is taken."""

from __future__ import annotations

import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import Utility, dispatch
from shapley_credit import utilities as u
from shapley_credit.convert import Library

import golden
from device_checks import VALUES, moved
from errors_seen import tolerance
from golden import built_cases
from kernel_inputs import GAMES
from on_devices import _taken_for_a_device as _taken_for_a_device  # a fixture
from on_devices import taken_for_a_device, to_meta, to_torch
from shapley_kernels import arrays

pytestmark = pytest.mark.torch


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
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (block,) = (each for each in blocks if "custom_op" in each)
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
