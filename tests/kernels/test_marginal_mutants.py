"""Wrong marginal contributions must be refused: each mutant below differs from the library in one place.

A mutant lends its code to the functions of the library, wherever those have been imported, while the check of the definition
runs on families that it should spoil.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit.testing.instances import FAMILIES
from shapley_credit.testing.random_games import tables

from marginals import by_definition, check_of_every_kernel, equals_the_definition, orders_of
from structures import function_of

NAMED = {family.__name__: family for family in FAMILIES}


class Mutant(NamedTuple):
    """One replacement in the source of a module, and who shows it: families, the kernels themselves or functions."""

    module: str
    right: str
    wrong: str
    shown_by: str


KERNELS, PREFIXES = "shapley_kernels.{}.order", "shapley_kernels.earlier_members"
FAMILY, ORDERS = "shapley_credit.utilities.{}", "shapley_credit.solve.orders"
AXES, CALLABLES = "shapley_kernels.member_axes", "shapley_credit.solve.callables"


def of_kernels(form: str, *places: tuple[str, str, str]) -> list[Mutant]:
    return [Mutant(KERNELS.format(form), *place) for place in places]


def of_families(file: str, *places: tuple[str, str, str]) -> list[Mutant]:
    return [Mutant(FAMILY.format(file), *place) for place in places]


MUTANTS = [
    *of_kernels(
        "thresholds",
        ("rises(best, start)", "rises(best)", "Max"),
        ('running("maximum", xp.where(present, scores, start))', "xp.where(present, scores, start)", "Max"),
        ("xp.where(present, scores, start)", "scores", "kernels"),
        ("present & (counted(present) == 1)", "counted(present) == 1", "kernels"),
        ("xp.where(first, height, 0)", "xp.where(first, scores, 0)", "Max"),
        ("xp.where(first, height, 0)", "xp.where(first & (height > 0), height, 0)", "Max"),
        ("at_least(scores, 0)", "scores", "FacilityLocation"),
        ("rises(best) * weights[:, None, :]", "rises(best)", "FacilityLocation"),
    ),
    *of_kernels(
        "dividends",
        ("won = hits &", "won = ", "Coverage"),
        ("won = hits & (first[:, None, :] == counting(hits.shape[1], hits)[None, :, None])", "won = hits", "Coverage"),
        ("xp.where(won, weights[:, None, :], 0)", "xp.astype(won, xp.float64)", "Coverage"),
        ("earlier_alike(labels, present) == 0", "earlier_alike(labels, present) <= 1", "DistinctCount"),
        ("present & (earlier_alike", "(earlier_alike", "kernels"),
        ("xp.flip(coverage(xp.flip(sets, axis=1), weights), axis=1)", "coverage(sets, weights)", "Moebius"),
    ),
    *of_kernels(
        "products",
        ("products_before(inside) * products_after(outside)", "products_before(inside) * products_after(inside)", "Product"),
        ("products_before(inside) * products_after(outside)", "products_before(inside)", "Product"),
        ("products_before(inside) * products_after(outside)", "products_after(inside) * products_before(outside)", "Product"),
        ("* weights[:, :, None]", "", "ExpectedMax"),
        ("products_before(1 - xp.astype(chances, xp.float64))", "products_before(xp.astype(chances, xp.float64))", "NoisyOr"),
    ),
    *of_kernels(
        "pairs",
        ("np.tri(distances.shape[1], k=-1", "np.tri(distances.shape[1], k=0", "SumPairwise"),
        ("then * pairs + (then - now)", "then * pairs + (now - then)", "SumPairwise"),
        ("then * pairs + (then - now)", "now * pairs + (then - now)", "SumPairwise"),
        ("sums_before(pairs)", "pairs", "SumPairwise"),
        ("at_least(size - 1, 0)", "size", "MeanPairwise"),
        ("xp.where(earlier, distances, 0)", "distances", "Cut"),
    ),
    *of_kernels(
        "ranks",
        ("lambda better, size: better)", "lambda better, size: 0 * better)", "DCG"),
        ("counted(ranking_before(key, here))", "xp.astype(ranking_before(key, here), xp.int64)", "TopM"),
        ("better * members + at_least(size - 1, 0)", "better * members + at_least(size - 2, 0)", "LStatistic"),
        ("better * members + at_least(size - 1, 0)", "better * members + size", "MthLargest"),
        ("weight * gain[:, None, :], here", "weight * gain[:, :, None], here", "SoftKNN"),
        ("reads[:, :, None], 1.0", "reads[:, :, None], 0.5", "Cascade"),
        ("xp.astype(1 + counted(better), xp.float64) if", "xp.astype(2 + counted(better), xp.float64) if", "ERR"),
        ("if by_rank else 1.0", "", "Cascade"),
        ("& present[:, None, :]", "", "MthLargest"),
        ("arrived(parts.shape[1], parts) &", "", "TopM"),
        ("xp.sum(rises(xp.where(there, parts, 0.0)), axis=2)", "xp.sum(xp.where(there, parts, 0.0), axis=2)", "DCG"),
    ),
    *of_kernels(
        "counts",
        ("then * x + (then - now)", "then * x - (then - now)", "Mean"),
        ("then * x + (then - now)", "now * x + (then - now)", "SizedSum"),
        ("* sums_before(x)", "* x", "SizedSum"),
        ("looked_up(f, size) - looked_up(f, at_least(size - 1, 0)), 0)", "looked_up(f, size), 0)", "Cardinality"),
        ("f).where(present, ", "f).where(present | True, ", "kernels"),
        ("(present & ~correct, present)", "(~correct, present)", "PassAtK"),
        ("(wrong - j, 0)", "(wrong - j + 1, 0)", "PassAtK"),
        ("range(min(m, correct.shape[1]))", "range(min(m, correct.shape[1]) - 1)", "PassAtK"),
        ("(wrong - size) / at_least(wrong, 1)", "(wrong - size) / at_least(size, 1)", "PassAtK"),
        ("miss * m / at_least(size - m, 1)", "miss * m / at_least(size, 1)", "PassAtK"),
        ("size > m, later", "size >= m, later", "PassAtK"),
        ("1 - miss, 0.0", "1.0, 0.0", "PassAtK"),
        ("earlier_alike(labels, present) + 1, 0", "earlier_alike(labels, present), 0", "Plurality"),
        ("counted(present & mine)", "counted(mine)", "Plurality"),
        ("present & ~mine, earlier", "present, earlier", "Plurality"),
        ('most = counted(present & mine), running("maximum", number)', "most = counted(present & mine), number", "Plurality"),
        ("(number == most) & (most > 0)", "(number <= most) & (most > 0)", "Plurality"),
        ("most > before(most), with_most - 1, 0", "most > before(most), with_most, 0", "Plurality"),
        ('- running("maximum", xp.where(most > before(most), with_most - 1, 0))', "", "Plurality"),
        ("xp.where(votes > 0, level, 0.0)", "level", "Plurality"),
        ("xp.where(votes == most, 1 /", "xp.where(votes >= 0, 1 /", "Plurality"),
        ("votes > most, 1.0", "votes >= most, 1.0", "Plurality"),
        ("at_most(number + 1, labels.shape[1])) - looked_up(f, number)", "number) - looked_up(f, 0 * number)", "ClassCounts"),
        ("alike * (members + 1) + counted(here)[:, :, None]", "alike + (members + 1) * counted(here)[:, :, None]", "Entropy"),
        ("xp.where(leads[:, None, :], worth", "xp.where(here[:, None, :], worth", "UniqueFraction"),
        ("here[:, :, None])  # [b, j, l], of those up to j", "(here | True)[:, :, None])", "GiniSimpson"),
        (", h[:, :1, None])", ")", "kernels"),
        ("prod(shape[kind + 1 :])", "prod(shape[kind:])", "Typed"),
        ("(types == kind) & present", "types == kind", "Typed"),
        ("(place - steps, place)", "(place, place + steps)", "WeightedVoting"),
        ("origin[:, None] + xp", "xp", "SaturatedSum"),
        ("xp.exp(earlier) * xp.expm1", "xp.expm1", "GeometricMean"),
        ("(xp.log(x) - earlier) / number", "xp.log(x) / number", "GeometricMean"),
        ("xp.where(size == 1, x, change)", "change", "GeometricMean"),
    ),
    *of_kernels(
        "gaps",
        ("earlier & here[:, :, None] & here[:, None, :]", "earlier", "MinGap"),
        ("k=-1, dtype", "k=0, dtype", "MinGap"),
        ('running("minimum", nearest)', "nearest", "MinGap"),
    ),
    *of_kernels(
        "table",
        ("xp.ones_like(orders) << orders, axis=1)", "xp.ones_like(orders) << orders, axis=1) & 3", "Table"),
        (", xp.astype(values[:, :1], xp.float64))", ")", "Table"),
    ),
    Mutant(PREFIXES, "[:, :-1, ...]], axis=1)\n\n\ndef sums", "[:, 1:, ...]], axis=1)\n\n\ndef sums", "Max"),
    Mutant(PREFIXES, "array[:, :1, ...]) + first", "array[:, :1, ...])", "Max"),
    Mutant(PREFIXES, "include_initial=True)[:, :-1, ...]", "include_initial=True)[:, 1:, ...]", "SizedSum"),
    Mutant(PREFIXES, ".accumulate(array, axis=1)", ".accumulate(array, axis=0)", "Max"),
    Mutant(PREFIXES, "xp.where(starts, count, 0)", "count", "ClassCounts"),
    Mutant(PREFIXES, "xp.where(starts, count, 0)", "0 * count", "ClassCounts"),
    Mutant(PREFIXES, "return unsorted(order, count", "return (0 * order + count", "ClassCounts"),
    Mutant(PREFIXES, "keys[:, :, None] > keys", "keys[:, :, None] < keys", "TopM"),
    Mutant(PREFIXES, ") & present[:, :, None]", ")", "MthLargest"),
    *of_families(
        "choice",
        ("return w / (rest + w) * (w_0 / rest)", "return w / (rest + w)", "MNLShare"),
        ("(r - sums_before(w * r) / rest)", "r", "MNLRevenue"),
        ("sums_before(w * r) / rest)", "sums_before(r) / rest)", "MNLRevenue"),
        ("where(rest == 0, base / size, ", "where(rest < 0, base / size, ", "SoftmaxMean"),
        ("(r - mean)", "r", "SoftmaxMean"),
    ),
    *of_families(
        "logarithms",
        ("w / (at_most(total, 1.0) / ROOM)", "w / at_most(total, 1.0)", "LogSum"),
        ("log1p(-1 /", "log1p(1 /", "LogMeanExp"),
        ("at_least(size, 2)", "at_least(size, 3)", "LogMeanExp"),
        ("size > 1, xp.log1p", "size > 0, xp.log1p", "LogMeanExp"),
        ("xp.sqrt(rest) + xp.sqrt(rest + w)", "2 * xp.sqrt(rest + w)", "SqrtSum"),
        ("TINY) * 2.0 ** (e / 2)", "TINY) * 2.0**e", "SqrtSum"),
        ('before(running("logaddexp"', '(running("logaddexp"', "LogSumExp"),
        ('scores - in_float64(utility.rows("base", full=True))[:, None]', "scores", "LogSumExp"),
        ("return xp.where(size > 1, rise, first", "return xp.where(size > 2, rise, first", "LogSumExp"),
    ),
    *of_families(
        "cascade",
        ("less, self.keys, orders, True", "less, self.keys, orders, False", "ERR"),
        ("self.keys, orders, False", "None, orders, False", "Cascade"),
        ("along(reading, orders), keys", "reading, keys", "Cascade"),
    ),
    *of_families(
        "dividends",
        ("xp.where(present, place, self.k)", "place", "MyersonPath"),
        ("self.beside(np.argsort(orders, axis=1))", "self.beside(orders)", "MyersonPath"),
        ("later & (i < i[:, None]), i + 1, 0", "later & (i < i[:, None]), i, 0", "MyersonPath"),
        ("later & (i > i[:, None]), i - 1, self.k - 1", "later & (i > i[:, None]), i, self.k - 1", "MyersonPath"),
        (" - worth(mine + 1, last)", "", "MyersonPath"),
        ("xp.where(a <= b,", "xp.where(a < b,", "MyersonPath"),
    ),
    *of_families(
        "determinant",
        ("(whole[:, None] * stretched) ** 2", "(whole[:, None] * stretched)", "Determinant"),
        ("xp.concat([root, x[:, None, :]], axis=1)", "xp.concat([root, 0 * x[:, None, :]], axis=1)", "Determinant"),
    ),
    *of_families(
        "sized",
        ("(n - 1) * n * step**2", "n * n * step**2", "GroupVariance"),
        ("at_least(n - 1, 1)", "n", "GroupVariance"),
        ("(squares - variance) / n", "squares / n", "GroupVariance"),
        ("-step * (2 * earlier + step)", "-step * (earlier + step)", "EnsembleError"),
        ("xp.where(n == 1, xp", "xp.where(n == 0, xp", "EnsembleError"),
        ("before(xp.cumulative_sum(scores, axis=1) / n)", "xp.cumulative_sum(scores, axis=1) / n", "EnsembleError"),
    ),
    Mutant(AXES, "array = along(array, orders, axis)", "array = along(array, np.argsort(orders, axis=1), axis)", "Mean"),
    Mutant(AXES, "along(-xp.astype(rank, xp.float64), orders)", "along(keys, orders)", "DCG"),
    Mutant(ORDERS, "problem.scale * dispatch", "dispatch", "Cut"),
    Mutant(ORDERS, "along(added, np.argsort(rows, axis=1))", "added", "Mean"),
    Mutant(ORDERS, "prod(term.shape) in (1, prod(shape))", "True", "Mean"),
    Mutant(CALLABLES, "np.diff(values, axis=-1), np.argsort(orders, axis=-1)", "np.diff(values, axis=-1), orders", "functions"),
    Mutant(CALLABLES, "np.cumsum(1 << orders, axis=-1)", "1 << orders", "functions"),
]


@contextmanager
def lent(mutant: Mutant) -> Iterator[None]:
    """The functions of a module, and the methods of its classes that know orders, with the code of the mutant."""
    genuine = importlib.import_module(mutant.module)
    source = inspect.getsource(genuine)
    assert source.count(mutant.right) == 1, f"{mutant.right!r} stands {source.count(mutant.right)} times in {mutant.module}"
    wrong = ModuleType(mutant.module)
    exec(compile(source.replace(mutant.right, mutant.wrong), mutant.module, "exec"), wrong.__dict__)
    kept = [(function, function.__code__) for function in functions_of(genuine)]
    try:
        for function, other in zip(functions_of(genuine), functions_of(wrong), strict=True):
            function.__code__ = other.__code__
        yield
    finally:
        for function, code in kept:
            function.__code__ = code


def functions_of(module: ModuleType) -> list[Any]:
    """Those that a module defines, without their decorators."""
    own = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
    methods = [vars(thing).get("marginals") for thing in own if inspect.isclass(thing)]
    found = [inspect.unwrap(thing) for thing in [*own, *methods] if callable(thing) and not inspect.isclass(thing)]
    return [thing for thing in found if isinstance(thing, FunctionType)]


def check_of(shown_by: str) -> Any:
    """A check that refuses a wrong version of what these families, the kernels or functions need."""
    if shown_by == "kernels":
        return check_of_every_kernel

    @settings(max_examples=60, phases=[Phase.generate], database=None)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        if shown_by == "functions":
            k, table = 4, data.draw(tables(4))
            order = orders_of(data, data.draw(st.sampled_from([(), (2,)])), k)
            assert np.array_equal(
                sc.marginal_vector(function_of(table), k, order=order), by_definition(sc.utilities.Table(table), order)[0]
            )
        else:
            family: type[Utility] = NAMED[shown_by]
            equals_the_definition(family, np.float64, data)

    return check


@pytest.mark.parametrize("shown_by", sorted({mutant.shown_by for mutant in MUTANTS}))
def test_the_library_passes(shown_by: str) -> None:
    check_of(shown_by)()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.module.removeprefix('shapley_')}: {mutant.right}")
def test_a_mutant_is_refused(mutant: Mutant) -> None:
    with lent(mutant), pytest.raises((AssertionError, IndexError, ValueError, TypeError, RuntimeWarning)):
        check_of(mutant.shown_by)()
