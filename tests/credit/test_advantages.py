"""Group baselines and scales against their formulas, one group at a time in plain Python."""

from __future__ import annotations

import math
import statistics
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.credit.baselines import BASELINES, SCALES

from errors_seen import tolerance
from roles import on_device

NAN = float("nan")
FLOOR = 1e-3


def narrowest_half(credits: list[float]) -> float:
    ascending, half = sorted(credits), math.ceil(len(credits) / 2)
    starts = range(len(credits) - half + 1)
    best = min(starts, key=lambda i: ascending[i + half - 1] - ascending[i])
    return statistics.median(ascending[best : best + half])


def baseline_of(rule: str, i: int, credits: list[float], lengths: list[float], without: list[float]) -> float:
    """b_i from the present members of one group."""
    n, others = len(credits), credits[:i] + credits[i + 1 :]
    match rule:
        case "none":
            return 0.0
        case "mean":
            return math.fsum(credits) / n
        case "leave_one_out":
            return math.fsum(others) / len(others) if others else credits[i]
        case "length_weighted":
            total = math.fsum(lengths)
            weighted = math.fsum(c * length for c, length in zip(credits, lengths, strict=True))
            return weighted / total if total else math.fsum(credits) / n
        case "length_weighted_leave_one_out":
            weights = lengths[:i] + lengths[i + 1 :]
            total = math.fsum(weights)
            weighted = math.fsum(c * length for c, length in zip(others, weights, strict=True))
            return weighted / total if total else baseline_of("leave_one_out", i, credits, lengths, without)
        case "half_window_median":
            return narrowest_half(credits)
        case "set_leave_one_out":
            return without[i] / max(n - 1, 1)
    raise AssertionError(rule)


def deviation(credits: list[float]) -> float:
    return max(statistics.stdev(credits) if len(credits) > 1 else 0.0, FLOOR)


def expected(batch: dict[str, Any], baseline: str, scale: str) -> list[float]:
    """One completion at a time, one group at a time."""
    present = [i for i, credit in enumerate(batch["credit"]) if not math.isnan(credit)]
    result = [0.0] * len(batch["credit"])
    for i in present:
        group = [j for j in present if batch["groups"][j] == batch["groups"][i]]
        credits, lengths, without = ([batch[name][j] for j in group] for name in ("credit", "lengths", "without"))
        below = baseline_of(baseline, group.index(i), credits, lengths, without)
        over = {"none": 1.0, "group_std": deviation(credits), "batch_std": deviation([batch["credit"][j] for j in present])}
        result[i] = (batch["credit"][i] - below) / over[scale]
    return result


NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10, width=32).map(float))


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    """Ragged groups in any order, ties, negative credits and absent ones; sometimes all of a group absent."""
    n = draw(st.integers(1, 14))
    each = st.lists(NUMBERS, min_size=n, max_size=n)
    absent = draw(st.lists(st.booleans(), min_size=n, max_size=n)) if draw(st.booleans()) else [False] * n
    return {
        "credit": [NAN if gone else credit for credit, gone in zip(draw(each), absent, strict=True)],
        "groups": draw(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=n, max_size=n)),
        "lengths": draw(st.lists(st.integers(0, 9).map(float), min_size=n, max_size=n)),
        "without": draw(each),
    }


def sides(batch: dict[str, Any], baseline: str) -> dict[str, Any]:
    return {
        name: batch[name]
        for name, rules in (
            ("lengths", ("length_weighted", "length_weighted_leave_one_out")),
            ("without", ("set_leave_one_out",)),
        )
        if baseline in rules
    }


def close(got: Any, wanted: Any, dtype: Any = np.float64) -> bool:
    scale = 10 / FLOOR  # the largest credit over the smallest divisor
    return bool(np.abs(np.asarray(got) - np.asarray(wanted)).max() <= tolerance(dtype) * scale)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("baseline", BASELINES)
@given(batch=batches())
def test_every_rule_is_its_formula(baseline: str, scale: str, batch: dict[str, Any]) -> None:
    given_credit = np.array(batch["credit"])
    kept = given_credit.copy()
    got = sc.advantages(given_credit, batch["groups"], baseline=baseline, scale=scale, floor=FLOOR, **sides(batch, baseline))
    assert close(got, expected(batch, baseline, scale))
    assert np.array_equal(given_credit, kept, equal_nan=True)
    assert (got[np.isnan(kept)] == 0).all()


@pytest.mark.parametrize("baseline", BASELINES)
@given(batch=batches(), seed=st.integers(0, 99))
def test_no_bit_depends_on_the_rest_of_the_batch(baseline: str, batch: dict[str, Any], seed: int) -> None:
    def solve(index: NDArray[Any]) -> Any:
        part = {name: [batch[name][i] for i in index] for name in batch}
        return sc.advantages(part["credit"], part["groups"], baseline=baseline, scale="group_std", **sides(part, baseline))

    whole = solve(np.arange(len(batch["credit"])))
    for name in set(batch["groups"]):
        mine = np.flatnonzero([group == name for group in batch["groups"]])
        assert np.array_equal(solve(mine), whole[mine])


