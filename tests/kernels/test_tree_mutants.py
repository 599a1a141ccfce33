"""The golden values must refuse wrong engines: each mutant of the list differs from a file of the engine in one place.

The forms' tree kernels are executed anew against the mutant, so that every one of them runs on it. Shapley and Banzhaf weigh
coalitions and their complements alike, so mutants that confuse the two are refused by unlike levels on a few utilities.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from math import comb
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import Utility, dispatch, semivalues
from shapley_credit import utilities as u
from shapley_credit.solve import batched_trees
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of

import golden
from engine_mutants import ENGINE, MUTANTS, ON_DEVICE, SHAPES, Mutant
from errors_seen import tolerance
from family_games import close
from golden import built_cases, largest_value
from roles import import_kernels, using


def load(name: str, right: str = "", wrong: str = "") -> ModuleType:
    """A kernel file as plain Python, with one replacement."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    source = spec.loader.get_source(name)  # type: ignore[attr-defined]
    if right:
        assert source.count(right) == 1, f"{right!r} stands {source.count(right)} times in {name}"
        source = source.replace(right, wrong)
    module = importlib.util.module_from_spec(spec)
    exec(compile(source, name, "exec"), module.__dict__)
    return module


@contextlib.contextmanager
def running_on(module: str = "", right: str = "", wrong: str = "") -> Iterator[None]:
    """Solve on every tree with an engine that differs in one place."""
    forms: dict[str, ModuleType] = {}
    genuine = dispatch.kernel

    def kernel(form: str, game: str, role: dispatch.Role) -> Callable[..., Any]:
        if role != "tree":
            return genuine(form, game, role)
        if form not in forms:
            forms[form] = load(f"shapley_kernels.{form}.tree")
        function: Callable[..., Any] = getattr(forms[form], game)
        return function

    import_kernels()
    # Role ref: compiled kernels of many trees, where there are any, would solve in the place of the engine.
    with using("ref"), mock.patch.dict(sys.modules), mock.patch.object(dispatch, "kernel", kernel):
        for name in ENGINE:
            sys.modules[name] = load(name, *((right, wrong) if name == module else ()))
        with contextlib.ExitStack() as stack:
            for name in ("arrange", "named", "tree_of"):
                stack.enter_context(mock.patch.object(batched_trees, name, getattr(sys.modules[SHAPES], name)))
            yield


@lru_cache(maxsize=1)
def prepared() -> list[tuple[golden.Case, Utility, float]]:
    """Cases with their utilities and largest values, small ones first."""
    small = sorted((case for case in built_cases() if case["n"] <= 6), key=lambda case: int(case["n"]))
    return [(case, golden.utility_of(case)[0], largest_value(case)) for case in small]


def check_case(case: golden.Case, utility: Utility, scale: float) -> None:
    """Owen, Winter, Banzhaf and Banzhaf-Owen values of a case."""
    both = [semivalues.banzhaf, semivalues.banzhaf]
    found = {
        "owen": sc.owen(utility, case["partition"]),
        "winter": sc.owen(utility, case["tree"]),
        "banzhaf": sc.set_semivalue(utility, semivalues.banzhaf),
        "banzhaf_owen": sc.owen(utility, case["partition"], levels=both),
    }
    for name, credit in found.items():
        error = float(np.abs(credit - golden.numbers(case[name])).max()) / scale
        assert error <= tolerance(np.float64), f"{case['family']} {case['case']} {name}: {credit} is not {case[name]}"


UNIONS = [[0, 3, 1], [2, 4]]
SKEWED = [
    u.Max([3.0, 1.0, 4.0, 1.5, 5.0]),
    u.Moebius([[True, False], [True, False], [False, True], [True, True], [False, True]], [2.0, -3.0]),
    u.NoisyOr([0.5, 0.25, 0.75, 0.125, 0.5]),
    u.TopM([3.0, 1.0, 4.0, 1.5, 5.0], 2),
    u.Table(np.arange(32.0) ** 2 % 37),
]


def early(k: int) -> list[Fraction]:
    """The weights of beta(2, 1)."""
    return [Fraction(2 * (k - s), k * (k + 1) * comb(k - 1, s)) for s in range(k)]


def last(k: int) -> list[Fraction]:
    """The weights of leave_one_out."""
    return [Fraction(int(s == k - 1)) for s in range(k)]


@lru_cache(maxsize=1)
def skewed_truth() -> list[list[float]]:
    return [[float(c) for c in oracle.owen(game_of(table_of(utility)), UNIONS, 5, early, last)] for utility in SKEWED]


