"""Credit of turns: one loop over the tokens says what it is, sums over all rollouts say what it optimises."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import InputError
from shapley_credit.credit import turn_runs
from shapley_credit.credit.turns import CREDITS, TURN_BASELINES

from errors_seen import tolerance
from roles import ROLES, on_device, using
from token_layouts import Array, Rows, by_mask, by_row, padded, torch_layouts

FLOOR = 0.25


def turns_of(row: list[bool], rewards: list[float]) -> list[tuple[list[int], float]]:
    """The tokens of each turn and what is earned in it, token by token."""
    found: list[tuple[list[int], float]] = []
    early = 0.0
    for t, (trained, reward) in enumerate(zip(row, rewards, strict=True)):
        if trained and not (t and row[t - 1]):
            found.append(([], early))
            early = 0.0
        if trained:
            found[-1][0].append(t)
        if found:
            found[-1] = (found[-1][0], found[-1][1] + reward)
        else:
            early += reward
    return found


def mean(numbers: list[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def baseline_of(i: int, m: int, mates: list[int], paid: list[list[float]], whole: list[float], how: dict[str, Any]) -> float:
    others = [j for j in mates if j != i]
    name, share = how["baseline"], len(paid[i]) if how["credit"] == "own" else 1
    if name == "turn":
        there = [paid[j][m] for j in others if len(paid[j]) > m]
        return mean(there or [paid[j][0] for j in others])
    return {"none": 0.0, "mean": mean([whole[j] for j in mates]), "leave_one_out": mean([whole[j] for j in others])}[
        name
    ] / share


def deviation(mates: list[int], paid: list[list[float]]) -> float:
    """Each rollout counts once, and its turns share in that."""
    centre = mean([mean(paid[j]) for j in mates])
    return max(math.sqrt(math.fsum(mean([(x - centre) ** 2 for x in paid[j]]) for j in mates) / max(len(mates) - 1, 1)), FLOOR)


def expected(rows: Rows, rewards: list[list[float]], groups: list[int], how: dict[str, Any]) -> list[list[float]]:
    """The definition, one turn at a time: the advantages of the trainable tokens of each rollout."""
    turns = [turns_of(row, own) for row, own in zip(rows, rewards, strict=True)]
    earned = [[reward for _, reward in own] for own in turns]
    if how["prefix_values"]:
        earned = [[v - (own[m - 1] if m else 0.0) for m, v in enumerate(own)] for own in earned]
    gamma = how["gamma"]
    ahead = [[math.fsum(gamma ** (n - m) * own[n] for n in range(m, len(own))) for m in range(len(own))] for own in earned]
    paid = ahead if how["credit"] == "to_go" else earned
    present = [i for i in range(len(rows)) if paid[i]]
    whole = [own[0] if own else 0.0 for own in ahead]
    result: list[list[float]] = []
    for i in range(len(rows)):
        mates, tokens = [j for j in present if groups[j] == groups[i]], list[float]()
        for m in range(len(paid[i])):
            alone = len(mates) < 2
            below = 0.0 if how["baseline"] == "none" or alone else baseline_of(i, m, mates, paid, whole, how)
            pool = {"none": [], "group_std": mates, "batch_std": present}[how["scale"]]
            over = deviation(pool, paid) if how["scale"] != "none" else 1.0
            value = 0.0 if alone and how["baseline"] != "none" else (paid[i][m] - below) / over
            tokens += [value * gamma ** (m * how["discounted"])] * len(turns[i][m][0])
        result.append(tokens)
    return result


@st.composite
def rollouts(draw: st.DrawFn) -> tuple[Rows, list[list[float]], list[int]]:
    """Ragged masks with tools, prompts, padding, rollouts without turns; a reward on any token; groups of any size."""
    rows = draw(st.lists(st.lists(st.booleans(), min_size=1, max_size=12), min_size=1, max_size=7))
    number = st.one_of(st.just(0.0), st.floats(-4, 4, width=16))
    rewards = [draw(st.lists(number, min_size=len(row), max_size=len(row))) for row in rows]
    return rows, rewards, [draw(st.integers(0, 2)) for _ in rows]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    credit = draw(st.sampled_from(CREDITS))
    ahead = credit == "to_go"
    return {
        "credit": credit,
        "gamma": draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])) if ahead else 1.0,
        "discounted": draw(st.booleans()) and ahead,
        "baseline": draw(st.sampled_from(TURN_BASELINES)),
        "scale": draw(st.sampled_from(["none", "group_std", "batch_std"])),
        "prefix_values": draw(st.booleans()),
    }


def close(got: Any, wanted: Any) -> bool:
    flat, flat_wanted = (np.array([value for row in table for value in row], np.float64) for table in (got, wanted))
    return bool(np.abs(flat - flat_wanted).max(initial=0.0) <= 1000 * tolerance(np.float32))


def placed(rewards: list[list[float]], left: bool) -> Array:
    """Rewards by token where `padded` puts the tokens."""
    table = np.zeros((len(rewards), max(map(len, rewards))))
    for row, own in zip(table, rewards, strict=True):
        row[len(row) - len(own) if left else 0 :][: len(own)] = own
    return table


@pytest.mark.parametrize("role", ROLES)
@settings(max_examples=100)
@given(case=rollouts(), how=rules(), block=st.sampled_from([1, 3, 1 << 20]))
def test_turn_advantages_are_their_definition(role: str, case: Any, how: dict[str, Any], block: int) -> None:
    """In every layout; rewards by token, in blocks that end anywhere, and by turn."""
    rows, rewards, groups = case
    wanted = expected(rows, rewards, groups, how)
    by_turn = [[reward for _, reward in turns_of(*pair)] for pair in zip(rows, rewards, strict=True)]
    right, left = padded(rows, left=False), padded(rows, left=True)
    wide = np.concatenate([np.zeros((len(rows), 2), bool), right], axis=1)
    layouts: list[Any] = [
        (right.astype(np.int64), placed(rewards, left=False), by_mask(right)),
        (left, placed(rewards, left=True), by_mask(left)),
        (wide * 1.0, np.concatenate([np.zeros((len(rows), 2)), placed(rewards, left=False)], axis=1), by_mask(wide)),
        (np.asfortranarray(right), np.asfortranarray(placed(rewards, left=False)), by_mask(right)),
        (right, by_turn, by_mask(right)),
        ([[int(flag) for flag in row] for row in rows], rewards, by_row(rows)),
        ([np.array(row) for row in rows], by_turn, by_row(rows)),
    ]
    with using(role), mock.patch.object(turn_runs, "BLOCK", block):
        for mask, numbers, read in layouts:
            out = sc.turn_advantages(numbers, mask, groups, floor=FLOOR, **how)
            assert close(read(out), wanted)
            assert all(row.dtype == np.float32 for row in out)


@pytest.mark.torch
@settings(max_examples=20)
@given(case=rollouts(), how=rules(), block=st.sampled_from([1, 5]))
def test_tensors_and_accelerators(case: Any, how: dict[str, Any], block: int) -> None:
    import torch

    rows, rewards, groups = case
    wanted = expected(rows, rewards, groups, how)
    tensors = [torch.tensor(row, requires_grad=True) for row in rewards]
    for name, (mask, more, read) in torch_layouts(rows).items():
        if more:
            continue
        given: Any = tensors
        if name == "dense":
            given = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
        out = sc.turn_advantages(given, mask, groups, floor=FLOOR, **how)
        assert close(read(out), wanted)
        with on_device(), mock.patch.object(turn_runs, "BLOCK", block):
            assert close(read(sc.turn_advantages(given, mask, groups, floor=FLOOR, **how)), wanted)
            lists = [row.tolist() for row in tensors]
            if name != "dense":
                assert close(read(sc.turn_advantages(lists, mask, groups, floor=FLOOR, **how)), wanted)


@pytest.mark.torch
def test_numbers_of_any_kind() -> None:
    import torch

    mask, rewards = np.array([[1, 0, 1], [1, 0, 0]]), np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 1.0]])
    wanted = sc.turn_advantages(rewards, mask, 2)
    assert wanted.tolist() == [[2.5, 0.0, -0.5], [-2.5, 0.0, 0.0]]  # nobody else has a second turn: .5 less 1
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for kind in (torch.bool, torch.int32, torch.int64, torch.bfloat16):
            out = sc.turn_advantages(torch.tensor(rewards, dtype=dtype), torch.tensor(mask).to(kind), 2)
            assert out.dtype == torch.float32
            assert_array_equal(out.numpy(), wanted)
    flags = rewards >= 1
    for name in ("float16", "float64", "int8", "uint64", "bool"):
        assert_array_equal(sc.turn_advantages(flags.astype(name), mask, 2), sc.turn_advantages(flags * 1.0, mask, 2))


@settings(max_examples=30)
@given(case=rollouts(), how=rules())
def test_a_group_sees_no_bit_of_another(case: Any, how: dict[str, Any]) -> None:
    rows, rewards, groups = case
    how |= {"scale": "none" if how["scale"] == "batch_std" else how["scale"]}
    out = sc.turn_advantages(rewards, rows, groups, **how)
    for group in set(groups):
        ours = [i for i, own in enumerate(groups) if own == group]
        alone = sc.turn_advantages([rewards[i] for i in ours], [rows[i] for i in ours], len(ours), **how)
        for row, i in zip(alone, ours, strict=True):
            assert_array_equal(row, out[i])


def outcomes(rng: Any, rollouts: int, equal: bool) -> tuple[Any, Any, Any]:
    """Rollouts of one to five turns, each earning one number on its last token; masks with tools."""
    counts = np.full(rollouts, 3) if equal else rng.integers(1, 6, rollouts)
    mask, rewards = np.zeros((rollouts, 30), np.int64), np.zeros((rollouts, 30))
    for i, count in enumerate(counts):
        for m in range(count):
            mask[i, 6 * m : 6 * m + rng.integers(1, 5)] = 1
        rewards[i, 6 * count - 1] = rng.normal()
    return rewards, mask, rewards.sum(1)


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_one_outcome_is_paid_as_by_rloo_and_grpo(equal: bool, seed: int) -> None:
    rewards, mask, total = outcomes(np.random.default_rng(seed), 12, equal)
    for baseline, scale in (("leave_one_out", "none"), ("mean", "none"), ("mean", "group_std"), ("leave_one_out", "batch_std")):
        wanted = sc.token_advantages(total, mask, groups=4, baseline=baseline, scale=scale)
        out = sc.turn_advantages(rewards, mask, 4, baseline=baseline, scale=scale)
        assert_allclose(out, wanted, rtol=1e-6, atol=1e-6)
    if equal:  # by default too, where every turn is reached by all
        wanted = sc.token_advantages(total, mask, groups=4, baseline="leave_one_out")
        assert_allclose(sc.turn_advantages(rewards, mask, 4), wanted, rtol=1e-6, atol=1e-6)


@given(st.data())
def test_to_go_prefers_neither_short_nor_long_rollouts(data: st.DataObject) -> None:
    """At the first decision only what is earned in all counts, however it is cut into turns."""
    n = data.draw(st.integers(2, 6))
    total = [data.draw(st.integers(-8, 8)) / 4 for _ in range(n)]
    baseline = data.draw(st.sampled_from(["turn", "leave_one_out", "mean"]))
    for _ in range(2):
        cut = [data.draw(st.lists(st.integers(-4, 4).map(float), max_size=5)) for _ in range(n)]
        earned = [[*parts, whole - math.fsum(parts)] for parts, whole in zip(cut, total, strict=True)]
        mask = [[1, 0] * len(parts) for parts in earned]
        first = [row[0] for row in sc.turn_advantages(earned, mask, n, baseline=baseline)]
        wanted = sc.advantages(total, n, baseline="mean" if baseline == "mean" else "leave_one_out")
        assert_allclose(first, wanted, rtol=0, atol=1e-5)
        order = np.argsort(total, kind="stable")
        assert (np.diff(np.array(first)[order]) >= -1e-5).all()
        # Own credit adds up to what the rollout earned less its baseline.
        own = sc.turn_advantages(earned, mask, n, credit="own")
        assert_allclose([row.sum() for row in own], sc.advantages(total, n, baseline="leave_one_out"), rtol=0, atol=1e-4)


def test_own_credit_by_turn_may_pay_who_earns_more_less() -> None:
    """What the page says of it: 2.5 in all against 2."""
    earned, mask = [[2.0], [1.0, 1.5], [1.0, 4.0]], [[1, 0], [1, 0, 1], [1, 0, 1]]
    by_turn, whole = (
        [float(row.sum()) for row in sc.turn_advantages(earned, mask, 3, credit="own", baseline=baseline)]
        for baseline in ("turn", "leave_one_out")
    )
    assert by_turn == [1.0, -3.0, 2.0]
    assert whole[1] > whole[0]


def test_prefix_values_are_the_marginals_of_their_sums() -> None:
    rng = np.random.default_rng(0)
    values, mask = [rng.normal(size=3).tolist() for _ in range(4)], np.array([[1, 0, 1, 1, 0, 1]] * 4)
    grown = [np.diff([0.0, *row]).tolist() for row in values]
    for how in ({}, {"credit": "own"}, {"gamma": 0.5}):
        out = sc.turn_advantages(values, mask, 2, prefix_values=True, **how)
        assert_allclose(out, sc.turn_advantages(grown, mask, 2, **how), rtol=0, atol=1e-6)
    total = [row[-1] for row in values]
    out = sc.turn_advantages(values, mask, 2, prefix_values=True, baseline="none")
    assert_allclose(out[:, 0], total, rtol=1e-6)  # they telescope
    assert_allclose(out[:, 5], np.array(total) - [row[1] for row in values], rtol=0, atol=1e-6)


@pytest.mark.numba  # the reference of `spread` takes a copy more
def test_memory_is_that_of_the_output() -> None:
    """2,048 rollouts of 8,192 tokens: flags beside the output, and no other matrix of floats."""
    rng = np.random.default_rng(0)
    mask = np.zeros((2048, 8192), np.bool_)
    for start in range(0, 8192, 1024):
        mask[:, start : start + 700] = rng.random((2048, 1)) < 0.8
    rewards = rng.random((2048, 8192), np.float32)
    sc.turn_advantages(rewards, mask, 8)  # compiles
    tracemalloc.start()
    out = sc.turn_advantages(rewards, mask.view(np.int8), 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.nbytes < peak < 1.3 * out.nbytes


NAN, INFINITE = float("nan"), float("inf")
TWO: dict[str, Any] = {"rewards": [[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]], "mask": [[1, 0, 1], [1, 0, 0]], "groups": 2}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rewards": [[1.0, NAN, 0.0], [0.0, 0.0, 1.0]]}, "row 0 of rewards holds NaN"),
        ({"rewards": [[1.0, 2.0], [NAN]]}, "row 1 of rewards holds NaN"),
        ({"rewards": [[1.0, INFINITE, 0.0], [0.0, 0.0, 1.0]]}, "rewards must be finite"),
        ({"rewards": [[1.0, INFINITE, -INFINITE], [0.0, 0.0, 1.0]]}, "rewards must be finite"),
        ({"rewards": [[1.0, 2.0], [INFINITE]]}, "rewards must be finite"),
        ({"rewards": [[1.7e308, 1.7e308, 0.0], [0.0, 0.0, 1.0]]}, "beyond float32"),
        ({"rewards": [[1e39, 0.0, 0.0], [0.0, 0.0, 1.0]]}, "beyond float32"),
        ({"rewards": [[1j, 0, 0], [0, 0, 1]]}, "rewards must hold real numbers"),
        ({"rewards": [[1.0, None], [2.0]]}, "rewards must hold real numbers"),
        ({"rewards": [[1.0, 2.0], [1.0, 2.0]]}, "row 1 of rewards has 2 numbers.*one for each of its 1 turns"),
        ({"rewards": np.zeros((2, 4))}, "row 0 of rewards has 4 numbers.*one for each of its 2 turns"),
        ({"rewards": np.zeros((3, 3))}, "rewards has 3 rows where 2 are needed"),
        ({"rewards": [1.0, 2.0]}, "rewards must hold a row of numbers"),
        ({"mask": [[2, 0, 1], [1, 0, 0]]}, "mask must hold 1 for trainable tokens and 0"),
        ({"mask": [[1.0, 0, 0.5], [1, 0, 0]]}, "mask must hold 1 for trainable tokens and 0"),
        ({"mask": [[-1, 0, 1], [1, 0, 0]]}, "mask must hold 1 for trainable tokens and 0"),
        ({"mask": np.array([[NAN, 0, 1], [1, 0, 0]])}, "mask must hold booleans or numbers"),
        ({"mask": np.array([1, 0, 1])}, "mask must hold a row for each completion"),
        ({"mask": np.ones((1, 2, 3))}, "mask must be"),
        ({"groups": ["p"]}, "groups must hold one id"),
        ({"groups": 3}, "groups=3"),
        ({"gamma": -0.1}, "gamma is what a reward is worth one turn earlier, a number from 0 to 1; got -0.1"),
        ({"gamma": 1.5}, "gamma"),
        ({"gamma": NAN}, "gamma"),
        ({"gamma": None}, "gamma"),
        ({"gamma": 0.5, "credit": "own"}, "credit 'own' has none; got gamma=0.5"),
        ({"discounted": True, "credit": "own"}, "credit 'own' has none"),
        ({"credit": "marginal"}, "the credit of turns must be one of to_go, own"),
        ({"baseline": "place"}, "the baseline of turns must be one of turn, leave_one_out, mean, none"),
        ({"scale": "std"}, "scale must be one of none, group_std, batch_std"),
        ({"floor": 0.0}, "floor must be positive"),
    ],
)
def test_what_cannot_be_right_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        sc.turn_advantages(**{**TWO, **wrong})


def test_batches_without_turns_and_rows_without_tokens() -> None:
    assert_array_equal(sc.turn_advantages(np.ones((2, 3)), np.zeros((2, 3)), 2), np.zeros((2, 3), np.float32))
    assert sc.turn_advantages(np.ones((0, 3)), np.zeros((0, 3)), []).shape == (0, 3)
    out = sc.turn_advantages([[], [1.0], [], [3.0], []], [[], [1], [], [1], []], 5)
    assert [row.tolist() for row in out] == [[], [-2.0], [], [2.0], []]
    assert sc.turn_advantages([[1.0, 2.0]], [[1, 0, 1]], 1)[0].tolist() == [0.0, 0.0, 0.0]  # nobody to compare with
    assert sc.turn_advantages([[1.0, 2.0]], [[1, 0, 1]], 1, baseline="none")[0].tolist() == [3.0, 0.0, 2.0]
