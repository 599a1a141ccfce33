"""Plans: every method against exact values, its own promises, and games on which it must be exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.blackbox import replicates
from shapley_credit.blackbox.kriging import method as kriging
from shapley_credit.blackbox.kriging.chooser import Chooser
from shapley_credit.blackbox.kriging.covariance import Covariance, white
from shapley_credit.blackbox.kriging.posterior import Posterior
from shapley_credit.blackbox.linear_algebra import inverse_root, precise, times
from shapley_credit.blackbox.structure import Structure

from plan_cases import CASES, IDS, LEVELS, OF_TREES, PAIRS, SCORES, TREE, Array, best_of, budget_of, codes, every, table


@pytest.mark.parametrize("coalitions", [5, 8, TREE, [[0, 4, 2], [3, 1]], [[1], [0, 2]]], ids=str)
@pytest.mark.parametrize("levels", [None, "mixed"])
def test_exact_plan_gives_the_exact_value(coalitions: Any, levels: Any) -> None:
    structure = Structure(coalitions, None)
    rules = None if levels is None else (semivalues.banzhaf, semivalues.shapley, semivalues.beta(2, 1))[: structure.tree.depth]
    values = table(structure.k)
    plan = sc.plan(coalitions, levels=rules)
    assert plan.method == "exact"
    assert len(plan.coalitions) == structure.tree.budget()
    result = plan.solve(values[codes(plan.coalitions)])
    truth = sc.owen(values, structure.tree, levels=rules)
    np.testing.assert_allclose(result.values, truth, atol=1e-13)
    assert not result.stderr.any()


@pytest.mark.parametrize(("name", "coalitions", "levels", "exact"), CASES, ids=IDS)
def test_plan_keeps_its_promises(name: str, coalitions: Any, levels: Any, exact: Callable[[Array], Array]) -> None:
    budget = budget_of(name, coalitions, levels)
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    plan = sc.plan(coalitions, budget=budget, method=name, levels=levels, seed=3)
    again = sc.plan(coalitions, budget=budget, method=name, levels=levels, seed=3)
    other = sc.plan(coalitions, budget=budget, method=name, levels=levels, seed=4)
    asked = codes(plan.coalitions).tolist()
    assert len(set(asked)) == len(asked) <= budget
    assert {0, 255} <= set(asked)
    assert asked == codes(again.coalitions).tolist() != codes(other.coalitions).tolist()
    values = table(8)[asked]
    first, second = plan.solve(values), plan.solve(values)
    for field in ("values", "stderr"):
        assert getattr(first, field).tobytes() == getattr(second, field).tobytes()
        assert getattr(again.solve(values), field).tobytes() == getattr(first, field).tobytes()
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002
    assert first.evaluations == len(asked)
    if plan.structure.efficient:
        assert first.residual is not None
        assert abs(float(first.residual)) <= 1e-13
        assert abs(first.values.sum() - (table(8)[255] - table(8)[0])) <= 1e-13
    else:
        assert first.residual is None
    assert set(asked) <= set(codes(plan.extend(100).coalitions).tolist())


@pytest.mark.parametrize(("name", "coalitions", "levels", "exact"), CASES, ids=IDS)
def test_values_of_any_size_are_solved_alike(name: str, coalitions: Any, levels: Any, exact: Callable[[Array], Array]) -> None:
    plan = sc.plan(coalitions, budget=budget_of(name, coalitions, levels), method=name, levels=levels)
    values = table(8)[codes(plan.coalitions)]
    plain = plan.solve(values)
    for size in (-900, 900):
        far = plan.solve(np.ldexp(values, size))
        np.testing.assert_array_equal(far.values, np.ldexp(plain.values, size))
        np.testing.assert_array_equal(far.stderr, np.ldexp(plain.stderr, size))
    together = plan.solve([values, np.ldexp(values, 900), 0 * values])
    assert together.values[0].tobytes() == plain.values.tobytes()
    assert not together.values[2].any()
    with pytest.raises(sc.InputError, match="overflow float64; scale the values down"):
        plan.solve(np.where(plan.coalitions[:, 0], 1.7e308, -1.7e308))


@pytest.mark.parametrize(("name", "coalitions", "levels", "exact"), CASES, ids=IDS)
def test_many_responses_are_solved_as_one_would_be(
    name: str, coalitions: Any, levels: Any, exact: Callable[[Array], Array]
) -> None:
    plan = sc.plan(coalitions, budget=budget_of(name, coalitions, levels), method=name, levels=levels)
    asked = codes(plan.coalitions)
    values = np.stack(
        [[table(8, seed)[asked] for seed in range(3)], [np.maximum(table(8, seed)[asked], 0) for seed in range(3)]]
    )
    together = plan.solve(values)
    assert together.values.shape == together.stderr.shape == (2, 3, 8)
    for place in np.ndindex(2, 3):
        alone = plan.solve(values[place])
        assert alone.values.tobytes() == together.values[place].tobytes()
        assert alone.stderr.tobytes() == together.stderr[place].tobytes()


@pytest.mark.parametrize("coalitions", [6, [[5, 1], [0, [3, 4]], [2]]], ids=["flat", "tree"])
@pytest.mark.parametrize("levels", [None, "mixed"])
def test_covariances_have_the_credits_and_variances_of_their_games(coalitions: Any, levels: Any) -> None:
    structure = Structure(coalitions, None)
    rules = None if levels is None else (semivalues.beta(1, 2), semivalues.shapley, semivalues.banzhaf)[: structure.tree.depth]
    structure = Structure(coalitions, rules)
    everything = every(6).astype(np.float64)
    rng = np.random.default_rng(2)
    covariance = Covariance(rng.random(6), rng.random(6) * np.array([1, 1, 0, 1, 1, 1]), 0.3)
    games = covariance.between(everything, everything)

    def credits(games: Array) -> Array:
        return np.array([sc.owen(game, structure.tree, levels=structure.rules) for game in games])

    of_games = credits(games)
    np.testing.assert_allclose(covariance.credits(structure, everything), of_games, atol=1e-14)
    np.testing.assert_allclose(covariance.variance(structure), np.diag(credits(of_games.T)), rtol=1e-12)
    np.testing.assert_allclose(structure.products(everything, 1 - everything), credits(np.eye(64)), atol=1e-15)
    aside = np.asfortranarray(everything)
    np.testing.assert_array_equal(structure.products(aside, 1 - aside), structure.products(everything, 1 - everything))
    np.testing.assert_allclose(white(structure), (credits(np.eye(64)) ** 2).sum(axis=0), rtol=1e-12)


def test_best_of_a_set_on_trees() -> None:
    """max(0, best score), some scores equal, some below 0, all below 0."""
    scores = np.random.default_rng(4).normal(size=(4, 8)).round(1)
    scores[3] = -1
    for coalitions, levels in ((8, None), (TREE, None), (TREE, LEVELS)):
        structure = Structure(coalitions, levels)
        games = np.array([best_of(np.maximum(row, 0))(every(8)) for row in scores])
        truth = sc.owen(games, structure.tree, levels=structure.rules)
        np.testing.assert_allclose(kriging.best_of_set(structure, scores), truth, atol=1e-14)


COVARIANCES = [
    Covariance(np.array([0.3, 0.1, 0.2, 0.5, 0.4]), np.array([0.2, 0.3, 0.0, 0.1, 0.6]), 0.2),
    Covariance(np.array([0.3, 0.1, 0.2, 0.5, 0.4]), np.array([0.3, 0.1, 0.2, 0.5, 0.4]), 0.1),
    Covariance(np.zeros(5), np.array([0.9, 0.7, 1.2, 0.5, 0.4]), 1e-3),
]


@pytest.mark.parametrize("covariance", COVARIANCES, ids=["mixed", "symmetric", "and"])
@pytest.mark.parametrize("levels", [None, (semivalues.beta(2, 1), semivalues.shapley)], ids=["owen", "levels"])
def test_kriging_is_the_posterior_of_its_process(levels: Any, covariance: Covariance) -> None:
    """The posterior mean and covariance of all values, in dense algebra, the credits of that, and those without each pair."""
    tree = [[4, 0, 2], [3, 1]]
    plan = sc.plan(tree, budget=18, method="kriging", levels=levels)
    values = table(5)[codes(plan.coalitions)][None]
    games = kriging.Games(plan.structure, plan.coalitions, values)
    everything = every(5).astype(np.float64)
    seen = codes(plan.coalitions)
    prior = covariance.between(everything, everything)
    scale = np.diag(prior)[seen].mean()
    prior = prior / scale + covariance.noise * np.eye(32)
    trend = np.concatenate([np.ones((32, 1)), everything], axis=1)

    def credits(games: Array) -> Array:
        return np.array([sc.owen(game, tree, levels=levels) for game in games])

    def krige(asked: Array) -> tuple[Array, Array]:
        """The gain [32, asked] and the posterior covariance of all values, in units of the process."""
        inverse = np.linalg.inv(prior[np.ix_(asked, asked)])
        precision = trend[asked].T @ inverse @ trend[asked]
        left = trend - prior[:, asked] @ inverse @ trend[asked]
        gain = prior[:, asked] @ inverse + left @ np.linalg.solve(precision, trend[asked].T @ inverse)
        return gain, prior - prior[:, asked] @ inverse @ prior[asked] + left @ np.linalg.solve(precision, left.T)

    posterior = Posterior(plan.structure, covariance, games.first, needed=True)
    target = games.targets[False]
    credit, process, jackknife = posterior.credits(target)
    gain, spread = krige(seen)
    whole = credits((gain @ values[0])[None])[0]
    np.testing.assert_allclose(credit[0] * games.unit, whole, atol=1e-12)
    scaled = values[0] / games.unit
    fitted = np.linalg.solve(prior[np.ix_(seen, seen)], np.c_[trend[seen], scaled])
    beside = fitted[:, :-1] @ np.linalg.solve(trend[seen].T @ fitted[:, :-1], trend[seen].T @ fitted[:, -1])
    per_game = scaled @ (fitted[:, -1] - beside) / (len(seen) - 6)
    np.testing.assert_allclose(process[0], np.diag(credits(credits(spread).T)) * per_game, atol=1e-13)
    changes = [
        whole - credits((krige(np.delete(seen, [row, row + 1]))[0] @ np.delete(values[0], [row, row + 1]))[None])[0]
        for row in range(0, len(seen), 2)
        if plan.coalitions[row].sum() not in (0, 1, 4, 5)
    ]
    assert len(changes) >= 1
    np.testing.assert_allclose(jackknife[0] * games.unit**2, (np.array(changes) ** 2).sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_restricted_likelihood_slopes_are_its_derivatives(symmetric: bool) -> None:
    plan = sc.plan(6, budget=40, method="kriging", seed=1)
    games = kriging.Games(plan.structure, plan.coalitions, table(6)[codes(plan.coalitions)][None])
    chooser = Chooser(games.first)
    covariance = Covariance(np.full(6, 0.3 if symmetric else 0.2), np.full(6, 0.3), 1e-1)
    rows = plan.coalitions.astype(np.float64)
    free = np.linalg.qr(np.c_[np.ones(len(rows)), rows], mode="complete")[0][:, 7:]
    plain = table(6)[codes(plan.coalitions)] / games.unit[0]

    def likelihood(factors: Array) -> float:
        smooth = Covariance(covariance.absent * factors, covariance.present * factors, 0.0).between(rows, rows)
        inner = free.T @ (smooth * (len(rows) / np.trace(smooth)) + covariance.noise * np.eye(len(rows))) @ free
        target = free.T @ plain
        mean = target @ np.linalg.solve(inner, target) / len(inner)
        return float(-0.5 * (len(inner) * np.log(mean) + np.linalg.slogdet(inner)[1]))

    numeric = [(likelihood(1 + 1e-5 * e) - likelihood(1 - 1e-5 * e)) / 2e-5 for e in np.eye(6)]
    np.testing.assert_allclose(chooser.slopes(covariance, games.targets[False][0]), numeric, rtol=1e-4, atol=1e-6)
    targets = np.repeat(games.targets[False], 60, axis=0)  # few and many games
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shapley_credit.blackbox.kriging.chooser.NOISES", np.array([covariance.noise]))
        for some in (targets[:1], targets):
            found = chooser.likelihoods(covariance.absent[None], covariance.present[None], some)
            np.testing.assert_allclose(found, np.full((1, 1, len(some)), likelihood(np.ones(6))), rtol=1e-10)


@pytest.mark.parametrize("n", [40, 64, 65, 200, 420])
def test_tiles(n: int) -> None:
    """Products and triangular roots in tiles are what they are as a whole."""
    rng = np.random.default_rng(n)
    left, right = rng.normal(size=(3, n, n + 7)), rng.normal(size=(3, n + 7, 70))
    np.testing.assert_allclose(times(left, right), left @ right, atol=1e-12)
    assert times(left, right[..., :1])[1].tobytes() == times(left[1], right[1, :, :1]).tobytes()
    lower = np.tril(rng.normal(size=(2, n, n)))
    np.testing.assert_allclose(times(lower, left[0], "left"), lower @ left[0], atol=1e-12)
    np.testing.assert_allclose(times(left[0, :, :n], lower, "right"), left[0, :, :n] @ lower, atol=1e-12)
    np.testing.assert_allclose(times(lower[0], lower, "right"), lower[0] @ lower, atol=1e-12)
    matrix = np.matmul(left, left.swapaxes(1, 2)) + np.eye(n)
    root = inverse_root(matrix)
    assert not np.triu(root, 1).any()
    np.testing.assert_allclose(root @ matrix @ root.swapaxes(1, 2), np.eye(n)[None].repeat(3, 0), atol=1e-10)
    noises = np.array([0.1, 2.0])
    for count in (3, n + 1):
        squares, logs = precise(matrix, noises, right[0, :n, :1] * np.ones(count))
        for place in np.ndindex(3, 2):
            noisy = matrix[place[0]] + noises[place[1]] * np.eye(n)
            expected = right[0, :n, 0] @ np.linalg.solve(noisy, right[0, :n, 0])
            np.testing.assert_allclose(squares[place], np.full(count, expected), rtol=1e-9)
            np.testing.assert_allclose(logs[place], np.linalg.slogdet(noisy)[1], rtol=1e-12)


def test_games_without_a_dual() -> None:
    """The square of the size, under a semivalue that joins late: even parts count."""
    levels = (semivalues.beta(2, 1),)
    plan = sc.plan(12, budget=120, method="kriging", levels=levels)
    assert not plan.structure.dual
    assert sc.plan(12, budget=120, levels=(semivalues.banzhaf,)).structure.dual
    result = plan.solve(plan.coalitions.sum(axis=1) ** 2.0)
    truth = sc.set_semivalue(every(12).sum(axis=1) ** 2.0, semivalues.beta(2, 1), 12)
    np.testing.assert_allclose(result.values, truth, rtol=1e-3)  # of the odd parts alone: 12


@pytest.mark.parametrize(
    ("name", "coalitions", "game", "budget"),
    [
        ("kriging", 12, best_of(SCORES), 120),
        ("kriging", [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]], best_of(SCORES), 100),
        ("kriging", 12, lambda x: np.einsum("mi,ij,mj->m", x * 1.0, PAIRS, x * 1.0), 120),
        ("kriging", 12, lambda x: x[:, [1, 4, 6]].all(axis=1) * 1.0, 200),
        ("regression", 12, lambda x: np.einsum("mi,ij,mj->m", x * 1.0, PAIRS, x * 1.0), 120),
        ("antithetic", 12, lambda x: np.einsum("mi,ij,mj->m", x * 1.0, PAIRS, x * 1.0), 120),
        ("antithetic", [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]], lambda x: x @ PAIRS[0] + x[:, 1] * x[:, 7], 120),
        ("adjusted", 12, best_of(SCORES), 200),
        ("stratified", 12, lambda x: np.sqrt(x.sum(axis=1)), 170),
    ],
)
def test_games_on_which_a_method_is_exact(name: str, coalitions: Any, game: Callable[[Array], Array], budget: int) -> None:
    values = game(every(12)).astype(np.float64)
    plan = sc.plan(coalitions, budget=budget, method=name)
    result = plan.solve(values[codes(plan.coalitions)])
    np.testing.assert_allclose(result.values, sc.owen(values, plan.structure.tree), atol=2e-6 * np.abs(values).max())


def test_regression_on_all_coalitions_is_the_shapley_value() -> None:
    """Efficiency as a large weight would cost seven digits here."""
    values = table(8)
    plan = sc.plan(8, budget=256, method="regression")
    assert sorted(codes(plan.coalitions).tolist()) == list(range(256))
    result = plan.solve(values[codes(plan.coalitions)])
    np.testing.assert_allclose(result.values, sc.set_shapley(sc.utilities.Table(values)), atol=1e-13)
    assert result.stderr.max() <= 1e-13


def test_rotations_bring_every_member_early_halfway_and_late() -> None:
    """In its union of three, and its union among three; and in each third of nine members without unions."""
    for seed in range(5):
        before = next(replicates.rotation(Structure([[0, 1, 2], [3, 4, 5], [6, 7, 8]], None), seed))  # [9, 3, 9]
        own = np.repeat(np.eye(3, dtype=np.bool_), 3, axis=0)[:, None, :]
        unions = before.reshape(9, 3, 3, 3).sum(axis=3)
        assert (np.sort((unions * own).sum(axis=2), axis=1) == [0, 1, 2]).all()
        assert (np.sort((unions * ~own).sum(axis=2), axis=1) == [0, 3, 6]).all()
        flat = next(replicates.rotation(Structure(9, None), seed)).sum(axis=2)
        assert (np.sort(flat, axis=1) // 3 == [0, 1, 2]).all()


@pytest.mark.parametrize("name", OF_TREES)
def test_plans_of_one_shape_are_solved_together_and_alike(name: str) -> None:
    """Trees of one shape share a design under other names of the members; the bits are those of each plan alone."""
    shapes = [
        [[0, 1, 2], [3, 4], [5, 6, 7]],
        [[7, 0], [1, 3, 5], [6, 2, 4]],
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        [[6, 3], [0, 1, 2], [4, 5, 7]],
    ]
    budget = budget_of(name, 8, None)
    plans = [sc.plan(tree, budget=budget, method=name, seed=2) for tree in shapes]
    assert plans[0].design is plans[1].design is plans[3].design is not plans[2].design
    values = [table(8, seed)[codes(plan.coalitions)] for seed, plan in enumerate(plans)]
    values[1] = np.stack([values[1], values[1] ** 2])
    together = sc.solve_plans(plans, values)
    for plan, tree, own, estimate in zip(plans, shapes, values, together, strict=True):
        alone = sc.plan(tree, budget=budget, method=name, seed=2).solve(own)
        assert estimate.values.tobytes() == alone.values.tobytes()
        assert estimate.stderr.tobytes() == alone.stderr.tobytes()
        assert estimate.values.shape == (*own.shape[:-1], 8)
        parts = np.array([plan.coalitions[:, union].sum(axis=1) % len(union) != 0 for union in tree])
        assert (parts.sum(axis=0) <= 1).all()  # at most one union is split
    with pytest.raises(sc.InputError, match="4 plans need as many values; got 3"):
        sc.solve_plans(plans, values[:3])
