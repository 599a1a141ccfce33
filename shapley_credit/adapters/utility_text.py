"""A set utility as a configuration can say it: a text of columns, such as 0.7 * Max(reward) + 0.3 * DistinctCount(answer)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shapley_credit.methods.group_rules import GROUP_RULES
from shapley_credit.rollouts.expression import Expression, read_expression
from shapley_credit.utility import Utility

# The column of an expression that holds the rewards which the rule gets.
REWARD = "reward"


@dataclass(frozen=True)
class WrittenUtility:
    """A set utility of responses, read from a text."""

    expression: Expression

    def __call__(self, rewards: Any, **columns: Any) -> Utility:
        return self.expression.utility({**columns, REWARD: rewards})

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads beside rewards."""
        return tuple(name for name in self.expression.columns if name != REWARD)


def with_utility(rule: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a rule of `methods.group_rules`, with the utility that its `utility=` writes out.

    rule: shapley, banzhaf or leave_one_out; the parameters of others are returned as they are. A text with parentheses is read
    by `rollouts.expression.read_expression`, and `reward` in it are the rewards that the rule gets; names stay names. Raises
    InputError that names the place in a text that is no utility.

    >>> from shapley_credit.adapters.utility_text import with_utility
    >>> from shapley_credit.methods.group_rules import group_advantages
    >>> given = with_utility("shapley", {"utility": "0.5 * Max(reward) + DistinctCount(answer)", "baseline": "none"})
    >>> group_advantages("shapley", [2.0, 0.0, 0.0], 3, columns={"answer": ["x", "y", "y"]}, **given)
    array([2. , 0.5, 0.5])
    """
    text = parameters.get("utility")
    if not (rule in _TAKES and isinstance(text, str) and "(" in text):
        return dict(parameters)
    return {**parameters, "utility": WrittenUtility(read_expression(text))}


# The rules whose utility may be a function.
_TAKES = [
    name for name, rule in GROUP_RULES.items() if rule.parameters.get("utility") is GROUP_RULES["shapley"].parameters["utility"]
]
