"""Numba kernels against their NumPy specification, at sizes the oracle can't reach and on awkward data."""

from __future__ import annotations

import inspect
import pkgutil
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import shapley_kernels
from kernel_checks import check
from kernel_inputs import DEFAULT_SIZES, GAMES, PACKED, SIZES, inputs, module_of
from shapley_kernels.arguments import AXES, KINDS, arguments, forms

pytestmark = pytest.mark.numba


def public(module: ModuleType) -> dict[str, inspect.Signature]:
    """The functions that a kernel file defines for callers: those that return credits."""
    return {
        name: inspect.signature(function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and (module.__name__.split(".")[1], name) in GAMES
    }


def test_every_kernel_is_described_and_has_both_roles() -> None:
    """Each folder with a specification is a form, and says of each function what its arguments are, by their names."""
    folders = [module.name for module in pkgutil.iter_modules(shapley_kernels.__path__) if module.ispkg]
    assert {form for form, _ in GAMES} == {name for name in folders if find_spec(f"shapley_kernels.{name}.ref")}
    for form, games in forms().items():
        assert public(module_of(form, "ref")) == public(module_of(form, "cpu"))
        assert set(public(module_of(form, "ref"))) == set(games)
        for game, described in games.items():
            assert list(described) == list(inspect.signature(getattr(module_of(form, "ref"), game)).parameters)
            assert {argument.kind for argument in described.values()} <= set(KINDS)
            assert set("".join(argument.axes for argument in described.values())) <= set(AXES)


def test_inputs_are_as_they_are_described() -> None:
    kinds = {"flag": "b", "label": "i", "whole": "i"}
    for form, game in GAMES:
        made = inputs(form, game, np.random.default_rng(0), 2, 3, np.float32)
        for argument, given in zip(arguments(form, game).values(), made, strict=True):
            if argument.kind != "number":
                assert given.dtype.kind == kinds.get(argument.kind, "f")
                assert given.ndim == len(argument.axes) + ("P" not in argument.axes)


@pytest.mark.parametrize(("form", "game"), GAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cpu_equals_ref(form: str, game: str, dtype: Any) -> None:
    rng = np.random.default_rng(7)
    for members in SIZES.get((form, game), DEFAULT_SIZES):
        for groups in (0, 1, 2, 5, 41):
            arguments = inputs(form, game, rng, groups, members, dtype)
            compiled, specification = (getattr(module_of(form, role), game) for role in ("cpu", "ref"))
            check(compiled, specification, arguments, dtype, groups, members)


@pytest.mark.parametrize(("form", "game"), GAMES)
def test_threads_do_not_change_a_bit(form: str, game: str) -> None:
    rng = np.random.default_rng(11)
    members = 17 if form == "table" else 9
    arguments = inputs(form, game, rng, 67, members, np.float64)
    function = getattr(module_of(form, "cpu"), game)
    results = []
    for threads in (1, 2, 3):
        with (
            mock.patch("shapley_kernels.compiled.threads.threads", return_value=threads),
            mock.patch("shapley_kernels.compiled.threads.GRAIN_NS", 1),
        ):
            results.append(function(*arguments))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize(("form", "game"), [key for key in GAMES if key not in PACKED])
def test_rows_do_not_depend_on_their_batch(form: str, game: str) -> None:
    rng = np.random.default_rng(13)
    members = 13 if form == "table" else 10
    arguments = inputs(form, game, rng, 37, members, np.float64)
    function = getattr(module_of(form, "cpu"), game)
    whole = function(*arguments)
    for low, high in ((0, 1), (1, 36), (36, 37)):
        part = [a[low:high] if isinstance(a, np.ndarray) and len(a) == 37 else a for a in arguments]
        assert np.array_equal(function(*part), whole[low:high])
