"""AReaL's batch after `_compute_advantages` of version 1.0.4, whose masks are rolled by -1."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters.areal import credit_by_rule, credit_by_turns
from shapley_credit.adapters.partial_batches import _warned
from shapley_credit.methods.group_rules import group_advantages

pytestmark = pytest.mark.torch

# In the order of the tokens. The last row was trained from its first token on: no logits predict that one.
MASK = [[0, 1, 1, 0, 1, 0], [0, 0, 1, 0, 0, 0], [0, 1, 0, 1, 1, 1], [1, 1, 0, 0, 0, 1]]
REWARDS = [3.0, 5.0, 1.0, 7.0]
EARNED = [[1.0, 2.0], [5.0], [0.0, 1.0], [3.0, 4.0]]


def batch(mask: Any = MASK, **more: Any) -> dict[str, Any]:
    """As the actor's own method leaves it, by its own line: `torch.roll(loss_mask, shifts=-1, dims=-1)`."""
    import torch

    tokens = torch.tensor(np.array(mask)).float()
    rolled = torch.roll(tokens, shifts=-1, dims=-1)
    advantages = torch.full_like(rolled, 9.0)
    return {"rewards": torch.tensor(REWARDS[: len(mask)]), "loss_mask": rolled, "advantages": advantages, **more}


def meta(*sizes: int, **more: Any) -> Any:
    return SimpleNamespace(n_trajs=len(sizes), traj_group_sizes=list(sizes), traj_seqlens=[6] * sum(sizes), **more)


def predicted(rows: Any) -> Any:
    """Of each token's logits, one place before it."""
    return np.array([[*row[1:], 0.0] for row in np.asarray(rows)], np.float32)


def found(data: dict[str, Any]) -> Any:
    import torch

    assert data["advantages"].dtype == torch.float32
    return data["advantages"].numpy()


def test_group_rules_by_name() -> None:
    lengths = np.sum(MASK, 1)
    for rule, parameters in (("shapley", {}), ("pkpo", {"m": 2}), ("shapley", {"baseline": "length_weighted"})):
        paid = group_advantages(rule, REWARDS, [0, 0, 1, 1], columns={"lengths": lengths}, **parameters)
        wanted = predicted(paid[:, None] * np.array(MASK))
        assert_array_equal(found(credit_by_rule(batch(), rule, group_size=2, **parameters)), wanted)
        assert_array_equal(found(credit_by_rule(batch(), rule, meta=meta(2, 2), **parameters)), wanted)
        assert wanted.any()
    three = group_advantages("shapley", REWARDS, [0, 0, 0, 1])
    assert_array_equal(found(credit_by_rule(batch(), "shapley", meta=meta(3, 1))), predicted(three[:, None] * np.array(MASK)))
    given = batch()
    assert credit_by_rule(given, "shapley", group_size=2)["loss_mask"] is given["loss_mask"]
    assert (given["advantages"] == 9.0).all()


def test_turns_are_read_before_the_roll() -> None:
    """Rolled, the first token of the last row would be a turn behind its last one, or part of that."""
    rewards = np.array([[*row, *[0.0] * (6 - len(row))] for row in EARNED])  # AReaL pads to the width of the batch
    for how in ({}, {"gamma": 0.5}, {"credit": "own"}, {"prefix_values": True, "baseline": "none"}):
        wanted = predicted(sc.turn_advantages(EARNED, np.array(MASK), 2, **how))
        data = batch(turn_rewards=rewards)
        assert_array_equal(found(credit_by_turns(data, group_size=2, turn_rewards="turn_rewards", **how)), wanted)
        assert_array_equal(found(credit_by_turns(data, meta=meta(2, 2), turn_rewards="turn_rewards", **how)), wanted)
    by_hand = found(credit_by_turns(batch(turn_rewards=rewards), group_size=4, turn_rewards="turn_rewards", baseline="none"))
    assert_array_equal(by_hand[3], [7.0, 0, 0, 0, 4.0, 0])
    outcome = found(credit_by_turns(batch(), group_size=4, baseline="none", credit="own"))
    assert_array_equal(outcome[3], [0, 0, 0, 0, 7.0, 0])


