"""Every kernel function in both roles, beside the time that memory alone takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from benchmarks.cases import CASES, Array, Case, copy_limit, enter, read_limit
from shapley_credit import dispatch

pytestmark = pytest.mark.benchmark(max_time=0.25, min_rounds=5, min_time=1e-4)


@lru_cache(maxsize=1)
def checked(case: Case) -> tuple[tuple[Any, ...], Array]:
    """Arguments in float64 and credits, after both roles agreed on them."""
    arguments = case.make(np.random.default_rng(5), np.float64)
    truth, credit = (dispatch.kernel(case.form, case.game, role)(*arguments) for role in ("ref", "cpu"))
    assert truth.shape == case.size[:2]
    assert np.abs(truth).max() > 0
    assert np.abs(credit - truth).max() <= 1e-12 * np.abs(truth).max()
    return arguments, truth


@pytest.mark.parametrize("entry", ["ref", "cpu", "limit"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_form(benchmark: Any, case: Case, entry: str) -> None:
    arguments, credit = checked(case)
    enter(benchmark, case.name, entry)
    if entry != "limit":
        benchmark(dispatch.kernel(case.form, case.game, entry), *arguments)
    elif case.form == "table":  # it writes next to nothing
        benchmark(read_limit(arguments[0]))
    else:
        benchmark(copy_limit(case.bytes_moved(arguments, credit)))
