"""slime's hooks on its Sample, with the fields of version 0.3.1, and on the rollout data that its trainers get."""

from __future__ import annotations

import asyncio
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_array_equal
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import slime
from shapley_credit.adapters.scoring import RESIDUAL
from shapley_credit.methods.group_rules import group_advantages

from slime_samples import ARGS, Sample, lists, told


def test_a_reward_of_whole_groups() -> None:
    samples = [Sample(response="x"), Sample(response="xxx")]

    async def later(samples: list[Sample]) -> u.Max:
        return u.Max([float(len(sample.response)) for sample in samples])

    for utility in (later, lambda samples: u.Max([float(len(sample.response)) for sample in samples])):
        assert asyncio.run(slime.group_reward(utility)(ARGS, samples, evaluation=False)) == [0.5, 2.5]
    assert samples[0].metadata["credit"][RESIDUAL] == 0.0
    with pytest.raises(InputError, match=r"can't reward a group of forks \(--group-rm\)"):
        asyncio.run(slime.group_reward(later)(ARGS, [samples, samples]))


def two_groups() -> list[Sample]:
    return [
        Sample(0, 3, 3.0, None, {"segment_credit": [2.0, 1.0], "segment_lengths": [1, 2]}),
        Sample(1, 2, 1.0, [0, 1]),
        Sample(0, 4, 1.0, [1, 1, 0, 1], {"segment_credit": [0.0, 1.0], "segment_lengths": [2, 1]}),
        Sample(1, 2, 5.0, None),
        Sample(1, 2, 9.0, None, remove_sample=True),
    ]


# Segments of group 0: 2, 1, 0, 1 with deviation sqrt(2 / 3); of group 1: 1 and 5 with deviation sqrt(8).
HIGH, LOW = float(np.float32(np.sqrt(1.5))), float(np.float32(np.sqrt(0.5)))


@pytest.mark.torch
def test_token_credit_from_the_rollout_to_the_trainer() -> None:
    import torch

    raw, rewards = slime.post_process_rewards(ARGS, two_groups())
    assert raw == [3.0, 1.0, 1.0, 5.0, 9.0]
    assert lists((raw, rewards))[1] == [[HIGH, 0.0, 0.0], [-LOW], [-HIGH, -HIGH, 0.0], [LOW, LOW], []]
    ours = [2, 0, 4]  # a data parallel rank holds some of them, in its own order, as Ray has pickled them
    masks = [[1, 1, 0, 1], [1, 1, 1], [0, 0]]
    data: dict[str, Any] = pickle.loads(pickle.dumps({"rewards": [rewards[i] for i in ours]}))
    data["loss_masks"] = [torch.tensor(mask, dtype=torch.int) for mask in masks]
    data["kl"] = [torch.zeros(len(mask)) for mask in masks]
    slime.compute_advantages(ARGS, data)
    assert [row.tolist() for row in data["advantages"]] == [[-HIGH, -HIGH, 0.0, 0.0], [HIGH, 0.0, 0.0], [0.0, 0.0]]
    assert all(row.dtype == torch.float32 for row in data["advantages"])
    assert all(torch.equal(a, b) and a is not b for a, b in zip(data["advantages"], data["returns"], strict=True))
    assert data["rewards"] == [-2 * HIGH, HIGH, 0.0]  # numbers again: slime's log adds them up


@pytest.mark.torch
def test_arrays_of_ray_that_nobody_may_write() -> None:
    import torch

    (row,) = slime.post_process_rewards(told(scale="none", baseline="none"), [Sample(0, 3, 2.0)])[1]
    row.setflags(write=False)
    data: dict[str, Any] = {"rewards": [row], "loss_masks": [torch.ones(3, dtype=torch.int)]}
    slime.compute_advantages(ARGS, data)
    data["advantages"][0] += 1.0  # slime whitens in place
    assert data["advantages"][0].tolist() == [3.0] * 3
    assert row.tolist() == [2.0] * 3


