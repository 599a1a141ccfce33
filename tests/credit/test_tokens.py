"""Credit on tokens: every layout that trainers use says what one plain loop over the tokens says."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from errors_seen import tolerance
from roles import ROLES, on_device, using

Array = NDArray[Any]
Rows = list[list[bool]]
SPREADS = ["segment", "token", "reward_to_go"]


@st.composite
def masks(draw: st.DrawFn) -> Rows:
    """Completions of any length: prompts, padding on either side, tool holes, nothing to train at all."""
    return draw(st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=5))


@st.composite
def segmented(draw: st.DrawFn) -> tuple[Rows, list[list[float]], list[list[int]]]:
    """A mask, and for each completion segments that tile its trainable tokens, some of them empty."""
    rows, credit, lengths = draw(masks()), [], []
    for row in rows:
        cuts = draw(st.lists(st.integers(0, sum(row)), max_size=4).map(sorted))
        edges = [0, *cuts, sum(row)] if sum(row) or draw(st.booleans()) else []
        lengths.append([high - low for low, high in pairwise(edges)])
        credit.append([draw(st.floats(-4, 4, width=16)) for _ in lengths[-1]])
    return rows, credit, lengths


def padded(rows: Rows, left: bool) -> Array:
    width = max(map(len, rows))
    return np.array([[False] * (width - len(row)) * left + row + [False] * (width - len(row)) * (not left) for row in rows])


def offsets(rows: Rows) -> Array:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])])


Layout = tuple[Any, dict[str, Any], Callable[[Any], list[Any]]]


def by_mask(mask: Array) -> Callable[[Any], list[Any]]:
    """From a result in the layout of a mask to the credits of the trainable tokens of each row; the others must be 0."""

    def read(out: Any) -> list[Any]:
        assert out.shape == mask.shape
        assert (out[~mask] == 0).all()
        return [row[keep].tolist() for row, keep in zip(out, mask, strict=True)]

    return read


def by_row(rows: Rows) -> Callable[[Any], list[Any]]:
    def read(out: Any) -> list[Any]:
        assert [len(row) for row in out] == [len(row) for row in rows]
        found = []
        for row, keep in zip(out, map(np.array, rows), strict=True):
            assert (np.asarray(row)[~keep] == 0).all()
            found.append(np.asarray(row)[keep].tolist())
        return found

    return read


def numpy_layouts(rows: Rows) -> dict[str, Layout]:
    right, left = padded(rows, left=False), padded(rows, left=True)
    prompt = np.concatenate([np.zeros((len(rows), 3), bool), right], axis=1)
    ends = offsets(rows)
    flat = np.concatenate(rows)
    return {
        "right-padded, int64": (right.astype(np.int64), {}, by_mask(right)),
        "left-padded, bool": (left, {}, by_mask(left)),
        "full sequence, float": (prompt * 1.0, {}, by_mask(prompt)),
        "shifted view": (prompt.astype(np.int32)[:, 1:], {}, by_mask(prompt[:, 1:])),
        "packed": (flat, {"cu_seqlens": ends}, lambda out: by_row(rows)(np.split(out, ends[1:-1]))),
        "list of lists": ([[int(flag) for flag in row] for row in rows], {}, by_row(rows)),
        "list of arrays": ([np.array(row) for row in rows], {}, by_row(rows)),
    }


def torch_layouts(rows: Rows) -> dict[str, Layout]:
    import torch

    tensors = [torch.tensor(row) for row in rows]
    right, ends = padded(rows, left=False), torch.tensor(offsets(rows), dtype=torch.int32)

    def dense(out: Any) -> Any:
        assert isinstance(out, torch.Tensor)
        assert out.dtype == torch.float32
        return out.numpy()

    nested = torch.nested.nested_tensor([row.long() for row in tensors], layout=torch.jagged)
    return {
        "dense": (torch.tensor(right).long(), {}, lambda out: by_mask(right)(dense(out))),
        "packed": (
            torch.cat(tensors),
            {"cu_seqlens": ends},
            lambda out: by_row(rows)(np.split(dense(out), ends[1:-1].tolist())),
        ),
        "list": (tensors, {}, lambda out: by_row(rows)([dense(row) for row in out])),
        "jagged": (nested, {}, lambda out: by_row(rows)([dense(row) for row in (out * (nested * 0 + 1)).unbind()])),
    }


def ragged_forms(values: list[list[float]]) -> list[Any]:
    arrays = np.empty(len(values), object)
    arrays[:] = [np.array(row, np.float32) for row in values]
    return [values, arrays, list(arrays)]


@pytest.mark.parametrize("role", ROLES)
@given(rows=masks(), data=st.data())
def test_scatter_then_gather_returns_the_values(role: str, rows: Rows, data: st.DataObject) -> None:
    values = [[data.draw(st.floats(-9, 9, width=32)) for _ in range(sum(row))] for row in rows]
    with using(role):
        for mask, options, read in numpy_layouts(rows).values():
            for form in ragged_forms(values):
                assert read(sc.scatter_credit(form, mask, **options)) == values


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dtype", ["?", "b", "<i8", ">i8", "u2", "e", "f", "d"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_large_masks_of_any_dtype_and_order(role: str, dtype: str, order: Any) -> None:
    rng = np.random.default_rng(3)
    chosen = (rng.random((50, 1001)) < 0.8) & (np.arange(1001) < rng.integers(0, 1002, 50)[:, None])
    mask = (chosen * 0.5 if np.dtype(dtype).kind == "f" else chosen).astype(dtype, order=order)
    mask.flags.writeable = False
    values = [rng.normal(size=count).astype(np.float32) for count in chosen.sum(1)]
    truth = np.zeros(chosen.shape, np.float32)
    truth[chosen] = np.concatenate(values)
    with using(role):
        assert_array_equal(sc.scatter_credit(values, mask), truth)
        assert_array_equal(sc.token_advantages(np.arange(50.0), mask), np.where(chosen, np.arange(50.0)[:, None], 0))


@pytest.mark.torch
@given(rows=masks(), data=st.data())
def test_scatter_on_tensors(rows: Rows, data: st.DataObject) -> None:
    import torch

    values = [[data.draw(st.floats(-9, 9, width=32)) for _ in range(sum(row))] for row in rows]
    tensors = [torch.tensor(row) for row in values]
    nested = torch.nested.nested_tensor([torch.tensor(row) for row in values], layout=torch.jagged)
    for mask, options, read in torch_layouts(rows).values():
        for form in (values, tensors, nested):
            assert read(sc.scatter_credit(form, mask, **options)) == values


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


TWO = np.array([[1, 1, 0], [0, 1, 1]])
BAD: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: sc.scatter_credit([[1.0, 2.0], [1.0]], TWO),
        r"row 1 of values has 1 values, but 2 trainable tokens in the mask. Cut the row where the sequence was cut",
    ),
    (lambda: sc.scatter_credit([[1.0, 2.0]], TWO), r"values must hold a row for each of the 2 completions of the mask; got 1"),
    (lambda: sc.scatter_credit([1.0, 2.0], TWO), r"values must hold a row of numbers for each completion; .*float"),
    (lambda: sc.scatter_credit(np.ones(4), TWO), r"values must hold a row for each completion; got an array of shape \(4,\)"),
    (lambda: sc.scatter_credit([[1.0, np.inf], [1.0, 2.0]], TWO), r"values must be finite; found an infinite number"),
    (lambda: sc.scatter_credit([["a"] * 2] * 2, TWO), r"values must hold real numbers; got <U1"),
    (lambda: sc.scatter_credit([[1.0]], np.ones((1, 1, 1))), r"mask must be \[B, T\], or \[T\] for one completion; got shape"),
    (
        lambda: sc.scatter_credit([[1.0]], np.array(["x"])),
        r"mask must hold booleans or numbers, 0 for what is not trained; got <U1",
    ),
    (lambda: sc.scatter_credit([], []), r"a list of masks must hold one row for each completion, at least one"),
    (
        lambda: sc.scatter_credit([[1.0]], np.ones(4), cu_seqlens=[0, 2]),
        r"cu_seqlens must ascend from 0 to the number of packed tokens of a mask \[M\]; got \[0, 2\] for a mask",
    ),
    (
        lambda: sc.scatter_credit([[1.0]], np.ones(4), cu_seqlens=[0.0, 4.0]),
        r"cu_seqlens must be integers \[rows \+ 1\]; got float64",
    ),
    (
        lambda: sc.token_advantages(None, TWO),
        r"give completion_credit, or segment_credit together with segment_lengths, or all",
    ),
    (lambda: sc.token_advantages(None, TWO, segment_credit=[[1.0]] * 2), r"segment_credit together with segment_lengths"),
    (
        lambda: sc.token_advantages([1.0], TWO),
        r"completion_credit must hold one number for each of the 2 completions .* \(1,\)",
    ),
    (
        lambda: sc.token_advantages([1.0, 2.0], TWO, spread="mean"),
        r"spread must be one of segment, token, reward_to_go; got 'mean'",
    ),
    (lambda: sc.token_advantages([1.0, 2.0], TWO, scale="group_std"), r"baseline=, scale= and without= need groups"),
    (lambda: sc.token_advantages([1.0, 2.0], TWO, baseline="mean"), r"baseline=, scale= and without= need groups"),
    (
        lambda: sc.token_advantages([1.0, 2.0], TWO, groups=2, baseline="mean", spread="reward_to_go"),
        r"must not see the own response: one of none, leave_one_out, .*; got 'mean'",
    ),
    (
        lambda: sc.token_advantages(None, TWO, segment_credit=[[1.0], [1.0]], segment_lengths=[[2], [1, 1]]),
        r"row 1 of segment_credit has 1 credits but 2 segment_lengths",
    ),
    (
        lambda: sc.token_advantages(None, TWO, segment_credit=[[1.0], [1.0, 2.0]], segment_lengths=[[2], [1, 2]]),
        r"row 1 of segment_lengths has 3 tokens in all, but 2 trainable tokens",
    ),
    (
        lambda: sc.token_advantages(
            None, TWO, segment_credit=[[1.0], [1.0]], segment_lengths=[[2], [1, 1]], segment_order=[[0], [0, 1]]
        ),
        r"row 1 of segment_order names segment 1; it has 0 .. 0",
    ),
    (
        lambda: sc.token_advantages(
            None, TWO, segment_credit=[[1.0], [1.0]], segment_lengths=[[2], [1, 1]], segment_order=[[0], [0]]
        ),
        r"row 1 of segment_order has 1 entries but 2 segment_lengths",
    ),
    (
        lambda: sc.token_advantages(None, TWO, segment_credit=[[1.0], [1.0]], segment_lengths=[[2], [1.5]]),
        r"segment_lengths must be whole numbers of tokens, 0 or more",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        call()


@pytest.mark.torch
def test_bad_tensors() -> None:
    import torch

    rows = [torch.ones(2), torch.ones(3)]
    with pytest.warns(UserWarning, match="nested tensors"), pytest.raises(sc.InputError, match="jagged layout without holes"):
        sc.scatter_credit([[1.0] * 2, [1.0] * 3], torch.nested.nested_tensor(rows, layout=torch.strided))
