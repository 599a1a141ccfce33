"""Tinker cookbook: its trajectories, groups and data, with rewards of sets and token credit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tinker
import torch
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import tinker as adapter
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from shapley_credit.credit.turns import turn_advantages
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl import data_processing
from tinker_cookbook.rl.types import (
    PARSE_ERROR_MASKED_METRIC_KEY,
    Env,
    EnvGroupBuilder,
    Metrics,
    Trajectory,
    TrajectoryGroup,
    Transition,
)

PAGE = Path(__file__).parents[2] / "docs" / "trainers" / "tinker.md"


def trajectory(*turns: tuple[list[int], list[int]]) -> Trajectory:
    """A trajectory of (observation, action) tokens."""
    transitions = [
        Transition(
            ob=tinker.ModelInput.from_ints(seen),
            ac=TokensWithLogprobs(tokens=done, maybe_logprobs=[-1.0] * len(done)),
            reward=0.0,
            episode_done=turn == len(turns) - 1,
        )
        for turn, (seen, done) in enumerate(turns)
    ]
    return Trajectory(transitions=transitions, final_ob=tinker.ModelInput.empty())


class BestOfGroup(EnvGroupBuilder):  # type: ignore[misc]
    async def make_envs(self) -> Sequence[Env]:
        return []

    async def compute_group_rewards(
        self, trajectory_group: list[Trajectory], env_group: Sequence[Env]
    ) -> list[tuple[float, Metrics]]:
        scores = [float(sum(len(turn.ac.tokens) for turn in one.transitions)) for one in trajectory_group]
        return adapter.group_rewards(u.Max(scores), len(scores))


# The last trajectory does not grow by appending, so that it becomes two data.
GROUP = [
    trajectory(([1, 2], [3, 4, 5])),
    trajectory(([1, 2], [3]), ([1, 2, 3, 9], [4, 5])),
    trajectory(([1], [2, 3]), ([7, 7], [8])),
]


@pytest.fixture
def group() -> TrajectoryGroup:
    found = asyncio.run(BestOfGroup().compute_group_rewards(GROUP[:2], []))
    rewards = [reward for reward, _ in found]
    return TrajectoryGroup(trajectories_G=GROUP[:2], final_rewards_G=rewards, metrics_G=[metrics for _, metrics in found])


def test_rewards_of_a_group(group: TrajectoryGroup) -> None:
    assert group.get_total_rewards() == [1.5, 1.5]
    assert group.metrics_G[0]["credit/efficiency_residual"] == 0.0


def test_advantages_are_the_cookbooks() -> None:
    groups = [TrajectoryGroup(GROUP, [1.0, 2.0, 6.0], [{}] * 3), TrajectoryGroup(GROUP[:1], [4.0], [{}])]
    ours, theirs = adapter.compute_advantages(groups), data_processing.compute_advantages(groups)
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(ours, theirs, strict=True))
    alone = adapter.compute_advantages(groups, baseline="leave_one_out")
    assert alone[0].tolist() == [-3.0, -1.5, 4.5]


def test_advantages_by_the_name_of_a_rule() -> None:
    groups = [TrajectoryGroup(GROUP, [1.0, 0.0, 0.0], [{}] * 3), TrajectoryGroup(GROUP[:1], [1.0], [{}])]
    assert [row.tolist() for row in adapter.compute_advantages(groups, "maxrl")] == [[2.0, -1.0, -1.0], [0.0]]
    columns: dict[str, Any] = {
        "answer": [["x", "y", "x"], ["x"]],
        "covers": [[[1], [2], []], [[1]]],
        "embedding": [[[1.0]] * 3, [[2.0]]],
    }
    for rule in GROUP_RULES.keys() - {"gdpo"}:
        found = adapter.compute_advantages(groups, rule, columns=columns, baseline="leave_one_out")
        cells = {name: [cell for group in column for cell in group] for name, column in columns.items()}
        paid = group_advantages(rule, [1.0, 0.0, 0.0, 1.0], [0, 0, 0, 1], columns=cells, baseline="leave_one_out")
        assert [part.dtype for part in found] == [torch.float32] * 2
        assert torch.cat(found).tolist() == np.asarray(paid, np.float32).tolist()
    m_of_one = adapter.compute_advantages(groups, rule="pkpo", m=1)
    assert m_of_one[0].tolist() == [np.float32(1 / 3), 0.0, 0.0]


def test_parameters_of_no_rule_are_refused() -> None:
    groups = [TrajectoryGroup(GROUP, [1.0, 0.0, 0.0], [{}] * 3)]
    with pytest.raises(InputError, match="answer, m belong to a rule; pass rule=, one of shapley, "):
        adapter.compute_advantages(groups, m=2, columns={"answer": [[1, 2, 3]]})
    with pytest.raises(InputError, match="parallel responses have none"):
        adapter.compute_advantages(groups, "to_go")
    with pytest.raises(InputError, match=r"rewards of gdpo must be \[N, R\]"):
        adapter.compute_advantages(groups, "gdpo")
    with pytest.raises(InputError, match="'answer' must have an entry for each of 3"):
        adapter.compute_advantages(groups, "distinct", columns={"answer": [[1, 2]]})


def data() -> tuple[list[Any], list[dict[str, int]]]:
    groups = [TrajectoryGroup(GROUP[:1], [5.0], [{}]), TrajectoryGroup(GROUP, [1.0, 2.0, 6.0], [{}] * 3)]
    advantages = data_processing.compute_advantages(groups)
    before, metadata = data_processing.assemble_training_data(groups, advantages)
    return before, metadata


def test_one_segment_changes_nothing() -> None:
    before, metadata = data()
    credit = [[[5.0]], [[1.0], [2.0], [6.0]]]
    after = adapter.credit_tokens(before, metadata, credit, [[[3]], [[3], [3], [3]]], scale="none")
    assert len(after) == 5
    for old, new in zip(before, after, strict=True):
        assert old.model_input == new.model_input
        for name, tensor in old.loss_fn_inputs.items():
            assert torch.equal(new.loss_fn_inputs[name].to_torch(), tensor.to_torch())
            assert new.loss_fn_inputs[name].dtype == tensor.dtype


def test_segments_of_trajectories_that_span_turns_and_data() -> None:
    before, metadata = data()
    credit = [[[5.0]], [[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]]]
    lengths = [[[3]], [[1, 2], [1, 2], [1, 2]]]
    # Segments of group 1: mean 1, deviation sqrt(6 / 5). The group of one segment has nothing to compare it with.
    for scale, s in (("group_std", float(np.sqrt(1.2))), ("none", 1.0)):
        after = adapter.credit_tokens(before, metadata, credit, lengths, scale=scale)
        rows = [datum.loss_fn_inputs["advantages"].to_torch().tolist() for datum in after]
        expected = [[0.0] * 4, [0.0, 0.0, -1 / s, -1 / s], [0.0, -1 / s, 0.0, 0.0, 0.0], [2 / s, 0.0], [0.0, 0.0]]
        assert rows[1:] == [pytest.approx(row, rel=1e-6) for row in expected[1:]]
        assert not any(rows[0])
    plain = adapter.credit_tokens(before, metadata, credit, lengths)
    paid = segment_advantages(credit[1], 3)
    for datum, (member, segments) in zip(plain[1:], [(0, [0, 1, 1]), (1, [0, 1, 1]), (2, [0, 1]), (2, [1])], strict=True):
        found = datum.loss_fn_inputs["advantages"].to_torch()[datum.loss_fn_inputs["mask"].to_torch() != 0]
        assert found.tolist() == np.float32(paid[member][segments]).tolist()
    assert [datum.loss_fn_inputs["advantages"].to_torch().tolist() for datum in before] != rows


def test_rules_of_credit_and_responses_of_unequal_numbers_of_segments() -> None:
    before, metadata = data()
    credit = [[[5.0]], [[1.0, 0.0], [2.0], [0.5, 2.5]]]
    lengths = [[[3]], [[1, 2], [3], [1, 2]]]
    for rule, lam in (("own", 0.0), ("to_go", 0.0), ("marginal", 0.0), ("marginal", 0.5)):
        marginal = credit if rule == "marginal" else None
        phi = None if rule == "marginal" and not lam else credit
        after = adapter.credit_tokens(before, metadata, phi, lengths, segment_marginal=marginal, credit=rule, lam=lam)
        given: dict[str, Any] = {"marginal": credit[1], "lam": lam} if rule == "marginal" else {}
        own, mask = None if phi is None else phi[1], [[1, 1, 1]] * 3
        paid = rule_tokens(mask, own, 3, segment_lengths=lengths[1], rule=rule, **given)
        expected = [paid[0].tolist(), paid[1].tolist(), paid[2].tolist()[:2], paid[2].tolist()[2:]]
        for datum, row in zip(after[1:], expected, strict=True):
            found = datum.loss_fn_inputs["advantages"].to_torch()[datum.loss_fn_inputs["mask"].to_torch() != 0]
            assert found.tolist() == pytest.approx(row, rel=1e-5, abs=1e-7)
        if lam == 0.0:
            own_sums = [row[0] + row[-1] * (len(parts) > 1) for row, parts in zip(paid, credit[1], strict=True)]
            totals = own_sums if rule == "own" else [row[0] for row in paid]
            assert totals[0] < totals[1] < totals[2]


def test_segments_that_do_not_fit_are_refused() -> None:
    before, metadata = data()
    credit = [[[5.0]], [[1.0], [2.0], [6.0]]]
    with pytest.raises(InputError, match="3"):
        adapter.credit_tokens(before, metadata, credit, [[[3]], [[3], [3], [2]]])
    with pytest.raises(InputError, match="data and metadata must go together; got 5 and 4"):
        adapter.credit_tokens(before, metadata[:-1], credit, [[[3]], [[3], [3], [3]]])


# Turns.


def stepped(rewards: Sequence[float], *turns: tuple[list[int], list[int]], masked: int | None = None) -> Trajectory:
    """A trajectory whose steps have rewards; of the masked one the answer could not be parsed."""
    made = trajectory(*turns)
    for place, (step, reward) in enumerate(zip(made.transitions, rewards, strict=True)):
        step.reward = reward
        step.metrics = {PARSE_ERROR_MASKED_METRIC_KEY: 1.0} if place == masked else {}
    return made


def turn_groups() -> list[TrajectoryGroup]:
    """Three turns in one datum; two data, cut where no token stands between two actions; one turn; nothing to train."""
    first = [
        stepped([1.0, 2.0, 4.0], ([1], [2, 3]), ([1, 2, 3, 9], [4]), ([1, 2, 3, 9, 4, 9], [5, 6])),
        stepped([0.0, 3.0], ([1], [2]), ([7], [8, 9])),
        stepped([0.5], ([1], [2, 3])),
    ]
    second = [
        stepped([1.0, 8.0, 2.0], ([1], [2]), ([1, 2, 9], [3, 3]), ([1, 2, 9, 3, 3, 9], [4]), masked=1),
        stepped([5.0], ([1], [2]), masked=0),
        stepped([0.5, 1.0], ([1], [7]), ([1, 7, 9], [2, 2]), masked=0),
    ]
    return [TrajectoryGroup(first, [0.0, 1.0, 0.0], [{}] * 3), TrajectoryGroup(second, [0.0, 0.0, 0.5], [{}] * 3)]


# What each turn earns, and its tokens: a masked step pays the turn before it, or the first; the group's reward the last one.
EARNED = [[[1.0, 2.0, 4.0], [0.0, 4.0], [0.5]], [[9.0, 2.0], [], [2.0]]]
TOKENS = [[[2, 1, 2], [1, 2], [2]], [[1, 1], [], [2]]]


def paid_turns(turns: list[Any]) -> list[list[float]]:
    return [
        datum.loss_fn_inputs["advantages"].to_torch()[datum.loss_fn_inputs["mask"].to_torch() != 0].tolist() for datum in turns
    ]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"credit": "own"},
        {"gamma": 0.5, "discounted": True},
        {"baseline": "none"},
        {"baseline": "mean", "scale": "group_std"},
    ],
    ids=str,
)
def test_turns_are_paid_for_what_they_lead_to(given: dict[str, Any]) -> None:
    groups = turn_groups()
    before, metadata = data_processing.assemble_training_data(groups, data_processing.compute_advantages(groups))
    after = adapter.credit_turns(before, metadata, groups, **given)
    rewards, ids, masks = [], [], []
    for group, members in enumerate(EARNED):
        for member, earned in enumerate(members):
            rewards.append(earned)
            ids.append(group)
            masks.append([cell for count in TOKENS[group][member] for cell in [0] + [1] * count] or [0])
    paid = turn_advantages(rewards, masks, ids, **given)
    wanted = [row[np.array(mask) != 0].tolist() for row, mask in zip(paid, masks, strict=True)]
    found = paid_turns(after)
    # The second trajectory became two data.
    joined = [found[0], found[1] + found[2], *found[3:]]
    assert joined == wanted
    assert np.abs(np.concatenate(wanted)).max() > 0.1
    for old, new in zip(before, after, strict=True):
        assert old.model_input == new.model_input
        assert new.loss_fn_inputs["advantages"].dtype == old.loss_fn_inputs["advantages"].dtype
        assert not new.loss_fn_inputs["advantages"].to_torch()[old.loss_fn_inputs["mask"].to_torch() == 0].any()


def test_turns_in_figures_and_by_rewards_of_your_own() -> None:
    groups = turn_groups()[:1]
    before, metadata = data_processing.assemble_training_data(groups, data_processing.compute_advantages(groups))
    to_go = adapter.credit_turns(before, metadata, groups, baseline="none")
    assert paid_turns(to_go) == [[7.0, 7.0, 6.0, 4.0, 4.0], [4.0], [4.0, 4.0], [0.5, 0.5]]
    judged = adapter.credit_turns(
        before, metadata, groups, turn_rewards=[[[1.0, 3.0, 3.0], [2.0, 1.0], [5.0]]], prefix_values=True, baseline="none"
    )
    assert paid_turns(judged) == [[3.0, 3.0, 2.0, 0.0, 0.0], [1.0], [-1.0, -1.0], [5.0, 5.0]]


def test_turns_without_a_token_between_them_are_two() -> None:
    groups = [TrajectoryGroup([stepped([1.0, 2.0], ([1], [2]), ([1, 2], [3]))], [0.0], [{}])]
    before, metadata = data_processing.assemble_training_data(groups, data_processing.compute_advantages(groups))
    assert paid_turns(adapter.credit_turns(before, metadata, groups, baseline="none", credit="own")) == [[1.0, 2.0]]


def test_data_of_other_trajectories_are_refused() -> None:
    groups = turn_groups()
    before, metadata = data_processing.assemble_training_data(groups, data_processing.compute_advantages(groups))
    with pytest.raises(InputError, match="trajectory 0 of group 0 has 2 tokens to train and its data 5; pass the groups that"):
        adapter.credit_turns(before, metadata, groups[::-1])
    with pytest.raises(InputError, match="the data hold trajectory 0 of group 1, which is not among the groups"):
        adapter.credit_turns(before, metadata, groups[:1])
    with pytest.raises(InputError, match="data and metadata must go together"):
        adapter.credit_turns(before[1:], metadata, groups)
    with pytest.raises(InputError, match="turn"):
        adapter.credit_turns(before, metadata, groups, turn_rewards=[[[1.0], [1.0, 2.0], [3.0]], [[1.0, 2.0], [], [1.0]]])


def test_the_page_runs_as_it_is_written() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## In a loop that you have\n")[1]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    groups = turn_groups()[:1]
    known: dict[str, Any] = {
        "EnvGroupBuilder": EnvGroupBuilder,
        "assemble_training_data": data_processing.assemble_training_data,
        "accuracy": lambda one: float(len(one.transitions)),
        "groups": groups,
        "segment_credit": [[[1.0, 0.0], [2.0], [0.5]]],
        "segment_lengths": [[[2, 3], [3], [2]]],
    }
    exec(compile(block, PAGE.name, "exec"), known)
    rewards = asyncio.run(known["Attempts"].compute_group_rewards(None, groups[0].trajectories_G, []))
    assert sum(reward for reward, _ in rewards) == 3.0
    assert known["advantages"][0].tolist() == adapter.compute_advantages(groups, "maxrl")[0].tolist()
    assert paid_turns(known["by_turn"]) == paid_turns(adapter.credit_turns(known["data"], known["metadata"], groups))
    assert paid_turns(known["by_segment"]) != paid_turns(known["data"])
