"""What a language model is trained on: a task hands out prompts and scores what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.learning.llm import recommend, rules, topics
from benchmarks.learning.llm.recommend import Embed, Scored
from benchmarks.learning.llm.samples import Samples


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        trained, unseen: names of its prompts, those of training and those that are held out.
        messages: the chat that opens with a prompt.
        score: from vectors of texts, a prompt and its samples to the group that rules pay for, and figures.
        rules: rules of credit by name.
        metric: the figure that learning rates are chosen by, more is better.
        most: tokens of a response.
        steps: steps of a training run, a multiple of the number of trained prompts.
        rates: learning rates that are tried.
    """

    trained: tuple[str, ...]
    unseen: tuple[str, ...]
    messages: Callable[[str], list[dict[str, str]]]
    score: Callable[[Embed, str, Samples], Scored]
    rules: Mapping[str, rules.Rule]
    metric: str
    most: int
    steps: int
    rates: tuple[float, ...]


TASKS = {
    "recommend": Task(
        tuple(topics.TRAINED),
        tuple(topics.UNSEEN),
        topics.messages,
        recommend.score,
        rules.RULES,
        recommend.METRIC,
        recommend.MOST,
        steps=30,
        rates=(3e-4, 1e-3, 3e-3),
    )
}
