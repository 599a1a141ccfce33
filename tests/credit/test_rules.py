"""Rules of credit: the law that they keep, and their formulas one response at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit.credit.increments import RULES, TO_GO_BASELINES
from shapley_credit.credit.rules import rule_tokens, segment_advantages

from errors_seen import tolerance
from rule_formulas import (
    FLOOR,
    IN_ORDER,
    NUMBERS,
    OWN_BASELINES,
    close,
    expected,
    paid_by,
    present,
    responses,
    rows_for,
    to_go,
    total,
)


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
