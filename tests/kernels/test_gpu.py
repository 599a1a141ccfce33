"""Triton kernels against their specification, on the GPU or in the interpreter, and as operators of torch."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from contextlib import ExitStack
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
import torch

import golden
import shapley_kernels
from device_checks import check_case
from golden import built_cases
from gpu_kernels import DEVICE, LIMITS, SMALL, check, check_nan, kernels, module_of, sizes, small_tiles, specification, tensors
from kernel_inputs import PACKED, inputs
from roles import on_device, using

pytestmark = pytest.mark.triton

KERNELS = kernels()
NOT_OPERATORS = {("dividends", "additive"), ("dividends", "unanimity")}  # a copy, and another name of `coverage`
OPERATORS = [key for key in KERNELS if key not in NOT_OPERATORS]
DTYPES = [np.float32, np.float64]


def example(form: str, game: str, members: int = 3, groups: int = 2) -> tuple[Any, ...]:
    return inputs(form, game, np.random.default_rng(3), groups, members, np.float32)


def test_every_form_with_kernels_is_tried() -> None:
    forms = {info.name for info in pkgutil.iter_modules(shapley_kernels.__path__) if info.ispkg}
    assert {form for form in forms if importlib.util.find_spec(f"shapley_kernels.{form}.gpu")} == set(SMALL)
    assert {form for form, _ in KERNELS} == set(SMALL)


@pytest.mark.parametrize(("form", "game"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gpu_equals_ref(form: str, game: str, dtype: Any) -> None:
    rng = np.random.default_rng(7)
    module = module_of(form)
    with small_tiles(form, module):
        for members in sizes(form, game):
            for groups in (0, 3):
                check(getattr(module, game), specification(form, game), inputs(form, game, rng, groups, members, dtype), dtype)


@pytest.mark.parametrize(("form", "game"), [key for key in KERNELS if key not in PACKED])
def test_rows_do_not_depend_on_their_batch(form: str, game: str) -> None:
    arguments = tensors(example(form, game, members=6, groups=19))
    function = getattr(module_of(form), game)
    with small_tiles(form, module_of(form)):
        whole = function(*arguments)
        for low, high in ((0, 1), (12, 19)):
            part = [a[low:high] if isinstance(a, torch.Tensor) and len(a) == 19 else a for a in arguments]
            assert torch.equal(function(*part), whole[low:high])


@pytest.mark.parametrize(("form", "game"), [key for key in KERNELS if key not in PACKED])
def test_nan_shows_as_in_the_specification(form: str, game: str) -> None:
    module = module_of(form)
    with small_tiles(form, module):
        check_nan(getattr(module, game), specification(form, game), form, game)


@pytest.mark.parametrize(("form", "game"), OPERATORS)
def test_operators_keep_the_rules_of_torch(form: str, game: str) -> None:
    """Schema, fake implementation, no aliases, dynamic shapes; and no graph break."""
    arguments = tensors(example(form, game))
    module = module_of(form)
    with small_tiles(form, module):
        operator = getattr(torch.ops.shapley_kernels, f"{form}_{game}").default
        torch.library.opcheck(operator, arguments)
        torch.compiler.reset()
        compiled: Any = torch.compile(getattr(module, game), fullgraph=True, backend="aot_eager")
        assert torch.equal(compiled(*arguments), getattr(module, game)(*arguments))


@pytest.mark.parametrize(("form", "game"), KERNELS)
def test_launchers_read_nothing_back(form: str, game: str) -> None:
    """On tensors without data a launcher that needed a number from the device would raise."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    arguments = tensors(example(form, game))
    expected = getattr(module_of(form), game)(*arguments)
    launched = mock.patch.object(module_of(form), "launch", lambda kernel, programs, out, *rest, **sizes: out)
    with FakeTensorMode() as mode, launched:
        fakes = [mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in arguments]
        credit = getattr(module_of(form), game)(*fakes)
    assert credit.shape == expected.shape
    assert credit.dtype == expected.dtype


def test_half_precision_is_widened_and_carries_no_gradient() -> None:
    from shapley_kernels.thresholds import gpu

    scores = torch.randn(5, 3, device=DEVICE).bfloat16().requires_grad_()
    base = torch.zeros(1, device=DEVICE, dtype=torch.bfloat16)
    present = torch.ones(1, 3, device=DEVICE, dtype=torch.bool)
    credit = gpu.airport(scores, base, present)
    assert credit.dtype == torch.float32
    assert not credit.requires_grad
    assert torch.equal(credit, gpu.airport(scores.detach().float(), base.float(), present))


def test_strided_views_are_read_as_they_are() -> None:
    from shapley_kernels.thresholds import gpu

    scores, base = torch.randn(3, 5, device=DEVICE), torch.zeros(1, device=DEVICE)
    present = torch.ones(1, 3, device=DEVICE, dtype=torch.bool)
    assert torch.equal(gpu.airport(scores.T, base, present), gpu.airport(scores.T.contiguous(), base, present))


@pytest.mark.parametrize("members", [4, 12])
def test_zeros_of_either_sign_are_equal_keys(members: int) -> None:
    gains = np.arange(1, members + 1, dtype=np.float32)[None]
    keys = np.resize(np.array([-0.0, 0.0, 1.0], np.float32), members)[None]
    with small_tiles("ranks", module_of("ranks")):
        check(module_of("ranks").discounted, specification("ranks", "discounted"), (gains, keys, 1 / gains), np.float32)


@pytest.mark.parametrize(("form", "game"), [key for key in KERNELS if key[0] in LIMITS])
def test_sizes_without_a_kernel_take_the_specification(form: str, game: str) -> None:
    module = module_of(form)
    with ExitStack() as stack:
        for name in LIMITS[form]:
            stack.enter_context(mock.patch.object(module, name, 0))
        if (form, game) not in NOT_OPERATORS:
            stack.enter_context(mock.patch.object(module, "launch", side_effect=AssertionError("a kernel was launched")))
        for dtype in DTYPES:
            check(
                getattr(module, game),
                specification(form, game),
                inputs(form, game, np.random.default_rng(5), 2, 3, dtype),
                dtype,
            )


@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_golden_values_through_the_gpu_role(family: str) -> None:
    case = next(case for case in built_cases() if case["family"] == family)
    with mock.patch("shapley_credit.convert._device_type", return_value=None), using("gpu"):
        check_case(case, np.float64, lambda array: torch.tensor(array, device=DEVICE), "gpu float64")


def test_tokens_are_written_by_the_kernels() -> None:
    mask = np.random.default_rng(2).random((3, 9)) < 0.6
    lengths = [[2, int(count) - 2] for count in mask.sum(axis=1)]
    credit = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    expected = sc.token_advantages(None, mask, segment_credit=credit, segment_lengths=lengths, spread="token")
    launched: list[str] = []

    def kernel(form: str, game: str, role: str) -> Any:
        launched.append(f"{form} {game} {role}")
        return getattr(module_of(form), game)

    given = torch.tensor(mask, device=DEVICE)
    with on_device(), using("gpu"), mock.patch("shapley_credit.dispatch.kernel", kernel):
        written = sc.token_advantages(None, given, segment_credit=credit, segment_lengths=lengths, spread="token")
    assert launched == ["tokens spread gpu"]
    assert np.array_equal(written.cpu().numpy(), expected)
