"""Which columns of a file are the group and the reward, told by the names that trainers give them."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from typing import NamedTuple

from shapley_credit.errors import InputError

# Names of one group of samples, and names of what was asked, which may be asked again in a later step.
SAMPLED = ("group_id", "group", "uid")
ASKED = ("prompt_id", "question_id", "problem_id", "prompt", "input", "question", "problem", "query")
REWARDS = ("reward", "score", "rewards", "scores")
STEP = "step"
# TRL's table of completions has a column for every reward function, by its name, behind the completion.
COMPLETIONS = ("prompt", "completion", "advantage")


class Head(NamedTuple):
    """The columns of a file, in order, and those of them whose values are numbers."""

    names: tuple[str, ...]
    numbers: tuple[str, ...]


def guess_group(head: Head) -> tuple[str, ...]:
    """The columns whose values together name the group of a row.

    A prompt, or an id of one, is asked again in later steps: where there is a column `step`, it is part of the name.
    Raises InputError where no column or more than one could be the group.

    >>> guess_group(Head(("step", "prompt", "completion", "reward"), ("step", "reward")))
    ('step', 'prompt')
    """
    found = [name for name in head.names if name in (*SAMPLED, *ASKED)]
    if len(found) != 1:
        raise InputError(_unclear("group", found, head.names, "--by NAME", (*SAMPLED, *ASKED)))
    return (STEP, *found) if found[0] in ASKED and STEP in head.names else (found[0],)


def guess_utility(head: Head) -> str:
    """The best reward of a group, as an expression. Raises InputError where no column or more than one could be the reward.

    >>> guess_utility(Head(("uid", "score"), ("score",)))
    'Max(score)'
    """
    found = [name for name in head.names if name in REWARDS]
    if not found and set(COMPLETIONS) <= set(head.names):
        behind = head.names[head.names.index("completion") :]
        found = [name for name in behind if name in head.numbers and name not in (STEP, *COMPLETIONS)]
    if len(found) != 1:
        raise InputError(_unclear("reward", found, head.names, "--utility 'Max(NAME)'", REWARDS))
    return f"Max({spelled(found[0])})"


def spelled(name: str) -> str:
    """A column as an expression spells it."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else repr(name)


def _unclear(what: str, found: Sequence[str], names: Sequence[str], option: str, known: Sequence[str]) -> str:
    if found:
        return f"{' and '.join(map(repr, found))} could each be the {what}; say which: {option}."
    return (
        f"no column is called as a {what} is ({', '.join(known)}); say which it is: {option}. "
        f"There are {', '.join(map(repr, names))}."
    )
