"""Credit on tokens: every layout that trainers use says what one plain loop over the tokens says."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from errors_seen import tolerance
from roles import ROLES, on_device, using
from token_layouts import Rows, by_mask, masks, numpy_layouts, padded, segmented, torch_layouts

SPREADS = ["segment", "token", "reward_to_go"]


def expected(
    rows: Rows,
    completion: list[float] | None,
    credit: list[list[float]],
    lengths: list[list[int]],
    spread: str,
    below: Any,
    over: Any,
) -> list[list[float]]:
    """One completion at a time, one segment at a time."""
    result = []
    for i, row in enumerate(rows):
        landed = [j for j, length in enumerate(lengths[i]) if length]
        total = math.fsum(credit[i]) if completion is None else completion[i]
        rest = total - math.fsum(credit[i][j] for j in landed) - below[i]
        paid = []
        for j, length in enumerate(lengths[i]):
            final = float([j] == landed[-1:])  # reward to go subtracts the baseline whole at every decision
            even = {"token": length / max(sum(row), 1), "segment": 1 / max(len(landed), 1), "reward_to_go": final}
            share = even[spread] if length else 0.0
            paid.append(((credit[i][j] if length else 0.0) + share * rest) / over[i])
        tokens = []
        for j, length in enumerate(lengths[i]):
            value = {"segment": paid[j], "token": paid[j] / max(length, 1), "reward_to_go": math.fsum(paid[j:])}[spread]
            tokens += [0.0 if total != total else value] * length
        result.append(tokens[:1] + tokens[:-1] if spread == "reward_to_go" else tokens)  # by the decision before each token
    return result


def close(got: Any, wanted: Any, scale: float = 100.0) -> bool:
    flat, flat_wanted = (np.array([value for row in table for value in row], np.float64) for table in (got, wanted))
    return bool(np.abs(flat - flat_wanted).max(initial=0.0) <= scale * tolerance(np.float32))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("spread", SPREADS)
@given(case=segmented(), data=st.data())
def test_token_advantages_are_their_formula(
    role: str, spread: str, case: tuple[Rows, list[list[float]], list[list[int]]], data: st.DataObject
) -> None:
    rows, credit, lengths = case
    number = st.one_of(st.floats(-4, 4, width=16), st.just(float("nan")))
    completion = data.draw(st.one_of(st.none(), st.lists(number, min_size=len(rows), max_size=len(rows))))
    grouped = data.draw(st.booleans())
    options: dict[str, Any] = {"groups": len(rows), "scale": "group_std", "floor": 0.5} if grouped else {}
    below, over = [0.0] * len(rows), [1.0] * len(rows)
    totals = completion if completion is not None else [math.fsum(row) for row in credit]
    present = [total for total in totals if total == total]
    if grouped and present:
        below = [float(np.mean(present))] * len(rows)
        if spread == "reward_to_go":
            others = max(len(present) - 1, 1)
            below = [(math.fsum(present) - total) / others for total in totals]
            if len(present) == 1:  # nobody to compare with
                totals = completion = [float("nan")] * len(rows)
        over = [max(float(np.std(present, ddof=1)) if len(present) > 1 else 0.0, 0.5)] * len(rows)
    wanted = expected(rows, completion, credit, lengths, spread, below, over)
    with using(role):
        for mask, options_of, read in numpy_layouts(rows).values():
            got = sc.token_advantages(
                completion, mask, segment_credit=credit, segment_lengths=lengths, spread=spread, **options, **options_of
            )
            assert close(read(got), wanted)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("spread", SPREADS)
def test_a_batch_without_trainable_tokens(spread: str, role: str) -> None:
    segments: dict[str, Any] = {"segment_credit": [[1.0, 2.0, 3.0]], "segment_lengths": [[]], "segment_order": [[]]}
    with using(role):
        out = sc.token_advantages(None, np.zeros((1, 2)), **segments, spread=spread)
    assert_array_equal(out, np.zeros((1, 2), np.float32))


@pytest.mark.parametrize("spread", SPREADS)
@given(rows=masks(), data=st.data())
def test_segments_in_several_stretches(spread: str, rows: Rows, data: st.DataObject) -> None:
    """Every token by itself: the segments of a completion are sets of its tokens, in any places."""
    k = 3
    owners = [data.draw(st.lists(st.integers(0, k - 1), min_size=sum(row), max_size=sum(row))) for row in rows]
    credit = [data.draw(st.lists(st.floats(-4, 4, width=16), min_size=k, max_size=k)) for _ in rows]
    runs = [[(owner, len(list(run))) for owner, run in groupby(row)] for row in owners]
    wanted = []
    for row, phi in zip(owners, credit, strict=True):
        landed = sorted(set(row))
        rest = math.fsum(phi) - math.fsum(phi[j] for j in landed)
        count = {j: row.count(j) for j in landed}
        last = {j: max(t for t, owner in enumerate(row) if owner == j) for j in landed}
        final = {j: float(last[j] == len(row) - 1) for j in landed}
        share = {
            j: {"token": count[j] / len(row), "segment": 1 / len(landed), "reward_to_go": final[j]}[spread] for j in landed
        }
        paid = {j: phi[j] + share[j] * rest for j in landed}
        wanted.append(
            [
                math.fsum(paid[j] for j in landed if last[j] >= max(t - 1, 0))
                if spread == "reward_to_go"
                else paid[owner] / (count[owner] if spread == "token" else 1)
                for t, owner in enumerate(row)
            ]
        )
    mask = padded(rows, left=True)
    out = sc.token_advantages(
        None,
        mask,
        segment_credit=credit,
        segment_lengths=[[length for _, length in row] for row in runs],
        segment_order=[[owner for owner, _ in row] for row in runs],
        spread=spread,
    )
    assert close(by_mask(mask)(out), wanted)


def test_a_segment_is_paid_at_its_last_token_whatever_empty_stretches_follow() -> None:
    out = sc.token_advantages(
        None,
        np.ones((1, 4)),
        segment_credit=[[1.0, 10.0]],
        segment_lengths=[[2, 2, 0]],
        segment_order=[[0, 1, 0]],
        spread="reward_to_go",
    )
    assert out.tolist() == [[11.0, 11.0, 11.0, 10.0]]


@given(case=segmented())
def test_tokens_of_a_segment_add_up_to_its_credit(case: tuple[Rows, list[list[float]], list[list[int]]]) -> None:
    rows, credit, lengths = case
    out = sc.token_advantages(
        [math.fsum(c for c, n in zip(*pair, strict=True) if n) for pair in zip(credit, lengths, strict=True)],
        padded(rows, left=True),
        segment_credit=credit,
        segment_lengths=lengths,
        spread="token",
    )
    for row, keep, phi, sizes in zip(out, padded(rows, left=True), credit, lengths, strict=True):
        parts = np.split(row[keep].astype(np.float64), np.cumsum(sizes))[:-1]
        assert all(
            abs(part.sum() - value) <= 10 * tolerance(np.float32) for part, value in zip(parts, phi, strict=True) if len(part)
        )


@given(case=segmented(), spread=st.sampled_from(SPREADS), data=st.data())
def test_whatever_the_segments_the_completion_is_paid_its_advantage(
    case: tuple[Rows, list[list[float]], list[list[int]]], spread: str, data: st.DataObject
) -> None:
    rows, credit, lengths = case
    completion = [data.draw(st.floats(-4, 4, width=16)) for _ in rows]
    advantage = sc.advantages(completion, len(rows), baseline="leave_one_out" if spread == "reward_to_go" else "mean")
    mask = padded(rows, left=False)
    out = sc.token_advantages(
        completion, mask, segment_credit=credit, segment_lengths=lengths, groups=len(rows), spread=spread
    ).astype(np.float64)
    for row, keep, sizes, total in zip(out, mask, lengths, advantage, strict=True):
        if not keep.any():
            continue
        firsts = row[keep][np.cumsum([0, *[n for n in sizes if n]])[:-1]]
        paid = {"token": row.sum(), "segment": firsts.sum(), "reward_to_go": row[keep][0]}[spread]
        assert abs(paid - total) <= 100 * tolerance(np.float32)


@pytest.mark.parametrize("spread", ["segment", "reward_to_go"])
def test_without_segments_every_token_gets_the_advantage_of_its_completion(spread: str) -> None:
    rng = np.random.default_rng(3)
    reward, mask = rng.normal(size=6), rng.random((6, 20)) < 0.7
    for rule in ("leave_one_out",) if spread == "reward_to_go" else ("mean", "leave_one_out", "half_window_median"):
        out = sc.token_advantages(reward, mask, groups=3, baseline=rule, spread=spread)
        assert np.array_equal(out, np.where(mask, sc.advantages(reward, 3, baseline=rule)[:, None], 0).astype(np.float32))
    out = sc.token_advantages(reward, mask, groups=3, baseline="length_weighted")
    told = sc.advantages(reward, 3, baseline="length_weighted", lengths=mask.sum(1))
    assert np.array_equal(out, np.where(mask, told[:, None], 0).astype(np.float32))
    without = rng.normal(size=6)
    out = sc.token_advantages(reward, mask, groups=3, baseline="set_leave_one_out", without=without)
    told = sc.advantages(reward, 3, baseline="set_leave_one_out", without=without)
    assert np.array_equal(out, np.where(mask, told[:, None], 0).astype(np.float32))


def test_a_completion_sees_no_bit_of_another_batch() -> None:
    rng = np.random.default_rng(4)
    mask = rng.random((9, 64)) < 0.6
    lengths = [[int(n) // 3, int(n) - int(n) // 3] for n in mask.sum(1)]
    credit = rng.normal(size=(9, 2))
    for spread in SPREADS:
        whole = sc.token_advantages(None, mask, segment_credit=credit, segment_lengths=lengths, groups=3, spread=spread)
        for low in (0, 3, 6):
            part = slice(low, low + 3)
            alone = sc.token_advantages(
                None, mask[part], segment_credit=credit[part], segment_lengths=lengths[part], groups=3, spread=spread
            )
            assert np.array_equal(alone, whole[part])


@pytest.mark.torch
@given(case=segmented(), spread=st.sampled_from(SPREADS))
def test_token_advantages_on_tensors(case: tuple[Rows, list[list[float]], list[list[int]]], spread: str) -> None:
    import torch

    rows, credit, lengths = case
    options: dict[str, Any] = {"spread": spread, "groups": ["a"] * len(rows)}
    mask = padded(rows, left=False)
    wanted = by_mask(mask)(sc.token_advantages(None, mask, segment_credit=credit, segment_lengths=lengths, **options))
    tensors = [torch.tensor(row) for row in credit]
    for layout, more, read in torch_layouts(rows).values():
        sizes = [torch.tensor(row) for row in lengths]
        assert (
            read(sc.token_advantages(None, layout, segment_credit=tensors, segment_lengths=sizes, **more, **options)) == wanted
        )
        with on_device():
            order = [list(range(len(row))) for row in lengths]
            out = sc.token_advantages(
                None, layout, segment_credit=credit, segment_lengths=lengths, segment_order=order, **more, **options
            )
            assert close(read(out), wanted)
            assert read(sc.scatter_credit(wanted, layout, **more)) == wanted
    totals = torch.tensor([math.fsum(row) for row in credit], requires_grad=True)
    out = sc.token_advantages(totals, torch.tensor(mask), segment_credit=tensors, segment_lengths=lengths, spread=spread)
    assert not out.requires_grad


@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0)])
def test_a_batch_without_tokens_has_no_advantages(shape: tuple[int, int]) -> None:
    credit = np.ones(shape[0])
    assert sc.token_advantages(credit, np.ones(shape, np.bool_), groups=[0] * shape[0]).shape == shape
