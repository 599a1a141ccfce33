"""The rules that docs/recipes.md has by name: the table is that of the code, and a name is the function of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages

from errors_seen import tolerance
from group_formulas import rollouts
from pages import DOCS, run_sessions

pytestmark = pytest.mark.checkout
PAGE = "recipes.md"
Recipe = Callable[[dict[str, Any], Any, dict[str, Any]], Any]


@pytest.fixture(scope="module")
def recipes() -> dict[str, Any]:
    return run_sessions(PAGE)


def rows() -> list[list[str]]:
    section = (DOCS / PAGE).read_text(encoding="utf-8").split("## By name")[1].split("\n## ")[0]
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    assert table
    return table


def test_the_table_is_that_of_the_code() -> None:
    written = [[name, *rest] for name, _, *rest in rows()]
    known = [
        [
            f"`{rule.name}`",
            ", ".join(f"`{column}`" for column in rule.columns),
            ", ".join(f"`{name}={setting.default!r}`".replace("'", '"') for name, setting in rule.parameters.items()),
            f"`{rule.baseline}`",
            f"`{rule.scale}`",
        ]
        for rule in GROUP_RULES.values()
    ]
    assert written == known


# The functions of the page as the table names them, of one group: rewards and columns as arrays.
SAME: dict[str, Recipe] = {
    "best_minus_second": lambda page, r, columns: page["best_minus_second"](r),
    "pass_at_k": lambda page, r, columns: page["pass_at_k_training"](r, 2),
    "pkpo": lambda page, r, columns: page["pkpo"](r, 2),
    "maxpo": lambda page, r, columns: page["maxpo"](r, 2),
    "maxrl": lambda page, r, columns: page["maxrl"](r),
    "distinct": lambda page, r, columns: page["multi_answer"](columns["answer"], r > 0),
    "gcpo": lambda page, r, columns: page["gcpo"](r, np.array(columns["embedding"])),
}


def test_the_functions_are_those_that_the_table_names() -> None:
    told = {name.strip("`"): set(re.findall(r"`(\w+)`", what)) for name, what, *_ in rows()}
    assert {name for name, found in told.items() if found} == set(SAME)


@pytest.mark.parametrize("name", SAME)
def test_a_name_is_the_function_of_the_page(recipes: dict[str, Any], name: str) -> None:
    batch = rollouts(11, graded=name != "pass_at_k", sizes=(3, 4, 5, 6))
    baseline = "mean" if name == "maxrl" else "none"
    found = group_advantages(name, batch.rewards, batch.groups, columns=batch.columns, present=batch.present, baseline=baseline)
    for group in set(batch.groups):
        there = [row for row in batch.rows_of(group) if batch.there[row]]
        if len(there) > 2:
            part = batch.take(there)
            wanted = SAME[name](recipes, part.rewards, part.columns)
            assert_allclose(found[there], wanted, atol=1e3 * tolerance(np.float64))
