"""What frameworks pass that is no plain number: rewards outside the mask, None, ids of any kind, groups that can't be told."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import trl, verl
from shapley_credit.adapters.estimators import group_estimator
from shapley_credit.adapters.rewards import segment_rewards, segments_of
from shapley_credit.adapters.segment_pay import pay_segments

from trainers import Trainer


def test_a_reward_on_a_token_that_is_not_trained_counts() -> None:
    """verl writes the reward of an outcome on the last token attended to, which may be a tool's."""
    mask = np.array([[1, 1, 0], [1, 1, 0]])
    found, _ = verl.ESTIMATORS["shapley"](np.array([[0, 0, 1.0], [0, 0, 0]]), mask, ["p", "p"])
    assert found.tolist() == [[0.5, 0.5, 0.0], [-0.5, -0.5, 0.0]]
    answers = np.array(["x", "y"], object)
    columns = {"answer": answers}
    assert verl.ESTIMATORS["gapo"](np.zeros((2, 3)), mask, ["p", "p"], non_tensor_batch=columns)[0].shape == (2, 3)


def test_rewards_of_steps_on_tools_go_with_the_tokens_before_them() -> None:
    rewards = np.array([[0.0, 0.0, 2.0, 0.0, 5.0], [3.0, 0.0, 0.0, 1.0, 0.0], [1.0, 4.0, 0.0, 0.0, 0.0]])
    mask = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 1, 0], [1, 0, 1, 0, 0]]) != 0
    credit, lengths = segments_of(rewards, mask)
    assert [row.tolist() for row in credit] == [[2.0, 5.0], [3.0, 1.0], [5.0]]
    assert [row.tolist() for row in lengths] == [[2, 2], [1, 2], [2]]
    found, _ = verl.ESTIMATORS["ospo"](rewards, mask, ["p", "p", "p"])
    assert not found[~mask].any()
    assert found[mask].any()


def test_a_response_without_trainable_tokens_is_no_member_of_its_group() -> None:
    rewards, mask = np.array([[4.0, 0], [9.0, 0], [2.0, 0]]), np.array([[1, 1], [0, 0], [1, 0]])
    seen: list[Any] = []

    def best(rewards: Any, **columns: Any) -> u.Max:
        seen.append((rewards.tolist(), columns["name"].tolist()))
        return u.Max(rewards)

    columns = {"name": np.array(["a", "b", "c"], object)}
    found, _ = group_estimator(best, baseline="none")(rewards, mask, ["p"] * 3, non_tensor_batch=columns)
    assert seen == [([4.0, 2.0], ["a", "c"])]
    assert found.tolist() == [[3.0, 3.0], [0.0, 0.0], [1.0, 0.0]]
    nobody, _ = group_estimator(best)(rewards, mask * 0, ["p"] * 3, non_tensor_batch=columns)
    assert not nobody.any()


IDS: dict[str, Any] = {
    "tuples beside lists": [("a", 1), ["a", 1], ("b", 1), ("b", 1)],
    "array scalars": [np.int64(3), np.int32(3), 4, np.float64(4.0)],
    "rows": [np.array([1, 2]), np.array([1, 2]), np.array([1, 3]), np.array([1, 3])],
    "strings of NumPy": [np.str_("x"), "x", np.str_("y"), "y"],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=list(IDS))
def test_ids_are_compared_by_what_they_hold(ids: Any) -> None:
    assert sc.advantages([1.0, 3.0, 5.0, 9.0], ids).tolist() == [-1.0, 1.0, -2.0, 2.0]
    found, _ = verl.ESTIMATORS["shapley"](np.array([[1.0], [3.0], [5.0], [9.0]]), np.ones((4, 1)), ids)
    assert_allclose(found[:, 0], [-1.0, 1.0, -2.0, 2.0])


@pytest.mark.torch
def test_ids_of_torch_are_compared_by_what_they_hold() -> None:
    import torch

    index = torch.tensor([5, 5, 2, 2])
    for ids in (index, list(index), [torch.tensor([1, 2]), [1, 2], torch.tensor([1, 3]), (1, 3)]):
        assert sc.advantages([1.0, 3.0, 5.0, 9.0], ids).tolist() == [-1.0, 1.0, -2.0, 2.0]
        rewards = np.array([[1.0], [3.0], [5.0], [9.0]])
        assert_allclose(verl.ESTIMATORS["shapley"](rewards, np.ones((4, 1)), ids)[0][:, 0], [-1.0, 1.0, -2.0, 2.0])
    answers = np.empty(3, object)
    answers[:] = [torch.tensor(7), torch.tensor(7), torch.tensor(8)]
    found, _ = verl.ESTIMATORS["gapo"](np.zeros((3, 1)), np.ones((3, 1)), ["p"] * 3, non_tensor_batch={"answer": answers})
    assert found[0] == found[1] < found[2]


