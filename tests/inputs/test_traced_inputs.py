"""Arrays of functions that JAX traces and that torch maps have no values: every entrance says so, and what to do."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.convert import to_array

from entrances import ALL
from foreign_objects import Exporting, Tracer

JAX = r"can't be read as a dense array: JAX traces .*Replace sc\.set_shapley\(utility_fn\(scores\)\) by sc\.jax_callback"
TORCH = r"can't be read as a dense array: torch traces, maps or differentiates .*register_vmap \(docs/arrays\.md\)"


@pytest.mark.parametrize("tracer", [Tracer(), Exporting(), [Tracer(), 1.0], [[1.0, Tracer()]], [[Exporting()]]], ids=range(5))
def test_the_way_out_of_jax_is_named(tracer: Any) -> None:
    for entrance in (u.Max, lambda x: u.Max(np.ones(1), mask=x), lambda x: to_array(x, "x")):
        with pytest.raises(sc.InputError, match=JAX):
            entrance(tracer)


def refusal(entrance: Callable[[Any], Any]) -> str:
    """What an entrance says of a tracer; "" for a key that may be any object."""
    try:
        entrance(Tracer())
    except (sc.InputError, sc.EvaluationError) as error:
        return str(error)
    return ""


def test_every_entrance_of_arrays_names_it() -> None:
    told = {name: refusal(entrance) for name, entrance in ALL.items()}
    named = {name for name, text in told.items() if re.search(JAX, text)}
    assert {name for name, text in told.items() if "dense array" in text} == named
    assert len(named) > len(ALL) // 2  # the others take a number, an option or a text


def test_a_concrete_array_that_fails_is_not_called_traced() -> None:
    """JAX's arrays have an abstract value too; those with values also have a device."""

    class Deleted(Tracer):
        def __dlpack__(self, **options: Any) -> Any:
            raise RuntimeError("Array has been deleted")

        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0

    reads = mock.patch("shapley_credit.convert._library_of")
    with reads, pytest.raises(sc.InputError, match="can't be read as a dense array: Array has been deleted"):
        u.Max(Deleted())


def test_lists_that_hold_themselves_are_no_tracers() -> None:
    endless: list[Any] = [1.0]
    endless.append(endless)
    with pytest.raises(sc.InputError, match="scores must be a rectangular array of numbers"):
        u.Max(endless)


@pytest.mark.torch
@pytest.mark.parametrize("rows", [1, 2])
def test_the_way_out_of_functorch_is_named(rows: int) -> None:
    import torch

    x = torch.ones(2, 3)
    for data in (lambda y: y, lambda y: [y] * rows, lambda y: [[y.sum(), 1.0]]):
        for transform in (torch.vmap, torch.func.jacrev):
            with pytest.raises(sc.InputError, match=TORCH):
                transform(lambda y, data=data: sc.set_shapley(u.Max(data(y))))(x)
    with pytest.raises(sc.InputError, match="is on device meta"):
        sc.advantages(torch.ones(3, device="meta"), 3)
    with pytest.raises(sc.InputError) as refused:
        u.Max(x.to_sparse())
    assert "torch.vmap" not in str(refused.value)
    assert sc.set_shapley(u.Max(torch.ones(0, 3))).shape == (0, 3)  # no entries need no memory


@pytest.mark.torch
@pytest.mark.checkout
def test_the_operator_of_the_page_is_mapped_and_differentiated() -> None:
    import torch

    page = (Path(__file__).parents[2] / "docs" / "arrays.md").read_text(encoding="utf-8")
    (block,) = (each for each in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if "custom_op" in each)
    printed: dict[str, Any] = {}
    exec(compile(block, "docs/arrays.md", "exec"), printed)
    credit = printed["credit"]
    scores = torch.randn(5, 2, 3)
    wanted = sc.set_shapley(u.Max(scores) + 0.5 * u.Mean(scores))
    assert torch.equal(torch.vmap(credit)(scores), wanted)
    assert torch.equal(torch.vmap(credit, in_dims=2)(scores.permute(1, 2, 0)), wanted)
    assert torch.equal(torch.vmap(torch.vmap(credit))(scores), wanted)
    slope = torch.vmap(torch.func.grad(lambda x: (credit(x.detach()) * x).sum()))(scores)
    assert torch.equal(slope, wanted)


def test_the_callback_needs_jax_only_when_it_is_called() -> None:
    credit = sc.jax_callback(u.Max)
    without = mock.patch.dict(sys.modules, {"jax": None})
    with without, pytest.raises(sc.MissingExtraError, match=r"sc\.jax_callback needs JAX.*pip install jax"):
        credit(np.ones(3))
    with pytest.raises(sc.InputError, match="utility_fn must be a function from arrays to a utility; got"):
        sc.jax_callback(u.Max([1.0]))  # type: ignore[arg-type]
    with pytest.raises(sc.InputError, match="semivalue"):
        sc.jax_callback(u.Max, semivalue="shapley")  # type: ignore[arg-type]
