"""The suite must refuse wrong kernels: each mutant of the list differs from a kernel in one place.

A mutant is refused when a golden case or the comparison with the specification fails on it. The kernels themselves must pass
the same checks in the same way, run as plain Python.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import golden
from finite_sizes import SIZES as REFUSING
from golden import built_cases, check_case
from kernel_checks import check
from kernel_inputs import GAMES, SIZES, inputs
from kernel_mutants import MUTANTS, Mutant
from roles import import_kernels, replacing, using
from shapley_kernels.kernel_errors import NotFiniteError, NotSymmetricError

pytestmark = pytest.mark.numba


# Sizes that reach every branch, and limits above which kernels take another way, lowered to what plain Python can reach.
CHECKED = {
    ("table", "solve"): (3, 8, 10, 12),
    ("thresholds", "airport"): (1, 3, 8, 13, 37, 70, 71),
    ("thresholds", "facility"): (3, 8, 13, 37, 70),
    ("ranks", "discounted"): (3, 8, 13, 20, 37),
    ("pairs", "pair_sums"): (3, 8, 13, 16, 37),
    ("ranks", "sized"): (3, 5, 20, 27),
    ("tokens", "scatter"): (8, 63, 70, 140, 200),
    ("tokens", "spread"): (8, 63, 70, 140, 200),
}
LOWERED = [
    ("CHUNK_LIMIT = 16", "CHUNK_LIMIT = 11"),
    ("KEYS_LIMIT = 4096", "KEYS_LIMIT = 64"),
    ("KEYS_LIMIT = 2048", "KEYS_LIMIT = 24"),
    ("CACHED = 128", "CACHED = 16"),
]


# Modules whose compiled functions the kernels of a form call, or hand on, besides those of their own file.
TOOLS = (
    "shapley_kernels.compiled.tiles",
    "shapley_kernels.compiled.sorted_heights",
    "shapley_kernels.compiled.radix_sort",
    "shapley_kernels.compiled.urn_draws",
)
PARTS = {
    "pairs": ("shapley_kernels.pairs.streamed",),
    "counts": ("shapley_kernels.counts.class_counts", "shapley_kernels.counts.type_counts"),
    "ranks": (
        "shapley_kernels.compiled.tiles",
        "shapley_kernels.compiled.sorted_heights",
        "shapley_kernels.compiled.radix_sort",
    ),
    "thresholds": (
        "shapley_kernels.compiled.tiles",
        "shapley_kernels.compiled.sorted_heights",
        "shapley_kernels.thresholds.up_to_eight",
        "shapley_kernels.thresholds.above_4096",
        "shapley_kernels.thresholds.absent_members",
    ),
}


def load(form: str, role: str, right: str = "", wrong: str = "") -> ModuleType:
    """The kernel file as plain Python, with one replacement in it or in another file of its form."""
    name, parts = f"shapley_kernels.{form}.{role}", PARTS.get(form, ()) if role == "cpu" else ()
    sources = {module: source_of(module) for module in (name, *parts)}
    if right:
        counts = {module: source.count(right) for module, source in sources.items()}
        assert sum(counts.values()) == 1, f"{right!r} stands {sum(counts.values())} times in {name}"
        sources = {module: source.replace(right, wrong) for module, source in sources.items()}
    for limit, lowered in LOWERED:
        sources = {module: source.replace(limit, lowered) for module, source in sources.items()}
    plain: dict[str, ModuleType] = {}
    for module in dict.fromkeys((*TOOLS, *parts, name)):
        plain[module] = run_plain(module, sources.get(module) or source_of(module), plain)
    return plain[name]


def source_of(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    source: str = spec.loader.get_source(name)  # type: ignore[union-attr]
    return source


def run_plain(name: str, source: str, others: dict[str, ModuleType]) -> ModuleType:
    """The module with nothing compiled, on top of others like it."""
    import_kernels()
    spec = importlib.util.find_spec(name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    with contextlib.ExitStack() as stack:
        for decorator in ("jit", "jit_reassociated"):
            stack.enter_context(mock.patch(f"shapley_kernels.compiled.jit.{decorator}", lambda function: function))
        stack.enter_context(mock.patch.dict("sys.modules", others))
        for other, plain in others.items():  # `from package import module` asks the package first
            package, _, attribute = other.rpartition(".")
            stack.enter_context(mock.patch.object(importlib.import_module(package), attribute, plain, create=True))
        exec(compile(source, name, "exec"), module.__dict__)
    return module


def run_checks(form: str, module: ModuleType) -> None:
    """Golden cases of the families that use the form, then the specification at sizes that reach every branch."""
    with using("ref"), replacing(form, module):
        for case in small_cases():
            check_case(case, np.float64, "mutants") if uses(case, form) else None
    if hasattr(module, "sort_rows"):
        check_sort(module.sort_rows)
    if hasattr(module, "ascending"):
        check_order(module.room_for_order, module.ascending)
    if hasattr(module, "discounted"):
        check_near_keys(module.discounted)
    if hasattr(module, "_is_symmetric"):
        check_asymmetry(module.pair_sums)
        with mock.patch.object(module, "asymmetry", side_effect=AssertionError("read twice")):
            check_symmetry(module.pair_sums)
    rng = np.random.default_rng(5)
    for name, game in GAMES:
        if name == form:
            sizes = CHECKED.get((name, game), (3, 5) if (name, game) in SIZES else (3, 8, 11, 13, 70))
            groups = 3 if form == "table" else 11  # more than the lanes of a vector, and room behind eight small ones
            for members in [*sizes] * 5:
                arguments = inputs(name, game, rng, groups, members, np.float64)
                specification = getattr(importlib.import_module(f"shapley_kernels.{form}.ref"), game)
                check(getattr(module, game), specification, arguments, np.float64, groups, members)
            if (name, game) in REFUSING:
                for members in sizes:
                    check_refusal(getattr(module, game), inputs(name, game, rng, 11, members, np.float64))


def check_sort(sort: Any) -> None:
    """Keys of any number of runs; what is put in order later, at a cost, hides what is out of order here."""
    rng = np.random.default_rng(7)
    for runs in (1, 2, 3, 4, 5, 7, 11):
        keys = rng.integers(0, 1 << 32, (16 * runs, 8), np.uint32)
        truth = np.sort(keys, axis=0)
        sort(keys)
        assert np.array_equal(keys, truth)


def check_near_keys(game: Any) -> None:
    """Keys that are equal, or that only their last digits tell apart, beside one far from all."""
    rng = np.random.default_rng(10)
    for members in (17, 24):
        gains, keys = rng.normal(size=(9, members)), rng.integers(0, 5, (9, members)) * 1e-9
        keys[:, 3] = 1.0
        arguments = gains, keys, rng.random((1, members))
        truth = importlib.import_module("shapley_kernels.ranks.ref").discounted(*arguments)
        np.testing.assert_allclose(game(*arguments), truth, rtol=0, atol=1e-12)


def check_asymmetry(game: Any) -> None:
    """One entry that its mirror image does not equal, or one that is not finite, wherever it stands."""
    rng = np.random.default_rng(9)
    for members in (3, 13, 16, 21, 37):
        distances, others = np.ones((2, members, members)), (np.ones((1, members), np.bool_), np.ones((1, members + 1)))
        for bad in (1 + 1e-4, np.nan, np.inf):
            row, *columns = {*rng.integers(members, size=3).tolist(), 0, members - 1}
            for i, j in [(row, column) for column in columns] + [(column, row) for column in columns]:
                for place in [(1, i, j)] + ([(0, i, i)] if bad != 1 + 1e-4 else []):
                    wrong = distances.copy()
                    wrong[place] = bad
                    with pytest.raises(NotSymmetricError):
                        game(wrong, *others)
                    if not np.isfinite(bad):  # as bad in its mirror image
                        wrong[1, j, i] = bad
                        with pytest.raises(NotSymmetricError):
                            game(wrong, *others)


def check_symmetry(game: Any) -> None:
    """Matrices whose entries are alike in size are seen to be symmetric by the one pass that sums them."""
    rng = np.random.default_rng(11)
    for members in (3, 13, 16, 21, 40):
        distances = rng.uniform(1, 2, (2, members, members))
        distances += np.swapaxes(distances, 1, 2)
        for sign in (1, -1):
            game(sign * distances, np.ones((1, members), np.bool_), np.ones((1, members + 1)))


def check_order(room: Any, ascending: Any) -> None:
    """Orders of numbers that differ early, late, hardly or not at all, of either sign."""
    rng = np.random.default_rng(8)
    near = 1e6 + rng.permutation(70) * 1e-9
    for numbers in (
        rng.normal(size=70),
        rng.normal(size=70) * 10.0 ** rng.integers(-320, 308, 70),
        rng.choice([-np.inf, -1.0, -0.0, 0.0, 5e-324, 1.0, np.inf], 70),
        np.append(near, -near),
        near[:9],
        np.ones(3),
        np.zeros(1),
    ):
        filled, *scratch = room(len(numbers))
        filled[:] = numbers
        found = [int(entry) & 0xFFFFFFFF for entry in ascending(filled, *scratch)]
        assert found == np.argsort(numbers, kind="stable").tolist()


def check_refusal(game: Any, arguments: tuple[Any, ...]) -> None:
    """Data that are not finite, in any column, are refused, by the specification with credits that show it."""
    right, *others = arguments
    for place in range(right.shape[1]):
        wrong, member = right.copy(), np.arange(right.shape[1]) == place
        wrong[(8 + place) % len(wrong), place] = -np.inf
        for present in (member, True):  # the one who is not finite at least, or all
            flagged = [array | present if array.dtype == np.bool_ else array for array in others]
            finite = np.zeros(1)
            with contextlib.suppress(NotFiniteError):
                finite = np.isfinite(game(wrong, *flagged))
                assert game.__module__.endswith("ref")
            assert not finite.all()


def small_cases() -> Iterator[golden.Case]:
    yield from (case for case in built_cases() if case["n"] <= 6)


def uses(case: golden.Case, form: str) -> bool:
    utility, _ = golden.utility_of(case)
    return any(problem.form == form for _, term in utility.terms() for problem in term.reduce())


@contextlib.contextmanager
def quiet_record() -> Iterator[None]:
    """Mutants' errors do not belong into the table of largest errors."""
    with mock.patch("golden.record"), np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize(("form", "role"), sorted({(mutant.form, mutant.role) for mutant in MUTANTS}))
def test_genuine_kernels_pass(form: str, role: str) -> None:
    with quiet_record():
        run_checks(form, load(form, role))


def test_keys_are_sorted() -> None:
    from shapley_kernels.compiled.tiles import sort_rows

    check_sort(sort_rows)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.form}-{m.role}-{m.wrong[:24]}")
def test_mutant_is_refused(mutant: Mutant) -> None:
    module = load(*mutant)
    with quiet_record(), pytest.raises((AssertionError, ValueError, IndexError, pytest.fail.Exception)):
        run_checks(mutant.form, module)


def test_every_form_has_mutants_of_both_roles() -> None:
    assert {(mutant.form, mutant.role) for mutant in MUTANTS} == {(form, role) for form, _ in GAMES for role in ("ref", "cpu")}


def test_the_list_is_read_as_written() -> None:
    with pytest.raises(AssertionError, match="stands 0 times"):
        load("table", "ref", "no such text", "")
