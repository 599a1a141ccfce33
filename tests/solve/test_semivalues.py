"""Semivalues: their definition, what expected credit follows, and the identities of known credit rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapley_credit import Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.semivalues import Semivalue
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import FAMILIES, Array, Instance, instances

from attempt_games import CHANCE, GRID, REWARDS, SAMPLES, SCORE, K, expected
from errors_seen import tolerance
from family_games import close
from flat_rules import RULES

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
# Instances are small as drawn, and shrinking them for every family would take minutes.
few = settings(max_examples=4, phases=[Phase.explicit, Phase.generate])


def uneven(k: int) -> list[Fraction]:
    """Weights of no known rule, one of them negative where there are three."""
    raw = [Fraction(s + 2, 3) if s != 1 else Fraction(-1, 5) for s in range(k)]
    total = sum((comb(k - 1, s) * p for s, p in enumerate(raw)), Fraction(0))
    return [p / total for p in raw]


def game_credits(table: Array, k: int, p: Sequence[Fraction]) -> list[float]:
    return [float(credit) for credit in oracle.semivalue(game_of(table), k, p)]


# The definition.


@every_family
@few
@given(data=st.data())
def test_equals_the_definition(family: type[Utility], data: st.DataObject) -> None:
    k = data.draw(st.integers(2, 5))
    instance = data.draw(instances(family, np.float64, k))
    utility = Instance(family, k, instance.data, None).utility
    table = table_of(utility)
    scale = np.abs(table).max()
    for rule, weights in RULES:
        assert close(sc.set_semivalue(utility, rule, k), game_credits(table, k, weights(k)), scale, np.float64)
    p = uneven(k)
    given_p = [float(x) for x in p]
    largest = scale * max(1.0, max(map(abs, given_p)) * 2**k)
    for explicit in (given_p, np.array(given_p), semivalues.of_weights(given_p)):
        assert close(sc.set_semivalue(utility, explicit), game_credits(table, k, p), largest, np.float64)


@every_family
@few
@given(data=st.data())
def test_absent_members(family: type[Utility], data: st.DataObject) -> None:
    """They get exactly 0, and are to a rule that ignores them like members that never matter, whose game is defined on all."""
    k = data.draw(st.integers(2, 5))
    instance = data.draw(instances(family, np.float64, k))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=k, max_size=k)))
    utility = Instance(family, k, instance.data, mask).utility
    table = table_of(utility)
    for rule, weights in RULES:
        if rule.ignores_absent:
            credit = sc.set_semivalue(utility, rule)
            assert close(credit, game_credits(table, k, weights(k)), np.abs(table).max(), np.float64)
            assert np.all(credit[~mask] == 0)
        elif not mask.all():
            with pytest.raises(sc.InputError, match=r"of_size\(2\) counts members by size, which absent members change"):
                sc.set_semivalue(utility, rule)


@every_family
@few
@given(data=st.data())
def test_special_cases(family: type[Utility], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 6))
    utility = Instance(family, k, data.draw(instances(family, np.float64, k)).data, None).utility
    shapley = sc.set_shapley(utility)
    scale = np.abs(table_of(utility)).max() + np.abs(shapley).sum()
    assert np.array_equal(sc.set_semivalue(utility, semivalues.shapley), shapley)
    assert close(sc.set_semivalue(utility, semivalues.beta(1, 1)), shapley, scale, np.float64)
    assert close(sc.set_semivalue(utility, semivalues.shapley.weights(k)), shapley, scale, np.float64)
    last = sc.set_semivalue(utility, semivalues.leave_one_out)
    assert np.array_equal(sc.set_semivalue(utility, semivalues.of_size(k)), last)
    whole = utility.value(range(k))
    assert close(last, [whole - utility.value([j for j in range(k) if j != i]) for i in range(k)], scale, np.float64)
    first = sc.set_semivalue(utility, semivalues.of_size(1))
    assert close(first, [utility.value([i]) - utility.value([]) for i in range(k)], scale, np.float64)


@given(data=st.data())
def test_functions_and_tables(data: st.DataObject) -> None:
    k = data.draw(st.integers(2, 5))
    table = np.array(data.draw(st.lists(st.integers(-64, 64), min_size=1 << k, max_size=1 << k))) / 8
    asked: list[tuple[int, ...]] = []

    def utility(coalition: tuple[int, ...]) -> float:
        asked.append(coalition)
        return float(table[sum(1 << i for i in coalition)])

    for rule, weights in RULES:
        truth = game_credits(table, k, weights(k))
        assert close(sc.set_semivalue(sc.utilities.Table(table), rule), truth, np.abs(table).max(), np.float64)
        asked.clear()
        assert close(sc.set_semivalue(utility, rule, k), truth, np.abs(table).max(), np.float64)
        assert len(asked) == len(set(asked)) == 1 << k


def test_a_semivalue_of_a_batch() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 2, 7))
    for rule, _ in RULES:
        credit = sc.set_semivalue(u.Max(scores), rule)
        assert credit.shape == (3, 2, 7)
        for index in np.ndindex(3, 2):
            assert np.array_equal(credit[index], sc.set_semivalue(u.Max(scores[index]), rule))


# Weights.


@pytest.mark.parametrize(("rule", "weights"), RULES, ids=lambda x: getattr(x, "name", ""))
def test_weights_are_those_of_the_definition(rule: Semivalue, weights: oracle.Weights) -> None:
    for k in range(2, 12):
        p = [float(x) for x in weights(k)]
        q = [comb(k - 1, s) * x for s, x in enumerate(p)]
        assert rule.weights(k).tolist() == pytest.approx(p, rel=0, abs=tolerance(np.float64))
        assert rule.sizes(k).tolist() == pytest.approx(q, rel=0, abs=tolerance(np.float64))
        factors = [k * share / m for m, share in enumerate(q, start=1)]
        assert rule.objective(k).tolist() == pytest.approx(factors, rel=0, abs=tolerance(np.float64))


@pytest.mark.parametrize("rule", [*(rule for rule, _ in RULES), semivalues.beta(16, 1), semivalues.beta(1, 16)], ids=repr)
def test_sizes_are_a_distribution_for_many_members(rule: Semivalue) -> None:
    for k in (50, 200, 1000):
        sizes = rule.sizes(k)
        assert sizes.shape == (k,)
        assert np.isfinite(sizes).all()
        assert sizes.min() >= 0
        assert abs(sizes.sum() - 1) <= tolerance(np.float64)
        assert np.isfinite(rule.weights(k)).all()


def test_names() -> None:
    names = ["shapley", "banzhaf", "leave_one_out", "of_size(2)", "beta(2, 1)", "beta(0.5, 3)"]
    assert [repr(rule) for rule, _ in RULES] == names
    assert repr(semivalues.of_weights([0.25, 0.75])) == "of_weights([0.25, 0.75])"
    assert semivalues.read_semivalue(semivalues.banzhaf) is semivalues.banzhaf
    assert semivalues.of_size(2).explain(4) == (
        "of_size(2) credit of 4 samples follows 2 grad V_2, where V_m is the expected utility of m samples."
    )


BEST = u.Max([1.0, 2.0, 3.0])
NOT_NUMBERS: list[Any] = ["banzhaf", ["a", "b", "c"], [[0.5, 0.5]], [], 1.0, [1j, 0], [0.25, float("nan"), 0.25], None]
BAD_WEIGHTS: list[tuple[Callable[[], Any], str]] = [
    *(
        (lambda weights=weights: sc.set_semivalue(BEST, weights), r"weights must be a semivalue or finite numbers p\[0..k-1\]")
        for weights in NOT_NUMBERS
    ),
    (lambda: sc.set_semivalue(BEST, [0.2, 0.2, 0.2]), r"weights must satisfy sum_s C\(k-1, s\) p_s = 1; got 0.8 for k = 3"),
    (lambda: semivalues.of_weights([1, 1]), r"weights must satisfy sum_s C\(k-1, s\) p_s = 1; got 2 for k = 2"),
    (lambda: sc.set_semivalue(BEST, [0.5, 0.5]), r"these weights are for k = 2 members; got 3"),
    (lambda: semivalues.of_weights([0.5, 0.5]).objective(4), r"these weights are for k = 2 members; got 4"),
    (lambda: semivalues.beta(0, 1), r"beta\(a, b\) needs positive numbers; got \(0, 1\)"),
    (lambda: semivalues.beta(1, -2.0), r"beta\(a, b\) needs positive numbers; got \(1, -2.0\)"),
    (lambda: semivalues.beta(float("inf"), 1), r"beta\(a, b\) needs positive numbers; got \(inf, 1\)"),
    (lambda: semivalues.beta(1, float("nan")), r"beta\(a, b\) needs positive numbers; got \(1, nan\)"),
    (lambda: semivalues.of_size(0), r"of_size\(m\) needs a whole number >= 1; got 0"),
    (lambda: semivalues.of_size(True), r"of_size\(m\) needs a whole number >= 1; got True"),
    (lambda: semivalues.of_size(1.0), r"of_size\(m\) needs a whole number >= 1; got 1.0"),  # type: ignore[arg-type]
    (lambda: sc.set_semivalue(BEST, semivalues.of_size(4)), r"of_size\(4\) needs at least 4 members, .*; got 3"),
    (lambda: sc.set_semivalue(u.Max([1.0]), semivalues.of_size(2)), r"of_size\(2\) needs at least 2 members, .*; got 1"),
    (lambda: sc.set_semivalue(u.Max([1.0]), [0.5, 0.5]), r"these weights are for k = 2 members; got 1"),
    (
        lambda: sc.set_semivalue(u.Max([1.0, 2.0], mask=[True, False]), [0.5, 0.5]),
        r"of_weights\(\[0.5, 0.5\]\) counts members by size, which absent members change",
    ),
    (lambda: sc.set_semivalue(BEST, semivalues.banzhaf, 4), r"k = 4 was asked for, but the utility has k = 3"),
    (lambda: sc.set_semivalue(len, semivalues.banzhaf), r"k is required with a function"),
    (lambda: sc.set_semivalue(len, semivalues.banzhaf, 21), r"k = 21 members needs 2,097,152 evaluations"),
]


@pytest.mark.parametrize(("make", "message"), BAD_WEIGHTS, ids=range(len(BAD_WEIGHTS)))
def test_bad_weights_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        make()


# What expected credit follows: every sample of a small policy, no sampling.


TIED = np.array([2.0, -1.0, 2.0])
APART = np.array([[0.0, 1.0, 2.5], [1.0, 0.0, -0.5], [2.5, -0.5, 0.0]])

# Utilities of draws [.., K] of arms.
BANDITS: dict[str, Callable[[Array], Utility]] = {
    "max": lambda y: u.Max(REWARDS[y], base=-2.0),
    "max over 0": lambda y: u.Max(REWARDS[y], clip=True),
    "max, ties": lambda y: u.Max(TIED[y], base=-3.0),
    "min": lambda y: u.Min(TIED[y], base=1.0),
    "mean": lambda y: u.Mean(REWARDS[y], base=0.5),
    "best two": lambda y: u.TopM(REWARDS[y], 2),
    "dcg": lambda y: u.DCG(REWARDS[y]),
    "distinct": lambda y: u.DistinctCount(y),
    "plurality": lambda y: u.Plurality(y, 1, ties="shared"),
    "pass@2": lambda y: u.PassAtK(y == 2, 2),
    "noisy or": lambda y: u.NoisyOr(np.array([0.1, 0.5, 1.0])[y]),
    "distances": lambda y: u.MeanPairwise(APART[y[..., :, None], y[..., None, :]]),
    "mixture": lambda y: 2 * u.Max(REWARDS[y]) - 0.5 * u.DistinctCount(y) + u.Additive(TIED[y]),
}

OBJECTIVES = [
    *(rule for rule, _ in RULES),
    semivalues.of_size(1),
    semivalues.of_size(3),
    semivalues.beta(1, 1),
    semivalues.of_weights([float(p) for p in uneven(K)]),
]


def gradient(utility: Utility, m: int) -> Array:
    """grad V_m, exactly: the mean of v(first m samples) times their summed scores."""
    values = np.broadcast_to(utility.value(range(m)), CHANCE.shape)
    direction: Array = np.einsum("d,d,dia->a", CHANCE, values, SCORE[:, :m])
    return direction


@pytest.mark.parametrize("rule", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("name", BANDITS)
def test_objective_theorem(name: str, rule: Semivalue) -> None:
    utility = BANDITS[name](SAMPLES)
    followed = sum(factor * gradient(utility, m) for m, factor in enumerate(rule.objective(K), start=1))
    assert np.abs(expected(sc.set_semivalue(utility, rule)) - followed).max() <= tolerance(np.float64)


@pytest.mark.parametrize("name", BANDITS)
def test_centring_drops_the_gradient_of_the_whole_set(name: str) -> None:
    """The mean of a set is no pure baseline: it takes the m = k term away, and that term only."""
    utility = BANDITS[name](SAMPLES)
    credit = sc.set_shapley(utility)
    followed = sum(gradient(utility, m) / m for m in range(1, K))
    assert np.abs(expected(credit - credit.mean(axis=1, keepdims=True)) - followed).max() <= tolerance(np.float64)
    whole = np.broadcast_to(utility.value(range(K)), CHANCE.shape)
    assert np.abs(expected(credit - whole[:, None] / K) - followed).max() <= tolerance(np.float64)
    assert np.abs(expected(credit) - followed - gradient(utility, K) / K).max() <= tolerance(np.float64)


def test_the_gradients_of_the_bandit_differ() -> None:
    """Else the theorem would say nothing: utilities of three samples move the policy in ways of their own."""
    utility = BANDITS["max"](SAMPLES)
    gradients = [gradient(utility, m) for m in range(1, K + 1)]
    assert all(np.abs(a - b).max() > 0.01 for a, b in combinations(gradients, 2))


def test_objective_of_named_rules() -> None:
    assert semivalues.shapley.objective(5).tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5], abs=1e-14)
    assert semivalues.leave_one_out.objective(5).tolist() == [0, 0, 0, 0, 1]
    assert semivalues.of_size(2).objective(5).tolist() == [0, 2.5, 0, 0, 0]
    assert semivalues.banzhaf.objective(3).tolist() == [0.75, 0.75, 0.25]


# Identities with known credit rules, on every score vector of a grid.


def subsets(k: int, m: int) -> list[list[int]]:
    return [list(subset) for subset in combinations(range(k), m)]


def loo_minus_one(scores: Array, m: int, empty: float) -> Array:
    """s_i = sum over m-subsets I with i of (max I - max I without i) / C(k, m) (Walder & Karkhanis 2025)."""
    k = scores.shape[1]
    total = np.zeros(scores.shape)
    for subset in subsets(k, m):
        for i in subset:
            rest = [j for j in subset if j != i]
            total[:, i] += scores[:, subset].max(axis=1) - (scores[:, rest].max(axis=1) if rest else empty)
    return total / comb(k, m)


@pytest.mark.parametrize("empty", [0.0, -3.0, 2.0])
def test_best_of_set_credit_is_a_mixture_of_pkpo(empty: float) -> None:
    mixture = sum(loo_minus_one(GRID, m, empty) / m for m in range(1, 5))
    credit = sc.set_shapley(u.Max(GRID, base=empty))
    assert np.abs(credit - mixture).max() <= tolerance(np.float64)
    for m in range(1, 5):
        one = sc.set_semivalue(u.Max(GRID, base=empty), semivalues.of_size(m))
        assert np.abs(one * m / 4 - loo_minus_one(GRID, m, empty)).max() <= tolerance(np.float64)


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_binary_best_of_set_credit_is_maxrl(k: int) -> None:
    """k phi - v(N) = k (phi - mean phi) = (r - mean r) / mean r; 0 where nobody succeeds."""
    rewards = np.array(list(product([0.0, 1.0], repeat=k)))
    credit = sc.set_shapley(u.Max(rewards))
    mean = rewards.mean(axis=1, keepdims=True)
    advantage = np.where(mean > 0, (rewards - mean) / np.where(mean > 0, mean, 1), 0)
    best = rewards.max(axis=1, keepdims=True)
    assert np.abs(k * credit - best - advantage).max() <= tolerance(np.float64)
    assert np.abs(k * (credit - credit.mean(axis=1, keepdims=True)) - advantage).max() <= tolerance(np.float64)


GRID_UTILITIES: dict[str, Callable[[Array], Utility]] = {
    "max": lambda x: u.Max(x, base=-1.0),
    "min": lambda x: u.Min(x, base=0.5),
    "mean": lambda x: u.Mean(x, base=-2.0),
    "best two": lambda x: u.TopM(x, 2),
    "dcg": lambda x: u.DCG(x),
    "table": lambda x: u.Table(np.random.default_rng(0).normal(size=(len(x), 16))),
}


@pytest.mark.parametrize("name", GRID_UTILITIES)
def test_set_rl_identity(name: str) -> None:
    """phi_i = (v(N) - v(0)) / k + sum_{m<k} A_i(m) / (k - m), A_i(m) the mean over m-sets with i less that over all m-sets."""
    utility = GRID_UTILITIES[name](GRID)
    k = utility.k
    values = {subset: utility.value(subset) for m in range(k + 1) for subset in combinations(range(k), m)}
    credit = np.zeros(GRID.shape)
    for i in range(k):
        credit[:, i] = (values[tuple(range(k))] - values[()]) / k
        for m in range(1, k):
            everyone = np.mean([values[subset] for subset in combinations(range(k), m)], axis=0)
            with_i = np.mean([values[subset] for subset in combinations(range(k), m) if i in subset], axis=0)
            credit[:, i] += (with_i - everyone) / (k - m)
    assert np.abs(sc.set_shapley(utility) - credit).max() <= tolerance(np.float64) * max(
        np.abs(v).max() for v in values.values()
    )


def test_weights_of_many_members_are_finite() -> None:
    weights = semivalues.shapley.weights(1500)
    assert np.isfinite(weights).all()
    assert weights[0] == weights[-1] == 1 / 1500
