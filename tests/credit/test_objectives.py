"""What rules of credit optimise, by sums over all responses: section 10 of docs/theory.md, and the games of docs/rules.md."""

from __future__ import annotations

import sys
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from shapley_credit import semivalues
from shapley_credit.credit.rules import rule_tokens, segment_advantages

from small_policies import Members, mean_value, softmax, texts

pytestmark = pytest.mark.checkout

sys.path.append(str(Path(__file__).parents[2]))  # where the benchmarks are; behind everything that is installed
from benchmarks import enumerated  # noqa: E402
from benchmarks.enumerated import GAMES, GROUP, LATE, LENGTHS, PREFIX, STEERING, THREE, Game, Response, taught  # noqa: E402

sys.path.pop()

Array = NDArray[Any]
SEMIVALUES = [semivalues.shapley, semivalues.banzhaf, semivalues.leave_one_out, semivalues.of_size(2)]
EXACT: dict[str, Any] = {"rtol": 0.0, "atol": 1e-12}


@pytest.mark.parametrize("rule", SEMIVALUES, ids=str)
@given(seed=st.integers(0, 999))
def test_credit_of_independent_members_follows_all_their_coalitions(rule: Any, seed: int) -> None:
    """(a): members that are not alike, a value that is not symmetric."""
    members = Members(3, 2, seed)
    logits = np.random.default_rng(seed).normal(size=(3, 2))
    policy = softmax(logits)
    followed = np.zeros_like(logits)
    for chosen in members.responses():
        chance = np.prod([policy[i, a] for i, a in enumerate(chosen)])
        credit = sc.set_semivalue(members.table(chosen), rule, 3)
        followed += chance * credit[:, None] * (np.eye(2)[list(chosen)] - policy)
    p = [rule.sizes(3)[s] / [1, 2, 1][s] for s in range(3)]
    coalitions = [T for size in (1, 2, 3) for T in combinations(range(3), size)]
    promised = sum(p[len(T) - 1] * mean_value(members, T, logits)[1] for T in coalitions)
    assert_allclose(followed, promised, **EXACT)


@pytest.mark.parametrize("rule", [semivalues.shapley, semivalues.leave_one_out], ids=str)
def test_one_plan_and_parallel_candidates_have_one_objective_under_leave_one_out_alone(rule: Any) -> None:
    """(b): the plan paid v(N) follows grad V_K, the candidates behind it their mixture."""
    rng, k = np.random.default_rng(3), 3
    plan_logits, logits, worth = rng.normal(size=2), rng.normal(size=(2, 3)), rng.random((2, 3))
    plans, policies = softmax(plan_logits), softmax(logits)

    def best(plan: int, m: int) -> tuple[float, Array]:
        mean, slope = 0.0, np.zeros(3)
        for chosen in product(range(3), repeat=m):
            chance = policies[plan][list(chosen)].prod()
            value = worth[plan][list(chosen)].max()
            mean += chance * value
            slope += chance * value * (np.eye(3)[list(chosen)] - policies[plan]).sum(axis=0)
        return float(mean), slope

    of_plan, of_candidates = np.zeros(2), np.zeros((2, 3))
    for plan in range(2):
        for chosen in product(range(3), repeat=k):
            chance = plans[plan] * policies[plan][list(chosen)].prod()
            rewards = worth[plan][list(chosen)]
            of_plan += chance * rewards.max() * (np.eye(2)[plan] - plans)
            credit = sc.set_semivalue(sc.utilities.Max(rewards), rule)
            of_candidates[plan] += chance * credit @ (np.eye(3)[list(chosen)] - policies[plan])
    full = [best(plan, k) for plan in range(2)]
    assert_allclose(of_plan, sum(plans[i] * full[i][0] * (np.eye(2)[i] - plans) for i in range(2)), **EXACT)
    factors = rule.objective(k)
    mixed = [plans[i] * sum(f * best(i, m)[1] for m, f in enumerate(factors, start=1)) for i in range(2)]
    assert_allclose(of_candidates, mixed, **EXACT)
    is_full = np.allclose(of_candidates, [plans[i] * full[i][1] for i in range(2)], **EXACT)
    assert is_full == (rule is semivalues.leave_one_out)


