"""Credit among agents: exact up to 12, estimated above, asked together, and compared within a prompt and a role."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit.methods.agents import Team, TeamCredit, ateam_credit, role_advantages, team_credit

from pages import run_sessions

SKILL = {"planner": 1.0, "coder": 4.0, "critic": 2.0, "tester": 3.0}
RUNS = {("p", 0): ["planner", "coder"], ("p", 1): ["coder", "critic", "tester"], ("q", 0): ["tester"]}


def best(team: Team) -> float:
    return max((SKILL[str(agent)] for agent in team[1]), default=0.0)


@pytest.mark.checkout
def test_sessions_of_the_page_run_as_printed() -> None:
    assert run_sessions("agents.md")


def test_agents_are_paid_the_shapley_value_of_their_own_team() -> None:
    found = team_credit(best, RUNS)
    assert found.rows == [(run, agent) for run, team in RUNS.items() for agent in team]
    wanted = [sc.set_shapley(sc.utilities.Max([SKILL[agent] for agent in team])) for team in RUNS.values()]
    assert np.allclose(found.credit, np.concatenate(wanted), rtol=1e-12, atol=0.0)
    assert not found.stderr.any()
    assert found.rewards.tolist() == [4.0, 4.0, 3.0]
    assert found.evaluations == 4 + 8 + 2
    assert [each.method for each in found.estimates] == ["exact"] * 3


def test_all_rollouts_are_asked_together_and_equal_teams_once() -> None:
    asked: list[list[Team]] = []

    def batch(teams: list[Team]) -> list[float]:
        asked.append(teams)
        return [best(team) for team in teams]

    found = team_credit(sc.batched(batch), RUNS, batch_size=100)
    assert np.array_equal(found.credit, team_credit(best, RUNS).credit)
    ((teams),) = asked
    assert len(set(teams)) == len(teams) == 14
    assert (("p", 1), ("coder", "tester")) in teams
    assert (("p", 0), ()) in teams


def test_any_way_of_asking_gives_the_same_bits(tmp_path: Path) -> None:
    async def later(team: Team) -> float:
        await asyncio.sleep(0)
        return best(team)

    wanted = team_credit(best, RUNS)
    with ThreadPoolExecutor(2) as pool:
        found = [team_credit(best, RUNS, executor=pool), asyncio.run(ateam_credit(later, RUNS, max_concurrency=3))]
    with sc.Cache(tmp_path / "answers.db", name="best", version="1") as cache:
        found.append(team_credit(best, RUNS, cache=cache))
        found.append(team_credit(lambda team: 1 / 0, RUNS, cache=cache))  # all is known
    for each in found:
        assert np.array_equal(each.credit, wanted.credit)
        assert each.rows == wanted.rows


def test_exact_up_to_12_and_estimated_above() -> None:
    names = [f"agent {number}" for number in range(14)]

    def pairs(team: Team) -> float:
        return len(team[1]) ** 2 + 3.0 * ({"agent 0", "agent 1"} <= set(team[1]))

    exact = team_credit(pairs, {"run": names[:12]})
    assert exact.evaluations == 2**12
    assert np.allclose(exact.credit, [13.5] * 2 + [12.0] * 10, rtol=1e-12, atol=0.0)
    with pytest.raises(sc.InputError, match=r"rollout 'run' has 13 agents.* 2\^13 evaluations.*budget="):
        team_credit(pairs, {"run": names[:13]})
    found = team_credit(pairs, {"run": names, "other": names}, budget=400, method="permutation", seed=3)
    assert found.evaluations <= 800
    assert found.stderr.all()
    wanted = np.array([15.5] * 2 + [14.0] * 12)
    for each in found.estimates:
        assert each.values.sum() == pytest.approx(14**2 + 3.0)
        assert (np.abs(each.values - wanted) <= 6 * each.stderr + 1e-9).all()
    one, other = found.estimates
    assert not np.array_equal(one.values, other.values)  # seeds of their own


def test_groups_are_those_of_prompt_and_role() -> None:
    runs = {1: ["planner", "coder 1", "coder 2"], 2: ["planner", "coder 1"], 3: ["planner", "coder 1"]}
    worth = {(1, "planner"): 5.0, (1, "coder 1"): 1.0, (1, "coder 2"): 3.0, (2, "planner"): 1.0, (2, "coder 1"): 5.0}

    def value(team: Team) -> float:
        return sum(worth.get((int(str(team[0])), str(agent)), 7.0) for agent in team[1])

    found = team_credit(value, runs)
    prompts = {1: "p", 2: "p", 3: "q"}
    roles = {"planner": "planner", "coder 1": "coder", "coder 2": "coder"}
    assert role_advantages(found, prompts, roles).tolist() == [2.0, -2.0, 0.0, -2.0, 2.0, 0.0, 0.0]
    assert role_advantages(found, prompts).tolist() == [2.0, -2.0, 0.0, -2.0, 2.0, 0.0, 0.0]
    assert role_advantages(found, prompts, roles, baseline="leave_one_out").tolist() == [4.0, -3.0, 0.0, -4.0, 3.0, 0.0, 0.0]
    groups = [(prompts[int(str(run))], roles[str(agent)]) for run, agent in found.rows]
    assert np.array_equal(
        role_advantages(found, prompts, roles, scale="group_std"), sc.advantages(found.credit, groups, scale="group_std")
    )
    with pytest.raises(sc.InputError, match=r"prompts must have an entry for each of .*; 3 has none"):
        role_advantages(found, {1: "p", 2: "p"})
    with pytest.raises(sc.InputError, match=r"roles must have an entry for each of .*; 'coder 2' has none"):
        role_advantages(found, prompts, {"planner": "planner", "coder 1": "coder"})
    with pytest.raises(sc.InputError, match="prompts must be a mapping"):
        role_advantages(found, ["p", "p", "q"])  # type: ignore[arg-type]


BAD: dict[str, tuple[Any, str]] = {
    "none": ({}, "agents must be a mapping from rollouts, at least one"),
    "a list": ([["ann"]], "agents must be a mapping"),
    "a name": ({"run": "ann"}, "agents of rollout 'run' must be a list of one name at least; got 'ann'"),
    "no agent": ({"run": []}, r"must be a list of one name at least; got \[\]"),
    "a rollout of None": ({"run": None}, "must be a list of one name at least; got None"),
    "twice": ({"run": ["ann", "bob", "ann"]}, "rollout 'run' names an agent twice"),
    "lists": ({"run": [["ann"]]}, "must be hashable names"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_team_is_refused(name: str) -> None:
    agents, message = BAD[name]
    with pytest.raises(sc.InputError, match=message):
        team_credit(best, agents)
    with pytest.raises(sc.InputError, match=message):
        asyncio.run(ateam_credit(best, agents))


def test_values_that_fail_are_named() -> None:
    with pytest.raises(sc.EvaluationError, match="nan"):
        team_credit(lambda team: float("nan"), {"run": ["ann"]}, retries=0)
    with pytest.raises(sc.InputError, match="budget"):
        team_credit(best, {"run": ["ann", "bob"]}, budget=2.5)  # type: ignore[arg-type]
    assert isinstance(team_credit(lambda team: 0.0, {None: [None, 0]}), TeamCredit)  # any hashable names


def test_what_is_asked_or_compared_in_the_wrong_way_is_refused() -> None:
    async def later(team: Team) -> float:
        return best(team)

    with pytest.raises(sc.InputError, match=r"the value is asynchronous.* await ateam_credit"):
        team_credit(later, RUNS)
    found = team_credit(best, RUNS)
    for prompt in (None, float("nan")):
        with pytest.raises(sc.InputError, match="None, NaN or null"):
            role_advantages(found, dict.fromkeys(RUNS, prompt))