def test_options_come_from_the_arguments_or_by_keyword() -> None:
    shared = {"scale": "none", "spread": "token"}
    wanted = [[1.0, 0.0, 0.0], [-2.0], [-0.5, -0.5, 0.0], [1.0, 1.0], []]
    assert lists(slime.post_process_rewards(told(**shared), two_groups()))[1] == wanted
    assert lists(slime.post_process_rewards(ARGS, two_groups(), **shared))[1] == wanted
    assert lists(slime.post_process_rewards(told(scale="none"), two_groups(), spread="token"))[1] == wanted
    with pytest.raises(InputError, match=r"takes the options credit, lam, baseline, scale, spread .*; got gamma, rule"):
        slime.post_process_rewards(told(gamma=0.5, rule="shapley"), two_groups())
    with pytest.raises(InputError, match=r"must hold parameters by name.*got 'to_go'"):
        slime.post_process_turns(SimpleNamespace(**vars(ARGS), shapley_credit="to_go"), two_groups())


# Turns.

GROUPS = [0, 1, 0]
MASKS = [[1, 1, 0, 1, 0, 1], [1, 0, 1], [0, 1, 0, 0, 1, 1]]
EARNED = [[3.0, 0.0, 2.0], [4.0, 1.0], [1.0, 5.0]]
# To go: 5, 2, 2 against 6, 5; the third turn has only the whole of the other. The one response to group 1 has nobody beside it.
TO_GO = [[-1.0, -1.0, -3.0, -4.0], [0.0, 0.0], [1.0, 3.0, 3.0]]


def turns() -> list[Sample]:
    columns: list[dict[str, Any]] = [{"turn_rewards": EARNED[0]}, {}, {"turn_rewards": np.array(EARNED[2])}]
    given = zip(GROUPS, MASKS, columns, strict=True)
    return [Sample(group, len(mask), 9.0, mask, found) for group, mask, found in given]


def trained(rows: Any) -> list[list[float]]:
    return [row[np.array(mask) != 0].tolist() for row, mask in zip(rows, MASKS, strict=True)]


def test_turns() -> None:
    assert lists(slime.post_process_turns(ARGS, turns())) == ([9.0] * 3, TO_GO)
    whole = [[0.0, 9.0] if i == 1 else row for i, row in enumerate(EARNED)]
    for args, how in (
        (told(credit="own", scale="group_std"), {"credit": "own", "scale": "group_std"}),
        (SimpleNamespace(**vars(ARGS), gamma=0.5), {"gamma": 0.5}),  # slime's own
        (SimpleNamespace(**vars(ARGS), gamma=0.5, shapley_credit={"gamma": 1.0}), {}),
        (told(prefix_values=True, baseline="none"), {"prefix_values": True, "baseline": "none"}),
    ):
        assert lists(slime.post_process_turns(args, turns()))[1] == trained(sc.turn_advantages(whole, MASKS, GROUPS, **how))


def test_what_turns_must_have() -> None:
    given = turns()
    given[2].remove_sample, given[2].reward = True, None
    assert lists(slime.post_process_turns(ARGS, given)) == ([9.0, 9.0, 0.0], [[0.0] * 4, [0.0] * 2, []])  # alone now
    given = turns()
    given[0].metadata["turn_rewards"] = [1.0, None, 2.0]
    with pytest.raises(InputError, match=r"turn_rewards of sample 0 must hold real numbers; found None at \[1\]"):
        slime.post_process_turns(ARGS, given)
    given[0].metadata["turn_rewards"] = [1.0]
    with pytest.raises(InputError, match=r"row 0 of rewards has 1 numbers.*3 turns"):
        slime.post_process_turns(ARGS, given)


# Rules for whole responses.


def test_group_rules_by_name() -> None:
    samples = [Sample(0, count, reward) for count, reward in ((2, 1.0), (1, 3.0), (3, 2.0))]
    samples[0].loss_mask = [0, 1]
    for sample, answer in zip(samples, "494", strict=True):
        sample.metadata |= {"answer": answer, "lengths": 7 if answer == "9" else 1}  # the latter of something else
    cases: list[dict[str, Any]] = [{"rule": "pkpo", "m": 2}, {"rule": "distinct"}, {"rule": "shapley"}]
    for options in (*cases, {"rule": "shapley", "baseline": "length_weighted"}):
        parameters = {name: value for name, value in options.items() if name != "rule"}
        columns = {"answer": ["4", "9", "4"], "lengths": [1, 1, 3]}
        wanted = group_advantages(options["rule"], [1.0, 3.0, 2.0], [0] * 3, columns=columns, **parameters)
        rows = lists(slime.post_process_group_rule(told(**options), samples))[1]
        assert rows == [[np.float32(each)] * count for each, count in zip(wanted, (1, 1, 3), strict=True)]
        assert any(any(row) for row in rows)
    keywords = slime.post_process_group_rule(told(rule="pkpo", m=1), samples, m=2)
    assert lists(keywords) == lists(slime.post_process_group_rule(told(rule="pkpo", m=2), samples))
    with pytest.raises(InputError, match="the rollout has no sample"):
        slime.post_process_rewards(ARGS, [])
    with pytest.raises(InputError, match="has no rule; set one of shapley, "):
        slime.post_process_group_rule(ARGS, samples)
    del samples[2].metadata["answer"]
    with pytest.raises(InputError, match="answer"):
        slime.post_process_group_rule(told(rule="distinct"), samples)
    samples[2].remove_sample = True
    assert lists(slime.post_process_group_rule(told(rule="distinct"), samples))[1] == [[0.0], [0.0], []]


