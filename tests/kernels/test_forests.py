"""Compiled kernels of groups with a tree each: held to the engine of one tree, and to refuse wrong versions of themselves."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
from shapley_credit import dispatch

from errors_seen import tolerance
from kernel_inputs import GAMES, Array, inputs
from shapley_kernels.arguments import arguments as described
from shapley_kernels.trees.shapes import tree_of, uniform

pytestmark = pytest.mark.numba

TREES = "shapley_kernels.compiled.forests"
OF_TREES = [(form, game) for form, game in GAMES if dispatch.has_kernel(form, game, "forest")]
FORMS = sorted({form for form, _ in OF_TREES})
# Groups, members, levels of unions: nobody, one member, no union, deep ones, several blocks of sets.
SIZES = [(0, 4, 1), (3, 1, 1), (4, 2, 2), (6, 5, 0), (12, 7, 1), (12, 9, 3), (5, 24, 1), (2, 70, 2)]


def unions(rng: np.random.Generator, groups: int, members: int, levels: int) -> Array:
    """Labels [B, levels, K] of any size and sign: few unions, one, or nearly as many as members."""
    kinds = rng.integers(1, rng.choice([2, 4, members + 2], (groups, levels, 1)), (groups, levels, members))
    return np.asarray((kinds * 982_451_653 * rng.choice([1, 1 << 33, -1], (groups, 1, 1))), np.int64)


def by_engine(form: str, game: str, arguments: Sequence[Any], labels: Array) -> Array:
    """Credits of each group by the engine of one tree."""
    found = np.zeros((len(arguments[0]), labels.shape[2]))
    for group in range(len(found)):
        own = [array if array.shape[0] == 1 else array[group : group + 1] for array in arguments]
        mixes = [uniform] * (labels.shape[1] + 1)
        found[group] = dispatch.kernel(form, game, "tree")(*own, tree_of(labels[group % len(labels)]), mixes)[0]
    return found


class Trial(NamedTuple):
    """Arguments of a kernel, the labels of the trees, and the credits by the engine."""

    game: str
    arguments: tuple[Any, ...]
    labels: Array
    truth: Array


@lru_cache(maxsize=16)
def trials(form: str, dtype: Any) -> list[Trial]:
    found, rng = [], np.random.default_rng(11)
    for _, game in (each for each in OF_TREES if each[0] == form):
        for groups, members, levels in SIZES:
            arguments = inputs(form, game, rng, groups, members, dtype)
            if members == 7:  # more elements than go down a tree at once
                axes = [argument.axes for argument in described(form, game).values()]
                pairs = zip(arguments, axes, strict=True)
                arguments = tuple(np.concatenate([array] * 9, axis=-1) if "E" in names else array for array, names in pairs)
            for rows in (groups, 1):  # a tree each, and one for all
                labels = unions(rng, rows, members, levels)
                found.append(Trial(game, arguments, labels, by_engine(form, game, arguments, labels)))
    return found


def check(form: str, module: Any, dtype: Any) -> None:
    """The credits of the engine in every trial, and no input changed."""
    for game, arguments, labels, truth in trials(form, dtype):
        before = [array.copy() for array in (*arguments, labels)]
        credit = getattr(module, game)(*arguments, labels)
        assert credit.shape == truth.shape
        scale = np.prod([np.abs(array).max(initial=1.0) for array in arguments if array.dtype.kind == "f"])
        most = float(scale) * max((array.shape[-1] for array in arguments if array.ndim == 3), default=1)
        assert np.abs(credit - truth).max(initial=0.0) <= tolerance(dtype) * most, game
        assert all(np.array_equal(a, b) for a, b in zip(before, (*arguments, labels), strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("form", FORMS)
def test_they_have_the_credits_of_the_engine(form: str, dtype: str) -> None:
    check(form, importlib.import_module(f"shapley_kernels.{form}.forest"), dtype)


@pytest.mark.parametrize(("form", "game"), OF_TREES, ids=[f"{form}-{game}" for form, game in OF_TREES])
def test_no_bit_depends_on_the_batch_or_on_names(form: str, game: str) -> None:
    rng = np.random.default_rng(13)
    kernel = dispatch.kernel(form, game, "forest")
    arguments, labels = inputs(form, game, rng, 40, 11, "float64"), unions(rng, 40, 11, 2)
    whole = kernel(*arguments, labels)
    own = [[array if array.shape[0] == 1 else array[group : group + 1] for array in arguments] for group in range(40)]
    alone = np.concatenate([kernel(*own[group], labels[group : group + 1]) for group in range(40)])
    with mock.patch("shapley_kernels.compiled.threads.GRAIN_NS", 1), mock.patch("numba.config.NUMBA_NUM_THREADS", 3):
        split = kernel(*arguments, labels)
    renamed = kernel(*arguments, ~labels)
    assert whole.tobytes() == alone.tobytes() == split.tobytes() == renamed.tobytes()


@pytest.mark.parametrize(("form", "game"), OF_TREES, ids=[f"{form}-{game}" for form, game in OF_TREES])
def test_float32_is_computed_in_float64(form: str, game: str) -> None:
    rng = np.random.default_rng(17)
    labels = unions(rng, 40, 30, 2)
    narrow = inputs(form, game, rng, 40, 30, "float32")
    wide = [array.astype(np.float64) if array.dtype.kind == "f" else array for array in narrow]
    kernel = dispatch.kernel(form, game, "forest")
    assert np.array_equal(kernel(*narrow, labels), kernel(*wide, labels))


def test_a_small_chance_keeps_its_digits() -> None:
    chances, labels = np.array([[1e-20, 3e-18, 1e-25]]), np.array([[[0, 0, 1]]])
    credit = dispatch.kernel("products", "noisy_or", "forest")(chances, labels)
    assert np.allclose(credit, chances, rtol=1e-12, atol=0)


class Mutant(NamedTuple):
    """One replacement in the trees, or in the file of a form."""

    what: str
    form: str
    right: str
    wrong: str
    module: str = ""


def of_trees(what: str, right: str, wrong: str) -> Mutant:
    return Mutant(what, "thresholds", right, wrong, TREES)


MUTANTS = [
    of_trees(
        "the last level is lost", "levels, members = labels.shape", "levels, members = labels.shape[0] - 1, labels.shape[1]"
    ),
    of_trees("labels in one slot are one union", "and labels[firsts[table[slot]]] != label", "and False"),
    of_trees("a union is too small", "tree[STOP, known - 1] = p + 1", "tree[STOP, known - 1] = p + (p % 2)"),
    of_trees(
        "one union on a level ends the tree",
        "scratch) == 1:\n            level += 1",
        "scratch) == 1:\n            level = levels",
    ),
    of_trees(
        "all unions stand for themselves", "level == levels or scratch[3, p] == p", "level <= levels or scratch[3, p] == p"
    ),
    of_trees("members stay where they are", "order[p] = moved[p]", "order[p] = order[p]"),
    Mutant("all children reach every height", "thresholds", ") / reaching\n", ") / tree[COUNT, node]\n"),
    Mutant("a gap is missed", "thresholds", "before = measure[p]", "before = measure[p] if p % 3 else before"),
    Mutant(
        "a union ends before its last member", "thresholds", "place + 1 == tree[STOP, child]", "place == tree[START, child]"
    ),
    Mutant("a union never ends", "thresholds", "reaching -= place + 1 ==", "reaching -= place + 1 >"),
    Mutant("absent members stand at the base", "thresholds", "if here[i] else -np.inf", "if here[i] else 0.0"),
    Mutant(
        "absent members are paid", "thresholds", "measure[p] if here[ranked[p]] else 0.0", "measure[p] + (not here[ranked[p]])"
    ),
    Mutant(
        "similarities below 0 count",
        "thresholds",
        "max(np.float64(scores[group, i, element]), 0.0)",
        "scores[group, i, element]",
    ),
    Mutant("heights are not sorted", "thresholds", "while step > 0:", "while step > 1:"),
    Mutant("to children that a set does not touch", "dividends", "max(touched[node, e], 1)", "max(tree[COUNT, node], 1)"),
    Mutant("members are counted, not children", "dividends", "+= touched[node, e] > 0", "+= touched[node, e]"),
    Mutant(
        "sets of the first block over and over", "dividends", "if hits[group, member, start + e]", "if hits[group, member, e]"
    ),
    Mutant("classes: members are counted, not children", "dividends", "fresh = seen[node] != c", "fresh = node > 0"),
    Mutant("classes: the last union alone divides", "dividends", "parts *= touched[node]", "parts = touched[node]"),
    Mutant("classes: absent members count", "dividends", "if not here[i]:", "if not here[i] and i:"),
    Mutant(
        "nodes of too few children", "products", "quadrature.rule(int(children),", "quadrature.rule(max(int(children) - 2, 1),"
    ),
    Mutant(
        "siblings before a member are lost",
        "products",
        "total += before[j - first, m] * running[m]",
        "total += table[2, o + m] * running[m]",
    ),
    Mutant("unions above are lost", "products", "games[2, child] *= games[2, node]", "games[2, child] *= 1.0"),
    Mutant("a union is its last member", "products", "a, b = a * games[0, child]", "a, b = games[0, child]"),
    Mutant("absent siblings count 1", "products", "b * games[1, child]\n", "b\n"),
    Mutant("games of a mixture weigh alike", "products", "member, x] * weight", "member, x]"),
]


def plain(name: str, right: str, wrong: str) -> ModuleType:
    """A file of kernels with nothing compiled, and with one replacement."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    source = spec.loader.get_source(name)  # type: ignore[union-attr]
    assert source.count(right) == 1 or not right, f"{right!r} stands {source.count(right)} times in {name}"
    module = importlib.util.module_from_spec(spec)
    exec(compile(source.replace(right, wrong) if right else source, name, "exec"), module.__dict__)
    return module


