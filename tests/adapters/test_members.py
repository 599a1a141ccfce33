"""Members of a group are rollouts: the rows of one session are paid as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import token_batch
from shapley_credit.adapters.estimators import group_estimator
from shapley_credit.adapters.members import Members
from shapley_credit.adapters.registered import ESTIMATORS
from shapley_credit.adapters.rewards import UNTRAINED, segment_rewards
from shapley_credit.adapters.verl import rollout_columns

from roles import import_kernels, on_device

# Prompt p has sessions 0 (rows 0, 3, 1 by the places of outputs) and 1 (row 2); q has session 0 (rows 4, 5), which is another.
UIDS = ["p", "p", "p", "p", "q", "q"]
SESSIONS = {"session_id": np.array(["0", "0", "1", "0", "0", "0"], object), "output_index": np.array([0, 2, 0, 1, 0, 1])}
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
# verl writes the reward of a rollout to the last token of every output.
TOTALS = np.array([3.0, 3.0, 5.0, 3.0, 2.0, 2.0])
REWARDS = np.zeros((6, 4), np.float32)
REWARDS[:, 3] = TOTALS


def columns(**more: list[Any]) -> dict[str, Any]:
    return {**SESSIONS, **{name: np.array([*rows, None], object)[:-1] for name, rows in more.items()}}


def test_members_by_session() -> None:
    members = Members.read(UIDS, 6, SESSIONS)
    assert [rows.tolist() for rows in np.split(members.rows, np.cumsum(members.sizes)[:-1])] == [[0, 3, 1], [2], [4, 5]]
    assert members.last.tolist() == [1, 2, 5]
    assert members.total(np.arange(6)).tolist() == [4, 2, 9]
    assert [group.tolist() for group in members.groups()] == [[0, 1], [2]]
    assert not members.are_rows
    assert Members.read(UIDS, 6).are_rows


def test_keys_of_verl_say_the_same() -> None:
    keys = ["p_0_0", "p_0_2", "p_1_0", "p_0_1", "q_r_0_0", "q_r_0_1"]
    found = Members.read(["p", "p", "p", "p", "q_r", "q_r"], 6, rollout_columns(keys))
    assert_array_equal(found.rows, Members.read(UIDS, 6, SESSIONS).rows)


@pytest.mark.parametrize("block", [1, 1 << 18])
def test_a_rollout_of_several_rows_is_one_member(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_batch, "BLOCK", block)
    found, _ = ESTIMATORS["shapley"](REWARDS, MASK, UIDS, non_tensor_batch=SESSIONS)
    # Max of 3 and 5 pays 1.5 and 3.5; q is alone.
    assert_array_equal(found, np.array([-1.0, -1.0, 1.0, -1.0, 0.0, 0.0])[:, None] * MASK)
    apart, _ = ESTIMATORS["shapley"](REWARDS, MASK, UIDS)
    assert not np.array_equal(apart, found)
    seen = []

    def best(rewards: Any, answer: Any, **_: Any) -> u.Max:
        seen.append((rewards.tolist(), answer.tolist()))
        return u.Max(rewards)

    group_estimator(best)(REWARDS, MASK, UIDS, non_tensor_batch=columns(answer=list("abcdef")))
    assert seen == [([3.0, 5.0], ["b", "c"]), ([2.0], ["f"])]


def test_lengths_of_rollouts_are_those_of_all_rows() -> None:
    found, _ = group_estimator(lambda rewards, **_: u.Additive(rewards), baseline="length_weighted")(
        REWARDS, MASK, UIDS, non_tensor_batch=SESSIONS
    )
    mean = (5 * 3.0 + 3 * 5.0) / 8
    assert_allclose(found[[0, 2], 0], [3.0 - mean, 5.0 - mean], rtol=1e-6)


def test_a_rollout_without_a_trainable_token_is_absent() -> None:
    mask = MASK * np.array([0, 0, 1, 0, 1, 1])[:, None]
    found, _ = ESTIMATORS["shapley"](np.where(mask.any(1)[:, None], REWARDS, np.nan), mask, UIDS, non_tensor_batch=SESSIONS)
    assert not found.any()  # 5 is alone now
    some = MASK * np.array([1, 0, 1, 0, 1, 1])[:, None]  # the reward of the rollout is still that of its last output
    found, _ = ESTIMATORS["shapley"](REWARDS, some, UIDS, non_tensor_batch=SESSIONS)
    assert_array_equal(found, np.array([-1.0, -1.0, 1.0, -1.0, 0.0, 0.0])[:, None] * some)


SEGMENTS: dict[str, list[Any]] = {
    "segment_credit": [[1.0], [0.5, 1.0], [2.0, 3.0], [0.5], [2.0], []],
    "segment_lengths": [[2], [1, 1], [1, 2], [1], [1], []],
}
WHOLE = {
    "segment_credit": [[1.0, 0.5, 0.5, 1.0]] * 2 + [[2.0, 3.0]] + [[1.0, 0.5, 0.5, 1.0]] + [[2.0]] * 2,
    "segment_lengths": [[2, 1, 1, 1]] * 2 + [[1, 2]] + [[2, 1, 1, 1]] + [[1]] * 2,
}


@pytest.mark.parametrize("block", [1, 1 << 18])
@pytest.mark.parametrize("rule", ["ospo", "ospo_to_go"])
@pytest.mark.parametrize("told", [SEGMENTS, WHOLE], ids=["of each row", "of the last row for all"])
def test_segments_of_rows_are_those_of_their_rollout(
    rule: str, told: dict[str, list[Any]], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_batch, "BLOCK", block)
    config = {"shapley_credit": {"scale": "none"}}
    found, _ = ESTIMATORS[rule](REWARDS, MASK, UIDS, config=config, non_tensor_batch=columns(**told))
    one_row = [[*MASK[0], *MASK[3], *MASK[1]], [*MASK[2]], [*MASK[4]]]
    given = {"segment_credit": [[1.0, 0.5, 0.5, 1.0], [2.0, 3.0], [2.0]], "segment_lengths": [[2, 1, 1, 1], [1, 2], [1]]}
    width = np.zeros((3, 12), np.int64)
    for row, mask in zip(width, one_row, strict=True):
        row[: len(mask)] = mask
    wanted, _ = ESTIMATORS[rule](width * 1.0, width, ["p", "p", "q"], config=config, non_tensor_batch=given)
    assert_array_equal(np.concatenate([found[0], found[3], found[1]]), wanted[0])
    assert_array_equal(found[2], wanted[1][:4])
    assert wanted[:2].any(1).all()


def test_names_of_segments_count_on_over_rows() -> None:
    order = {"segment_order": [[0], [1, 0], [0, 1], [0], [0], []]}
    config = {"shapley_credit": {"scale": "none"}}
    found, _ = ESTIMATORS["ospo"](REWARDS, MASK, UIDS, config=config, non_tensor_batch=columns(**SEGMENTS, **order))
    plain, _ = ESTIMATORS["ospo"](REWARDS, MASK, UIDS, config=config, non_tensor_batch=columns(**SEGMENTS))
    assert_array_equal(found[1, [0, 2]], plain[1, [2, 0]])  # the two segments of row 1 stand the other way around
    assert_array_equal(found[[0, 2, 3, 4, 5]], plain[[0, 2, 3, 4, 5]])


def test_candidates_of_rows_are_those_of_their_rollout() -> None:
    told: dict[str, list[Any]] = {
        "candidate_rewards": [[1.0], [4.0], [2.0, 0.0], [0.0], [1.0], []],
        "segment_candidate": [[0], [0, -1], [0, 1], [0], [0], []],
        "segment_lengths": [[2], [1, 1], [1, 2], [1], [1], []],
    }
    found, _ = ESTIMATORS["shape_grpo"](REWARDS, MASK, UIDS, non_tensor_batch=columns(**told))
    one = {
        "candidate_rewards": [[1.0, 0.0, 4.0], [2.0, 0.0], [1.0]],
        "segment_candidate": [[0, 1, 2, -1], [0, 1], [0]],
        "segment_lengths": [[2, 1, 1, 1], [1, 2], [1]],
    }
    mask = np.array([[1] * 5, [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    wanted, _ = ESTIMATORS["shape_grpo"](mask * 1.0, mask, ["p", "p", "q"], non_tensor_batch=one)
    trained = np.concatenate([found[row][MASK[row] != 0] for row in (0, 3, 1, 2, 4)])
    assert_array_equal(trained, wanted[mask != 0])


def test_turns_of_rows_are_those_of_their_rollout() -> None:
    """A row that ends in a turn and the next that starts with one are two turns."""
    mask = np.array([[0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    told = {"turn_rewards": [[1.0], [0.0, 2.0], [4.0], [0.5], [1.0], []]}
    found, _ = ESTIMATORS["turns"](REWARDS, mask, UIDS, non_tensor_batch=columns(**told))
    wanted = sc.turn_advantages(
        [[1.0, 0.5, 0.0, 2.0], [4.0], [1.0]], [[1, 1, 1, 0, 1, 1, 0, 1, 0, 1], [1, 1, 1], [1]], ["p", "p", "q"]
    )
    assert_array_equal(found[0, 1:], wanted[0][:3])
    assert_array_equal(found[3, :2], wanted[0][4:6])
    assert_array_equal(found[1, :3], wanted[0][[7, 8, 9]])
    assert_array_equal(found[2, :3], wanted[1])
    last = [[1.0, 0.5, 0.0, 2.0]] * 2 + [[4.0]] + [[1.0, 0.5, 0.0, 2.0]] + [[1.0]] * 2
    assert_array_equal(ESTIMATORS["turns"](REWARDS, mask, UIDS, non_tensor_batch=columns(turn_rewards=last))[0], found)
    # By token a rollout has earned what its last output says, once.
    outcome, _ = ESTIMATORS["turns"](REWARDS, mask, UIDS, non_tensor_batch=SESSIONS)
    assert set(outcome[:, :3][mask[:, :3] != 0].tolist()) == {-2.0, 2.0, 0.0}


def test_what_is_marked_as_untrained_is_absent_for_every_rule() -> None:
    rewards, mask = np.array([[0.0, 4.0], [UNTRAINED] * 2, [0.0, 2.0]], np.float32), np.ones((3, 2), np.int64)
    for name in ("shapley", "turns", "maxrl"):
        found, _ = ESTIMATORS[name](rewards, mask, ["p"] * 3)
        wanted, _ = ESTIMATORS[name](rewards[[0, 2]], mask[[0, 2]], ["p"] * 2)
        assert_array_equal(found[[0, 2]], wanted)
        assert not found[1].any()
    steps = np.array([[1.0, 3.0], [UNTRAINED] * 2, [2.0, 1.0]], np.float32)
    wanted, _ = ESTIMATORS["ospo"](steps[[0, 2]], mask[[0, 2]], ["p"] * 2)
    assert_array_equal(ESTIMATORS["ospo"](steps, mask, ["p"] * 3)[0][[0, 2]], wanted)
    holes = np.array([[1, 0, 1, 1], [1, 1, 0, 0]])
    steps = np.array([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]], np.float32)
    for name in ("ospo", "turns"):  # a mark between tokens ends no segment and earns nothing
        wanted, _ = ESTIMATORS[name](steps, holes, ["p"] * 2)
        marked = np.where(holes, steps, np.float32(UNTRAINED))
        assert_array_equal(ESTIMATORS[name](marked, np.ones_like(holes), ["p"] * 2)[0], wanted)
    half = rewards.astype(np.float16)  # which holds no mark, but a 0 in its place
    assert ESTIMATORS["shapley"](half, mask, ["p"] * 3)[0].any(1).all()


@pytest.mark.parametrize("reward", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["shapley", "ospo", "turns"])
def test_the_reward_of_an_absent_response_is_not_read(name: str, reward: float) -> None:
    steps, mask = np.array([[1.0, 3.0], [reward] * 2, [2.0, 1.0]]), np.array([[1, 1], [0, 0], [1, 1]])
    wanted, _ = ESTIMATORS[name](steps[[0, 2]], mask[[0, 2]], ["p"] * 2)
    assert_array_equal(ESTIMATORS[name](steps, mask, ["p"] * 3)[0][[0, 2]], wanted)


def test_a_credit_of_0_is_no_reward() -> None:
    """It is marked among rewards by token, and still adds up to 0."""
    rewards = segment_rewards(np.ones((2, 2)), [[0.0, 0.0], [1.0, 0.0]], [[1, 1], [1, 1]])
    found, _ = ESTIMATORS["pass_at_k"](rewards, np.ones((2, 2)), ["p"] * 2, config={"shapley_credit": {"m": 1}})
    assert found[1, 0] > 0 > found[0, 0]


def test_members_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="session_id must hold an entry for every row; found None"):
        Members.read(UIDS, 6, {"session_id": [None, *"12345"]})
    with pytest.raises(InputError, match="the column output_index must have an entry for each of the 6 rows; got 2"):
        Members.read(UIDS, 6, {**SESSIONS, "output_index": [0, 1]})
    wrong = columns(**{**SEGMENTS, "segment_lengths": [[2], [1, 1], [1, 2], [2], [1], []]})
    with pytest.raises(InputError, match=r"row 0 of segment_lengths has 6 tokens in all, but 5 trainable tokens"):
        ESTIMATORS["ospo"](REWARDS, MASK, UIDS, non_tensor_batch=wrong)
    monkeypatch.setattr(token_batch, "BLOCK", 1)
    rows = {"segment_credit": [[1.0]] * 6, "segment_lengths": [[2], [2], [3], [2], [1], []]}
    with pytest.raises(InputError, match=r"row 3 of segment_lengths has 2 tokens in all, but 1 trainable tokens"):
        ESTIMATORS["ospo"](REWARDS, MASK, UIDS, non_tensor_batch=rows)
    with pytest.raises(InputError, match="found rewards of whole responses only"):  # what an absent one has does not count
        ESTIMATORS["ospo"](np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1, 1], [0, 0]]), ["p"] * 2)
    with pytest.raises(InputError, match=r"must be \[B, T\], of one shape; got \(6, 4\) and \(6, 3\)"):
        ESTIMATORS["shapley"](REWARDS, MASK[:, :3], UIDS)


@pytest.mark.torch
@pytest.mark.parametrize("sessions", [{}, SESSIONS], ids=["rows", "sessions"])
@pytest.mark.parametrize("name", ["shapley", "ospo_to_go", "turns"])
def test_tensors_of_an_accelerator_stay_there(name: str, sessions: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    rewards = REWARDS + np.where(MASK, np.arange(4, dtype=np.float32), 0)
    wanted, _ = ESTIMATORS[name](rewards, MASK, UIDS, non_tensor_batch=sessions)
    import_kernels()
    monkeypatch.setattr(token_batch, "library_of", lambda data: torch if isinstance(data, torch.Tensor) else np)
    monkeypatch.setattr(token_batch, "BLOCK", 8)
    with on_device():
        found, _ = ESTIMATORS[name](torch.tensor(rewards), torch.tensor(MASK), UIDS, non_tensor_batch=sessions)
    assert isinstance(found, torch.Tensor)
    assert_array_equal(found.numpy(), wanted)
    assert wanted.any()
