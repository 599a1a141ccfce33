"""Arguments handed on to `evaluate`: those that it does not take are refused in the name of the caller, before any call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit.credit import segments
from shapley_credit.methods import ospo
from shapley_credit.methods.agents import ateam_credit, team_credit

TEXT = segments.segment("a b", segments.matching(r"\w"))


def never(*asked: Any) -> float:
    raise AssertionError("asked, although an argument is wrong")


CALLERS: dict[str, Callable[..., Any]] = {
    "attribute": lambda **how: sc.attribute(["a", "b"], never, **how),
    "attribute_progress": lambda **how: sc.attribute_progress(["a", "b"], never, **how),
    "aattribute": lambda **how: asyncio.run(sc.aattribute(["a", "b"], never, **how)),  # type: ignore[arg-type]
    "estimate": lambda **how: sc.estimate(never, 3, budget=8, **how),
    "aestimate": lambda **how: asyncio.run(sc.aestimate(never, 3, budget=8, **how)),  # type: ignore[arg-type]
    "team_credit": lambda **how: team_credit(never, {"run": ["a", "b"]}, **how),
    "ateam_credit": lambda **how: asyncio.run(ateam_credit(never, {"run": ["a", "b"]}, **how)),
    "segment_credit": lambda **how: ospo.segment_credit([TEXT], never, **how),
    "segment_marginals": lambda **how: ospo.segment_marginals([TEXT], never, **how),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_unknown_arguments_are_refused_by_the_function_that_is_called(caller: str) -> None:
    asynchronous = caller.startswith("a") and caller not in ("attribute", "attribute_progress")
    other = "executor" if asynchronous else "max_concurrency"
    for name, way in (
        ("timeout", "Let your function raise TimeoutError"),
        ("retry", r"Did you mean retries\?"),
        ("colour", "It hands on .*batch_size, "),
        (other, "executor=" if other == "max_concurrency" else "max_concurrency="),
    ):
        with pytest.raises(TypeError, match=rf"^{caller}\(\) got an unexpected keyword argument {name!r}\. .*{way}"):
            CALLERS[caller](**{name: 1})


@pytest.mark.parametrize("caller", [name for name in CALLERS if not name.endswith("estimate")])
def test_requests_are_the_own_matter_of_callers_that_make_them(caller: str) -> None:
    with pytest.raises(TypeError, match=rf"^{caller}\(\) got .* 'request'\. The requests are made by this function itself"):
        CALLERS[caller](request=never)


def test_what_is_taken_is_handed_on() -> None:
    calls = []

    def score(kept: list[str]) -> float:
        calls.append(kept)
        if len(calls) < 3:
            raise TimeoutError
        return float(len(kept))

    found = sc.attribute(["a"], score, retries=2, backoff=0.0, batch_size=1)
    assert found.values.tolist() == [1.0]
    assert len(calls) == 4