@pytest.mark.parametrize("baseline", sorted(BASELINES.keys() - {"none", "set_leave_one_out"}))
def test_equal_credits_have_advantages_of_exactly_zero(baseline: str) -> None:
    """Also where a sum of them is rounded, as of three times 0.1."""
    for n in range(1, 65):
        side: dict[str, Any] = {"lengths": np.arange(1, n + 1)} if baseline.startswith("length_weighted") else {}
        for credit in (0.1, -0.7, 1 / 3, 1e-9, 12345.678):
            for scale in SCALES:
                assert sc.advantages([credit] * n, n, baseline=baseline, scale=scale, **side).tolist() == [0.0] * n


@given(rewards=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=9), data=st.data())
def test_decoupled_rewards(rewards: list[tuple[float, float]], data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, 2), min_size=len(rewards), max_size=len(rewards)))
    weights = data.draw(st.sampled_from([None, [1.0, 1.0], [0.5, -2.0]]))
    columns = [
        expected({"credit": list(column), "groups": ids, "lengths": list(column), "without": list(column)}, "mean", "group_std")
        for column in zip(*rewards, strict=True)
    ]
    added = [sum(w * a for w, a in zip(weights or [1, 1], row, strict=True)) for row in zip(*columns, strict=True)]
    mean, over = math.fsum(added) / len(added), deviation(added)
    got = sc.advantages(rewards, ids, scale="decoupled", weights=weights, floor=FLOOR)
    assert close(got, [(a - mean) / over for a in added])


