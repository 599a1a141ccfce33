"""Rules of credit: the law that they keep, their formulas one response at a time, and what every door to them gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from shapley_credit import InputError
from shapley_credit.adapters import slime, verl
from shapley_credit.adapters.scoring import pay_segments, tokens_of
from shapley_credit.credit.increments import RULES, TO_GO_BASELINES
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from shapley_credit.credit.stretches import ends_of
from shapley_credit.methods import ospo, shape_grpo

from errors_seen import tolerance
from trainers import ARGS, Sample

Array = NDArray[Any]
NAN = float("nan")
FLOOR = 1e-3
OWN_BASELINES = ("none", "mean", "leave_one_out", "half_window_median")
# One number a group, or the mean of all others: these keep the order of R; a leave-one-out weighed by length keeps its sign.
IN_ORDER = {"own": OWN_BASELINES, "to_go": ("none", "leave_one_out", "place"), "marginal": ("none", "leave_one_out", "place")}
NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-4, 4, width=32).map(float))


@st.composite
def responses(draw: st.DrawFn, absent: bool = True) -> dict[str, Any]:
    """Ragged segments with two credits that add up alike, groups in any order, some segments or whole responses absent."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=7))
    credit = [draw(st.lists(NUMBERS, min_size=size, max_size=size)) for size in sizes]
    marginal = [list(draw(st.permutations(row))) for row in credit]
    if absent:
        for phi, m in zip(credit, marginal, strict=True):
            gone = draw(st.sets(st.integers(0, len(phi) - 1)))
            total = math.fsum(value for j, value in enumerate(phi) if j not in gone)
            kept = [j for j in range(len(phi)) if j not in gone]
            for j in range(len(phi)):
                m[j] = NAN if j in gone else total / max(len(kept), 1) + (j - math.fsum(kept) / max(len(kept), 1))
                phi[j] = NAN if j in gone else phi[j]
    return {
        "credit": credit,
        "marginal": marginal,
        "groups": draw(st.lists(st.sampled_from(["a", "b"]), min_size=len(sizes), max_size=len(sizes))),
        "lengths": draw(st.lists(st.integers(0, 9).map(float), min_size=len(sizes), max_size=len(sizes))),
    }


def present(row: list[float]) -> list[int]:
    return [j for j, value in enumerate(row) if not math.isnan(value)]


def total(row: list[float]) -> float:
    return math.fsum(row[j] for j in present(row))


def baseline_of(name: str, i: int, totals: dict[int, float], lengths: list[float]) -> float:
    others = [j for j in totals if j != i]
    match name:
        case "none":
            return 0.0
        case "mean":
            return math.fsum(totals.values()) / len(totals)
        case "leave_one_out":
            return math.fsum(totals[j] for j in others) / len(others) if others else totals[i]
        case "length_weighted_leave_one_out":
            whole = math.fsum(lengths[j] for j in others)
            if not whole:
                return baseline_of("leave_one_out", i, totals, lengths)
            return math.fsum(lengths[j] * totals[j] for j in others) / whole
        case "half_window_median":
            paid = sc.advantages(list(totals.values()), len(totals), baseline=name)
            return totals[i] - float(paid[list(totals).index(i)])
    raise AssertionError(name)


def to_go(row: list[float]) -> list[float]:
    return [math.fsum(row[k] for k in present(row) if k >= j) for j in range(len(row))]


def by_place(i: int, place: int, rows: dict[int, list[float]]) -> float:
    """What the others get from their decision at this place on; of their last decision, where none has one here."""
    ahead = {j: [to_go(row)[k] for k in present(row)] for j, row in rows.items() if j != i}
    here = [row[place] for row in ahead.values() if len(row) > place] or [row[-1] for row in ahead.values()]
    return math.fsum(here) / len(here)