def written(k: int, seed: int, rule: Any = semivalues.shapley) -> Game:
    """An autoregressive policy of k binary choices, a node for every prefix, and any value of every set of choices."""
    members = Members(k, 2, seed)
    nodes = {prefix: number for number, prefix in enumerate(p for j in range(k) for p in product(range(2), repeat=j))}
    responses = []
    for chosen in members.responses():
        table = members.table(chosen)
        table -= table[0]
        rules = (rule, semivalues.leave_one_out)
        credit, without = (tuple(map(float, sc.set_semivalue(table, each, k))) for each in rules)
        grown = tuple(map(float, sc.marginal_vector(table, k)))
        decisions = tuple((nodes[chosen[:j]], chosen[j]) for j in range(k))
        responses.append(Response(decisions, credit, grown, without, float(table[-1])))
    start = np.random.default_rng(seed + 1).normal(size=(len(nodes), 2))
    return Game("written", tuple(responses), tuple(map(tuple, start)), node=0, best=0)


BASELINES = ["none", "leave_one_out", "place"]


@pytest.mark.parametrize("baseline", BASELINES)
@given(seed=st.integers(0, 99), k=st.integers(1, 3))
def test_marginal_credit_to_go_is_unbiased_for_any_policy_and_value(baseline: str, seed: int, k: int) -> None:
    """(d) and (f): and baselines from other responses, of the whole or by place, leave it so."""
    game = written(k, seed)

    def rule(responses: Any, scale: str) -> list[Array]:
        grown = [each.marginal for each in responses]
        return segment_advantages(None, GROUP, rule="marginal", marginal=grown, scale=scale, baseline=baseline)

    assert_allclose(taught(game, rule, game.logits)[0], game.gradient(game.logits), **EXACT)


@pytest.mark.parametrize("baseline", BASELINES)
@given(seed=st.integers(0, 99))
def test_marginal_credit_is_unbiased_where_tokens_end_segments_and_responses(baseline: str, seed: int) -> None:
    """(d): each y starts a segment, the end belongs to the last one, and both are choices of the policy."""
    rng = np.random.default_rng(seed)
    nodes = {prefix: number for number, prefix in enumerate(sorted({t[:j] for t in texts() for j in range(len(t))}))}
    value, logits = {prefix: rng.normal() for prefix in {t[:j].rstrip(".") for t in texts() for j in range(1, 5)}}, {}
    value[""] = 0.0
    for node in nodes:
        logits[node] = rng.normal(size=3 if node else 2)
    rows = []
    for text in texts():
        cuts = [j for j, letter in enumerate(text) if letter == "y" and j] + [len(text)]
        known = [0.0, *(value[text[:cut].rstrip(".")] for cut in cuts)]
        rows.append((np.diff(known), np.diff([0, *cuts])))
    chances, scores = [], []
    for text in texts():
        chance, row = 1.0, []
        for j, letter in enumerate(text):
            policy = softmax(logits[text[:j]])
            action = "xy.".index(letter)
            chance *= policy[action]
            score = np.zeros((len(nodes), 3))
            score[nodes[text[:j]], : len(policy)] = np.eye(len(policy))[action] - policy
            row.append(score)
        chances.append(chance)
        scores.append(np.array(row))
    truth = sum(p * value[text.rstrip(".")] * s.sum(axis=0) for p, text, s in zip(chances, texts(), scores, strict=True))
    pairs = list(product(range(len(rows)), repeat=2))
    whole = [i for pair in pairs for i in pair]
    paid = rule_tokens(
        [np.ones(len(scores[i])) for i in whole],
        None,
        2,
        segment_lengths=[rows[i][1] for i in whole],
        rule="marginal",
        marginal=[rows[i][0] for i in whole],
        baseline=baseline,
        scale="none",
    )
    followed = sum(
        chances[i] * chances[j] * np.tensordot(np.asarray(paid[2 * n + k], np.float64), scores[own], axes=1) / 2
        for n, (i, j) in enumerate(pairs)
        for k, own in enumerate((i, j))
    )
    assert_allclose(followed, truth, rtol=0, atol=2e-6)  # tokens are float32


