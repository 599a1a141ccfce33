"""Plans under a budget: which method is chosen, what is refused, how estimates are extended, and what they save."""

from __future__ import annotations

import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.blackbox.structure import Structure

from plan_cases import ESTIMATORS, GAMES, PHRASES, SIXTEEN, TREE, every, table, text, windows


@pytest.mark.parametrize("kind", ["rotation", "kriging"])
def test_unions_are_kept_together(kind: str) -> None:
    """No coalition splits two unions."""
    plan = sc.plan([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], budget=100, method=kind)
    inside = plan.coalitions.reshape(-1, 3, 4).sum(axis=2)
    assert ((inside % 4 != 0).sum(axis=1) <= 1).all()


def test_auto_says_what_it_chose_and_why() -> None:
    assert sc.plan(4).method == sc.plan(4, budget=16).method == "exact"
    assert "16 coalitions that matter" in sc.plan(4, budget=16).reason
    assert sc.plan(40, budget=400).method == "kriging"
    assert "at most 2,048" in repr(sc.plan(40, budget=400))
    assert sc.plan(12, budget=3000).method == "adjusted"
    assert "unbiased" in sc.plan(12, budget=3000).reason
    assert not sc.plan(40, budget=400).unbiased
    assert sc.plan(12, budget=3000).unbiased


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coalitions": 30}, r"an exact value needs 1,073,741,824 evaluations; give a budget of at least 64"),
        ({"coalitions": 30, "budget": 20}, r"'kriging' needs a budget of at least 64 evaluations of k = 30 members; got 20"),
        ({"coalitions": 8, "budget": 10, "method": "rotation"}, r"'rotation' needs a budget of at least 44"),
        ({"coalitions": 8, "budget": 100, "method": "exact"}, r"'exact' needs a budget of at least 256"),
        ({"coalitions": 8, "budget": 100, "method": "magic"}, r"method must be 'auto' or one of exact, .*; got 'magic'"),
        ({"coalitions": 8, "budget": -1}, r"budget must be a whole number >= 0; got -1"),
        ({"coalitions": 8, "budget": 2.5}, r"budget must be a whole number >= 0; got 2.5"),
        ({"coalitions": 8, "seed": "a"}, r"seed must be a whole number >= 0; got 'a'"),
        (
            {"coalitions": 8, "budget": 60, "method": "regression", "levels": (semivalues.banzhaf,)},
            r"is for Shapley on all levels",
        ),
        ({"coalitions": TREE, "budget": 60, "method": "regression"}, r"is for members without unions"),
        ({"coalitions": 2, "budget": 60, "method": "kriging"}, r"k = 2 members need no estimate"),
        ({"coalitions": sc.CoalitionTree.from_labels([[0, 0, 1]] * 2)}, r"one plan for each of the groups"),
    ],
)
def test_plans_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        sc.plan(**arguments)


def test_values_that_cannot_be() -> None:
    plan = sc.plan(3)
    with pytest.raises(sc.InputError, match=r"shape \[\.\.\., 8\].* got float64 of shape \(2, 7\)"):
        plan.solve(np.zeros((2, 7)))
    with pytest.raises(sc.InputError, match=r"found nan at \[1, 2\]"):
        plan.solve(np.where(np.arange(16).reshape(2, 8) == 10, np.nan, 0))
    with pytest.raises(sc.InputError, match="nothing to gain"):
        plan.extend(10)
    with pytest.raises(sc.InputError, match="level must lie between 0 and 1; got 95"):
        plan.solve(np.zeros(8)).interval(95)


class Counted:
    """A game that knows what it was asked."""

    def __init__(self, k: int) -> None:
        self.table, self.asked = table(k), list[int]()

    def __call__(self, coalition: tuple[int, ...]) -> float:
        self.asked.append(sum(1 << i for i in coalition))
        return float(self.table[self.asked[-1]])


@pytest.mark.parametrize("name", ["auto", *ESTIMATORS])
def test_extend_asks_only_what_is_new(name: str) -> None:
    game = Counted(10)
    budget = 400 if name in ("boosted", "adjusted") else 200
    first = sc.estimate(game, 10, budget=budget, method=name, seed=2)
    paid = len(game.asked)
    assert paid == first.evaluations == len(set(game.asked)) <= budget
    more = first.extend(200)
    assert len(game.asked) == len(set(game.asked)) <= budget + 200
    assert more.evaluations > first.evaluations
    fresh = sc.estimate(Counted(10), 10, budget=budget + 200, method=name, seed=2)
    assert more.values.tobytes() == fresh.values.tobytes()
    assert [evaluations for evaluations, _ in more.trace] == [first.evaluations, more.evaluations]


