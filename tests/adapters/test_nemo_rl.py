"""NeMo-RL's estimators on what `grpo_train` of version 0.6.0 passes: full sequences, masks of floats, a batch by name."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_array_equal
from shapley_credit import InputError
from shapley_credit.adapters.nemo_rl import GroupRuleEstimator, TurnEstimator
from shapley_credit.methods.group_rules import group_advantages

pytestmark = pytest.mark.torch

# Prompts of four tokens, two of them equal; rows of full sequences with the prompt first and padding behind.
PROMPTS = [[5, 6, 7, 0], [9, 9, 0, 0], [5, 6, 7, 0], [5, 6, 7, 0]]
MASK = [[0, 0, 0, 1, 1, 0, 1, 0], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 0, 0]]
REWARDS = [3.0, 5.0, 1.0, 7.0]
GROUPS = ["p", "q", "p", "p"]


class Batch(UserDict[str, Any]):
    """BatchedDataDict is a UserDict."""


def call(estimator: Any, *, masked: tuple[int, ...] = (), rewards: Any = REWARDS, **batch: Any) -> Any:
    import torch

    kept = torch.tensor([float(row not in masked) for row in range(4)])
    found = estimator.compute_advantage(
        prompt_ids=torch.tensor(PROMPTS),
        rewards=torch.tensor(rewards),
        mask=torch.tensor(MASK, dtype=torch.float32) * kept.unsqueeze(-1),  # token_mask * sample_mask
        repeated_batch=Batch(message_log=[[] for _ in range(4)], total_reward=torch.tensor(REWARDS), **batch),
        logprobs_policy=torch.zeros(4, 8),
        logprobs_reference=None,
        valid_mask=kept.bool(),  # of later versions
    )
    assert found.dtype == torch.float32
    assert found.shape == (4, 8)
    return found.numpy()


def spread(paid: Any) -> Any:
    return np.array(paid, np.float32)[:, None] * np.array(MASK)


def test_group_rules_by_name() -> None:
    for rule, parameters in (("shapley", {}), ("pkpo", {"m": 2}), ("shapley", {"baseline": "length_weighted"})):
        columns = {"lengths": np.sum(MASK, 1)}
        wanted = group_advantages(rule, REWARDS, GROUPS, columns=columns, **parameters)
        assert_array_equal(call(GroupRuleEstimator(rule, **parameters)), spread(wanted))
        assert np.any(wanted != 0)
    answers = ["4", "4", "9", "4"]
    wanted = group_advantages("distinct", REWARDS, GROUPS, columns={"answer": answers})
    assert_array_equal(call(GroupRuleEstimator("distinct"), answer=answers), spread(wanted))
    with pytest.raises(InputError, match="answer"):
        call(GroupRuleEstimator("distinct"))
    with pytest.raises(InputError, match="the rule of a group must be one of shapley"):
        GroupRuleEstimator("best")
    numbers = GroupRuleEstimator("shapley").compute_advantage(np.array([1, 2, 1, 1]), np.array(REWARDS), np.array(MASK))
    assert_array_equal(numbers, call(GroupRuleEstimator("shapley")))  # the single controller passes numbers of prompts


def test_a_masked_sample_is_absent() -> None:
    alone = group_advantages("shapley", [3.0, 5.0, 1.0], ["p", "q", "p"])
    for given in (REWARDS, [*REWARDS[:3], float("nan")]):
        found = call(GroupRuleEstimator("shapley"), masked=(3,), rewards=given)
        assert_array_equal(found, spread([*alone, 0.0]))
        turns = call(TurnEstimator(), masked=(3,), rewards=given)
        assert_array_equal(turns[3], np.zeros(8))
        assert_array_equal(turns[0], [0, 0, 0, 2, 2, 0, 2, 0])
    for estimator in (GroupRuleEstimator("shapley"), TurnEstimator()):
        with pytest.raises(InputError, match="the reward of row 3 is NaN; reward it, or give it a mask of 0"):
            call(estimator, rewards=[*REWARDS[:3], float("nan")])
    two = [[reward, 1.0] for reward in REWARDS]
    assert call(GroupRuleEstimator("gdpo"), rewards=two).any()
    with pytest.raises(InputError, match="the reward of row 2 is NaN"):
        call(GroupRuleEstimator("gdpo"), rewards=[*two[:2], [1.0, float("nan")], two[3]])


def test_turns() -> None:
    import torch

    mask, earned = np.array(MASK), [[1.0, 2.0], [5.0], [0.0, 1.0], [7.0]]
    at_end = [[0.0, 3.0], [5.0], [0.0, 1.0], [7.0]]
    for how in ({}, {"gamma": 0.5}, {"credit": "own"}, {"baseline": "mean", "scale": "group_std"}, {"prefix_values": True}):
        wanted = sc.turn_advantages(earned, mask, GROUPS, **how)
        assert_array_equal(call(TurnEstimator("turn_rewards", **how), turn_rewards=earned), wanted)
        padded = torch.tensor([[*row, *[0.0] * (3 - len(row))] for row in earned])
        assert_array_equal(call(TurnEstimator("turn_rewards", **how), turn_rewards=padded), wanted)
        assert_array_equal(call(TurnEstimator(**how)), sc.turn_advantages(at_end, mask, GROUPS, **how))


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({}, "no 'turn_rewards', which was to hold the rewards of turns; it has message_log, total_reward"),
    "few": ({"turn_rewards": [[1.0], [5.0], [0.0, 1.0], [7.0]]}, "row 0 of turn_rewards has 1 numbers for 2 turns"),
    "many": ({"turn_rewards": [[1.0, 2.0, 3.0], [5.0], [0.0, 1.0], [7.0]]}, "row 0 of turn_rewards has 3 numbers for 2 turns"),
    "rows": ({"turn_rewards": [[1.0, 2.0]]}, "a row for each of the 4 rows of the mask; got 1"),
    "more rows": ({"turn_rewards": [[1.0, 2.0]] * 5}, "a row for each of the 4 rows of the mask; got 5"),
    "NaN": ({"turn_rewards": [[1.0, float("nan")], [5.0], [0.0, 1.0], [7.0]]}, "row 0 of rewards holds NaN"),
}


@pytest.mark.parametrize(("batch", "match"), FAULTS.values(), ids=list(FAULTS))
def test_what_turns_must_have(batch: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        call(TurnEstimator("turn_rewards"), **batch)


def test_parameters_are_checked_when_the_estimator_is_made() -> None:
    with pytest.raises(InputError, match="gamma"):
        TurnEstimator(gamma=2.0)
    with pytest.raises(InputError, match="pkpo takes m, baseline, scale, floor; got 'k'"):
        GroupRuleEstimator("pkpo", k=4)
    with pytest.raises(InputError, match="floor must be positive"):
        GroupRuleEstimator("pkpo", m=4, floor=0.0)
    GroupRuleEstimator("gdpo", weights=[1.0, 0.5])
    GroupRuleEstimator("maxpo", m=7, baseline="length_weighted")
    with pytest.raises(InputError, match=r"the mask must be \[B, S\], a row for each response; got shape \(4,\)"):
        GroupRuleEstimator("shapley").compute_advantage(np.zeros(4), np.ones(4), np.ones(4))
    with pytest.raises(InputError, match=r"rewards must be \[4\], one for each row of the mask; got shape \(1,\)"):
        call(TurnEstimator(), rewards=[1.0])
