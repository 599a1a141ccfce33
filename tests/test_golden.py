"""Every case of golden.json whose family exists, on every role and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc

import golden
from errors_seen import record, tolerance
from roles import ROLES, using


def largest_value(case: golden.Case) -> float:
    """max over S of |v(S)|, by definition."""
    utility, k = golden.utility_of(case)
    return max(abs(utility.value([i for i in range(k) if code >> i & 1])) for code in range(1 << k)) or 1.0


def check_case(case: golden.Case, dtype: Any, column: str) -> None:
    """Shapley values within the tolerance of the dtype, efficiency included."""
    utility, k = golden.utility_of(case, dtype)
    credit = sc.set_shapley(utility, k)
    scale = largest_value(case)
    error = float(np.abs(credit - golden.numbers(case["shapley"])).max()) / scale
    record(case["family"], column, error)
    assert credit.dtype == (utility.dtype or np.float64)
    assert error <= tolerance(dtype), f"{case['family']} {case['case']}: {credit} is not {case['shapley']}"
    spread = golden.numbers(case["v_full"]) - golden.numbers(case["v_empty"])
    assert abs(credit.sum() - spread) <= k * tolerance(dtype) * scale


def built_cases() -> list[golden.Case]:
    return [case for case in golden.cases() if case["family"] in golden.BUILDERS]


def test_every_family_is_built() -> None:
    families = {case["family"] for case in golden.cases()}
    assert len(families) == 61
    assert sum(1 for _ in golden.cases()) == 305
    assert set(golden.BUILDERS) == families


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_family(family: str, dtype: Any, role: str) -> None:
    cases = [case for case in built_cases() if case["family"] == family]
    assert len(cases) == 5
    with using(role):
        for case in cases:
            check_case(case, dtype, f"{role} {np.dtype(dtype).name}")


@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_definition_gives_the_published_ends(family: str) -> None:
    for case in built_cases():
        if case["family"] == family:
            utility, k = golden.utility_of(case)
            assert utility.value(()) == pytest.approx(float(golden.numbers(case["v_empty"])), rel=1e-15, abs=1e-15)
            assert utility.value(range(k)) == pytest.approx(float(golden.numbers(case["v_full"])), rel=1e-15, abs=1e-14)


@pytest.mark.parametrize("family", sorted(golden.BUILDERS))
def test_family_on_trees_and_under_banzhaf(family: str) -> None:
    """Owen, Winter, Banzhaf and Banzhaf-Owen values, which run on the one tree engine whatever the role."""
    both = (sc.semivalues.banzhaf, sc.semivalues.banzhaf)
    for case in built_cases():
        if case["family"] != family:
            continue
        utility, k = golden.utility_of(case)
        found = {
            "owen": sc.owen(utility, case["partition"], k),
            "winter": sc.owen(utility, case["tree"], k),
            "banzhaf": sc.set_semivalue(utility, sc.semivalues.banzhaf, k),
            "banzhaf_owen": sc.owen(utility, case["partition"], k, both),
        }
        for name, credit in found.items():
            error = float(np.abs(credit - golden.numbers(case[name])).max()) / largest_value(case)
            record(family, f"tree {name}", error)
            assert error <= tolerance(np.float64), f"{name} of {family} {case['case']}: {credit} is not {case[name]}"