@pytest.mark.parametrize("tree", [30, [list(range(start, start + 10)) for start in range(0, 30, 10)]], ids=["flat", "tree"])
@pytest.mark.parametrize("levels", [None, semivalues.banzhaf], ids=["shapley", "banzhaf"])
def test_extend_keeps_what_kriging_asked(tree: Any, levels: Any) -> None:
    """Beyond the budget up to which `auto` takes kriging; not before the rest pays for two replicates."""
    rules = None if levels is None else [levels] * (1 if tree == 30 else 2)
    plans = [sc.plan(tree, budget=1600, levels=rules, seed=1)]
    for more in (400, 60, 2000, 3000):
        plans.append(plans[-1].extend(more))
        assert len(plans[-1].coalitions) <= plans[-1].budget == plans[-2].budget + more
        assert set(plans[-2].members) < set(plans[-1].members)
    assert [plan.method for plan in plans] == ["kriging", "kriging", "kriging", "adjusted", "adjusted"]
    assert "pays for no unbiased mean" in plans[2].reason
    again = pickle.loads(pickle.dumps(plans[3]))
    assert again == plans[3] == plans[2].extend(2000) != sc.plan(tree, budget=4060, levels=rules, seed=1)
    weights = np.arange(30.0)
    found = plans[3].solve(plans[3].coalitions @ weights)
    np.testing.assert_allclose(found.values, weights, atol=1e-9)


def test_extend_ends_in_the_exact_value() -> None:
    game = Counted(10)
    result = sc.estimate(game, 10, budget=500).extend(1000)
    assert result.method == "exact"
    assert len(game.asked) == 1024
    np.testing.assert_allclose(result.values, sc.set_shapley(sc.utilities.Table(game.table)), atol=1e-13)
    with pytest.raises(sc.InputError, match="knows no utility"):
        sc.plan(3).solve(np.zeros(8)).extend(5)


def test_tol_stops_early() -> None:
    game = Counted(10)
    loose = sc.estimate(game, 10, budget=900, tol=1.0)
    tight = sc.estimate(Counted(10), 10, budget=900, tol=0.0)
    assert loose.evaluations == 112  # an eighth
    assert tight.evaluations > 850
    assert loose.stderr.max() <= 1.0
    assert [evaluations for evaluations, _ in tight.trace] == sorted({evaluations for evaluations, _ in tight.trace})
    with pytest.raises(sc.InputError, match="tol must be a number >= 0"):
        sc.estimate(game, 10, budget=900, tol=-1.0)


def test_tol_is_not_reached_by_chance() -> None:
    """64 coalitions of 30 members may fit a game that is far from this one, and then leave hardly any standard error."""
    wanted = np.r_[2 / 3, 1 / 6, 1 / 6, np.zeros(27)]

    def worth(coalition: tuple[int, ...]) -> float:
        return float(0 in coalition and (1 in coalition or 2 in coalition))

    few = sc.estimate(worth, 30, budget=64)
    assert few.stderr.max() < 0.002 < 0.2 < abs(few.values - wanted).max()
    found = sc.estimate(worth, 30, budget=512, tol=0.002)
    assert [evaluations for evaluations, _ in found.trace] == [512]  # 64, 128 and 256 are less than ten a member
    assert abs(found.values - wanted).max() < 0.05


@pytest.mark.parametrize("cache", [[], "answers.db", 3], ids=["list", "path", "number"])
def test_what_is_no_cache_is_refused_before_anything_is_asked(cache: Any) -> None:
    game = Counted(10)
    with pytest.raises(sc.InputError, match="cache must be a mapping from requests to values, a dict or a Cache; got"):
        sc.estimate(game, 10, budget=100, cache=cache)
    assert not game.asked


def test_text_of_six_sentences_of_four_phrases() -> None:
    assert len(sc.plan(PHRASES).coalitions) == 2752
    plan = sc.plan(PHRASES, budget=256)
    assert (plan.method, len(plan.coalitions)) == ("kriging", 256)


@pytest.mark.parametrize("tree", SIXTEEN)
@pytest.mark.parametrize("game", GAMES)
def test_kriging_on_trees_beats_random_orders(tree: str, game: str) -> None:
    """Squared error times evaluations, against plain orders within unions; measured .3 for threshold, .01 for others."""
    exact = sc.plan(SIXTEEN[tree])
    truth = exact.solve(GAMES[game](exact.coalitions)).values
    costs = {}
    for name in ("permutation", "kriging"):
        error, evaluations = 0.0, 0
        for seed in range(20):
            plan = sc.plan(SIXTEEN[tree], budget=300, method=name, seed=seed)
            error += float(((plan.solve(GAMES[game](plan.coalitions)).values - truth) ** 2).mean())
            evaluations += len(plan.coalitions)
        costs[name] = error * evaluations
    assert costs["kriging"] <= 0.8 * costs["permutation"]


@pytest.mark.parametrize("seed", range(3))
def test_text_under_a_budget_beats_contiguous_windows(seed: int) -> None:
    game, exact = text(seed), sc.plan(PHRASES)
    truth = exact.solve(game(exact.coalitions)).values
    plan = sc.plan(PHRASES, budget=256, seed=seed)
    ours = np.linalg.norm(plan.solve(game(plan.coalitions)).values - truth)
    assert ours <= 0.5 * np.linalg.norm(windows(game, 24, 8) - truth)


def test_boosted_trees_are_the_games_they_predict() -> None:
    from shapley_credit.blackbox.boosting import fit

    everything = every(8)
    model = fit(everything, table(8))
    game = model.predict(everything)
    assert np.corrcoef(game, table(8))[0, 1] > 0.9
    for coalitions, levels in product((8, TREE), (None,)):
        structure = Structure(coalitions, levels)
        np.testing.assert_allclose(model.credits(structure), sc.owen(game, structure.tree), atol=1e-12)
