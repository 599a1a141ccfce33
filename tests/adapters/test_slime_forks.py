"""Who is a member of a group in slime: forks of one rollout are one, and the absent are none."""

from __future__ import annotations

import numpy as np
import pytest
from shapley_credit import InputError
from shapley_credit.adapters import slime
from shapley_credit.methods.group_rules import group_advantages

from slime_samples import ARGS, Sample, Status, lists, told


def forked() -> list[Sample]:
    """A rollout in two samples, before and after its context was compacted, beside one in a single sample."""
    return [
        Sample(7, 3, 2.0, [1, 1, 0], rollout_id=70),
        Sample(7, 4, 4.0, None, rollout_id=71),
        Sample(7, 2, 2.0, [0, 1], rollout_id=70),
    ]


def test_forks_are_one_member_of_their_group() -> None:
    assert lists(slime.post_process_rewards(told(scale="none"), forked())) == (
        [2.0, 4.0, 2.0],
        [[-1.0, -1.0], [1.0] * 4, [-1.0]],
    )
    assert lists(slime.post_process_group_rule(told(rule="shapley"), forked()))[1] == [[-1.0, -1.0], [1.0] * 4, [-1.0]]
    alone = forked()[::2]
    assert lists(slime.post_process_rewards(told(scale="none"), alone))[1] == [[0.0, 0.0], [0.0]]
    for sample in alone:
        sample.rollout_id = None  # before slime had the field, each sample was a rollout
    alone[0].reward = 0.0
    assert lists(slime.post_process_rewards(told(scale="none"), alone))[1] == [[-1.0, -1.0], [1.0]]


def test_a_rollout_is_of_one_group() -> None:
    """Two prompts whose rollouts are numbered alike have no rollout in common."""
    samples = [Sample(group, 1, reward, rollout_id=row) for row, group, reward in ((0, 0, 1.0), (1, 0, 3.0), (0, 1, 5.0))]
    found = lists(slime.post_process_group_rule(told(rule="shapley"), samples))
    assert found == ([1.0, 3.0, 5.0], [[-1.0], [1.0], [0.0]])


def test_segments_and_turns_of_forks_follow_one_another() -> None:
    given = forked()
    given[0].metadata = {"segment_credit": [0.5, 1.0], "segment_lengths": [1, 1]}
    given[2].metadata = {"segment_credit": np.array([0.5]), "segment_lengths": [1]}
    # Of three segments 2 in all, less a third of the mean 3 each; of one 4 less 3.
    assert lists(slime.post_process_rewards(told(scale="none"), given))[1] == [[-0.5, 0.0], [1.0] * 4, [-0.5]]
    # The last token of the first fork and the first of the second are two turns, though both are trained.
    given = [Sample(0, 2, 0.0, [0, 1], rollout_id=3), Sample(0, 1, 0.0, [1], rollout_id=3)]
    given[0].metadata, given[1].metadata = {"turn_rewards": [1.0]}, {"turn_rewards": [2.0]}
    assert lists(slime.post_process_turns(told(baseline="none"), given))[1] == [[3.0], [2.0]]
    for sample in given:
        sample.metadata, sample.reward = {}, 5.0
    assert lists(slime.post_process_turns(told(baseline="none", credit="own"), given))[1] == [[0.0], [5.0]]
    given[1].remove_sample = True  # then the first fork holds the last turn
    assert lists(slime.post_process_turns(told(baseline="none", credit="own"), given))[1] == [[5.0], []]


def test_the_last_fork_tells_the_answer() -> None:
    given = forked()
    for sample, answer in zip(given, ["draft", "4", "4"], strict=True):
        sample.metadata["answer"] = answer
    wanted = group_advantages("distinct", [2.0, 4.0], 2, columns={"answer": ["4", "4"]}, baseline="none")
    found = lists(slime.post_process_group_rule(told(rule="distinct", baseline="none"), given))[1]
    assert [row[0] for row in found] == [wanted[0], wanted[1], wanted[0]]
    assert wanted[0] == 0.5