@given(data=st.data())
def test_a_reward_at_the_end_is_paid_alike_whatever_the_mask(data: st.DataObject) -> None:
    """RLOO, by any mask with a trained token in every row, whether it starts with one or not."""
    row = st.lists(st.integers(0, 1), min_size=5, max_size=5).filter(any)
    mask = np.array(data.draw(st.lists(row, min_size=2, max_size=2)))
    paid = found(credit_by_turns(batch(mask), group_size=2, baseline="leave_one_out"))
    assert_array_equal(paid, predicted(np.array([[-2.0], [2.0]]) * mask))


def test_rows_that_are_absent_change_nobody_else() -> None:
    mask = [MASK[0], MASK[1], [0] * 6, MASK[2]]
    alone = group_advantages("shapley", [3.0, 5.0, 7.0], 3)
    wanted = predicted(np.insert(alone, 2, 0.0)[:, None] * np.array(mask))
    assert_array_equal(found(credit_by_rule(batch(mask), "shapley", group_size=4)), wanted)
    turns = found(credit_by_turns(batch(mask), group_size=4))
    others = sc.turn_advantages([[0.0, 3.0], [5.0], [0.0, 7.0]], np.delete(mask, 2, 0), 3)
    assert_array_equal(np.delete(turns, 2, 0), predicted(others))
    assert not turns[2].any()


def test_a_utility_of_ones_own_gets_the_columns_of_the_batch() -> None:
    """The batch has a column rewards too, which is what the rule gets."""
    seen: list[set[str]] = []

    def utility(rewards: Any, **columns: Any) -> Any:
        seen.append(set(columns))
        return u.Max(rewards)

    mine = found(credit_by_rule(batch(), "shapley", group_size=2, utility=utility))
    assert_array_equal(mine, found(credit_by_rule(batch(), "shapley", group_size=2)))
    assert seen == [{"loss_mask", "advantages", "lengths"}]


def test_a_rank_whose_groups_are_all_too_small() -> None:
    """Another rank has larger ones: this one must not end the run."""
    _warned().discard("pkpo")
    with pytest.warns(UserWarning, match="m=3 pays groups of at least 3 responses; the largest here has 2.*They are 0"):
        paid = found(credit_by_rule(batch(), "pkpo", meta=meta(2, 2), m=3))
    assert_array_equal(paid, np.zeros((4, 6)))
    # Nothing is said twice, and a larger group is paid.
    assert_array_equal(found(credit_by_rule(batch(), "pkpo", meta=meta(2, 2), m=3)), np.zeros((4, 6)))
    assert found(credit_by_rule(batch(), "pkpo", meta=meta(3, 1), m=3)).any()
    with pytest.raises(InputError, match="m must be a whole number >= 1"):
        credit_by_rule(batch(), "pkpo", group_size=2, m=0)


def rollouts(*counts: list[int]) -> list[Any]:
    return [SimpleNamespace(row_counts=tuple(each)) for each in counts]


def test_what_a_group_is() -> None:
    one = meta(2, 2, rollout_groups=[*rollouts([1, 1]), None])
    assert_array_equal(
        found(credit_by_rule(batch(), "shapley", meta=one)), found(credit_by_rule(batch(), "shapley", group_size=2))
    )
    with pytest.raises(InputError, match=r"rollouts of several rows \(row_counts \[2\]\)"):
        credit_by_turns(batch(), meta=meta(2, 2, rollout_groups=rollouts([1, 1], [2])))
    with pytest.raises(InputError, match=r"rollouts of several rows \(row_counts \[1, 2\]\)"):
        credit_by_rule(batch(), "shapley", meta=meta(1, 3, rollout_groups=rollouts([1], [1, 2])))
    for said in ({}, {"meta": meta(2, 2), "group_size": 2}):
        with pytest.raises(InputError, match="say what a group is"):
            credit_by_rule(batch(), "shapley", **said)
    with pytest.raises(InputError, match="the groups of meta have 5 rows, and the batch 4"):
        credit_by_rule(batch(), "shapley", meta=meta(2, 3))
    with pytest.raises(InputError, match="group_size"):
        credit_by_turns(batch(), group_size=0)
    with pytest.raises(InputError, match="no 'earned'; it has rewards, loss_mask, advantages"):
        credit_by_turns(batch(), group_size=2, turn_rewards="earned")
