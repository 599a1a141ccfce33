"""Rules of credit by every door to them: trainers, candidates, text around them, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from shapley_credit import InputError
from shapley_credit.adapters import slime, verl
from shapley_credit.adapters.segment_pay import pay_segments, tokens_of
from shapley_credit.credit.increments import RULES
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from shapley_credit.credit.stretches import ends_of
from shapley_credit.methods import ospo, shape_grpo

from rule_formulas import Array, rows_for
from trainers import ARGS, Sample


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    """Rewards of responses and numbers of segments that differ; phrases of two tokens each, credits that add up to rewards."""
    n = draw(st.integers(2, 5))
    sizes = draw(st.lists(st.integers(1, 6), min_size=n, max_size=n))
    rewards = draw(st.lists(st.integers(-8, 8).map(lambda x: x / 4), min_size=n, max_size=n))
    credit = []
    for size, reward in zip(sizes, rewards, strict=True):
        parts = draw(st.lists(st.integers(-4, 4).map(float), min_size=size - 1, max_size=size - 1))
        credit.append([*parts, reward - math.fsum(parts)])
    return {"rewards": rewards, "credit": credit, "lengths": [[2] * size for size in sizes]}


def doors(batch: dict[str, Any], rule: str) -> dict[str, list[Array]]:
    """The advantages of the segments of one group, by every adapter that runs without its framework."""
    credit, lengths, n = batch["credit"], batch["lengths"], len(batch["rewards"])
    width = max(map(len, lengths))
    mask = np.array([[1] * 2 * len(row) + [0] * 2 * (width - len(row)) for row in lengths])
    name = "segment_marginal" if rule == "marginal" else "segment_credit"
    columns = {key: np.array([*rows, None], object)[:-1] for key, rows in ((name, credit), ("segment_lengths", lengths))}
    estimator = verl.ESTIMATORS["ospo" if rule == "own" else f"ospo_{rule}"]
    answer = (None, lengths, credit) if rule == "marginal" else (credit, lengths)
    rows, _ = pay_segments(answer, [[1] * 2 * len(row) for row in lengths], batch["rewards"], "group_std", rule)
    samples = [
        Sample(0, i, "", 2 * len(row), reward, None, metadata={name: credit[i], "segment_lengths": row})
        for i, (row, reward) in enumerate(zip(lengths, batch["rewards"], strict=True))
    ]
    found = {
        "verl, SkyRL": estimator(mask * 1.0, mask, ["p"] * n, non_tensor_batch=columns)[0],
        "TRL": tokens_of(rows, mask, "segment"),
        "slime": slime.post_process_rewards(ARGS, samples, credit=rule)[1],
    }
    # The second token of each segment: the first is still the choice to end the one before.
    return {
        door: [np.asarray(row)[1 : 2 * len(own) : 2] for row, own in zip(out, lengths, strict=True)]
        for door, out in found.items()
    }


@pytest.mark.parametrize("rule", RULES)
@given(batch=batches())
def test_no_adapter_pays_the_worse_response_more(rule: str, batch: dict[str, Any]) -> None:
    wanted = segment_advantages(groups=len(batch["rewards"]), rule=rule, **rows_for(rule, batch["credit"]))
    for door, rows in doors(batch, rule).items():
        for row, own in zip(rows, wanted, strict=True):
            assert_allclose(row, own, rtol=1e-5, atol=1e-6, err_msg=door)
        paid = np.array([float(row.sum() if rule == "own" else row[0]) for row in rows])
        order = np.argsort(batch["rewards"], kind="stable")
        assert (np.diff(paid[order]) >= -1e-5).all(), door


CANDIDATES = st.lists(
    st.tuples(st.lists(st.integers(0, 8).map(lambda x: x / 8), min_size=1, max_size=5), st.booleans()), min_size=2, max_size=5
)


def shape(rows: list[tuple[list[float], bool]], **options: Any) -> list[Array]:
    """Advantages of the tokens of responses whose candidates have one token each, with an introduction or without."""
    k, n = max(len(rewards) for rewards, _ in rows), len(rows)
    rewards, present_ = np.zeros((n, k)), np.zeros((n, k), bool)
    for i, (own, _) in enumerate(rows):
        rewards[i, : len(own)], present_[i, : len(own)] = own, True
    owners = [[-1] * intro + list(range(len(own))) for own, intro in rows]
    mask = [[1] * len(row) for row in owners]
    out: list[Array] = shape_grpo.shape_grpo(
        rewards, mask, groups=n, present=present_, candidates=owners, lengths=[[1] * len(row) for row in owners], **options
    )
    return out


@pytest.mark.parametrize("divide", ["none", "group_std"])
@given(rows=CANDIDATES)
def test_candidates_and_the_text_around_them_keep_the_order_of_the_reward(
    divide: str, rows: list[tuple[list[float], bool]]
) -> None:
    """sum: candidates add up to (R - b) / s; mean: their mean is that; tokens of none have (v(N) - b') / s'."""
    best = np.array([max(own) for own, _ in rows])
    order = np.argsort(best, kind="stable")
    for scale, pool in (("sum", np.sum), ("mean", np.mean)):
        tokens = shape(rows, scale=scale, divide=divide)
        own = np.array([pool(row[intro:]) for row, (_, intro) in zip(tokens, rows, strict=True)])
        assert (np.diff(own[order]) >= -1e-4).all()
        if divide == "none":
            assert_allclose(own, best - best.mean(), atol=1e-5)
        around = [(best[i], row[0]) for i, (row, (_, intro)) in enumerate(zip(tokens, rows, strict=True)) if intro]
        assert (np.diff([paid for _, paid in sorted(around)]) >= -1e-4).all()


@given(rows=CANDIDATES, kind=st.sampled_from(["to_go", "marginal"]), baseline=st.sampled_from(["none", "leave_one_out"]))
def test_candidates_in_the_order_of_the_text(rows: list[tuple[list[float], bool]], kind: str, baseline: str) -> None:
    best = [max(own) for own, _ in rows]
    for row, (own, intro), i in zip(shape(rows, credit=kind, baseline=baseline), rows, range(len(rows)), strict=True):
        below = 0.0 if baseline == "none" else (math.fsum(best) - best[i]) / (len(best) - 1)
        credit = shape_grpo.shape_credit(own) if kind == "to_go" else np.diff([0.0, *np.maximum.accumulate(own)])
        ahead = [math.fsum(credit[j:]) - below for j in range(len(own))]
        decisions = [*ahead[:1] * intro, *ahead]  # of each token; a token is paid at that of the token before it
        assert_allclose(row, [*decisions[:1], *decisions[:-1]], atol=1e-5)
        if kind == "marginal":
            known = [0.0, *np.maximum.accumulate(own)[:-1]]
            assert_allclose(row[intro + 1 :], (best[i] - np.array(known) - below)[:-1], atol=1e-5)


def test_a_candidate_in_pieces_has_no_marginal_credit() -> None:
    """What the first is worth is not known at its first piece, and whether more of it comes is not known behind that."""
    given: dict[str, Any] = {"groups": 1, "candidates": [[0, 1, 0, -1]], "lengths": [[1, 1, 1, 1]]}
    with pytest.raises(InputError, match=r"candidates of one piece each.*response 0 are \[0, 1, 0\]"):
        shape_grpo.shape_grpo([[3.0, 1.0]], [[1, 1, 1, 1]], credit="marginal", **given)
    out = shape_grpo.shape_grpo([[3.0, 1.0]], [[1, 1, 1, 1]], credit="to_go", baseline="none", **given)
    assert out[0].tolist() == [3.0, 3.0, 3.0, 2.5]
    rows: dict[str, Any] = {"segment_lengths": [[1, 1, 1]], "segment_order": [[0, 1, 0]]}
    with pytest.raises(InputError, match=r"segments of one stretch each.*segments \[0, 1, 0\]"):
        rule_tokens([[1, 1, 1]], None, 1, rule="marginal", marginal=[[1.0, 2.0]], **rows)


def test_pieces_of_candidates_are_paid_once() -> None:
    """Text of no tokens, and a candidate in two pieces."""
    rewards, two, given = [[1.0, 0.0], [3.0, 0.0]], np.ones((2, 2)), {"groups": 2, "scale": "sum"}

    def paid(mask: Any, candidates: list[int], lengths: list[int], **more: Any) -> Any:
        each: dict[str, Any] = {"candidates": [candidates] * 2, "lengths": [lengths] * 2, **given, **more}
        return shape_grpo.shape_grpo(rewards, mask, **each).tolist()

    plain = paid(two, [0, 1], [1, 1])
    assert plain == [[0.0, -1.0], [2.0, -1.0]]
    assert paid(two, [0, 1, -1], [1, 1, 0]) == plain
    assert paid(two, [0, 1, 0], [1, 1, 0]) == plain
    assert paid(np.ones((2, 3)), [0, 1, 0], [1, 1, 1], spread="token") == [[0.0, -1.0, 0.0], [1.0, -1.0, 1.0]]
    lost = shape_grpo.shape_grpo([[1.0, 2.0]], two[:1], groups=1, candidates=[[0]], lengths=[[2]], baseline="none", scale="sum")
    assert lost.tolist() == [[2.0, 2.0]]  # of the second there is no token left


AROUND = [([-1, 0, -1], [-1, 0]), ([-1, 0], [-1, 0, -1]), ([0, -1, 1], [0, 1]), ([-1, 0, -1, 1, -1], [-1, 0])]


@pytest.mark.parametrize("kind", ["to_go", "marginal"])
@pytest.mark.parametrize("baseline", [None, "none", "leave_one_out"])
@pytest.mark.parametrize("texts", AROUND)
def test_text_around_candidates_moves_no_baseline(texts: Any, baseline: str | None, kind: str) -> None:
    """The second token of the first candidate chooses between responses of 1 and .8, and must be taught .2 / 4."""
    rewards, followed = [1.0, 0.8], 0.0
    for pair in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        rows = [([rewards[i]] * (1 + max(texts[i])), texts[i]) for i in pair]
        width = max(len(own) for own, _ in rows)
        found = shape_grpo.shape_grpo(
            [[*own, *[0.0] * (width - len(own))] for own, _ in rows],
            [[1, 1] * len(text) for _, text in rows],
            present=[[1] * len(own) + [0] * (width - len(own)) for own, _ in rows],
            groups=2,
            candidates=[text for _, text in rows],
            lengths=[[2] * len(text) for _, text in rows],
            credit=kind,
            baseline=baseline,
        )
        places = [2 * text.index(0) + 1 for _, text in rows]
        taught = [float(row[place]) for row, place in zip(found, places, strict=True)]
        followed += sum(paid * (0.5 if i == 0 else -0.5) / 2 for paid, i in zip(taught, pair, strict=True)) / 4
    assert followed == pytest.approx(0.05, abs=1e-6)


def test_places_count_candidates_that_have_ended() -> None:
    """Text between candidates, or before them, is no decision of its own."""
    given: dict[str, Any] = {"groups": 2, "credit": "marginal"}
    rewards, three = [[1.0, 3.0], [2.0, 2.5]], [[0, -1, 1], [0, 1]]
    found = shape_grpo.shape_grpo(rewards, [[1, 1, 1], [1, 1]], candidates=three, lengths=[[1, 1, 1], [1, 1]], **given)
    # To go 3 and 2 against 2.5 and .5; a token is paid at the decision of the token before it.
    assert [row.tolist() for row in found] == [[0.5, 0.5, 1.5], [-0.5, -0.5]]


def test_a_response_without_candidates_counts_in_the_baseline() -> None:
    given: dict[str, Any] = {"groups": 3, "candidates": [[0], [0], [-1]], "lengths": [[1], [1], [1]]}
    found = shape_grpo.shape_grpo([[3.0], [1.0], [0.0]], np.ones((3, 1)), present=[[1], [1], [0]], **given)
    assert_allclose(found[:, 0], [3 - 4 / 3, 1 - 4 / 3, -4 / 3], rtol=1e-6)
    alone = segment_advantages([[], [1.0]], 2, rewards=[5.0, 1.0], scale="none")
    assert alone[1].tolist() == [-2.0]


def test_a_mixture_is_between_its_rules() -> None:
    rows = [([0.5, 1.0], True), ([0.25, 0.0, 0.75], False)]
    mixed = shape(rows, credit="marginal", lam=0.25)
    own, marginal = shape(rows, scale="sum", baseline="leave_one_out"), shape(rows, credit="marginal")
    for one, first, second in zip(mixed, own, marginal, strict=True):
        assert_allclose(one, 0.25 * first + 0.75 * second, atol=1e-6)


def test_marginal_credit_of_text_asks_for_its_prefixes() -> None:
    from shapley_credit.credit import segments

    text = segments.segment("One. Two. Three.", segments.sentences("en"))
    asked: list[str] = []

    def reward(kept: str) -> float:
        asked.append(kept)
        return float(len(kept) ** 2)

    found = ospo.segment_marginals([text], reward)
    assert asked == ["", "One. ", "One. Two. ", "One. Two. Three."]
    assert found.values[0].tolist() == [25.0, 75.0, 156.0]
    assert found.evaluations == 4
    assert found.rewards.tolist() == [256.0]
    asked.clear()
    ospo.segment_marginals([segments.segment("a red b red!", segments.matching("red"))], reward)
    assert asked == ["", "a red", "a red b red", "a red b red!"]  # what is around the words is in the prefix, never behind it


BAD: list[tuple[dict[str, Any], str]] = [
    ({"rule": "theirs"}, r"one of own, to_go, marginal; got 'theirs'"),
    ({"lam": 0.5}, r"lam is the share of own credit beside rule 'marginal', from 0 to 1; got 0.5 with 'own'"),
    ({"rule": "marginal", "marginal": [[1.0], [2.0]], "lam": 1.5}, r"from 0 to 1; got 1.5"),
    ({"rule": "marginal"}, r"belong to rule 'marginal', which needs them; got rule 'marginal'"),
    ({"marginal": [[1.0], [2.0]]}, r"belong to rule 'marginal', which needs them; got rule 'own'"),
    ({"rule": "to_go", "baseline": "mean"}, r"must not see the own response: one of none, leave_one_out, .*place; got 'mean'"),
    ({"baseline": "place"}, r"baseline of own credit must be one of none, mean, .*; got 'place'"),
    ({"baseline": "set_leave_one_out"}, r"baseline of own credit must be one of none, mean, .*; got 'set_leave_one_out'"),
    ({"lam": "half"}, r"from 0 to 1; got 'half'"),
    ({"credit": None}, r"rule 'own' with lam=0.0 needs the credits of segments"),
    ({"rule": "marginal", "marginal": [[1.0, 2.0], [2.0]], "lam": 0.5}, r"row 0 of credit has 1 credits but 2 marginals"),
    ({"scale": "decoupled"}, r"scale must be one of none, group_std, batch_std"),
    ({"baseline": "length_weighted_leave_one_out"}, r"lengths is missing"),
    ({"groups": 3}, r"groups=3 neighbours"),
    ({"credit": [], "groups": []}, r"credit must hold a row of numbers for each response, at least one"),
    ({"credit": [[[1.0]], [[2.0]]]}, r"credit must hold a row of numbers for each completion; got \[\[1.0\], \[2.0\]\]"),
    ({"rewards": [1.0]}, r"rewards must hold one number for each of the 2 responses; got \(1,\)"),
    ({"credit": [[float("inf")], [1.0]]}, r"credit must be finite"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"credit": [[1.0], [2.0]], "groups": 2}
    with pytest.raises(InputError, match=message):
        segment_advantages(**(good | change))


def test_bad_spreads_and_scales() -> None:
    rows: dict[str, Any] = {"segment_lengths": [[1], [1]]}
    with pytest.raises(InputError, match="rewards to go are the rule to_go; got 'reward_to_go'"):
        rule_tokens([[1], [1]], [[1.0], [2.0]], 2, spread="reward_to_go", **rows)
    with pytest.raises(InputError, match="rule 'to_go' has none"):
        rule_tokens([[1], [1]], [[1.0], [2.0]], 2, rule="to_go", spread="token", **rows)
    with pytest.raises(InputError, match="which 'marginal' would teach to grow; use 'sum'"):
        shape([([1.0], False)] * 2, credit="marginal", scale="mean")
    with pytest.raises(InputError, match="scale must be one of sum, mean; got 'max'"):
        shape([([1.0], False)] * 2, scale="max")
    assert ends_of([[1.0]], [[1]]) is None
