"""Tensors whose memory holds the opposite of their entries: lazy negation and conjugation are resolved before a view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.convert import to_array, to_numpy

from roles import ROLES, using

pytestmark = pytest.mark.torch
every_role = pytest.mark.parametrize("role", ROLES)

GAMES: dict[str, Callable[[Any], Any]] = {
    "Additive": u.Additive,
    "Max": lambda x: u.Max(x, x[0]),
    "Mean": lambda x: u.Mean(x[None].expand(2, -1), x[:2]),
    "base alone": lambda x: u.Min(np.arange(3.0), x[1]),
    "DCG": lambda x: u.DCG(x, x.flip(0)),
    "knn": lambda x: u.DCG.knn(x, x, 2),
    "Sum": lambda x: x[:1] * u.Max(x),
    "Table": lambda x: u.Table(x[[0, 1, 2, 0]]),
    "median": u.LStatistic.median,
}


def lazily_negative(dtype: Any) -> Any:
    """-2, 4, -1 by a view of 2, -4, 1."""
    import torch

    x = torch.tensor([1 + 2j, 3 - 4j, 0.5 + 1j], dtype=dtype).conj().imag
    assert x.is_neg()
    return x


@every_role
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", GAMES)
def test_credits_have_the_sign_of_the_entries(name: str, dtype: str, role: str) -> None:
    import torch

    def owen(game: Any) -> Any:
        return sc.owen(game, [[0], list(range(1, game.k))])

    x = lazily_negative(getattr(torch, dtype))
    solvers: list[Callable[[Any], Any]] = [sc.set_shapley, owen, sc.marginal_vector]
    with using(role):
        for solve in solvers:
            assert torch.equal(solve(GAMES[name](x)), solve(GAMES[name](x.resolve_neg())))
    assert torch.equal(GAMES[name](x).value((0, 1)), GAMES[name](x.resolve_neg()).value((0, 1)))


def test_what_is_read() -> None:
    import torch

    x = lazily_negative(torch.complex128)
    for read in (to_array, to_numpy):
        assert read(x, "x")[0].tolist() == [-2.0, 4.0, -1.0]
    assert sc.set_shapley(u.Additive(x)).tolist() == [-2.0, 4.0, -1.0]
    with pytest.raises(sc.InputError, match="must hold real numbers"):
        u.Additive(torch.tensor([1 + 2j, 1j]).conj())
    plain = torch.arange(3.0)
    assert to_array(plain, "x")[0].ctypes.data == plain.data_ptr()