@pytest.mark.parametrize("ids", [[None, None], [float("nan")] * 2, np.array([np.nan, "p"], object), [np.float64("nan"), 1]])
def test_nan_is_no_group(ids: Any) -> None:
    with pytest.raises(InputError, match="an id in groups is None, NaN or null"):
        sc.advantages([1.0, 2.0], ids)


@pytest.mark.parametrize(
    "verb", [sc.set_shapley, sc.connected_shapley, sc.marginal_vector, functools.partial(sc.owen, coalitions=[[0]])]
)
def test_a_utility_that_is_none(verb: Any) -> None:
    with pytest.raises(InputError, match="the utility is None"):
        verb(None)
    with pytest.raises(InputError, match="the utility is None"):
        verb(None, k=1)


def test_an_array_alone_may_be_rewards() -> None:
    for verb in (
        sc.set_shapley,
        sc.connected_shapley,
        sc.marginal_vector,
        functools.partial(sc.set_semivalue, weights=[0.5, 0.5]),
    ):
        with pytest.raises(InputError, match="may be the values of all sets or the rewards of the members"):
            verb([0.1, 0.5, 0.9, 0.3])
    assert_allclose(sc.set_shapley([0.0, 1.0, 2.0, 6.0], 2), [2.5, 3.5])
    assert_allclose(sc.set_shapley(u.Table([0.0, 1.0, 2.0, 6.0])), [2.5, 3.5])
    assert_allclose(sc.owen([0.0, 1.0, 2.0, 6.0], [[0, 1]]), [2.5, 3.5])  # the tree says how many members there are
    assert_allclose(sc.marginal_vector([0.0, 1.0, 2.0, 6.0], order=[1, 0]), [4.0, 2.0])


def test_a_group_reward_may_abstain() -> None:
    def rule(completions: Any, **_: Any) -> Any:
        if completions[0] == "no":
            return None
        return u.Max([float(len(text)) for text in completions], mask=[text != "?" for text in completions])

    trainer = Trainer(2)
    prompts, texts = ["a", "a", "b", "b"], ["no", "x", "?", "xyz"]
    found = trl.group_reward(rule)(log_metric=trainer.log_metric, prompts=prompts, completions=texts)
    assert found == [None, None, None, 3.0]
    assert len(trainer.logged["credit/efficiency_residual"]) == 1


def test_a_group_reward_abstains_by_the_mask_of_a_sum() -> None:
    def rule(completions: Any, **_: Any) -> Any:
        there, scores = [text != "?" for text in completions], [float(len(text)) for text in completions]
        return u.Max(scores, mask=there) + 0.5 * u.Mean(scores, mask=there)

    trainer = Trainer(3)
    found = trl.group_reward(rule)(log_metric=trainer.log_metric, prompts=["a"] * 3, completions=["x", "?", "xyz"])
    assert found == [0.5, None, 3.5]
    assert trl.group_reward(lambda **_: u.Max([1.0], mask=[False]))(prompts=["a"], completions=["x"]) == [None]


def test_a_score_that_is_none_is_no_abstention() -> None:
    with pytest.raises(InputError, match=r"scores must hold real numbers; found None at \[1\]\. .* say with mask= that it is"):
        trl.group_reward(lambda **_: u.Max([1.0, None]))(prompts=["a"] * 2, completions=["x"] * 2)


def test_outputs_of_one_rollout_are_one_member_by_any_name_of_it() -> None:
    """verl keys what an agent loop returns by uid, session_id and index."""
    rewards, mask, uids = np.array([[1.0], [1.0], [3.0], [2.0]]), np.ones((4, 1)), ["p", "p", "p", "q"]
    for sessions in (np.array([0, 0, 1, 0]), ["a", "a", "b", "a"], np.array(["a", "a", "b", "a"], object)):
        found, _ = verl.ESTIMATORS["shapley"](rewards, mask, uids, non_tensor_batch={"session_id": sessions})
        assert found[:, 0].tolist() == [-1.0, -1.0, 1.0, 0.0]