@given(seed=st.integers(0, 99))
def test_the_mean_of_a_group_keeps_all_but_one_share_of_the_gradient(seed: int) -> None:
    """(f): of the shared reward, (B - 1) / B of it."""
    game = written(2, seed)
    assert_allclose(taught(game, enumerated.shared, game.logits)[0], game.gradient(game.logits) * (1 - 1 / GROUP), **EXACT)


def followed(game: Game, name: str, baseline: str) -> Array:
    """The gradient of own credit of a kind."""

    def rule(responses: Any, scale: str) -> list[Array]:
        paid = segment_advantages([getattr(each, name) for each in responses], GROUP, scale=scale, baseline=baseline)
        return [np.repeat(row, each.tokens) for row, each in zip(paid, responses, strict=True)]

    return taught(game, rule, game.logits)[0]


@given(seed=st.integers(0, 99))
def test_the_bias_of_leave_one_out_is_what_a_member_does_to_later_ones(seed: int) -> None:
    """(e): - sum_j of the derivative by the choice at j of E[v(N without j)]."""
    k, members = 3, Members(3, 2, seed)
    game = written(k, seed)
    chances, scores = game.chances(game.logits), game.scores(game.logits)
    bias = np.zeros_like(game.logits)
    for chance, rows, chosen in zip(chances, scores, members.responses(), strict=True):
        table = members.table(chosen)
        for j in range(k):
            bias -= chance * (table[(1 << k) - 1 - (1 << j)] - table[0]) * rows[j]
    gap = followed(game, "without", "none") - game.gradient(game.logits)
    # v(N without j) is counted from v(empty), which here depends on no choice.
    assert_allclose(gap, bias, **EXACT)


@given(seed=st.integers(0, 99))
def test_leave_one_out_is_unbiased_where_later_members_ignore_earlier_ones(seed: int) -> None:
    game = written(2, seed)
    start = game.logits.copy()
    start[2] = start[1]  # the second choice is made alike behind either first one
    aware = Game(game.name, game.responses, tuple(map(tuple, start)), node=0, best=0)
    # Nodes 1 and 2 share their parameters, and together get what is due.
    gap = followed(aware, "without", "none") - aware.gradient(aware.logits)
    assert_allclose(gap[0], 0, **EXACT)
    assert_allclose(gap[1] + gap[2], 0, **EXACT)


@given(seed=st.integers(0, 99), lam=st.sampled_from([0.0, 0.25, 1.0]))
def test_the_bias_of_a_mixture_is_its_share_of_own_credit(seed: int, lam: float) -> None:
    game = written(2, seed)

    def rule(responses: Any, scale: str) -> list[Array]:
        phi, grown = ([getattr(each, name) for each in responses] for name in ("shapley", "marginal"))
        return segment_advantages(phi, GROUP, rule="marginal", marginal=grown, lam=lam, scale=scale, baseline="none")

    truth = game.gradient(game.logits)
    assert_allclose(taught(game, rule, game.logits)[0] - truth, lam * (followed(game, "shapley", "none") - truth), **EXACT)


def test_the_mean_of_own_credit_drops_a_share_of_the_full_set() -> None:
    """(f): two responses of two independent candidates: 4 grad V_1 + 1 grad V_2 in the place of 4 and 2."""
    rewards, logits = np.array([0.2, 0.7, 1.0]), np.array([0.3, -0.2, 0.1])
    policy = softmax(logits)
    score = np.eye(3) - policy

    def slope(m: int) -> Array:
        sets = [list(y) for y in product(range(3), repeat=m)]
        followed: Array = np.sum([policy[y].prod() * rewards[y].max() * score[y].sum(axis=0) for y in sets], axis=0)
        return followed

    for baseline, factor in (("none", 2.0), ("leave_one_out", 2.0), ("mean", 1.0)):
        total = np.zeros(3)
        for chosen in product(range(3), repeat=4):
            pair = rewards[list(chosen)].reshape(2, 2)
            credit = sc.set_shapley(sc.utilities.Max(pair))
            # scale="mean" of shape_grpo: twice the credits, and twice their baseline.
            paid = np.concatenate(segment_advantages(credit, 2, baseline=baseline, scale="none")) * 2
            total += policy[list(chosen)].prod() * paid @ score[list(chosen)]
        assert_allclose(total, 4 * slope(1) + factor * slope(2), **EXACT)