@contextmanager
def as_plain_python(mutant: Mutant) -> Iterator[ModuleType]:
    """The file of a form, on plain trees."""
    replaced = (mutant.right, mutant.wrong)
    jit = "shapley_kernels.compiled.jit"
    with (
        np.errstate(all="ignore"),
        mock.patch(f"{jit}.jit", lambda function: function),
        mock.patch(f"{jit}.jit_reassociated", lambda function: function),
        mock.patch("shapley_kernels.compiled.threads.GRAIN_NS", 1 << 62),  # no other thread, which would warn
        mock.patch.dict("sys.modules", {TREES: plain(TREES, *(replaced if mutant.module else ("", "")))}),
    ):
        module = plain(f"shapley_kernels.{mutant.form}.forest", *(("", "") if mutant.module else replaced))
        vars(module).update(BLOCK=16)
        yield module


@pytest.mark.parametrize("form", FORMS)
def test_the_genuine_kernels_pass_as_plain_python(form: str) -> None:
    with as_plain_python(Mutant("none", form, "", "")) as module:
        check(form, module, "float64")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_mutant_is_refused(mutant: Mutant) -> None:
    refused = pytest.raises((AssertionError, ValueError, IndexError, ZeroDivisionError))
    with as_plain_python(mutant) as module, refused:
        check(mutant.form, module, "float64")
