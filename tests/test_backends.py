"""Numba kernels against their NumPy specification, at sizes the oracle can't reach and on awkward data."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import shapley_kernels
from errors_seen import tolerance
from kernel_inputs import DEFAULT_SIZES, MAKERS, SIZES

pytestmark = pytest.mark.numba

GAMES = sorted(MAKERS)
# Functions whose first array is packed: where the values of a row stand depends on the rows before it.
PACKED = {("tokens", "scatter"), ("tokens", "spread")}


def module_of(form: str, role: str) -> ModuleType:
    return importlib.import_module(f"shapley_kernels.{form}.{role}")


def public(module: ModuleType) -> dict[str, inspect.Signature]:
    """The functions that a kernel file defines for callers: those that return credits."""
    return {
        name: inspect.signature(function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and (module.__name__.split(".")[1], name) in MAKERS
    }


def check(game: Any, specification: Any, arguments: tuple[Any, ...], dtype: Any, groups: int, members: int) -> None:
    """The same credits as the specification, finite, in the dtype it promises, inputs untouched."""
    before = [array.copy() for array in arguments if isinstance(array, np.ndarray)]
    truth = specification(*arguments)
    credit = game(*arguments)
    assert credit.shape == truth.shape == (groups, members)
    assert credit.dtype == truth.dtype
    assert np.isfinite(credit).all()
    sizes = [np.abs(array).max(initial=1.0) for array in arguments if isinstance(array, np.ndarray) and array.dtype.kind == "f"]
    scale = float(np.prod(sizes)) * max((array.shape[-1] for array in before if array.ndim == 3), default=1)
    assert np.abs(credit - truth).max(initial=0.0) <= tolerance(dtype) * scale
    assert all(np.array_equal(a, b) for a, b in zip(before, (x for x in arguments if isinstance(x, np.ndarray)), strict=True))


def test_every_kernel_has_inputs_and_both_roles() -> None:
    forms = [module.name for module in pkgutil.iter_modules(shapley_kernels.__path__) if module.ispkg]
    assert sorted(forms) == sorted({form for form, _ in MAKERS})
    for form in forms:
        assert public(module_of(form, "ref")) == public(module_of(form, "cpu"))
        assert {(form, game) for game in public(module_of(form, "ref"))} == {key for key in MAKERS if key[0] == form}


@pytest.mark.parametrize(("form", "game"), GAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cpu_equals_ref(form: str, game: str, dtype: Any) -> None:
    rng = np.random.default_rng(7)
    for members in SIZES.get((form, game), DEFAULT_SIZES):
        for groups in (0, 1, 2, 5, 41):
            arguments = MAKERS[form, game](rng, groups, members, dtype)
            compiled, specification = (getattr(module_of(form, role), game) for role in ("cpu", "ref"))
            check(compiled, specification, arguments, dtype, groups, members)


@pytest.mark.parametrize(("form", "game"), GAMES)
def test_threads_do_not_change_a_bit(form: str, game: str) -> None:
    rng = np.random.default_rng(11)
    members = 17 if form == "table" else 9
    arguments = MAKERS[form, game](rng, 67, members, np.float64)
    function = getattr(module_of(form, "cpu"), game)
    results = []
    for threads in (1, 2, 3):
        with (
            mock.patch("shapley_kernels.parallel.threads", return_value=threads),
            mock.patch("shapley_kernels.parallel.GRAIN_NS", 1),
        ):
            results.append(function(*arguments))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize(("form", "game"), [key for key in GAMES if key not in PACKED])
def test_rows_do_not_depend_on_their_batch(form: str, game: str) -> None:
    rng = np.random.default_rng(13)
    members = 13 if form == "table" else 10
    arguments = MAKERS[form, game](rng, 37, members, np.float64)
    function = getattr(module_of(form, "cpu"), game)
    whole = function(*arguments)
    for low, high in ((0, 1), (1, 36), (36, 37)):
        part = [a[low:high] if isinstance(a, np.ndarray) and len(a) == 37 else a for a in arguments]
        assert np.array_equal(function(*part), whole[low:high])
