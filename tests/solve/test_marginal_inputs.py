"""Marginal contributions in an order: what is asked of a function, what goes in and comes out, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import utilities as u
from shapley_credit.testing.instances import Array
from shapley_credit.testing.random_games import tables

from family_games import close
from marginals import Draw, by_definition, check, orders_of
from structures import batched_function_of, function_of

# Tables and functions.


@given(data=st.data())
def test_tables_and_functions(data: Draw) -> None:
    k = data.draw(st.integers(1, 6))
    table, order = data.draw(tables(k)), orders_of(data, data.draw(st.sampled_from([(), (3,), (2, 2)])), k)
    truth, largest = by_definition(u.Table(table), order)
    for utility in (table, u.Table(table), function_of(table), batched_function_of(table)):
        for members in (k, None):
            assert close(sc.marginal_vector(utility, members, order=order), truth, largest, np.float64)
    check(u.Table(table, mask=np.arange(k) % 2 == 0), order, np.float64)


def test_a_function_is_asked_for_those_who_come_first_only() -> None:
    asked: list[tuple[int, ...]] = []

    def squared(members: tuple[int, ...]) -> float:
        asked.append(members)
        return float(len(members) ** 2)

    assert sc.marginal_vector(squared, 4).tolist() == [1, 3, 5, 7]
    assert asked == [(), (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)]
    asked.clear()
    assert sc.marginal_vector(squared, order=[2, 0, 3, 1]).tolist() == [3, 7, 1, 5]
    assert asked == [(), (2,), (0, 2), (0, 2, 3), (0, 1, 2, 3)]
    asked.clear()
    credit = sc.marginal_vector(squared, order=[[2, 0, 3, 1], [0, 2, 1, 3], [2, 0, 3, 1]])
    assert credit.tolist() == [[3, 7, 1, 5], [1, 5, 3, 7], [3, 7, 1, 5]]
    assert sorted(asked) == sorted({(), (2,), (0,), (0, 2), (0, 2, 3), (0, 1, 2), (0, 1, 2, 3)})


def test_a_batched_function_of_62_members() -> None:
    rows: list[int] = []

    def squared(coalitions: Array) -> Array:
        rows.append(len(coalitions))
        squares: Array = coalitions.sum(axis=1) ** 2.0
        return squares

    credit = sc.marginal_vector(sc.batched(squared), order=np.arange(62)[::-1])
    assert rows == [63]
    assert credit.tolist() == list(range(123, 0, -2))


# What goes in comes out.


def test_dtype_follows_the_data() -> None:
    scores = np.array([8, 11, 13, 18], np.float32)
    best = u.Max(scores)
    for utility in (best, best + u.Mean(scores), u.NoisyOr(scores / 32), u.Entropy([1, 2, 2, 1]) + best):
        assert sc.marginal_vector(utility, order=[3, 1, 0, 2]).dtype == np.float32
    assert sc.marginal_vector(u.DistinctCount([1, 1, 2, 2])).dtype == np.float64
    for kind in (np.uint8, np.int16, ">i4", np.uint64):
        assert sc.marginal_vector(u.Max(scores), order=np.array([1, 0, 3, 2], kind)).tolist() == [0, 11, 0, 7]


def test_arrays_return_to_their_library() -> None:
    scores, order = array_api_strict.asarray([8.0, 11.0, 13.0, 18.0]), array_api_strict.asarray([1, 0, 3, 2])
    credit = sc.marginal_vector(u.Max(scores), order=order)
    assert type(credit) is type(scores)
    assert np.from_dlpack(credit).tolist() == [0, 11, 0, 7]
    assert isinstance(sc.marginal_vector(u.Max([8.0, 11.0, 13.0, 18.0]), order=order), np.ndarray)


@pytest.mark.torch
def test_tensors() -> None:
    import torch

    scores = torch.tensor([[8.0, 11.0, 13.0, 18.0], [1.0, 0.0, 2.0, 2.0]], requires_grad=True)
    order = torch.tensor([[1, 0, 3, 2], [3, 2, 1, 0]])
    credit = sc.marginal_vector(u.Max(scores), order=order)
    assert credit.tolist() == [[0, 11, 0, 7], [0, 0, 0, 2]]
    assert credit.dtype == torch.float32
    assert not credit.requires_grad
    assert sc.marginal_vector(u.Max(scores.bfloat16()), order=order).dtype == torch.float32
    assert isinstance(sc.marginal_vector(0.5 * u.Mean(np.ones((2, 4))) + u.Max(scores), order=order.int()), torch.Tensor)
    assert sc.marginal_vector(torch.tensor([0.0, 1.0, 2.0, 6.0], dtype=torch.float64), 2).tolist() == [1, 5]


def test_contributions_are_the_callers_own() -> None:
    scores = np.array([1.0, 2.0, 3.0])
    for utility in (u.Additive(scores), 1.0 * u.Additive(scores), u.Additive(scores) + np.ones((2, 1)) * u.Max(scores)):
        credit = sc.marginal_vector(utility)
        assert not np.shares_memory(credit, scores)
        before = credit.copy()
        credit += 1
        assert np.array_equal(sc.marginal_vector(utility), before)


# What cannot be.

NAN = float("nan")
BEST = u.Max([1.0, 3.0, 2.0])

BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: sc.marginal_vector(BEST, order=[0, 1]), r"order of shape \(2,\) must be \[..., 3\], the k = 3 members"),
    (lambda: sc.marginal_vector(BEST, order=[0, 1, 1]), r"must hold each of 0 .. 2 once; found 1 again at place 2\."),
    (lambda: sc.marginal_vector(BEST, order=[[0, 1, 2], [0, 3, 1], [5, 1, 2]]), r"found 3 at place 1 of row \[1\]"),
    (lambda: sc.marginal_vector(BEST, order=[[[0, 1, 2], [2, -1, 0]]]), r"found -1 at place 1 of row \[0, 1\]"),
    (lambda: sc.marginal_vector(BEST, order=[0.0, 1.0, 2.0]), r"order must hold integers.*\[..., k\]; got float64 of \(3,\)"),
    (lambda: sc.marginal_vector(BEST, order=[True, False, True]), r"order must hold integers.*; got bool"),
    (lambda: sc.marginal_vector(BEST, order=2), r"order must hold integers.*; got int64 of \(\)"),
    (lambda: sc.marginal_vector(BEST, order=[[0, 1, 2], [0, 1]]), r"order must be a rectangular array"),
    (
        lambda: sc.marginal_vector(u.Max(np.ones((2, 3))), order=[[0, 1, 2]] * 3),
        r"leading axes of the utility \(2,\) and of the order \(3,\) do not broadcast",
    ),
    (lambda: sc.marginal_vector(BEST, 2), r"k = 2 was asked for, but the utility has k = 3"),
    (lambda: sc.marginal_vector(u.Max), r"Max is a class"),
    (lambda: sc.marginal_vector(len), r"k is required with a function"),
    (lambda: sc.marginal_vector(len, 3, order=[0, 1]), r"order of shape \(2,\) must be \[..., 3\]"),
    (lambda: sc.marginal_vector(len, 63), r"a function of k = 63 members is above 62"),
    (lambda: sc.marginal_vector(len, order=[1, 1]), r"found 1 again at place 1"),
    (lambda: sc.marginal_vector([0.0, 1.0, NAN, 2.0], 2), r"values must be finite; found nan at \[2\]"),
    (lambda: sc.marginal_vector([-1.7e308, 1.7e308], 1), r"the values of Table\(values=float64\[2\]\) overflow float64"),
    (lambda: sc.marginal_vector(u.Max([1.7e308, -1.7e308], -1.7e308)), r"the values of Max\(.* overflow float64"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        make()


def test_a_failing_function_is_named() -> None:
    with pytest.raises(sc.EvaluationError, match=r"returned nan for coalition \(0, 2\)"):
        sc.marginal_vector(lambda members: NAN if members == (0, 2) else 0.0, order=[2, 0, 1])


def test_values_of_absent_members_may_be_anything() -> None:
    table = np.arange(8.0)
    table[[1, 3, 5, 7]] = NAN
    for solve in (sc.set_shapley, sc.marginal_vector):
        assert solve(u.Table(table, mask=[0, 1, 1])).tolist() == [0, 2, 4]
        with pytest.raises(sc.InputError, match=r"values must be finite; found nan at \[1\]"):
            solve(u.Table(table))