def test_a_deviation_changes_where_the_gradient_points() -> None:
    """(f): it weighs groups by their own outcome."""
    game = THREE
    plain, scaled = (
        taught(game, enumerated.shared, np.array([[0.5, 0.0, -0.5]]), scale)[0].ravel() for scale in ("none", "group_std")
    )
    cosine = plain @ scaled / (np.linalg.norm(plain) * np.linalg.norm(scaled))
    assert cosine < 0.999


def first(game: Game, rule: str) -> Array:
    found: Array = taught(game, enumerated.RULES[rule], game.logits)[0][game.node]
    return found


# What the first decision is taught: +1 the better, -1 the worse.
ALL = ["1 against eight", "1 against 0", ".9 in", "steering", "1, then", "end at"]
SIGNS = {
    "GRPO, one reward for all": dict.fromkeys(ALL, 1),
    "own, mean over segments (before)": dict.fromkeys(ALL, -1),
    "own": dict.fromkeys(ALL, -1) | {"1 against eight": 1, ".9 in": 1},
    "to_go": dict.fromkeys(ALL, 1) | {"1, then": -1},
    "marginal": dict.fromkeys(ALL, 1),
}


@pytest.mark.parametrize("rule", SIGNS)
def test_what_rules_teach_in_the_games(rule: str) -> None:
    for game in GAMES:
        wanted = next(sign for name, sign in SIGNS[rule].items() if game.name.startswith(name))
        assert np.sign(first(game, rule)[game.best]) == wanted, game.name
        if rule == "marginal":
            assert_allclose(first(game, rule), game.gradient(game.logits)[game.node], rtol=0, atol=1e-7)  # float32 tokens


def test_published_figures_of_the_games() -> None:
    assert_allclose(STEERING.gradient(STEERING.logits)[0], [0.1, -0.1], atol=1e-4)
    assert_allclose(followed(STEERING, "shapley", "none")[0], [-0.0875, 0.0875], atol=1e-4)
    assert_allclose(followed(STEERING, "without", "none")[0], [-0.15, 0.15], atol=1e-4)
    ahead = [(each.chance, each.shapley[1]) for each in PREFIX.responses]
    assert ahead[0][1] == pytest.approx(0.45)
    assert sum(chance * credit for chance, credit in ahead[1:]) == pytest.approx(0.10)
    assert [sum(e.chance * e.reward for e in PREFIX.responses[part]) for part in (slice(0, 1), slice(1, 3))] == pytest.approx(
        [1.0, 1.05]
    )


@pytest.mark.parametrize(
    ("rule", "learns"), [("GRPO, one reward for all", True), ("own, mean over segments (before)", False), ("own", True)]
)
def test_the_rule_before_learnt_the_worse_response(rule: str, learns: bool) -> None:
    chance = enumerated.learnt(LENGTHS, enumerated.RULES[rule], steps=400)
    assert chance > 0.99 if learns else chance < 0.02


def test_the_early_segment_that_leads_to_late_ones_is_learnt_by_what_is_to_go() -> None:
    for rule, learns in (("own", False), ("to_go", True), ("marginal", True)):
        assert (enumerated.learnt(LATE, enumerated.RULES[rule], steps=300) > 0.5) == learns


def test_random_policies_that_own_credit_leads_downhill() -> None:
    few = partial(enumerated.downhill, games=300)
    assert few("shapley") > 0
    assert few("without") > 0
    assert few("marginal", ahead=True) == 0


@pytest.mark.parametrize("table", ["GAMES", "LEARNT"])
def test_the_page_shows_what_is_computed(table: str) -> None:
    if table == "GAMES":
        assert enumerated.games_table() in enumerated.PAGE.read_text(encoding="utf-8")
    else:
        assert enumerated.learnt_table() in enumerated.PAGE.read_text(encoding="utf-8")
