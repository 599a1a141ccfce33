"""The adapters without their frameworks: whole groups on simulated processes, and every hook's contract on plain objects.

tests/frameworks has the same hooks inside the real trainers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import log
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import InputError, semivalues
from shapley_credit import utilities as u
from shapley_credit.adapters import tinker, trl
from shapley_credit.adapters.scoring import BEST, ENTROPY, RESIDUAL, credit_figures, group_credit
from shapley_credit.adapters.segment_pay import pay_segments

from trainers import Trainer


def best(completions: Sequence[str], **_: Any) -> u.Max:
    return u.Max([float(len(text)) for text in completions])


async def best_later(completions: Sequence[str], **_: Any) -> u.Max:
    await asyncio.sleep(0.001 * len(completions[0]))
    return best(completions)


@pytest.mark.parametrize("set_utility", [best, best_later])
def test_reward_of_a_batch_of_groups(set_utility: Any) -> None:
    trainer = Trainer(2)
    reward = trl.group_reward(set_utility)
    answer = reward(
        log_metric=trainer.log_metric, log_extra=None, prompts=["a", "a", "b", "b"], completions=["x", "xxx", "xx", "xx"]
    )
    credits = asyncio.run(answer) if set_utility is best_later else answer
    assert credits == [0.5, 2.5, 1.0, 1.0]
    assert trainer.logged[RESIDUAL] == [0.0]
    assert trainer.logged[BEST] == pytest.approx([(2.5 / 3 + 0.5) / 2])
    assert reward.__name__ == set_utility.__name__
    trainer.model.training, trainer.num_generations_eval = False, 4
    evaluated = trl.group_reward(best)(log_metric=trainer.log_metric, prompts=["a"] * 4, completions=["x", "xx", "", "x"])
    assert evaluated == [float(x) for x in sc.set_shapley(u.Max([1.0, 2.0, 0.0, 1.0]), 4)]


def test_set_utilities_see_columns_of_their_group_only() -> None:
    seen: list[dict[str, Any]] = []

    def utility(**columns: Any) -> Any:
        seen.append(columns)
        return lambda coalition: float(len(coalition))

    reward = trl.group_reward(utility, semivalue=semivalues.banzhaf)
    trainer = Trainer(2)
    state = SimpleNamespace(global_step=3)
    answers = reward(
        log_metric=trainer.log_metric,
        log_extra=print,
        prompts=list("aabb"),
        completions=list("wxyz"),
        answer=[1, 1, 2, 2],
        trainer_state=state,
    )
    assert answers == [1.0] * 4
    assert [group["answer"] for group in seen] == [[1, 1], [2, 2]]
    assert [group["completions"] for group in seen] == [["w", "x"], ["y", "z"]]
    assert all(group["trainer_state"] is state for group in seen)
    assert all(group["log_metric"] == trainer.log_metric for group in seen)
    assert all(set(group) == {"prompts", "completions", "answer", "trainer_state", "log_metric", "log_extra"} for group in seen)


def test_group_rewards_refuse_what_cannot_be_right() -> None:
    reward = trl.group_reward(best)
    with pytest.raises(InputError, match="3 completions of 2 prompts came without log_metric"):
        reward(prompts=["a", "b", "a"], completions=["x", "y", "z"])
    with pytest.raises(InputError, match="batch of 3 completions is not made of whole groups of 2"):
        reward(log_metric=Trainer(2).log_metric, prompts=["a"] * 3, completions=["x"] * 3)
    with pytest.raises(InputError, match="must be the method of a TRL trainer"):
        reward(log_metric=print, prompts=["a"], completions=["x"])
    with pytest.raises(InputError, match="k = 2 was asked for"):
        trl.group_reward(lambda **_: u.Max([1.0, 2.0, 3.0]))(prompts=["a"] * 2, completions=["x"] * 2)
    with pytest.raises(InputError, match=r"one group of 2 members at a time; got one of \(3,\) groups"):
        trl.group_reward(lambda **_: u.Max(np.ones((3, 2))))(prompts=["a"] * 2, completions=["x"] * 2)


@pytest.mark.torch
def test_groups_of_several_processes_need_a_way_to_gather() -> None:
    with pytest.raises(InputError, match=r"2 processes but no torch\.distributed"):
        trl.group_reward(best)(log_metric=Trainer(2, 0, 2).log_metric, prompts=["a"] * 2, completions=["x"] * 2)


# Figures.


def test_a_function_is_asked_once_for_each_coalition() -> None:
    asked: list[Any] = []

    def square(members: Any) -> Any:
        asked.append(members)
        return np.sum(members, axis=1) ** 2 if isinstance(members, np.ndarray) else len(members) ** 2

    credit, figures = group_credit(square, 4)
    assert sorted(asked) == sorted(set(asked))
    assert len(asked) == 16
    assert credit == [4.0] * 4
    assert figures[RESIDUAL] == 0.0
    asked.clear()
    group_credit(sc.batched(square), 4)
    assert [len(sets) for sets in asked] == [16]


def test_figures_by_hand() -> None:
    figures = credit_figures([3.0, 1.0, 0.0, -1.0], 3.5)
    assert figures[RESIDUAL] == pytest.approx(0.5)
    assert figures[BEST] == pytest.approx(3 / 5)
    assert figures[ENTROPY] == pytest.approx(-(0.6 * log(0.6) + 2 * 0.2 * log(0.2)) / log(4))
    assert credit_figures([2.0, 2.0], 4.0) == pytest.approx({RESIDUAL: 0.0, BEST: 0.5, ENTROPY: 1.0})
    assert credit_figures([0.0, 0.0], 0.0) == {RESIDUAL: 0.0}
    assert credit_figures([5.0], 5.0) == {RESIDUAL: 0.0, BEST: 1.0}


@pytest.mark.parametrize(
    "utility",
    [
        u.Max([1.0, 4.0, 2.0], 0.5),
        (1 + np.arange(8.0)) ** 2,
        lambda coalition: float(len(coalition) ** 2) + 3.0,
        sc.batched(lambda coalitions: coalitions.sum(axis=1) ** 2.0 + 3.0),
    ],
    ids=["utility", "table", "function", "batched"],
)
def test_efficiency_residual_tells_credit_that_does_not_add_up(utility: Any) -> None:
    assert group_credit(utility, 3)[1][RESIDUAL] == pytest.approx(0.0, abs=1e-12)
    assert group_credit(utility, 3, semivalues.leave_one_out)[1][RESIDUAL] > 0.5


def test_segments_of_a_rule_are_paid_within_their_group() -> None:
    answer = ([np.array([1.0, 2.0]), [9.0], [3.0]], [[2, 1], [3], [1]])
    masks, rewards = [[1, 1, 0, 1], [0, 0, 0], [1]], [3.0, float("nan"), 3.0]
    # 1 + 2 and 3 are there: mean 3 of totals, deviation .5 of 1 - 1.5, 2 - 1.5, 3 - 3. Nobody scored the second completion.
    rows, figures = pay_segments(answer, masks, rewards, "group_std")
    assert [(row.own.tolist(), row.lengths) for row in rows] == [([-1.0, 1.0], [2, 1]), ([0.0], [0]), ([0.0], [1])]
    assert [row.to_go for row in rows] == [None] * 3
    assert [found[RESIDUAL] for found in figures] == [0.0, 0.0]
    halved = ([np.array([0.5, 1.0]), [9.0], [1.5]], answer[1])
    assert pay_segments(halved, masks, rewards, "none")[0][0][0].tolist() == [-0.25, 0.25]
    for wrong in ([[1.0], [2.0]], ([[1.0]], [[1]]), None):
        with pytest.raises(InputError, match="a rule returns"):
            pay_segments(wrong, [[1], [1]], [0.0, 0.0], "none")


# Tinker.


def test_group_rewards_of_tinker() -> None:
    rewards = tinker.group_rewards(u.Max([1.0, 3.0]), 2)
    assert [reward for reward, _ in rewards] == [0.5, 2.5]
    assert all(isinstance(reward, float) and figures[RESIDUAL] == 0.0 for reward, figures in rewards)
    assert rewards[0][1] is not rewards[1][1]
