"""The suite must refuse wrong plans, estimators and evaluations: each mutant differs in one place, and a named test refuses it.

The package is imported anew with the mutant in it, and the test with it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest


class Mutant(NamedTuple):
    """What is wrong, in which module, by which replacement, and the test that refuses it."""

    what: str
    module: str
    right: str
    wrong: str
    refused_by: Callable[[Any], object]


def posterior(number: int, levels: bool = False) -> Callable[[Any], object]:
    def run(plans: Any) -> object:
        rules = (plans.semivalues.beta(2, 1), plans.semivalues.shapley) if levels else None
        return plans.test_kriging_is_the_posterior_of_its_process(rules, plans.COVARIANCES[number])

    return run


def slopes(symmetric: bool) -> Callable[[Any], object]:
    return lambda plans: plans.test_restricted_likelihood_slopes_are_its_derivatives(symmetric)


def promises(name: str) -> Callable[[Any], object]:
    return lambda plans: plans.test_plan_keeps_its_promises(name, 8, None, plans.sc.set_shapley)


def unbiased(name: str) -> Callable[[Any], object]:
    def run(plans: Any) -> object:
        test = load("test_intervals").test_unbiased_methods_are_unbiased_and_their_intervals_cover
        return test(name, 8, None, plans.sc.set_shapley)

    return run


def found(name: str, budget: int) -> Callable[[Any], object]:
    def pairs(plans: Any) -> Callable[[Any], Any]:
        return lambda x: np.einsum("mi,ij,mj->m", x * 1.0, plans.PAIRS, x * 1.0)

    return lambda plans: plans.test_games_on_which_a_method_is_exact(name, 12, pairs(plans), budget)


def covers(name: str, budget: int, seeds: int) -> Callable[[Any], object]:
    return lambda plans: load("test_intervals").test_intervals_cover_on_known_games(name, budget, seeds)


def by_heart(plans: Any) -> object:
    rule = plans.semivalues.shapley
    return load("test_intervals").test_adjusted_is_not_biased_by_a_surrogate_that_learns_by_heart(rule)


def asking(test: str, *arguments: Any) -> Callable[[Any], object]:
    """A test of test_evaluate."""
    return lambda plans: getattr(load("test_evaluate"), test)(plans.sc.plan(6), *arguments)


def credits(plans: Any) -> object:
    return plans.test_covariances_have_the_credits_and_variances_of_their_games(6, None)


def credits_of_tree(plans: Any) -> object:
    return plans.test_covariances_have_the_credits_and_variances_of_their_games([[5, 1], [0, [3, 4]], [2]], None)


def credits_of_levels(plans: Any) -> object:
    return plans.test_covariances_have_the_credits_and_variances_of_their_games(6, "mixed")


def together(plans: Any) -> object:
    return plans.test_plans_of_one_shape_are_solved_together_and_alike("rotation")


def exact(plans: Any) -> object:
    return plans.test_exact_plan_gives_the_exact_value([[0, 4, 2], [3, 1]], "mixed")


MUTANTS = [
    Mutant(
        "exact: signs swapped",
        "solve.functions_on_trees",
        "joined, axis=1) - np.take(values, without",
        "without, axis=1) - np.take(values, joined",
        exact,
    ),
    Mutant("exact: chances left out", "solve.functions_on_trees", ", axis=1)) * p for", ", axis=1)) * p.mean() for", exact),
    Mutant(
        "pairs: no complements",
        "blackbox.random_coalitions",
        "np.stack([halves, ~halves]",
        "np.stack([halves, halves]",
        promises("regression"),
    ),
    Mutant(
        "draws: repeated",
        "blackbox.random_coalitions",
        "rows[first[order]], place",
        "rows, np.arange(len(rows)) + 0 * place[0]",
        promises("rotation"),
    ),
    Mutant(
        "draws: seeds ignored", "blackbox.random_coalitions", "default_rng([seed, ", "default_rng([0, ", promises("kriging")
    ),
    Mutant(
        "replicates: the sum for the mean",
        "blackbox.solution",
        "Solution(each.mean(axis=1)",
        "Solution(each.sum(axis=1)",
        unbiased("rotation"),
    ),
    Mutant(
        "replicates: own variances only",
        "blackbox.solution",
        "(own + own.mean(axis=1, keepdims=True)) / 2",
        "own",
        covers("rotation", 400, 60),
    ),
    Mutant(
        "replicates: errors of one replicate",
        "blackbox.solution",
        "ddof=1) / replicates",
        "ddof=1)",
        covers("rotation", 400, 60),
    ),
    Mutant(
        "interval: normal for Student's t",
        "blackbox.solution",
        "if freedom > 200:",
        "if freedom > 1:",
        lambda plans: load("test_intervals").test_interval_is_of_student(2, 4.30265273),
    ),
    Mutant(
        "strata: sizes of one side", "blackbox.strata", "/ inside.sum(axis=1)", "/ outside.sum(axis=1)", unbiased("stratified")
    ),
    Mutant(
        "regression: sizes weigh alike",
        "blackbox.regression",
        "np.sqrt((k - 1) / (size * (k - size)) /",
        "np.sqrt(1.0 /",
        lambda plans: plans.test_regression_on_all_coalitions_is_the_shapley_value(),
    ),
    Mutant(
        "regression: complete sizes err",
        "blackbox.regression",
        "missed = 1 - np",
        "missed = 1 - 0 * np",
        lambda plans: plans.test_regression_on_all_coalitions_is_the_shapley_value(),
    ),
    Mutant(
        "adjusted: the surrogate is lost",
        "blackbox.adjusted",
        "split.draws, values - predicted)",
        "split.draws, values)",
        unbiased("adjusted"),
    ),
    Mutant("adjusted: the residual is lost", "blackbox.adjusted", "credit=missed.credit + credit", "credit=credit", by_heart),
    Mutant(
        "adjusted: judged by what it was fitted on",
        "blackbox.adjusted",
        "coalitions[: split.seen], values[:, : split.seen], coalitions)",
        "coalitions, values, coalitions)",
        by_heart,
    ),
    Mutant(
        "rotation: orders are not turned",
        "blackbox.random_coalitions",
        "(len(shuffle) * turn + phase) // turns",
        "phase // turns",
        lambda plans: plans.test_rotations_bring_every_member_early_halfway_and_late(),
    ),
    Mutant(
        "covariances: absent for present",
        "blackbox.kriging.covariance",
        "np.exp((1 - coalitions) * self.absent - mean)",
        "np.exp((1 - coalitions) * self.present - mean)",
        credits,
    ),
    Mutant(
        "covariances: odd parts with the wrong sign",
        "blackbox.kriging.covariance",
        "np.subtract(of_first, of_second, out=parts[..., h:, columns])",
        "np.subtract(of_second, of_first, out=parts[..., h:, columns])",
        posterior(2),
    ),
    Mutant(
        "covariances: variance of one draw",
        "blackbox.kriging.covariance",
        "none[i] - 2 * one[i] + both[i]",
        "none[i] - one[i] + both[i]",
        credits_of_levels,
    ),
    Mutant(
        "posterior: without the trend's error",
        "blackbox.kriging.posterior",
        "- (missed**2).sum(axis=0)",
        "- 0 * (missed**2).sum(axis=0)",
        posterior(1),
    ),
    Mutant(
        "posterior: noise forgotten",
        "blackbox.kriging.posterior",
        "smooth / self.scale + self.covariance.noise * noise",
        "smooth / self.scale",
        posterior(0),
    ),
    Mutant(
        "posterior: fit of the trend forgotten",
        "blackbox.kriging.posterior",
        "self.normal, self.wanted) - times",
        "self.normal, 0 * self.wanted) - times",
        posterior(1),
    ),
    Mutant(
        "posterior: coupled parts apart",
        "blackbox.kriging.posterior",
        "if len(seen) == 2 * h:",
        "if len(seen) < h:",
        posterior(2, levels=True),
    ),
    Mutant(
        "jackknife: fixed pairs count",
        "blackbox.kriging.posterior",
        "self.structure.k - size) <= 1",
        "self.structure.k - size) <= -1",
        posterior(0),
    ),
    Mutant(
        "jackknife: dropped",
        "blackbox.kriging.method",
        "np.maximum(process, jackknife * unseen)",
        "process",
        covers("auto", 160, 40),
    ),
    Mutant(
        "left out: as if it had been seen",
        "blackbox.kriging.chooser",
        "odd * of_even - both * of_odd, even",
        "of_even, even",
        posterior(1, levels=True),
    ),
    Mutant(
        "likelihood: no determinant",
        "blackbox.kriging.chooser",
        "NOTHING)) + logs[..., None])",
        "NOTHING)) + 0 * logs[..., None])",
        slopes(True),
    ),
    Mutant("likelihood: slope of the scale", "blackbox.kriging.chooser", " - slope.sum() * share", "", slopes(False)),
    Mutant(
        "kriging: units forgotten",
        "blackbox.kriging.method",
        "return credit * self.unit[rows, None]",
        "return credit",
        found("kriging", 120),
    ),
    Mutant(
        "kriging: no even parts for other levels",
        "blackbox.kriging.method",
        "needed=not structure.dual",
        "needed=False",
        lambda plans: plans.test_games_without_a_dual(),
    ),
    Mutant(
        "tiles: the last one is lost",
        "blackbox.linear_algebra",
        "for j in order if",
        "for j in order[:-1] if",
        lambda plans: plans.test_tiles(420),
    ),
    Mutant(
        "tiles: the lower half unscaled",
        "blackbox.linear_algebra",
        'times(times(lower, below, "left"), upper, "right")',
        'times(below, upper, "right")',
        lambda plans: plans.test_tiles(200),
    ),
    Mutant(
        "tiles: one too many taken for zeros on the left",
        "blackbox.linear_algebra",
        "((i + 1) * high - 1) // deep]",
        "i * high // deep]",
        lambda plans: plans.test_tiles(420),
    ),
    Mutant(
        "tiles: one too many taken for zeros on the right",
        "blackbox.linear_algebra",
        "-(-(j + 1) * deep // wide)",
        "(j + 1) * deep // wide - 1",
        lambda plans: plans.test_tiles(420),
    ),
    Mutant(
        "tiles: half of a determinant",
        "blackbox.linear_algebra",
        "2 * np.log(",
        "np.log(",
        lambda plans: plans.test_tiles(64),
    ),
    Mutant(
        "ends are not asked", "blackbox.design", "for end in (False, True)", "for end in (True, False)", promises("antithetic")
    ),
    Mutant("plan: names of members", "blackbox.plan", "np.argsort(order)", "np.argsort(np.argsort(order))", exact),
    Mutant(
        "solved together: values of another plan",
        "blackbox.plan",
        "arrays[number].reshape(-1",
        "arrays[numbers[0]].reshape(-1",
        together,
    ),
    Mutant(
        "levels: itself among its siblings",
        "blackbox.product_games",
        "np.stack([one * other for",
        "factors * np.stack([one * other for",
        credits_of_tree,
    ),
    Mutant(
        "levels: fewer nodes",
        "blackbox.product_games",
        "nodes((len(level.children) + 1) // 2))",
        "nodes(len(level.children) // 2))",
        credits_of_tree,
    ),
    Mutant(
        "levels: a rise lost",
        "blackbox.product_games",
        "prepend=0.0",
        "prepend=1.0",
        lambda plans: plans.test_best_of_a_set_on_trees(),
    ),
    Mutant(
        "levels: one and both swapped", "blackbox.product_games", "np.outer(t, t)])", "np.outer(t, rest)])", credits_of_tree
    ),
    Mutant(
        "requests: asked twice",
        "blackbox.requests",
        "turn.mine = [] if self.stopped else [item for item in turn.mine if item not in self.answers]",
        "turn.mine = [] if self.stopped else [item for item in turn.mine if item not in self.answers] * 2",
        asking("test_equal_requests_are_asked_once_in_batches", 7),
    ),
    Mutant(
        "asking: no retries",
        "blackbox.asking",
        "for attempt in range(self.tries):",
        "for attempt in range(1):",
        asking("test_of_a_batch_with_junk_only_the_junk_is_asked_again"),
    ),
    Mutant(
        "asking: answers in the order they come",
        "blackbox.asking",
        "places[future] = place\n",
        "places[future] = len(batches) - 1 - place\n",
        asking("test_answers_that_come_in_another_order_stay_in_place"),
    ),
]


class Replacing:
    """Finds one module with a replacement in its source."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.mutant = f"shapley_credit.{mutant.module}", mutant

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name or path is None:
            return None
        file = Path(next(iter(path))) / f"{self.mutant.module.rpartition('.')[2]}.py"
        source, mutant = file.read_text(), self.mutant
        if source.count(mutant.right) != 1:  # no failure of a test, which would look as if the mutant had been refused
            raise LookupError(f"{mutant.right!r} stands {source.count(mutant.right)} times in {file.name}")

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> Any:
                return compile(source.replace(mutant.right, mutant.wrong), str(file), "exec")

        return importlib.util.spec_from_file_location(name, file, loader=Loader(name, str(file)))