def check_skewed() -> None:
    """A rule a level, neither symmetric: Shapley and Banzhaf levels can't tell present siblings from absent ones."""
    for utility, truth in zip(SKEWED, skewed_truth(), strict=True):
        credit = sc.owen(utility, UNIONS, levels=[semivalues.beta(2, 1), semivalues.leave_one_out])
        assert close(credit, truth, 40.0, np.float64), f"{utility}: {credit} is not {truth}"


def check_all() -> None:
    for case, utility, scale in prepared():
        check_case(case, utility, scale)
    check_skewed()


def test_the_genuine_engine_passes() -> None:
    with running_on():
        check_all()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_mutant_is_refused(mutant: Mutant) -> None:
    refused = pytest.raises((AssertionError, ValueError, IndexError))
    with running_on(mutant.module, mutant.right, mutant.wrong), np.errstate(all="ignore"), refused:
        check_all()


def batched_pairs() -> list[tuple[Utility, Callable[[Callable[[Any], Any]], Utility]]]:
    """Two groups each, as they are and with arrays that are moved."""
    rng = np.random.default_rng(5)
    labels, scores, votes = rng.integers(0, 3, (2, 6)), rng.normal(size=(2, 6)), rng.integers(-2, 4, (2, 6))
    table, types = rng.normal(size=(2, 28)), np.array([[0, 1, 1, 0, 0, 1], [1, 0, 0, 0, 1, 1]])
    makers: list[Callable[[Callable[[Any], Any]], Utility]] = [
        lambda move: u.DistinctCount(move(labels)),
        lambda move: u.Entropy(move(labels)),
        lambda move: u.ClassCounts(move(labels), move(table[:, :7])),
        lambda move: u.LStatistic.median(move(scores)),
        lambda move: u.DCG(move(scores)),
        lambda move: u.WeightedVoting(move(votes), 2, total=18),
        lambda move: u.Typed(move(types), move(table), (4, 7)),
        lambda move: u.Mean(move(scores)),
    ]
    return [(make(lambda array: array), make) for make in makers]


def check_on_device() -> None:
    """Tensors of the host that are taken for tensors of a device, against NumPy."""
    import torch

    for here, make in batched_pairs():
        with mock.patch("shapley_credit.convert._device_type", return_value=None):
            there = sc.owen(make(torch.from_numpy), UNIONS_OF_SIX).numpy()
        assert np.abs(there - device_truth()[repr(here)]).max() <= tolerance(np.float64), here


UNIONS_OF_SIX = [[0, 3, 1], [2, 4], [5]]


@lru_cache(maxsize=1)
def device_truth() -> dict[str, Any]:
    """By NumPy; what a device needs is imported, as `running_on` forgets what is imported within it."""
    import array_api_compat.torch  # noqa: F401

    return {repr(here): sc.owen(here, UNIONS_OF_SIX) for here, _ in batched_pairs()}


@pytest.mark.torch
def test_the_genuine_engine_passes_on_a_device() -> None:
    device_truth()
    with running_on():
        check_on_device()


@pytest.mark.torch
@pytest.mark.parametrize("mutant", ON_DEVICE, ids=lambda mutant: mutant.what)
def test_mutant_is_refused_on_a_device(mutant: Mutant) -> None:
    device_truth()
    refused = pytest.raises((AssertionError, ValueError, IndexError, RuntimeError))
    with running_on(mutant.module, mutant.right, mutant.wrong), np.errstate(all="ignore"), refused:
        check_on_device()


def test_tree_kernels_run_on_the_mutant() -> None:
    with running_on():
        for form in ("counts", "dividends", "pairs", "products", "ranks", "table", "thresholds"):
            kernels = load(f"shapley_kernels.{form}.tree")
            engine = [sys.modules[name] for name in ENGINE]
            held = set(map(id, vars(kernels).values()))
            own = [thing for module in engine for thing in vars(module).values() if id(thing) in held]
            borrowed = [thing for thing in own if getattr(thing, "__module__", "") in ENGINE and hasattr(thing, "__name__")]
            assert borrowed
            assert all(thing is getattr(sys.modules[thing.__module__], thing.__name__) for thing in borrowed)


def test_the_list_is_read_as_written() -> None:
    with pytest.raises(AssertionError, match="stands 0 times"):
        load(SHAPES, "no such text", "")
    assert len({mutant.what for mutant in [*MUTANTS, *ON_DEVICE]}) == len(MUTANTS) + len(ON_DEVICE)
