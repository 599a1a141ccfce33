"""What a reward function logs: handed on to the trainer, by completion, on the process that it belongs to."""

from __future__ import annotations

import asyncio
import functools
from typing import Any
from unittest import mock

import pytest
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import trl, trl_rewards
from shapley_credit.adapters.scoring import RESIDUAL

from trainers import Together, Trainer


class Tables(Trainer):
    """A trainer that keeps the columns of its table of completions, as TRL's `log_extra` does."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.extra: dict[str, list[Any]] = {}

    def log_extra(self, column: str, values: list[Any]) -> None:
        self.extra.setdefault(column, []).extend(values)


def noted(completions: Any, log_metric: Any = None, log_extra: Any = None, **_: Any) -> u.Max:
    scores = [float(len(text)) for text in completions]
    if log_metric is not None:
        log_metric("longest", max(scores))
    if log_extra is not None:
        log_extra("length", scores)
        if "b" in completions:
            log_extra("b", tuple(completions))
    return u.Max(scores)


async def noted_later(**given: Any) -> u.Max:
    return noted(**given)


def only_table(completions: Any, log_extra: Any, prompts: Any, trainer_state: Any = None) -> u.Max:
    return noted(completions, log_extra=log_extra)


@pytest.mark.parametrize("rule", [noted, noted_later, functools.partial(noted), only_table, lambda **group: noted(**group)])
def test_what_a_reward_logs_is_handed_on(rule: Any) -> None:
    trainer = Tables(2)
    given = {"prompts": list("ppqq"), "completions": ["a", "aa", "b", "bbb"]}
    answer = trl.group_reward(rule)(log_metric=trainer.log_metric, log_extra=trainer.log_extra, **given)
    assert (asyncio.run(answer) if rule is noted_later else answer) == [0.5, 1.5, 0.5, 2.5]
    assert trainer.extra == {"length": [1.0, 2.0, 1.0, 3.0], "b": [None, None, "b", "bbb"]}
    assert trainer.logged.get("longest", []) == ([] if rule is only_table else [2.0, 3.0])
    assert len(trainer.logged[RESIDUAL]) == 1
    if rule is not only_table:  # as TRL before it had them, and asynchronous GRPO
        answer = trl.group_reward(rule)(prompts=["p"] * 2, completions=["a", "aa"])
        assert (asyncio.run(answer) if rule is noted_later else answer) == [0.5, 1.5]


def test_a_reward_that_takes_columns_by_name_is_not_asked_to_log() -> None:
    trainer = Tables(2)
    reward = trl.group_reward(lambda prompts, completions: u.Max([float(len(text)) for text in completions]))
    logs = {"log_metric": trainer.log_metric, "log_extra": trainer.log_extra}
    assert reward(prompts=["p", "p"], completions=["a", "aa"], **logs) == [0.5, 1.5]
    assert not trainer.extra


@pytest.mark.parametrize("cut", [0, 1, 3, 6])
def test_what_is_logged_of_a_completion_goes_to_its_process(cut: int) -> None:
    """Groups straddle processes, and are scored on either of them."""
    texts, prompts, together = ["a", "aa", "b", "bbb", "aaa", "aaaa"], list("ppqqrr"), Together(2)

    with mock.patch.object(trl_rewards, "Processes", side_effect=map(together.process, range(2))):
        rewards = [trl.group_reward(noted), trl.group_reward(noted)]

    def work(rank: int) -> Any:
        ours, trainer = slice(cut) if rank == 0 else slice(cut, None), Tables(2, rank, 2)
        logs = {"log_metric": trainer.log_metric, "log_extra": trainer.log_extra}
        return rewards[rank](prompts=prompts[ours], completions=texts[ours], **logs), trainer

    (first, one), (second, two) = together.run(work)
    assert [*first, *second] == [0.5, 1.5, 0.5, 2.5, 1.5, 2.5]
    assert [*one.extra.get("length", []), *two.extra.get("length", [])] == [1.0, 2.0, 1.0, 3.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("log", "match"),
    [
        (
            lambda log_extra: log_extra("x", [1]),
            r"log_extra\('x', \.\.\) needs a value for each of 2 completions of a group; got 1",
        ),
        (
            lambda log_extra: [log_extra("x", "ab"), log_extra("x", "ab")],
            r"log_extra\('x', \.\.\) was called twice for one group",
        ),
    ],
)
def test_a_column_of_the_table_has_one_value_a_completion(log: Any, match: str) -> None:
    def rule(completions: Any, log_extra: Any, **_: Any) -> Any:
        log(log_extra)
        return u.Max([1.0] * len(completions))

    trainer = Tables(2)
    logs = {"log_metric": trainer.log_metric, "log_extra": trainer.log_extra}
    with pytest.raises(InputError, match=match):
        trl.group_reward(rule)(prompts=["p"] * 4, completions=["x"] * 4, **logs)
