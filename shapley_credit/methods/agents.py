"""Credit among the agents of a team, and advantages that compare an agent with those in its role.

Agents that work on one task together earn one reward. Each is paid its Shapley value in what the team would have earned with
any of its agents left out, and its credit is compared with that of agents which had the same role in the same task. Related:
COMA (Foerster et al. 2018) varies one agent's action, Shapley Q-learning (Wang et al. 2020) learns the values of coalitions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.blackbox.estimate_table import estimate_table
from shapley_credit.blackbox.evaluate import aevaluate, evaluate
from shapley_credit.blackbox.passed_on import passed_on
from shapley_credit.blackbox.plan import Plan, plan, solve_plans
from shapley_credit.blackbox.solution import Estimate
from shapley_credit.convert import Array
from shapley_credit.credit.groups import advantages
from shapley_credit.display.text_table import TextTable
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import AsynchronousError
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.inputs.ids import codes_of

# The most agents of a team whose 2^n coalitions are asked without a budget.
EXACT = 12


# What a value is asked for: a rollout, and those of its agents that take part.
Team = tuple[Hashable, tuple[Hashable, ...]]


class TeamCredit(NamedTuple):
    """Credits of the agents of B rollouts.

    Attributes:
        agents: the teams, rollout -> its agents.
        rewards: [B], the value of each whole team.
        estimates: B of them, `values` [n_b] and their standard errors, 0 where exact.
        evaluations: how many teams were planned; equal ones among them were asked once.
    """

    agents: dict[Hashable, tuple[Hashable, ...]]
    rewards: Array
    estimates: list[Estimate]
    evaluations: int

    @property
    def rows(self) -> list[tuple[Hashable, Hashable]]:
        """The (rollout, agent) of each row, N in all."""
        return [(rollout, agent) for rollout, agents in self.agents.items() for agent in agents]

    @property
    def credit(self) -> Array:
        """The credit of each row, [N]."""
        return np.concatenate([each.values for each in self.estimates])

    @property
    def stderr(self) -> Array:
        """The standard error of each row, [N]."""
        return np.concatenate([each.stderr for each in self.estimates])

    def __str__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> TextTable:
        names = [f"{rollout}: {agent}" for rollout, agent in self.rows]
        return estimate_table(names, self.credit, self.stderr)


def team_credit(
    value: Any,
    agents: Mapping[Any, Sequence[Any]],
    *,
    budget: int | None = None,
    method: str = "auto",
    seed: int = 0,
    **evaluation: Any,
) -> TeamCredit:
    """Shapley values of the agents of each rollout in what its team would earn with any of them left out.

        phi_i = sum_{S without i} |S|! (n - 1 - |S|)! / n!  [v(S + i) - v(S)],      sum_i phi_i = v(team) - v(no agent)

    value: a function of a pair (rollout, agents), or `batched(f)` of a list of such pairs: what the rollout earns if only these
        of its agents take part, however that is found: replayed, simulated, or judged.
    agents: rollout -> its agents. Names of both are any hashable objects; a `cache` knows a team by its pair.
    budget: most evaluations a rollout; None for exact values, 2^n evaluations of teams of at most 12 agents.
    method, seed: as in `plan`; rollouts have seeds of their own.
    evaluation: batch_size, executor, cache, retries, progress, as in `evaluate`; all rollouts are asked together.

    Returns a TeamCredit of N rows, one for each agent of each rollout; above the budget with standard errors.
    Cost: min(2^n, budget) evaluations a rollout. Raises InputError for larger teams without a budget and for agents that are no
    list of different names, and EvaluationError as `evaluate` does.
    Source: Shapley (1953); as credit among agents Wang et al. (2020), Shapley Q-value: a local reward approach.

    >>> from shapley_credit.methods.agents import team_credit
    >>> def value(team):
    ...     rollout, agents = team
    ...     return float({"coder", "planner"} <= {*agents}) + 0.5 * ("coder" in agents)
    >>> found = team_credit(value, {"run 1": ["planner", "coder", "critic"]})
    >>> dict(zip(found.rows, found.credit.tolist()))
    {('run 1', 'planner'): 0.5, ('run 1', 'coder'): 1.0, ('run 1', 'critic'): 0.0}
    """
    how = passed_on(evaluation, "team_credit", evaluate, own=("request",))
    teams, plans = _planned(agents, budget, method, seed)
    try:
        values = evaluate(value, plans, request=_request(teams), **how)
    except AsynchronousError:
        raise InputError("the value is asynchronous. Ask it, with the same arguments, with await ateam_credit(..).") from None
    return _credited(teams, plans, values)


async def ateam_credit(
    value: Any,
    agents: Mapping[Any, Sequence[Any]],
    *,
    budget: int | None = None,
    method: str = "auto",
    seed: int = 0,
    **evaluation: Any,
) -> TeamCredit:
    """As `team_credit`, for an asynchronous value; evaluation: as in `aevaluate`, among them max_concurrency.

    >>> import asyncio
    >>> from shapley_credit.methods.agents import ateam_credit
    >>> async def value(team):
    ...     rollout, agents = team
    ...     return float(len(agents) ** 2)
    >>> asyncio.run(ateam_credit(value, {"run 1": ["ann", "bob"]})).credit
    array([2., 2.])
    """
    how = passed_on(evaluation, "ateam_credit", aevaluate, own=("request",))
    teams, plans = _planned(agents, budget, method, seed)
    return _credited(teams, plans, await aevaluate(value, plans, request=_request(teams), **how))


def role_advantages(
    found: TeamCredit, prompts: Mapping[Any, Hashable], roles: Mapping[Any, Hashable] | None = None, **baseline: Any
) -> Array:
    """Advantages of agents among those that had the same role in rollouts of the same prompt.

        A_i = (phi_i - b_i) / s_i,      the group of i: all rows with its prompt and role

    found: of `team_credit`, N rows. prompts: the prompt of each rollout. roles: the role of each agent, by default its name.
    baseline: baseline, scale and the others that `advantages` takes.

    Returns [N], in the order of `found.rows`; an agent that wrote several messages has one advantage for all of them.
    Raises InputError for a rollout without a prompt and an agent without a role, and as `advantages`.

    >>> from shapley_credit.methods.agents import role_advantages, team_credit
    >>> skill = {("run 1", "coder"): 4.0, ("run 2", "coder"): 2.0}
    >>> def value(team):
    ...     rollout, agents = team
    ...     return sum(skill.get((rollout, agent), 1.0) for agent in agents)
    >>> found = team_credit(value, {"run 1": ["planner", "coder"], "run 2": ["planner", "coder"]})
    >>> role_advantages(found, {"run 1": "a prompt", "run 2": "a prompt"})
    array([ 0.,  1.,  0., -1.])
    """
    named = {agent: agent for _, agent in found.rows} if roles is None else roles
    agents = [*dict.fromkeys(agent for _, agent in found.rows)]
    for told, given, names in (("prompts", prompts, [*found.agents]), ("roles", named, agents)):
        if not isinstance(given, Mapping):
            raise InputError(f"{told} must be a mapping, with an entry for each of {shown(names)}; got {shown(given)}.")
        missing = [name for name in names if name not in given]
        if missing:
            raise InputError(f"{told} must have an entry for each of {shown(names)}; {shown(missing[0])} has none.")
    asked = [prompts[rollout] for rollout, _ in found.rows]
    codes_of(asked, found.credit)  # None and NaN are no prompts, and inside of a pair nobody would see them
    groups = [(prompt, named[agent]) for prompt, (_, agent) in zip(asked, found.rows, strict=True)]
    return np.asarray(advantages(found.credit, groups, **baseline))


def _planned(
    agents: Mapping[Any, Sequence[Any]], budget: int | None, method: str, seed: int
) -> tuple[dict[Hashable, tuple[Hashable, ...]], list[Plan]]:
    if not isinstance(agents, Mapping) or not agents:
        raise InputError(f"agents must be a mapping from rollouts, at least one, to the agents of each; got {shown(agents)}.")
    teams = {rollout: _different(rollout, team) for rollout, team in agents.items()}
    first = whole_number(seed, "seed")
    for rollout, team in teams.items():
        if budget is None and len(team) > EXACT:
            raise InputError(
                f"rollout {shown(rollout)} has {len(team)} agents, of which exact values take 2^{len(team)} evaluations. Give "
                f"budget=, the most evaluations of a rollout, for an estimate; without it teams have at most {EXACT} agents."
            )
    sizes = [len(team) for team in teams.values()]
    return teams, [plan(n, budget=budget, method=method, seed=first + number) for number, n in enumerate(sizes)]


def _different(rollout: Hashable, team: Any) -> tuple[Hashable, ...]:
    """The agents of a rollout, or InputError for what is no list of different names."""
    if not isinstance(team, list | tuple) or not team:
        raise InputError(f"the agents of rollout {shown(rollout)} must be a list of one name at least; got {shown(team)}.")
    try:
        different = len({*team})
    except TypeError as error:
        raise InputError(f"the agents of rollout {shown(rollout)} must be hashable names; got {shown(team)}.") from error
    if different < len(team):
        raise InputError(
            f"rollout {shown(rollout)} names an agent twice: {shown(team)}. Give each a name of its own, and say by roles= of "
            "role_advantages which are alike."
        )
    return tuple(team)


def _request(teams: Mapping[Hashable, tuple[Hashable, ...]]) -> Callable[[int, tuple[int, ...]], Team]:
    listed = list(teams.items())

    def request(number: int, members: tuple[int, ...]) -> Team:
        rollout, team = listed[number]
        return rollout, tuple(team[member] for member in members)

    return request


def _credited(teams: dict[Hashable, tuple[Hashable, ...]], plans: Sequence[Plan], values: Sequence[Array]) -> TeamCredit:
    # Every plan asks for the whole team.
    rewards = np.array([own[each.coalitions.all(axis=1)][0] for each, own in zip(plans, values, strict=True)])
    return TeamCredit(teams, rewards, solve_plans(plans, values), sum(len(each.coalitions) for each in plans))