def expected(case: dict[str, Any], rule: str, lam: float, baseline: str, scale: str) -> list[list[float]]:
    """One group at a time, one segment at a time."""
    share = {"own": 1.0, "to_go": 0.0, "marginal": lam}[rule]
    ahead = case["marginal"] if rule == "marginal" else case["credit"]
    out = [[0.0] * len(row) for row in case["credit"]]
    for name in set(case["groups"]):
        mine = [i for i, group in enumerate(case["groups"]) if group == name and present(case["credit"][i])]
        if not mine or (rule != "own" and baseline != "none" and len(mine) == 1):
            continue
        own = {i: total(case["credit"][i]) for i in mine}
        later = {i: total(ahead[i]) for i in mine}
        rows = {i: ahead[i] for i in mine}
        centred, coming, paid, ahead_of = [], [], {}, {}
        for i in mine:
            phi, kept = case["credit"][i], present(case["credit"][i])
            whole = baseline_of("leave_one_out" if baseline == "place" else baseline, i, own, case["lengths"]) if share else 0.0
            for place, j in enumerate(kept):
                below = 0.0
                if share < 1.0 and baseline == "place":
                    below = by_place(i, place, rows)
                elif share < 1.0:
                    below = baseline_of(baseline, i, later, case["lengths"])
                centred.append(phi[j] - math.fsum(own.values()) / len(own) / len(kept))
                coming.append(to_go(ahead[i])[j])
                paid[i, j], ahead_of[i, j] = share * (phi[j] - whole / len(kept)), (1 - share) * (coming[-1] - below)
        over = 1.0
        if scale == "group_std":
            spread = [max(float(np.std(flat, ddof=1)) if len(flat) > 1 else 0.0, FLOOR) for flat in (centred, coming)]
            over = share * spread[0] + (1 - share) * spread[1]
        for i in mine:
            after = 0.0
            for j in reversed(range(len(out[i]))):  # what is to go from an absent segment on, the next one gets too
                after = ahead_of.get((i, j), after)
                out[i][j] = (paid.get((i, j), 0.0) + after) / over
    return out


def paid_by(case: dict[str, Any], rule: str, baseline: str | None = None, scale: str = "none", lam: float = 0.0) -> list[Array]:
    lengths = case["lengths"] if baseline == "length_weighted_leave_one_out" else None
    given = {"marginal": case["marginal"], "lam": lam} if rule == "marginal" else {}
    return segment_advantages(
        case["credit"] if rule != "marginal" or lam else None,
        case["groups"],
        rule=rule,
        baseline=baseline,
        scale=scale,
        lengths=lengths,
        floor=FLOOR,
        **given,
    )


def rows_for(rule: str, rows: Any) -> dict[str, Any]:
    """Credits as the argument that a rule reads."""
    return {"credit": None, "marginal": rows} if rule == "marginal" else {"credit": rows}


def close(got: list[Array], wanted: list[list[float]], scale: str) -> bool:
    flat, flat_wanted = np.concatenate(got), np.concatenate([np.array(row) for row in wanted])
    return bool(np.abs(flat - flat_wanted).max() <= 1000 * tolerance(np.float64) / (FLOOR if scale != "none" else 1))


@pytest.mark.parametrize("scale", ["none", "group_std"])
@pytest.mark.parametrize("baseline", [*OWN_BASELINES, "length_weighted_leave_one_out"])
@given(case=responses())
def test_own_credit_is_its_formula(baseline: str, scale: str, case: dict[str, Any]) -> None:
    assert close(paid_by(case, "own", baseline, scale), expected(case, "own", 0.0, baseline, scale), scale)


@pytest.mark.parametrize("scale", ["none", "group_std"])
@pytest.mark.parametrize("baseline", TO_GO_BASELINES)
@given(case=responses(), kind=st.sampled_from([("to_go", 0.0), ("marginal", 0.0), ("marginal", 0.25), ("marginal", 1.0)]))
def test_rules_that_accumulate_are_their_formula(
    baseline: str, scale: str, case: dict[str, Any], kind: tuple[str, float]
) -> None:
    rule, lam = kind
    assert close(paid_by(case, rule, baseline, scale, lam), expected(case, rule, lam, baseline, scale), scale)


