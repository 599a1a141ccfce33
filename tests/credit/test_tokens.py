"""Credit on tokens: what is scattered to any layout comes back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from roles import ROLES, using
from token_layouts import Rows, masks, numpy_layouts, ragged_forms, torch_layouts


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
