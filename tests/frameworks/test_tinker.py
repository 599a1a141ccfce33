"""Tinker cookbook: its trajectories, groups and data, with rewards of sets and token credit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tinker
import torch
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import tinker as adapter
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl import data_processing
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, Metrics, Trajectory, TrajectoryGroup, Transition


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