@pytest.mark.parametrize("rule", RULES)
@given(case=responses(), scale=st.sampled_from(["none", "group_std", "batch_std"]), data=st.data())
def test_who_earned_more_is_never_paid_less(rule: str, case: dict[str, Any], scale: str, data: st.DataObject) -> None:
    """The law: increments add up to (R_i - b_i) / s in the order of R, whatever the numbers of segments."""
    baseline = data.draw(st.sampled_from(IN_ORDER[rule]))
    paid = paid_by(case, rule, baseline, scale)
    for name in set(case["groups"]):
        mine = [i for i, group in enumerate(case["groups"]) if group == name and present(case["credit"][i])]
        earned = [total(case["credit"][i]) for i in mine]
        got = [float(paid[i].sum() if rule == "own" else paid[i][present(case["credit"][i])[0]]) for i in mine]
        slack = 1000 * tolerance(np.float64) / (FLOOR if scale != "none" else 1)
        order = np.argsort(earned, kind="stable")
        assert (np.diff(np.array(got)[order]) >= -slack).all()
        if len(mine) > 1 and max(earned) - min(earned) > 1e-3:
            assert got[int(np.argmax(earned))] > got[int(np.argmin(earned))]


def test_the_rule_before_paid_the_worse_response_more_and_the_law_does_not() -> None:
    worse, better = [1.0], [1.5 / 8] * 8
    for scale in ("none", "group_std"):
        before = sc.advantages(worse + better, [0] * 9, scale=scale)
        assert before[:1].sum() > 0 > before[1:].sum()
        first, second = segment_advantages([worse, better], 2, scale=scale)
        assert first.sum() < 0 < second.sum()
        assert_allclose(first.sum() + second.sum(), 0, atol=1e-12)
    assert_allclose(segment_advantages([worse, better], 2, scale="none")[1], (1.5 - 1.25) / 8)


@pytest.mark.parametrize("scale", ["none", "group_std"])
@pytest.mark.parametrize("baseline", ["mean", "none"])
@given(rows=st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(NUMBERS, min_size=n, max_size=n), min_size=2, max_size=6)))
def test_nothing_changed_where_all_have_the_same_number_of_segments(baseline: str, scale: str, rows: list[list[float]]) -> None:
    got = np.concatenate(segment_advantages(rows, len(rows), baseline=baseline, scale=scale))
    flat = np.concatenate([np.array(row) for row in rows])
    was = sc.advantages(flat, len(flat), baseline=baseline, scale=scale)
    assert_allclose(got, was, rtol=1e-12, atol=1e-12)


@given(case=responses(absent=False), rule=st.sampled_from(RULES), data=st.data())
def test_credits_that_do_not_add_up_are_completed_to_the_reward(case: dict[str, Any], rule: str, data: st.DataObject) -> None:
    rewards = data.draw(st.lists(NUMBERS, min_size=len(case["credit"]), max_size=len(case["credit"])))
    rows = case["credit"]
    paid = segment_advantages(
        **rows_for(rule, rows), groups=case["groups"], rule=rule, rewards=rewards, baseline="none", scale="none"
    )
    for i, row in enumerate(rows):
        rest = rewards[i] - math.fsum(row)
        wanted = [value + rest / len(row) for value in row] if rule == "own" else [later + rest for later in to_go(row)]
        assert_allclose(paid[i], wanted, atol=1e-12)


def test_leave_one_out_credit_needs_the_rewards_to_keep_their_order() -> None:
    """Two phrases that say the same lose nothing without each other; one alone loses all."""
    alone, together = [1.0], [0.0, 0.0]
    short, long = segment_advantages([alone, together], 2, scale="none")
    assert short.sum() > 0 > long.sum()
    short, long = segment_advantages([alone, together], 2, scale="none", rewards=[1.0, 1.5])
    assert short.sum() < 0 < long.sum()