def test_marginal_credit_and_mixtures() -> None:
    samples = [Sample(0, 2, 3.0, None, {"segment_marginal": [1.0, 2.0], "segment_lengths": [1, 1]}), Sample(0, 1, 1.0)]
    options = {"credit": "marginal", "scale": "none", "baseline": "none"}
    assert lists(slime.post_process_rewards(told(**options), samples))[1] == [[3.0, 3.0], [1.0]]
    with pytest.raises(InputError, match="segment_credit and segment_marginal and segment_lengths in its metadata"):
        slime.post_process_rewards(told(**options, lam=0.5), samples)
    with pytest.raises(InputError, match="from 0 to 1; got 'half'"):
        samples[0].metadata["segment_credit"] = [2.0, 1.0]
        slime.post_process_rewards(told(**options, lam="half"), samples)


def test_forks_that_do_not_agree() -> None:
    given = forked()
    given[2].reward = None
    assert slime.post_process_rewards(ARGS, given)[0] == [2.0, 4.0, 2.0]
    given[2].reward = 1.0
    with pytest.raises(InputError, match=r"samples \[0, 2\] are forks of one rollout and must have one reward.*\[2.0, 1.0\]"):
        slime.post_process_rewards(ARGS, given)
    given = forked()
    given[0].metadata = {"segment_credit": [2.0], "segment_lengths": [2]}
    with pytest.raises(InputError, match="sample 0 with segment_credit and segment_lengths, sample 2 with none"):
        slime.post_process_rewards(ARGS, given)
    given[2].remove_sample = True  # a fork without a trainable token takes no part
    assert lists(slime.post_process_rewards(told(scale="none"), given))[1] == [[-1.0, -1.0], [1.0] * 4, []]


@pytest.mark.parametrize("hook", ["post_process_rewards", "post_process_turns", "post_process_group_rule"])
@pytest.mark.parametrize("fork", [False, True])
def test_the_absent_change_nobody_else(hook: str, fork: bool) -> None:
    options = {"post_process_rewards": {"scale": "none"}, "post_process_group_rule": {"rule": "shapley"}}.get(hook, {})
    kept = [Sample(0, 1, 1.0), Sample(0, 2, 4.0), Sample(0, 1, 2.0)]
    gone = [
        Sample(0, 3, None, [1, 0, 1], {"segment_credit": [1.0]}, status=Status.ABORTED),
        Sample(0, 2, 50.0, [1, 1], {"turn_rewards": [9.0]}, status=Status.ABORTED),
        Sample(0, 2, 50.0, [0, 0]),
        Sample(0, 1, None, remove_sample=True),
        Sample(0, 0, 50.0, []),
    ]
    if fork:  # a rollout of which one fork was aborted is not whole
        gone = [Sample(0, 2, 50.0, rollout_id=1), Sample(0, 1, 50.0, rollout_id=1, status=Status.ABORTED)]
    raw, rows = lists(getattr(slime, hook)(told(**options), [kept[0], *gone, *kept[1:]]))
    alone = lists(getattr(slime, hook)(told(**options), kept))[1]
    assert [rows[0], *rows[1 + len(gone) :]] == alone
    assert any(alone[0])
    assert rows[1 : 1 + len(gone)] == ([[0.0, 0.0], [0.0]] if fork else [[0.0, 0.0], [0.0, 0.0], [], [], []])
    assert raw == [1.0, *([50.0] * 2 if fork else [0.0, 50.0, 50.0, 0.0, 50.0]), 4.0, 2.0]


def test_a_group_of_which_one_is_left() -> None:
    samples = [Sample(0, 1, 3.0), Sample(0, 1, 1.0, status=Status.ABORTED), Sample(1, 1, 3.0), Sample(1, 1, 1.0)]
    assert lists(slime.post_process_rewards(told(scale="none"), samples))[1] == [[0.0], [0.0], [1.0], [-1.0]]
