"""What goes in comes out: dtypes, array libraries, memory, functions."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import array_api_strict
import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.credit.rules import segment_advantages
from shapley_credit.methods import gapo, shape_grpo

import golden
from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)

DTYPES = [
    (np.float64, np.float64),
    (np.float32, np.float32),
    (np.float16, np.float32),
    (np.int64, np.float64),
    (np.uint8, np.float64),
    (np.bool_, np.float64),
    (">f4", np.float32),
    (">f8", np.float64),
]


@every_role
@pytest.mark.parametrize(("given", "returned"), DTYPES)
def test_dtype_is_kept(given: Any, returned: Any, role: str) -> None:
    with using(role):
        for utility in (u.Max(np.ones((2, 3), given)), u.DCG(np.ones((2, 3), given)), u.Table(np.ones((2, 8), given))):
            credit = sc.set_shapley(utility, 3)
            assert credit.dtype == returned
            assert credit.dtype.isnative


@every_role
def test_python_numbers_follow_the_arrays(role: str) -> None:
    scores = np.ones(3, np.float32)
    with using(role):
        assert sc.set_shapley(u.Max(scores, base=0.5)).dtype == np.float32
        assert sc.set_shapley(u.Coverage(np.ones((3, 2), bool), weights=[1.0, 2.0])).dtype == np.float64
        assert sc.set_shapley(u.DCG(scores, discounts=[1.0, 0.5, 0.25])).dtype == np.float32
        assert sc.set_shapley(0.7 * u.Max(scores) + 0.3 * u.DistinctCount([1, 1, 2])).dtype == np.float32
        assert sc.set_shapley(u.DistinctCount([1, 1, 2])).dtype == np.float64
        assert sc.set_shapley(u.Max(scores) + u.Mean(np.ones(3))).dtype == np.float64
        assert sc.set_shapley(np.ones(2) * u.Max(scores)).dtype == np.float64


@every_role
def test_calls_alike_in_shape_are_read_by_what_they_hold(role: str) -> None:
    """How arrays are read is decided once for all that are alike, and what they hold is looked at every time."""
    scores = np.ones(3, np.float32)
    with using(role):
        for _ in range(2):
            assert sc.set_shapley(u.Max(scores, base=0.5)).dtype == np.float32
            assert sc.set_shapley(u.Max(scores, base=np.float64(0.5))).dtype == np.float64
            assert sc.set_shapley(u.Max(scores, base=np.float64(0.5), mask=[1, 0, 1])).tolist() == [0.25, 0.0, 0.25]
            assert sc.set_shapley(u.Max(scores, mask=[1, 1, 1])) == pytest.approx([1 / 3] * 3, rel=1e-6)
            assert sc.set_shapley(u.Mean(scores)).shape == (3,)
            for family in (u.Max, u.Mean):
                with pytest.raises(sc.InputError, match="scores must be finite"):
                    sc.set_shapley(family(np.array([1.0, np.inf, 2.0], np.float32)))
            with pytest.raises(sc.InputError, match="base must be finite"):
                u.Max(scores, base=np.nan)
            with pytest.raises(sc.InputError, match="probabilities must be probabilities"):
                u.NoisyOr(1.5 * scores)


@every_role
def test_dcg_keys_order_at_their_own_precision(role: str) -> None:
    gains = np.array([1.0, 2.0], np.float32)
    keys = np.array([1.0, 1.0 + 1e-12])
    with using(role):
        credit = sc.set_shapley(u.DCG(gains, keys, [1.0, 0.0]))
    assert credit.tolist() == [0.5, 1.5]
    assert credit.dtype == np.float32


@every_role
def test_masked_entries_may_be_anything(role: str) -> None:
    mask = np.array([True, False, True])
    with using(role):
        assert sc.set_shapley(u.Max([1.0, np.nan, 3.0], mask=mask)).tolist() == [0.5, 0.0, 2.5]
        assert sc.set_shapley(u.NoisyOr([0.5, 7.0, 0.5], mask=mask)) == pytest.approx([0.375, 0.0, 0.375], abs=1e-15)
        distances = np.array([[0, np.nan, 1], [np.nan, 0, np.inf], [1, np.inf, 0]])
        assert sc.set_shapley(u.SumPairwise(distances, mask=mask)).tolist() == [0.5, 0.0, 0.5]
        assert sc.set_shapley(u.Max([[1.0, 2.0]], mask=[[0, 0]])).tolist() == [[0.0, 0.0]]


@every_role
def test_groups_broadcast(role: str) -> None:
    scores, base = np.array([1.0, 2.0, 4.0]), np.array([[0.0], [3.0]])
    with using(role):
        credit = sc.set_shapley(u.Max(scores, base), 3)
        assert credit.shape == (2, 1, 3)
        assert np.array_equal(credit[0, 0], sc.set_shapley(u.Max(scores)))
        assert np.array_equal(credit[1, 0], sc.set_shapley(u.Max(scores, 3.0)))
        mask = np.array([[1, 1, 1], [1, 0, 1]])
        masked = sc.set_shapley(u.DCG(scores, mask=mask))
        assert masked.shape == (2, 3)
        assert np.array_equal(masked[0], sc.set_shapley(u.DCG(scores)))
        assert sc.set_shapley(u.Max(np.zeros((0, 3)))).shape == (0, 3)
        assert sc.set_shapley(np.zeros((2, 0, 4)), 2).shape == (2, 0, 2)


@every_role
def test_functions_and_tables_agree(role: str) -> None:
    scores = np.array([3.0, 1.0, 2.0, 5.0])
    structured = u.Max(scores, 0.5)
    table = [structured.value([i for i in range(4) if code >> i & 1]) for code in range(16)]
    with using(role):
        credit = sc.set_shapley(structured)
        assert sc.set_shapley(lambda s: max([0.5, *(scores[i] for i in s)]), 4) == pytest.approx(credit, abs=1e-15)
        batch = sc.batched(lambda c: np.where(c, scores, 0.5).max(axis=1, initial=0.5))
        assert sc.set_shapley(batch, 4) == pytest.approx(credit, abs=1e-15)
        assert sc.set_shapley(table, 4) == pytest.approx(credit, abs=1e-15)
        assert sc.set_shapley(u.Table(table) + structured, 4) == pytest.approx(2 * credit, abs=1e-15)


def test_a_function_is_asked_once_for_every_coalition() -> None:
    asked: list[tuple[int, ...]] = []

    def size(coalition: tuple[int, ...]) -> int:
        asked.append(coalition)
        return len(coalition)

    assert sc.set_shapley(size, 6) == pytest.approx(np.ones(6), abs=1e-14)
    assert len(asked) == len(set(asked)) == 64
    assert all(list(coalition) == sorted(coalition) for coalition in asked)


def test_sums_are_read_as_written() -> None:
    scores = np.array([[1.0, 2.0], [3.0, 1.0]])
    halves: Any = sum([u.Max(scores), -u.Mean(scores) / 2])
    mix = halves - 3 * u.Additive(scores)
    assert mix.value((0, 1)).tolist() == [2 - 0.75 - 9, 3 - 1 - 12]
    assert mix[1].value((1,)) == 1 - 0.5 - 3
    assert repr(mix).startswith("1 * Max(scores=float64[2, 2], base=0, clip=False) + -0.5 * Mean(")
    weighted = np.array([1.0, 10.0]) * u.Max(scores)
    assert sc.set_shapley(weighted).tolist() == [[0.5, 1.5], [25.0, 5.0]]
    assert np.array_equal(sc.set_shapley(weighted[1]), [25.0, 5.0])


@every_role
def test_a_large_offset_costs_no_digits(role: str) -> None:
    rng = np.random.default_rng(0)
    for n in (6, 14):
        table = rng.integers(0, 1024, 1 << n) / 1024
        with using(role):
            plain, lifted = sc.set_shapley(sc.utilities.Table(table)), sc.set_shapley(sc.utilities.Table(table + 2.0**20))
        assert np.abs(plain - lifted).max() < 1e-13


def test_dlpack_libraries_get_their_own_arrays_back() -> None:
    scores = array_api_strict.asarray([8.0, 11.0, 13.0, 18.0])
    credit = sc.set_shapley(u.Max(scores), 4)
    assert type(credit) is type(scores)
    assert np.from_dlpack(credit).tolist() == [2, 3, 4, 9]
    assert type(u.Max(scores).value((0,))) is type(scores)
    with pytest.raises(sc.InputError, match="arrays of array_api_strict and other are mixed; convert all of them to one"):
        u.Max(scores, base=Other())


DEVICE = array_api_strict.Device("device1")
ONE_GROUP = np.array([8.0, 11.0, 13.0, 18.0])
AT_HOME: dict[str, Callable[[Any], Any]] = {
    "set_shapley": lambda x: sc.set_shapley(u.Max(x)),
    "base alone": lambda x: sc.set_shapley(u.Max([1.0, 2.0], x)),
    "table": lambda x: sc.set_shapley(x, 2),
    "set_semivalue": lambda x: sc.set_semivalue(u.Max(x), sc.semivalues.banzhaf),
    "owen": lambda x: sc.owen(u.Max(x), [[0, 1], [2, 3]]),
    "connected_shapley": lambda x: sc.connected_shapley(u.Max(x)),
    "marginal_vector": lambda x: sc.marginal_vector(u.Max(x)),
    "value": lambda x: u.Max([1.0, 2.0], x).value((0,)),
    "sum": lambda x: sc.set_shapley(u.Max(x) + u.Mean(np.ones(4))),
    "advantages": lambda x: sc.advantages(x, 2),
    "scatter_credit": lambda x: sc.scatter_credit([[1.0] * 4], x),
    "token_advantages": lambda x: sc.token_advantages([1.0], x),
    "rows of a mask": lambda x: sc.token_advantages([1.0], [x])[0],
    "segment_advantages": lambda x: segment_advantages([x, x], 2)[0],
    "shape_credit": lambda x: shape_grpo.shape_credit(x, scale="mean"),
    "published_credit": lambda x: shape_grpo.published_credit(x),
    "diversity_credit": lambda x: gapo.diversity_credit(x),
}


@pytest.mark.parametrize("name", AT_HOME)
def test_credits_return_to_the_device_that_the_data_came_from(name: str) -> None:
    """A library may have several devices that DLPack all calls the memory of the host, as JAX may have several CPUs."""
    for device in (DEVICE, array_api_strict.Device("CPU_DEVICE")):
        credit = AT_HOME[name](array_api_strict.asarray(ONE_GROUP, device=device))
        assert type(credit) is type(array_api_strict.asarray(0))
        assert credit.device == device
        there = np.from_dlpack(credit.to_device(array_api_strict.Device("CPU_DEVICE")))
        assert np.array_equal(there, np.asarray(AT_HOME[name](ONE_GROUP)))


def test_devices_of_the_host_are_not_mixed() -> None:
    one, other = array_api_strict.asarray(ONE_GROUP, device=DEVICE), array_api_strict.asarray(ONE_GROUP)
    for call in (
        lambda: u.Max(one, mask=other),
        lambda: u.Max(one) + u.Max(other),
        lambda: segment_advantages([one, other], 2),
    ):
        with pytest.raises(sc.InputError, match=r"arrays on .*device1.* and .*CPU_DEVICE.* are mixed; move all of them to one"):
            call()


class Other:
    """A number of another library."""

    dtype = np.dtype(np.float64)

    def __dlpack__(self, **options: Any) -> Any:
        return np.zeros(()).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __array_namespace__(self) -> Any:
        return SimpleNamespace(__name__="other", from_dlpack=np.from_dlpack)


class Foreign:
    """An array of a library that exports DLPack and has no way back."""

    def __dlpack__(self) -> Any:
        raise AssertionError("not reached")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class OnDevice(Foreign):
    """An array on an accelerator, of a library that does not speak the array API itself."""

    device = "cuda:0"
    dtype = np.dtype(np.float32)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_credits_are_the_callers_own(family: str) -> None:
    """Whoever writes to credits, as centring in place does, changes neither the data nor what the next caller gets."""
    case = next(case for case in golden.cases() if case["family"] == family)
    game = golden.utility_of(case)[0]
    data = [array for array in (getattr(game, name) for name in game.fields) if isinstance(array, np.ndarray)]
    values: dict[str, Callable[[sc.Utility], Any]] = {
        "shapley": sc.set_shapley,
        "banzhaf": lambda game: sc.set_semivalue(game, sc.semivalues.banzhaf),
        "owen": lambda game: sc.owen(game, case["partition"]),
        "connected": sc.connected_shapley,
        "marginal": sc.marginal_vector,
    }
    for name, solve in values.items():
        for wanted in (game, 0.5 * game, game + u.Cardinality(range(game.k + 1)), np.ones((2, 1)) * game):
            credit = solve(wanted)
            before = credit.copy()
            assert not any(np.shares_memory(credit, array) for array in data), name
            credit += 1
            np.testing.assert_array_equal(solve(wanted), before, err_msg=name)


def test_an_array_without_a_way_back_is_refused() -> None:
    with pytest.raises(sc.InputError, match="its library has no from_dlpack"):
        u.Max(Foreign())


def test_a_device_without_the_array_api_names_its_extra() -> None:
    with (
        mock.patch("shapley_credit.convert._library_of"),
        mock.patch.dict(sys.modules, {"array_api_compat": None}),
        pytest.raises(sc.MissingExtraError, match=r"arrays on device cuda:0 need array-api-compat.*pip install '\.\[gpu\]'"),
    ):
        u.Max(OnDevice())


@pytest.mark.torch
def test_torch_tensors() -> None:
    import torch

    scores = torch.tensor([[8.0, 11.0, 13.0, 18.0]], requires_grad=True)
    credit = sc.set_shapley(u.Max(scores), 4)
    assert isinstance(credit, torch.Tensor)
    assert credit.dtype == torch.float32
    assert not credit.requires_grad
    assert credit.tolist() == [[2, 3, 4, 9]]
    assert sc.set_shapley(u.Max(scores.to(torch.bfloat16))).dtype == torch.float32
    assert sc.set_shapley(u.Max(scores.half())).dtype == torch.float32
    assert sc.set_shapley(torch.tensor([0.0, 1.0, 2.0, 6.0], dtype=torch.float64), 2).tolist() == [2.5, 3.5]
    mask = torch.tensor([True, True, False, True])
    assert sc.set_shapley(0.5 * u.Max(scores, mask=mask) + u.DistinctCount(torch.tensor([1, 1, 1, 2]), mask=mask)).shape == (
        1,
        4,
    )
    assert isinstance(sc.set_shapley(torch.ones(1) * u.Max(np.ones((1, 4)))), torch.Tensor)
    assert sc.set_shapley(lambda s: torch.tensor(float(len(s)), requires_grad=True), 2).tolist() == [1, 1]
    with pytest.raises(sc.InputError, match="can't be read as a dense array"):
        u.Max(torch.eye(4).to_sparse())


@pytest.mark.torch
def test_torch_tensors_are_not_copied() -> None:
    import torch

    table = torch.zeros(1 << 20, dtype=torch.float64)
    sc.set_shapley(sc.utilities.Table(table))  # kernels are compiled
    utility = u.Table(table)
    assert utility.values.ctypes.data == table.data_ptr()
    tracemalloc.start()
    sc.set_shapley(sc.utilities.Table(table))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < table.numel() * 8 / 4


def test_importing_the_core_imports_no_array_library_but_numpy() -> None:
    script = (
        "import sys, shapley_credit; from shapley_credit import utilities; "
        "print(sorted({'numba', 'torch', 'triton', 'rich', 'typer', 'scipy', 'array_api_compat'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