def test_reward_to_go_subtracts_its_baseline_whole_at_every_decision() -> None:
    case = [[1.0, 2.0, 3.0], [4.0]]
    assert [row.tolist() for row in segment_advantages(case, 2, rule="to_go", baseline="leave_one_out", scale="none")] == [
        [2.0, 1.0, -1.0],
        [-2.0],
    ]
    tokens = sc.token_advantages(
        None, [[1, 1, 1, 1, 1], [1]], segment_credit=case, segment_lengths=[[1, 2, 2], [1]], groups=2, spread="reward_to_go"
    )
    # The first token of a segment is still the choice to end the one before.
    assert [row.tolist() for row in tokens] == [[2.0, 2.0, 1.0, 1.0, -1.0], [-2.0]]


@given(case=responses(absent=False), data=st.data())
def test_decisions_stand_where_segments_end(case: dict[str, Any], data: st.DataObject) -> None:
    """Segments in any places: a token is paid what is to go of those that end at it or behind it, less its baseline."""
    owners = [list(data.draw(st.permutations(range(len(row))))) + list(range(len(row))) for row in case["credit"]]
    lengths = [[data.draw(st.integers(0, 2)) for _ in row] for row in owners]
    for baseline in ("leave_one_out", "place", "none"):
        ordered, places = [], []
        for row, who, sizes in zip(case["credit"], owners, lengths, strict=True):
            last = {
                j: max([t for t, (o, n) in enumerate(zip(who, sizes, strict=True)) if o == j and n], default=99)
                for j in range(len(row))
            }
            names = sorted(range(len(row)), key=lambda j: (last[j], j))
            ordered.append([row[j] for j in names])
            places.append([next(d for d, j in enumerate(names) if last[j] >= t) for t, n in enumerate(sizes) for _ in range(n)])
        paid = segment_advantages(ordered, case["groups"], rule="to_go", baseline=baseline, scale="none")
        # A token is paid at the decision of the token before it, which its prefix knows.
        wanted = [row[place[:1] + place[:-1]].astype(np.float32) for row, place in zip(paid, places, strict=True)]
        mask = [[1] * len(row) for row in places]
        if not all(map(len, mask)):
            return
        got = rule_tokens(
            mask, case["credit"], case["groups"], segment_lengths=lengths, segment_order=owners, rule="to_go",
            baseline=baseline, scale="none",
        )  # fmt: skip
        for one, other in zip(got, wanted, strict=True):
            assert_allclose(one, other, atol=100 * tolerance(np.float32))


def test_a_response_with_nobody_to_compare_with_teaches_nothing() -> None:
    for rule in ("to_go", "marginal"):
        rows = rows_for(rule, [[1.0, 2.0]])
        for baseline in ("place", "leave_one_out"):
            assert not segment_advantages(groups=1, rule=rule, baseline=baseline, **rows)[0].any()
        assert segment_advantages(groups=1, rule=rule, baseline="none", scale="none", **rows)[0].tolist() == [3.0, 2.0]


def test_no_bit_depends_on_the_rest_of_the_batch() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=size) for size in (1, 9, 3, 20, 4, 2)]
    for rule in RULES:
        for baseline in (None, "leave_one_out"):
            whole = segment_advantages(groups=3, rule=rule, baseline=baseline, **rows_for(rule, rows))
            alone = segment_advantages(groups=3, rule=rule, baseline=baseline, **rows_for(rule, rows[:3]))
            for one, other in zip(alone, whole[:3], strict=True):
                assert_array_equal(one, other)


@pytest.mark.torch
@given(case=responses(), rule=st.sampled_from(RULES))
def test_torch_says_what_numpy_says(case: dict[str, Any], rule: str) -> None:
    import torch

    from roles import on_device

    tensors = {name: [torch.tensor(row, dtype=torch.float64) for row in case[name]] for name in ("credit", "marginal")}
    wanted = paid_by(case, rule, scale="group_std")
    for place in (None, on_device()):
        if place is None:
            got = paid_by({**case, **tensors}, rule, scale="group_std")
        else:
            with place:
                got = paid_by({**case, **tensors}, rule, scale="group_std")
        for one, other in zip(got, wanted, strict=True):
            assert_allclose(np.asarray(one), other, atol=1000 * tolerance(np.float64) / FLOOR)


# Every door to a rule.


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