def load(name: str) -> ModuleType:
    """A test file, imported anew."""
    spec = importlib.util.spec_from_file_location(f"anew_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def importing(mutant: Mutant) -> Iterator[ModuleType]:
    """The tests of plans on a package with the mutant in it."""
    kept = {name: sys.modules.pop(name) for name in ours()}
    try:
        with mock.patch.object(sys, "meta_path", [Replacing(mutant), *sys.meta_path]):
            yield load("test_plans")
    finally:  # what others have imported meanwhile stays: compilers bear no second import
        for name in ours():
            del sys.modules[name]
        sys.modules.update(kept)


def ours() -> list[str]:
    """The names of the package's modules, and of what the tests of plans share, as far as they are imported."""
    return [name for name in sys.modules if name.split(".")[0] in ("shapley_credit", "plan_cases")]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_mutant_is_refused(mutant: Mutant) -> None:
    with importing(mutant) as plans, np.errstate(all="ignore"):
        failures = (AssertionError, ValueError, IndexError, plans.sc.EvaluationError, pytest.fail.Exception)
        with pytest.raises(failures):
            mutant.refused_by(plans)


@pytest.mark.parametrize("passes", [exact, credits, posterior(2), asking("test_equal_requests_are_asked_once_in_batches", 7)])
def test_without_a_mutant_tests_pass_here_too(passes: Callable[[Any], object]) -> None:
    with importing(MUTANTS[0]._replace(wrong=MUTANTS[0].right)) as plans:
        passes(plans)
