"""What is said of agents without a role, and of teams without a value."""

from __future__ import annotations

from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit.methods.agents import role_advantages, team_credit


def test_agents_without_a_role_are_asked_for_once_each() -> None:
    found = team_credit(lambda team: float(len(team[1])), {"run 1": ["planner", "coder"], "run 2": ["coder", "planner"]})
    for roles, end in (({"planner": "p"}, "'coder' has none"), (None, "got 3")):
        with pytest.raises(sc.InputError, match=rf"an entry for each of \['planner', 'coder'\]; {end}"):
            role_advantages(found, dict.fromkeys(found.agents, "a prompt"), 3 if roles is None else roles)  # type: ignore[arg-type]


def test_a_team_without_a_value_is_named() -> None:
    def value(team: Any) -> float:
        return 1.0 / bool(team != ("run 2", ("coder",)))

    with pytest.raises(sc.EvaluationError, match=r"for coalition \(0,\) of plan 1, request \('run 2', \('coder',\)\); 1 of 8"):
        team_credit(value, {"run 1": ["planner", "coder"], "run 2": ["coder", "planner"]}, retries=0)
    with pytest.raises(sc.EvaluationError, match=r"for coalition \(0,\), request \('run 2', \('coder',\)\); 1 of 4"):
        team_credit(value, {"run 2": ["coder", "planner"]}, retries=0)
