"""The golden values must refuse wrong engines: each mutant below differs from trees.py in one place.

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
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import Utility, dispatch, semivalues
from shapley_credit import utilities as u

import golden
import oracle
from errors_seen import tolerance
from test_axioms import close, game_of, table_of
from test_golden import built_cases, largest_value

TREES = "shapley_kernels.trees"


class Mutant(NamedTuple):
    """One replacement in the source of trees.py."""

    what: str
    right: str
    wrong: str


MUTANTS = [
    Mutant("trees lose their last level", "depth == len(labels)", "depth >= len(labels) - 1"),
    Mutant("OR games split like AND games", "np.arange(len(q))[::-1])])", "np.arange(len(q)))])"),
    Mutant("AND games split like OR games", "np.arange(len(q)))])", "np.arange(len(q))[::-1])])"),
    Mutant("shares: one child too many", "/ (c - 1 - j)", "/ (c - j)"),
    Mutant("flow: the rule of the unions on every level", "shares(mixes[node.depth]", "shares(mixes[0]"),
    Mutant("flow: members are counted, not children", "[touched.sum(axis=0)]", "[np.minimum(sets.sum(axis=0), len(touched))]"),
    Mutant("flow: to children that a set does not touch", "unit * share * reached", "unit * share"),
    Mutant("products: wrong siblings", "siblings = blocks[:place] + blocks[place + 1 :]", "siblings = blocks[1:]"),
    Mutant(
        "products: off by one in the mixture", "means[: j + 1] * b * ((j - s) / j)", "means[: j + 1] * b * ((j - s) / (j + 1))"
    ),
    Mutant("products: present siblings taken for absent", "* a * (s / j)", "* b * (s / j)"),
    Mutant("products: the levels above are forgotten", "above * share", "share + 0 * above"),
    Mutant(
        "contexts: wrong siblings", "_mixture(above, blocks[:place] + blocks[place + 1 :], q)", "_mixture(above, blocks[1:], q)"
    ),
    Mutant("contexts: half a block is compared", "if block == blocks[place]", "if block[0] == blocks[place][0]"),
    Mutant("contexts: the levels above are forgotten", "means[0] = above", "means[0].flat[0] = 1"),
    Mutant("mixture: wrong weight of the present", "(s[1:] / j)", "(s[:-1] / j)"),
    Mutant(
        "mixture: wrong weight of the absent", "times(means[: j + 1], b) * ((j - s) / j)", "times(means[: j + 1], b) * (s / j)"
    ),
    Mutant("times: terms are not shifted", "slice(0, length - e)", "slice(e, length)"),
    Mutant(
        "multiply: truncation off by one",
        "if all(e < length for e, length in zip(exponents, lattice, strict=True)):\n                    longer",
        "if all(e < length - 1 for e, length in zip(exponents, lattice, strict=True)):\n                    longer",
    ),
    Mutant("multiply: equal monomials overwrite each other", "longer.get(exponents, 0.0) + x * y", "x * y"),
    Mutant("solve: the own part is lost", "step.get(exponents, 0.0) - coefficient", "-coefficient"),
    Mutant("coalitions: wrong siblings", "for block in blocks[:place] + blocks[place + 1 :]:", "for block in blocks[1:]:"),
    Mutant("coalitions: sizes for coalitions", "q[size] / np.bincount(size)[size]", "q[size]"),
    Mutant("coalitions: a partial child stands alone", "(codes[:, None] | union[kept])", "(codes[:, None] & 0 | union[kept])"),
    Mutant("coalitions: the chance of the levels above is lost", "chances[:, None] * weight", "chances[:, None] ** 0 * weight"),
]


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
def running_on(trees: ModuleType) -> Iterator[None]:
    """Solve on every tree with this engine."""
    forms: dict[str, ModuleType] = {}
    genuine = dispatch.kernel

    def kernel(form: str, game: str, role: dispatch.Role) -> Callable[..., Any]:
        if role != "tree":
            return genuine(form, game, role)
        if form not in forms:
            forms[form] = load(f"shapley_kernels.{form}.tree")
        function: Callable[..., Any] = getattr(forms[form], game)
        return function

    with mock.patch.dict(sys.modules, {TREES: trees}), mock.patch.object(dispatch, "kernel", kernel):
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
    with running_on(load(TREES)):
        check_all()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_mutant_is_refused(mutant: Mutant) -> None:
    trees = load(TREES, mutant.right, mutant.wrong)
    with running_on(trees), np.errstate(all="ignore"), pytest.raises((AssertionError, ValueError, IndexError)):
        check_all()


def test_tree_kernels_run_on_the_mutant() -> None:
    trees = load(TREES)
    with running_on(trees):
        for form in ("counts", "dividends", "pairs", "products", "ranks", "table", "thresholds"):
            kernels = load(f"shapley_kernels.{form}.tree")
            borrowed = [getattr(kernels, name) for name in dir(trees) if name in vars(kernels) and callable(vars(trees)[name])]
            assert any(getattr(function, "__module__", "") == TREES for function in borrowed)
            assert kernels.Node is trees.Node


def test_the_list_is_read_as_written() -> None:
    with pytest.raises(AssertionError, match="stands 0 times"):
        load(TREES, "no such text", "")
    assert len({mutant.what for mutant in MUTANTS}) == len(MUTANTS)
