"""Tensors whose memory does not hold their entries.

Lazy negation and conjugation are resolved before a view. What is traced, mapped, sparse, quantized or nested has no entries to
view: it is refused at every entrance, in words that name the way out, and never read as what happens to be in memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.convert import to_array, to_numpy
from shapley_credit.credit import segments
from shapley_credit.credit.rules import segment_advantages
from shapley_credit.methods import gapo, shape_grpo
from shapley_credit.methods.windows import window_advantages

from roles import ROLES, on_device, using

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


def refused(call: Callable[[], Any], message: str = "can't be read as a dense array") -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(sc.InputError, match=message):
            call()


# What every entrance is given in place of four numbers.
ENTRANCES: dict[str, Callable[[Any], Any]] = {
    "set_shapley": lambda x: sc.set_shapley(x, 2),
    "Max": lambda x: sc.set_shapley(u.Max(x)),
    "mask of members": lambda x: sc.set_shapley(u.Max(np.ones(4), mask=x)),
    "set_semivalue": lambda x: sc.set_semivalue(x, sc.semivalues.banzhaf, 2),
    "weights of sizes": lambda x: sc.set_semivalue(u.Max(np.ones(4)), x),
    "owen": lambda x: sc.owen(x, [[0, 1]]),
    "connected_shapley": lambda x: sc.connected_shapley(x, 2),
    "marginal_vector": lambda x: sc.marginal_vector(x, 2),
    "order": lambda x: sc.marginal_vector(u.Max(np.ones(4)), order=x),
    "value": lambda x: u.Max(np.ones(4)).value(x),
    "solve": lambda x: sc.plan(2).solve(x),
    "advantages": lambda x: sc.advantages(x, 4),
    "groups": lambda x: sc.advantages(np.ones(4), x),
    "lengths": lambda x: sc.advantages(np.ones(4), 4, baseline="length_weighted", lengths=x),
    "token_advantages": lambda x: sc.token_advantages(x, np.ones((4, 1))),
    "mask": lambda x: sc.token_advantages([1.0], x),
    "cu_seqlens": lambda x: sc.token_advantages([1.0] * 3, np.ones(3), cu_seqlens=x),
    "scatter_credit": lambda x: sc.scatter_credit([x], np.ones((1, 4))),
    "segment_lengths": lambda x: sc.token_advantages(None, np.ones((1, 4)), segment_credit=[[1.0] * 4], segment_lengths=[x]),
    "segment_advantages": lambda x: segment_advantages([x, x], 2),
    "rewards": lambda x: segment_advantages([[1.0]] * 4, 4, rewards=x),
    "offsets": lambda x: segments.segment("ab", segments.words).stretches(x),
    "shape_credit": shape_grpo.shape_credit,
    "present": lambda x: shape_grpo.shape_credit(np.ones(4), present=x),
    "labels": gapo.diversity_credit,
    "window_advantages": lambda x: window_advantages(x, 1.0),
}


# Whose data may stay on a device, where no value is read.
STAY = {
    "set_shapley",
    "Max",
    "mask of members",
    "set_semivalue",
    "owen",
    "connected_shapley",
    "marginal_vector",
    "shape_credit",
}


def without_entries() -> dict[str, Any]:
    import torch

    x = torch.ones(4)
    rows = [x, x[:2]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "sparse": x.to_sparse(),
            "compressed": torch.eye(4).to_sparse_csr(),
            "quantized": torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
            "nested": torch.nested.nested_tensor(rows, layout=torch.strided),
            "float8": x.to(torch.float8_e4m3fn),
            "mkldnn": x.to_mkldnn(),
        }


@pytest.mark.parametrize("name", ENTRANCES)
def test_what_is_not_dense_is_refused(name: str) -> None:
    for told, odd in without_entries().items():
        assert told
        refused(partial(ENTRANCES[name], odd), "")


@pytest.mark.parametrize("name", ENTRANCES)
def test_mapped_and_traced_tensors_are_refused(name: str) -> None:
    """Tensors of FakeTensorMode and of functionalize are not distinguished by DLPack, which shows the memory at no address."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    x, entrance = torch.ones(2, 4), ENTRANCES[name]
    refused(lambda: torch.vmap(entrance)(x), r"(torch.vmap|on device)")
    refused(lambda: torch.func.jacrev(entrance)(x[0]), r"torch.func.grad")
    refused(lambda: torch.func.functionalize(entrance)(x[0]), r"")
    with FakeTensorMode():
        refused(lambda: entrance(torch.ones(4)), "")


@pytest.mark.parametrize(
    "name",
    sorted(set(ENTRANCES) - STAY),
)
def test_what_is_read_on_the_host_is_not_read_from_meta(name: str) -> None:
    import torch

    refused(lambda: ENTRANCES[name](torch.ones(4, device="meta")), "on device meta")


@pytest.mark.parametrize("name", ENTRANCES)
def test_of_an_accelerator_too(name: str) -> None:
    """Where tensors are taken for those of an accelerator, what is not dense is refused before an operation is."""
    entrance = ENTRANCES[name]
    with on_device():
        for told, odd in without_entries().items():
            assert told
            if told != "float8":
                refused(partial(entrance, odd), "")


def test_gradients_are_left_behind_within_lists_too() -> None:
    import torch

    rows = [torch.ones(2, requires_grad=True), torch.zeros(2)]
    assert [row.tolist() for row in segment_advantages(rows, 2, scale="none")] == [[0.5, 0.5], [-0.5, -0.5]]
    refused(lambda: u.Max(rows), "requires grad")
