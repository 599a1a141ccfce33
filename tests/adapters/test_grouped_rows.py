"""Whole groups on several processes: what is paid, what travels, and what happens when one of them fails."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import trl, trl_rewards
from shapley_credit.adapters.pooled import figures_of, merged, pools_of
from shapley_credit.adapters.scoring import BEST, RESIDUAL

from trainers import Together, Trainer


def best(completions: Sequence[str], **_: Any) -> u.Max:
    return u.Max([float(len(text)) / 3.0 for text in completions])


async def best_later(completions: Sequence[str], **_: Any) -> u.Max:
    await asyncio.sleep(0.001 * len(completions[0]))
    return best(completions)


def cut(rows: list[Any], cuts: Sequence[int]) -> list[list[Any]]:
    return [rows[low:high] for low, high in pairwise([0, *cuts, len(rows)])]


def on_processes(
    set_utility: Any, columns: dict[str, list[Any]], size: int, cuts: Sequence[int]
) -> tuple[list[Any], list[Trainer], Together]:
    """What each process is paid for its part of a batch, or what it raises."""
    together = Together(len(cuts) + 1)
    trainers = [Trainer(size, rank, together.size) for rank in range(together.size)]
    with mock.patch.object(trl_rewards, "Processes", side_effect=map(together.process, range(together.size))):
        rewards = [trl.group_reward(set_utility) for _ in trainers]

    def work(rank: int) -> Any:
        mine = {name: cut(rows, cuts)[rank] for name, rows in columns.items()}
        try:
            answer = rewards[rank](log_metric=trainers[rank].log_metric, **mine)
            return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer
        except Exception as error:  # noqa: BLE001 - returned to the test
            return error

    return together.run(work), trainers, together


def apart(rows: int, size: int, cuts: Sequence[int]) -> int:
    """Rows that are not on the process of the first row of their group, counted one by one."""
    home = [rank for rank, part in enumerate(cut(list(range(rows)), cuts)) for _ in part]
    return sum(home[row] != home[row - row % size] for row in range(rows))


@given(st.data(), st.sampled_from([best, best_later]))
def test_credits_are_the_same_wherever_completions_are(data: st.DataObject, set_utility: Any) -> None:
    size, groups = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    rows = size * groups
    texts = data.draw(st.lists(st.text("ab", max_size=6), min_size=rows, max_size=rows))
    prompts = [str(row // size) for row in range(rows)]
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=4)))
    expected = [float(x) for g in range(groups) for x in sc.set_shapley(best(texts[g * size : (g + 1) * size]), size)]
    found, trainers, together = on_processes(set_utility, {"prompts": prompts, "completions": texts}, size, cuts)
    assert [reward for part in found for reward in part] == expected
    _, (alone,), _ = on_processes(best, {"prompts": prompts, "completions": texts}, size, [])
    assert all(trainer.logged == alone.logged for trainer in trainers)
    # Rows go one way, their results the other, and nothing else travels.
    rows_out = [pickle.loads(part) for a, b, part in together.sent if a > b]
    results = [pickle.loads(part) for a, b, part in together.sent if a < b]
    assert sum(len(part["prompts"]) for part in rows_out) == sum(map(len, results)) == apart(rows, size, cuts)


@pytest.mark.parametrize("per_process", [2, 4, 8])
def test_nothing_travels_where_groups_are_whole_on_their_process(per_process: int) -> None:
    prompts = [str(row // 2) for row in range(16)]
    cuts = list(range(per_process, 16, per_process))
    columns = {"prompts": prompts, "completions": ["x" * row for row in range(16)]}
    found, _, together = on_processes(best, columns, 2, cuts)
    assert [len(part) for part in found] == [per_process] * (len(cuts) + 1)
    assert together.sent == []


def test_an_uneven_last_batch_of_several_processes() -> None:
    """Groups of 4 over processes of 3, 3, 0 and 2 rows: the second group starts on one process and ends on another."""
    columns = {"prompts": list("aaaabbbb"), "completions": ["x" * row for row in range(8)]}
    found, _, together = on_processes(best, columns, 4, [3, 6, 6])
    assert [len(part) for part in found] == [3, 3, 0, 2]
    assert sorted((a, b) for a, b, _ in together.sent) == [(0, 1), (1, 0), (1, 3), (3, 1)]


# What one process raises, all raise.


def failing(where: str, error: Exception) -> Callable[..., Any]:
    def rule(completions: Sequence[str], **_: Any) -> u.Max:
        if where in completions:
            raise error
        return best(completions)

    return rule


def check_all_raise(found: list[Any], first: int, kind: type[Exception], match: str) -> None:
    for rank, error in enumerate(found):
        assert isinstance(error, kind if rank == first else InputError), error
        assert match in str(error)
        assert rank == first or f"process {first} could not score its groups" in str(error)


@pytest.mark.parametrize("later", [False, True], ids=["now", "later"])
@pytest.mark.parametrize(("where", "cuts", "first"), [("y", [2, 4, 6], 2), ("y", [3, 5], 1), ("x", [1, 2], 0)])
def test_what_a_rule_raises_on_one_process_all_raise(where: str, cuts: list[int], first: int, later: bool) -> None:
    rule = failing(where, KeyError("no such judge"))

    async def rule_later(**group: Any) -> u.Max:
        await asyncio.sleep(0.001)
        found: u.Max = rule(**group)
        return found

    columns = {"prompts": list("aabbccdd"), "completions": ["x", "", "", "", "y", "", "", ""]}
    found, _, _ = on_processes(rule_later if later else rule, columns, 2, cuts)
    check_all_raise(found, first, KeyError, "no such judge")


def test_a_utility_that_does_not_fit_on_one_process() -> None:
    columns = {"prompts": list("aabb"), "completions": ["", "", "", "y"]}
    found, _, _ = on_processes(lambda completions, **_: u.Max([1.0] * (2 + ("y" in completions))), columns, 2, [2])
    check_all_raise(found, 1, InputError, "k = 2 was asked for")


def test_mixed_prompts_of_a_group_that_one_process_sees() -> None:
    columns: dict[str, list[Any]] = {"prompts": list("aabcdd"), "completions": [""] * 6}
    found, _, _ = on_processes(best, columns, 2, [3, 4])
    check_all_raise(found, 0, InputError, "rows 2 to 3 of the batch should be 2 completions of one prompt")
    found, _, _ = on_processes(best, {**columns, "prompts": list("aabbcd")}, 2, [2, 3])
    check_all_raise(found, 2, InputError, "rows 4 to 5 of the batch should be 2 completions of one prompt")
    columns["environments"] = [None] * 6
    assert all(isinstance(part, list) for part in on_processes(best, columns, 2, [3, 4])[0])


def test_rows_that_cannot_travel() -> None:
    """The process that holds them says why; where groups are whole nobody needs to pickle."""
    columns: dict[str, list[Any]] = {"prompts": list("aabb"), "completions": list("wxyz"), "lock": [threading.Lock()] * 4}
    assert on_processes(best, columns, 2, [2])[0] == [[1 / 6, 1 / 6]] * 2
    found, _, _ = on_processes(best, columns, 2, [1])
    assert [type(error) for error in found] == [InputError, TypeError]
    assert "process 1 sent no rows of a group that starts on process 0" in str(found[0])


def test_results_that_cannot_travel() -> None:
    def rule(completions: Sequence[str], log_extra: Any = None, **_: Any) -> u.Max:
        log_extra("lock", [threading.Lock()] * len(completions))
        return best(completions)

    together = Together(2)
    with mock.patch.object(trl_rewards, "Processes", side_effect=map(together.process, range(2))):
        rewards = [trl.group_reward(rule) for _ in range(2)]

    def work(rank: int) -> Any:
        trainer = Trainer(2, rank, 2)
        try:
            return rewards[rank](log_metric=trainer.log_metric, log_extra=print, prompts=["a"], completions=["x"])
        except Exception as error:  # noqa: BLE001 - returned to the test
            return error

    check_all_raise(together.run(work), 0, TypeError, "pickle")


def test_columns_that_only_one_process_has() -> None:
    together = Together(2)
    with mock.patch.object(trl_rewards, "Processes", side_effect=map(together.process, range(2))):
        rewards = [trl.group_reward(best) for _ in range(2)]

    def work(rank: int) -> Any:
        more: dict[str, Any] = {"answer": ["4"]} if rank else {}
        try:
            return rewards[rank](log_metric=Trainer(2, rank, 2).log_metric, prompts=["a"], completions=["x"], **more)
        except Exception as error:  # noqa: BLE001 - returned to the test
            return error

    check_all_raise(together.run(work), 0, InputError, "process 1 sent columns ['answer', 'completions', 'prompts']")


def test_a_batch_without_rows() -> None:
    with pytest.raises(InputError, match="batch of 0 completions is not made of whole groups of 0"):
        trl.group_reward(best)(prompts=[], completions=[])


# Figures.


def test_pooled_figures_by_hand() -> None:
    each = [{RESIDUAL: 1.0, BEST: 0.5}, {RESIDUAL: 3.0}, {RESIDUAL: 0.0, BEST: 1.0}]
    assert figures_of(pools_of(each)) == {RESIDUAL: 3.0, BEST: 0.75}
    assert figures_of(merged([])) == {}


HARD = st.sampled_from([0.1, 0.2, 0.3, 1e-17, -1e16, 1e16, math.inf, math.nan])


@given(st.data(), st.lists(HARD | st.floats(-1.0, 1.0), min_size=3, max_size=8))
def test_pooled_figures_do_not_depend_on_who_has_which(data: st.DataObject, values: list[float]) -> None:
    each = [{RESIDUAL: value, BEST: value} for value in values]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(each)), max_size=3)))
    parts = data.draw(st.permutations([pools_of(part) for part in cut(each, cuts)]))
    found, whole = figures_of(merged(parts)), figures_of(pools_of(each))
    np.testing.assert_array_equal([found[RESIDUAL], found[BEST]], [whole[RESIDUAL], whole[BEST]])
    if all(map(math.isfinite, values)):
        assert whole[BEST] == pytest.approx(math.fsum(values) / len(values), rel=1e-15)
        assert whole[RESIDUAL] == max(values)
