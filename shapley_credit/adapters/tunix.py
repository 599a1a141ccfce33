"""Tunix: the rules for groups as advantage estimators, and rewards that see the group of a completion and its columns.

Call `register()` before training starts, then `GRPOConfig(advantage_estimator="shapley")`. Checked with Tunix 0.1.7, whose
`GRPOLearner`, alone or agentic, calls an estimator with rewards and the number of generations, and with nothing else:
parameters of a rule are set when it is registered, and what reads more than rewards is a reward function, by `group_reward`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.adapters.scoring import group_credit
from shapley_credit.adapters.utility_text import with_utility
from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages
from shapley_credit.semivalues import Semivalue

# Tunix hands estimators one reward a completion, and no column.
RULES = tuple(name for name, rule in GROUP_RULES.items() if not rule.columns and name != "gdpo")


@dataclass(frozen=True)
class GroupEstimator:
    """A rule of `methods.group_rules` as Tunix calls an advantage estimator; `register` makes them.

    rule, parameters: as in `group_advantages`.

    >>> from shapley_credit.adapters.tunix import GroupEstimator
    >>> GroupEstimator("pkpo", {"m": 2})(rewards=[1.0, 0.0, 0.0, 0.0], num_generations=4)
    array([0.5, 0. , 0. , 0. ])
    """

    rule: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, rewards: Any, num_generations: int) -> Array:
        """Advantages [B] from rewards [B], in which the `num_generations` completions of a prompt stand side by side."""
        return group_advantages(self.rule, np.asarray(rewards), num_generations, **self.parameters)


def register(**parameters: Mapping[str, Any]) -> dict[str, GroupEstimator]:
    """Put the rules that read rewards alone into Tunix's registry of advantage estimators.

    parameters: by the name of a rule, what `group_advantages` takes for it: `register(pkpo={"m": 4})`. A second call replaces
        the estimators of the first.

    Returns the estimators by the names for `GRPOConfig(advantage_estimator=)`: those of the rules, with `group_` in front where
        Tunix has an estimator of that name.
    Raises InputError for other rules, and for parameters that a rule does not take or can't have.
    """
    from tunix.rl.algo_core import registry  # whose import registers Tunix's own

    kind, made = "advantage_estimator", _estimators(parameters)
    theirs = {name for name in registry.list_functions(kind) if not isinstance(registry.get(kind, name), GroupEstimator)}
    named = {f"group_{rule}" if rule in theirs else rule: estimator for rule, estimator in made.items()}
    for name, estimator in named.items():
        registry.register(kind, name)(estimator)
    return named


def _estimators(parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, GroupEstimator]:
    for rule, given in parameters.items():
        if rule in GROUP_RULES and rule not in RULES:
            raise InputError(
                f"{rule} reads more than one reward a completion, and Tunix passes nothing else to an estimator. Use a reward "
                f"function, by tunix.group_reward, with advantage_estimator='drgrpo'. Estimators are {', '.join(RULES)}."
            )
        if not isinstance(given, Mapping):
            raise InputError(f"the parameters of {rule} must be a mapping, such as {{'baseline': 'mean'}}; got {shown(given)}.")
        given = with_utility(rule, given)
        own = GROUP_RULES[rule].parameters if rule in GROUP_RULES else {}
        for name in own.keys() & given.keys():
            own[name].check(given[name])
        # A group of absent completions, large enough for the rules as they are, refuses what else can't be.
        group_advantages(rule, [float("nan")] * 4, 4, **{name: given[name] for name in given if name not in own})
    return {rule: GroupEstimator(rule, with_utility(rule, parameters.get(rule, {}))) for rule in RULES}


def group_reward(set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley) -> Callable[..., list[float]]:
    """Reward function for Tunix that pays each completion its credit in the utility of its group.

        reward_i = phi_i(v),      v = set_utility(prompts=, completions=, COLUMN=, ..)

    set_utility: called once for each group with lists over its G completions: prompts, completions and the columns of the
        dataset; returns their utility as `set_shapley` takes it.
    semivalue: Shapley by default: the rewards of a group add up to v(N) - v(empty).

    Tunix reads the size of groups from its configuration, and hands it over by the name num_generations. Use
    `advantage_estimator="drgrpo"`, which subtracts the mean of the group: "grpo" divides by its deviation, which undoes the
    adding up. Raises InputError for rows that are no whole groups, and for a utility that does not fit.

    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.tunix import group_reward
    >>> reward = group_reward(lambda completions, answer, **columns: u.DistinctCount(completions))
    >>> reward(prompts=["Why?"] * 3, completions=["so", "so", "thus"], num_generations=3, answer=["so"] * 3)
    [0.5, 0.5, 1.0]
    """

    def reward(prompts: Any, completions: Any, num_generations: int, **columns: Any) -> list[float]:
        size, rows = whole_number(num_generations, "num_generations", 1), len(completions)
        if rows % size:
            raise InputError(f"{rows} completions are no whole groups of num_generations={size}; pass all of a prompt at once.")
        given = {"prompts": prompts, "completions": completions, **columns}
        credit: list[float] = []
        for start in range(0, rows, size):
            group = {name: _part(cells, rows, slice(start, start + size)) for name, cells in given.items()}
            credit += group_credit(set_utility(**group), size, semivalue)[0]
        return credit

    reward.__name__ = getattr(set_utility, "__name__", type(set_utility).__name__)
    return reward


def _part(cells: Any, rows: int, part: slice) -> Any:
    """The cells of one group; what is no column, such as Tunix's mode, stays whole."""
    is_column = not isinstance(cells, str) and hasattr(cells, "__len__") and len(cells) == rows
    return list(cells[part]) if is_column else cells
