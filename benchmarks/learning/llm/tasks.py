"""What a language model is trained on: a task hands out prompts and scores what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from benchmarks.learning.llm import listing, lists, needs, picking, queries, recommend, rules, search, topics
from benchmarks.learning.llm.paying import Rule, Scored
from benchmarks.learning.llm.recommend import Embed
from benchmarks.learning.llm.samples import Samples
from benchmarks.learning.llm.search import Retrievers
from benchmarks.learning.llm.sections import SECTIONS


class Judges(NamedTuple):
    """What tasks score by: vectors of texts, retrievers, and what the last group of each prompt has said."""

    embed: Embed
    retrievers: Retrievers
    said: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        trained, unseen: names of its prompts, those of training and those that are held out.
        messages: the chat that opens with a prompt.
        score: from judges, a prompt and its samples to the group that rules pay for, and figures.
        rules: rules of credit by name.
        metric: the figure that learning rates are chosen by, more is better.
        most: tokens of a response.
        group: responses to one prompt, a step.
        steps: steps of a training run, a multiple of the number of trained prompts.
        rates: learning rates that are tried.
        packages: whose versions its figures depend on, beside those of every task.
        examined: responses to each prompt in an evaluation.
        remembers: whether it scores a group by what the last group of the prompt has said.
    """

    trained: tuple[str, ...]
    unseen: tuple[str, ...]
    messages: Callable[[str], list[dict[str, str]]]
    score: Callable[[Judges, str, Samples], Scored]
    rules: Mapping[str, Rule]
    metric: str
    most: int
    group: int
    steps: int
    rates: tuple[float, ...]
    packages: tuple[str, ...] = ()
    examined: int = 24
    remembers: bool = False


TASKS = {
    "recommend": Task(
        tuple(topics.TRAINED),
        tuple(topics.UNSEEN),
        topics.messages,
        lambda judges, topic, samples: recommend.score(judges.embed, topic, samples),
        rules.RULES,
        recommend.METRIC,
        recommend.MOST,
        group=32,
        steps=30,
        rates=(3e-4, 1e-3, 3e-3),
    ),
    "search": Task(
        tuple(needs.TRAINED),
        tuple(needs.UNSEEN),
        needs.messages,
        lambda judges, need, samples: search.score(judges.retrievers, need, samples),
        queries.RULES,
        search.METRIC,
        search.MOST,
        group=12,
        steps=30,
        rates=(3e-4, 1e-3, 3e-3),
        packages=("bm25s",),
    ),
    "listing": Task(
        tuple(lists.TRAINED),
        tuple(lists.UNSEEN),
        lists.messages,
        lambda judges, kind, samples: listing.score(kind, samples, judges.said.get(kind, ())),
        picking.RULES,
        listing.METRIC,
        listing.MOST,
        group=24,
        steps=30,
        rates=(3e-4, 1e-3, 3e-3),
        examined=48,
        remembers=True,
    ),
}

CPU, CUDA, DRY = "cpu", "cuda", "dry"
ON_CUDA = {
    "recommend": ("shared", "winner takes all", "Shapley", "leave one out", "marginal, to go"),
    "search": ("shared", "Shapley", "marginal, to go", "windows", "leave one out"),
    "listing": tuple(picking.RULES),
}
STEPS_ON_CUDA = 48


def planned(name: str, plan: str = CPU) -> Task:
    """A task by a plan: whole on the CPU; fewer rules and more steps on a GPU, which is there for minutes; next to nothing."""
    task = TASKS[name]
    if plan == CPU:
        return task
    chosen = ON_CUDA[name] if plan == CUDA else (SECTIONS[name].base, SECTIONS[name].ours)
    rules = {rule: task.rules[rule] for rule in chosen}
    if plan == CUDA:
        return replace(task, rules=rules, steps=STEPS_ON_CUDA)
    return replace(task, rules=rules, steps=2, rates=task.rates[:1], group=4, most=4)