def test_the_decoupled_scale_tells_apart_what_a_sum_confuses() -> None:
    """Two rewards (0, 1) and (1, 0) have one sum; each by itself is another advantage (the example of the GDPO paper)."""
    rewards = [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    got = sc.advantages(rewards, 4, scale="decoupled")
    one = sc.advantages([sum(row) for row in rewards], 4, scale="group_std")
    assert got[0] - got[1] != pytest.approx(one[0] - one[1], abs=1e-3)


def test_a_reward_that_is_absent_counts_nowhere() -> None:
    got = sc.advantages([[1.0, NAN], [3.0, 4.0], [NAN, NAN], [5.0, 8.0]], 4, scale="decoupled")
    rest = sc.advantages([[1.0, NAN], [3.0, 4.0], [5.0, 8.0]], 3, scale="decoupled")
    assert got[2] == 0
    assert got[[0, 1, 3]].tolist() == rest.tolist()


def test_published_figures() -> None:
    assert sc.advantages([1.0, 0.0, 0.0, 1.0], 4, scale="group_std").tolist() == pytest.approx(
        [0.75**0.5, -(0.75**0.5)] * 1 + [-(0.75**0.5), 0.75**0.5]
    )
    assert sc.advantages([2.0, 5.0, 8.0], 3, baseline="leave_one_out").tolist() == [-4.5, 0.0, 4.5]
    assert sc.advantages([1.0, 4.0], 2, baseline="length_weighted", lengths=[300, 100]).tolist() == [-0.75, 2.25]
    assert sc.advantages([0.0, 9.0, 10.0, 11.0, 50.0], 5, baseline="half_window_median").tolist() == [-10, -1, 0, 1, 40]


def test_the_set_leave_one_out_baseline_leaves_the_gradient_where_it_is() -> None:
    """v(N - i) does not see candidate i, so that phi_i - v(N - i) / (n - 1) has the expected gradient of phi_i."""
    scores = np.array([8.0, 11.0, 13.0, 18.0])
    phi = sc.set_shapley(u.Max(scores))
    without = u.Max(scores).value(range(4)) - sc.set_semivalue(u.Max(scores), semivalues.leave_one_out)
    got = sc.advantages(phi, 4, baseline="set_leave_one_out", without=without)
    assert got.tolist() == [2 - 18 / 3, 3 - 18 / 3, 4 - 18 / 3, 9 - 13 / 3]
    again = phi + 100.0 * np.eye(4)[1]  # candidate 1 alone changes
    assert sc.advantages(again, 4, baseline="set_leave_one_out", without=without)[1] == pytest.approx(got[1] + 100.0, abs=1e-12)


IDS: dict[str, Any] = {
    "strings": ["p", "q", "p", "r", "q", "p"],
    "tuple": (("x", 1), True, ("x", 1), 2.5, True, ("x", 1)),
    "objects": np.array(["p", 7, "p", (), 7, "p"], object),
    "integers": np.array([5, -1, 5, 9, -1, 5]),
    "text array": np.array(["p", "q", "p", "r", "q", "p"]),
    "prompts": np.array([[0, 1, 2], [0, 1, 3], [0, 1, 2], [1, 1, 2], [0, 1, 3], [0, 1, 2]]),
}


@pytest.mark.parametrize("ids", IDS.values(), ids=list(IDS))
def test_groups_by_any_id(ids: Any) -> None:
    assert sc.advantages([1, 2, 4, 8, 16, 32], ids).tolist() == pytest.approx([1 - 37 / 3, -7, 4 - 37 / 3, 0, 7, 32 - 37 / 3])


def test_dtypes() -> None:
    for dtype, wanted in ((np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64), (np.int8, np.float64)):
        got = sc.advantages(np.array([1, 3], dtype), 2)
        assert got.dtype == wanted
        assert got.tolist() == [-1, 1]


@pytest.mark.torch
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("baseline", BASELINES)
@given(batch=batches())
def test_torch_says_what_numpy_says(baseline: str, scale: str, batch: dict[str, Any]) -> None:
    import torch

    wanted = expected(batch, baseline, scale)
    credit, names = torch.tensor(batch["credit"], dtype=torch.float64, requires_grad=True), sorted(set(batch["groups"]))
    ids = torch.tensor([names.index(name) for name in batch["groups"]])
    for group in (ids, batch["groups"], torch.stack([ids * 0, ids], 1)):
        options = {"baseline": baseline, "scale": scale, "floor": FLOOR, **sides(batch, baseline)}
        got = sc.advantages(credit, group, **options)
        with on_device():
            accelerated = sc.advantages(credit, group, **options)
        for result in (got, accelerated):
            assert isinstance(result, torch.Tensor)
            assert result.dtype == torch.float64
            assert not result.requires_grad
            assert close(result, wanted)


@pytest.mark.torch
def test_ids_on_a_device_are_not_copied_to_the_host() -> None:
    import torch

    with on_device(), mock.patch("shapley_credit.inputs.ids.to_host", side_effect=AssertionError("copied")):
        got = sc.advantages(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([7, 2, 7]))
    assert got.tolist() == [-2.0, 0.0, 2.0]


@pytest.mark.torch
def test_torch_dtypes() -> None:
    import torch

    for dtype, wanted in ((torch.bfloat16, torch.float32), (torch.float16, torch.float32), (torch.int64, torch.float64)):
        assert sc.advantages(torch.tensor([1, 3], dtype=dtype), 2).dtype == wanted


BAD: list[tuple[dict[str, Any], str]] = [
    ({"credit": [[1.0]]}, r"credit must be \[N\], or \[N, R\] with scale='decoupled'.*got shape \(1, 1\) with scale='none'"),
    ({"credit": [], "groups": []}, r"N and R at least 1; got shape \(0,\)"),
    ({"scale": "decoupled"}, r"got shape \(3,\) with scale='decoupled'"),
    ({"credit": [1.0, float("inf"), 2.0]}, r"credit must be finite; found an infinite number"),
    ({"credit": ["a", "b", "c"]}, r"credit must hold real numbers; got <U1"),
    ({"baseline": "median"}, r"baseline must be one of none, mean, leave_one_out, .*; got 'median'"),
    ({"scale": "std"}, r"scale must be one of none, group_std, batch_std, or decoupled for several rewards; got 'std'"),
    ({"floor": 0.0}, r"floor must be positive.*got 0.0"),
    ({"groups": 2}, r"groups=2 neighbours each can't divide 3 credits"),
    ({"groups": [1, 2]}, r"groups must hold one id for each of the 3 credits; got 2"),
    (
        {"groups": [{1}, {2}, {3}]},
        r"an id in groups of type set can't be compared with others: .*Use strings, numbers or tuples",
    ),
    ({"groups": np.zeros(3)}, r"groups must be ids, integers, strings or objects, or rows of tokens; got float64"),
    ({"baseline": "length_weighted"}, r"lengths is missing, but baseline='length_weighted' needs it"),
    ({"lengths": [1, 2, 3]}, r"lengths means nothing to baseline='mean'"),
    ({"baseline": "length_weighted", "lengths": [1, 2]}, r"lengths must be of shape \[3\]; got \(2,\)"),
    ({"baseline": "length_weighted", "lengths": [1, 2, -3]}, r"lengths must be numbers, none below 0; got \[1, 2, -3\]"),
    ({"baseline": "set_leave_one_out", "without": [1, 2, NAN]}, r"without must be numbers; got \[1, 2, nan\]"),
    ({"weights": [1.0]}, r"weights add up rewards that are scaled one by one; leave them out or pass scale='decoupled'"),
    ({"credit": [[1.0, 2.0]] * 3, "scale": "decoupled", "weights": [1.0]}, r"weights must be of shape \[2\]; got \(1,\)"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"credit": [1.0, 2.0, 3.0], "groups": ["a", "b", "a"]}
    with pytest.raises(sc.InputError, match=message):
        sc.advantages(**(good | change))
