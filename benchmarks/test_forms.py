"""Every compiled kernel at every size of the table: `make bench` compares them with the last saved run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from benchmarks.cases import CASES, Case
from shapley_credit import dispatch


@pytest.mark.benchmark(max_time=0.25, min_rounds=5, min_time=1e-4)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_kernel(benchmark: Any, case: Case) -> None:
    arguments = case.make(np.random.default_rng(5), np.float64)
    credit = benchmark(dispatch.kernel(case.form, case.game, "cpu"), *arguments)
    assert credit.shape == case.size[:2]
    assert np.isfinite(credit).all()
