"""Every case of golden.json whose family exists, on every role and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc

import golden
from errors_seen import record, tolerance
from golden import built_cases, check_case, largest_value
from roles import ROLES, using


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