def test_none_in_columns_and_rewards_of_estimators() -> None:
    mask, uids = np.ones((2, 1)), ["p", "p"]
    with pytest.raises(InputError, match=r"token_level_rewards must hold real numbers; found None at \[1, 0\]"):
        verl.ESTIMATORS["shapley"](np.array([[1.0], [None]], object), mask, uids)
    with pytest.raises(InputError, match=r"response_mask must hold real numbers; found None at \[1, 0\]"):
        verl.ESTIMATORS["shapley"](mask, np.array([[1.0], [None]], object), uids)
    for rewards, place in (([[1.0, None], [2.0]], r"\[0, 1\]"), ([[1.0], None], r"\[1\]")):
        column = np.empty(2, object)
        column[:] = rewards
        columns = {"candidate_rewards": column, "segment_candidate": [[0], [0]], "segment_lengths": [[1], [1]]}
        with pytest.raises(InputError, match=rf"candidate_rewards must hold real numbers; found None at {place}"):
            verl.ESTIMATORS["shape_grpo"](np.zeros((2, 1)), mask, uids, non_tensor_batch=columns)


STEPS: dict[str, Any] = {"segment_credit": [1.0, 2.0], "segment_lengths": [1, 1]}
HOLES: dict[str, tuple[Any, str]] = {
    "credits of a rule": (
        lambda: pay_segments(([[1.0, None]], [[1, 1]]), [[1, 1]], [1.0], "none"),
        r"segment_credit .* \[0, 1\]",
    ),
    "a row of a rule": (lambda: pay_segments(([None], [[1, 1]]), [[1, 1]], [1.0], "none"), r"segment_credit .* \[0\]"),
    "lengths of a rule": (lambda: pay_segments(([[1.0]], [[None]]), [[1]], [1.0], "none"), r"segment_lengths .* \[0, 0\]"),
    "marginals of a rule": (
        lambda: pay_segments((None, [[1]], [[None]]), [[1]], [1.0], "none", "marginal"),
        r"segment_marginal .* \[0, 0\]",
    ),
    "lengths of rewards": (lambda: segment_rewards(np.ones((1, 2)), [[1.0, 2.0]], [[1, None]]), r"segment_lengths .* \[0, 1\]"),
}


@pytest.mark.parametrize(("call", "match"), HOLES.values(), ids=list(HOLES))
def test_none_among_segments_is_named(call: Any, match: str) -> None:
    with pytest.raises(InputError, match=match.replace(" .* ", " must hold real numbers; found None at ")):
        call()


async def later(completions: Any, **_: Any) -> Any:
    return u.Max([1.0] * len(completions))


@pytest.mark.parametrize("hidden", [lambda **group: later(**group), functools.partial(lambda f, **group: f(**group), later)])
def test_an_async_utility_that_does_not_look_like_one(hidden: Any) -> None:
    with pytest.raises(InputError, match="declare it with `async def` itself"):
        trl.group_reward(hidden)(prompts=["a"], completions=["x"])


def size(completions: Any, **_: Any) -> u.Max:
    return u.Max([float(len(text)) for text in completions])


@pytest.mark.parametrize("given", [{}, {"trainer_state": object()}])
def test_groups_that_nobody_can_tell(given: dict[str, Any]) -> None:
    texts = ["x", "xx", "xxx", "x"]
    reward = trl.group_reward(size)
    assert reward(prompts=["a"] * 4, completions=texts, **given) == reward(prompts=["b"] * 4, completions=texts)
    with pytest.raises(InputError, match="4 completions of 2 prompts came without log_metric"):
        reward(prompts=["a", "b", "a", "b"], completions=texts, **given)
    if given:
        with pytest.raises(InputError, match="4 completions of 4 prompts"):
            reward(prompts=list("abcd"), completions=texts, **given)
    else:  # asynchronous GRPO, whose environments write the prompts of a group
        assert reward(prompts=list("abcd"), completions=texts) == reward(prompts=["a"] * 4, completions=texts)


def test_a_batch_whose_groups_are_not_neighbours() -> None:
    trainer = Trainer(2)
    reward = functools.partial(trl.group_reward(size), log_metric=trainer.log_metric, completions=["x", "xx", "x", "xx"])
    assert reward(prompts=["a", "a", "b", "b"]) == [0.5, 1.5, 0.5, 1.5]
    with pytest.raises(InputError, match="rows 0 to 1 of the batch should be 2 completions of one prompt"):
        reward(prompts=["a", "b", "a", "b"])
    assert reward(prompts=["a", "b", "a", "b"], environments=[None] * 4) == [0.5, 1.5, 0.5, 1.5]