STEPS: dict[str, Any] = {"segment_credit": [1.0, 2.0], "segment_lengths": [1, 1]}
FAULTS: dict[str, tuple[Sample, str]] = {
    "no reward": (Sample(0, 1, None), r"sample 0 has no reward \(None\) and is not removed"),
    "NaN": (Sample(0, 1, float("nan")), "the reward of sample 0 is NaN"),
    "no group": (Sample(None, 1, 1.0), "sample 0 has no group_index"),
    "credit": (
        Sample(0, 2, 1.0, None, {**STEPS, "segment_credit": [1.0, None]}),
        r"credit of sample 0 .*None at \[1\]",
    ),
    "lengths": (
        Sample(0, 2, 1.0, None, {**STEPS, "segment_lengths": [None, 1]}),
        r"lengths of sample 0 .*None at \[0\]",
    ),
    "half": (Sample(0, 2, 1.0, None, {"segment_credit": [1.0]}), "sample 0 with segment_credit"),
    "counts": (Sample(0, 3, 1.0, None, STEPS), "segment_lengths"),
    "mask": (Sample(0, 2, 1.0, [1, None]), r"the loss_mask of sample 0 .*None at \[1\]"),
    "a short mask": (Sample(0, 2, 1.0, [1]), r"0 or 1 for each of its 2 response tokens; got int64 of shape \(1,\)"),
    "a mask of weights": (Sample(0, 2, 1.0, [1.0, 0.5]), r"0 or 1 for each of its 2 response tokens; got float64"),
}


@pytest.mark.parametrize(("sample", "match"), FAULTS.values(), ids=list(FAULTS))
def test_what_samples_must_have(sample: Sample, match: str) -> None:
    with pytest.raises(InputError, match=match):
        slime.post_process_rewards(ARGS, [sample])


def test_a_rewarded_dict_and_a_hook_that_is_missing() -> None:
    args = SimpleNamespace(reward_key="score")
    samples = [Sample(0, 1, {"score": 2.0}), Sample(0, 1, None, remove_sample=True)]
    assert lists(slime.post_process_rewards(args, samples)) == ([2.0, 0.0], [[0.0], []])
    with pytest.raises(InputError, match="custom-reward-post-process-path"):
        slime.compute_advantages(ARGS, {"rewards": [0.5], "loss_masks": [[1]]})


def test_what_travels_are_arrays() -> None:
    """Four bytes a trainable token, which pickle takes out of band, as Ray does, and no view of a whole batch."""
    rows = slime.post_process_rewards(told(scale="none"), [Sample(0, 5, 1.0), Sample(0, 5, 3.0, [1, 0, 1, 0, 0])])[1]
    buffers: list[Any] = []
    pickle.dumps(rows, protocol=5, buffer_callback=buffers.append)
    assert [len(buffer.raw()) for buffer in buffers] == [20, 8]
    assert_array_equal(np.concatenate(rows), np.array([-1, -1, -1, -1, -1, 1, 1], np.float32))


def test_masks_of_any_whole_numbers() -> None:
    wanted = [[-1.0], [1.0]]
    for mask in ([0, 1], [False, True], np.array([0, 1], np.int8), (0, 1)):
        samples = [Sample(0, 2, 1.0, mask), Sample(0, 2, 3.0, mask)]
        assert lists(slime.post_process_rewards(told(scale="none"), samples))[1] == wanted
