"""prime-rl's traces: graphs of messages, whose sampled tokens `assign_advantages` counts on trainable branches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit import InputError
from shapley_credit.adapters.partial_batches import _warned
from shapley_credit.adapters.prime_rl import GroupRuleScorer, TurnScorer
from shapley_credit.methods.group_rules import group_advantages


@dataclass(eq=False)
class Node:
    mask: list[bool]
    sampled: bool = True
    advantages: list[float] | None = None


@dataclass
class Branch:
    nodes: list[Node]
    trainable: bool = True


@dataclass
class Trace:
    reward: float | None
    branches: list[Branch]
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        return list(dict.fromkeys(node for branch in self.branches for node in branch.nodes))


def assign(trace: Trace, values: float | list[float]) -> None:
    """What prime-rl's `assign_advantages` does: one number a sampled token, node after node, over trainable branches."""
    kept = {id(node) for branch in trace.branches if branch.trainable for node in branch.nodes}
    nodes = [node for node in trace.nodes if id(node) in kept and any(node.mask)]
    total = sum(sum(node.mask) for node in nodes)
    flat = [values] * total if isinstance(values, float) else values
    assert len(flat) == total
    left = iter(flat)
    for node in nodes:
        node.advantages = [next(left) for _ in range(sum(node.mask))]


def line(reward: float | None, *counts: int, **info: Any) -> Trace:
    """A prompt, and messages of the policy of so many tokens with answers between them; the first token is a template's."""
    nodes = [Node([False] * 3, sampled=False)]
    for count in counts:
        nodes += [Node([False, *[True] * count]), Node([False, False], sampled=False)]
    return Trace(reward, [Branch(nodes)], info)


def paid(scorer: Any, traces: list[Trace]) -> list[list[list[float]]]:
    """The advantages of each sampled node."""
    for trace, values in zip(traces, scorer(traces), strict=True):
        assign(trace, values)
    return [[node.advantages for node in trace.nodes if node.advantages is not None] for trace in traces]


def test_group_rules_by_name() -> None:
    traces = [line(3.0, 2, 1, answer="4"), line(5.0, 1, answer="9", cost=1), line(1.0, 4, answer="4")]
    columns = {"answer": ["4", "9", "4"], "lengths": [3, 1, 4]}
    for rule, parameters in (
        ("shapley", {}),
        ("pkpo", {"m": 2}),
        ("distinct", {}),
        ("shapley", {"baseline": "length_weighted"}),
    ):
        first, second, third = group_advantages(rule, [3.0, 5.0, 1.0], 3, columns=columns, **parameters).tolist()
        wanted = [[[first] * 2, [first]], [[second]], [[third] * 4]]
        assert paid(GroupRuleScorer(rule, **parameters), traces) == wanted
    del traces[1].info["answer"]
    with pytest.raises(InputError, match="answer"):
        GroupRuleScorer("distinct")(traces)
    with pytest.raises(InputError, match="the rule of a group must be one of shapley"):
        GroupRuleScorer("best")


def test_a_group_that_is_too_small_does_not_end_the_run() -> None:
    _warned().discard("maxpo")
    scorer, few, many = GroupRuleScorer("maxpo", m=2), [line(1.0, 1), line(0.0, 1)], [line(1.0, 1), line(0.0, 1), line(0.0, 1)]
    with pytest.warns(UserWarning, match="maxpo with m=2 pays groups of at least 3 responses; the largest here has 2"):
        assert scorer(few) == [0.0, 0.0]
    assert scorer(few) == [0.0, 0.0]
    assert scorer(many) == [1.0, -0.5, -0.5]


def test_turns() -> None:
    earned = [[1.0, 2.0], [4.0], [0.5, 0.0, 0.5]]
    given = zip([(2, 1), (1,), (1, 1, 2)], earned, strict=True)
    traces = [line(sum(own), *counts, turn_rewards=own) for counts, own in given]
    masks = [[1, 1, 0, 1], [1], [1, 0, 1, 0, 1, 1]]
    for how in ({}, {"gamma": 0.5}, {"credit": "own"}, {"baseline": "mean", "scale": "group_std"}, {"prefix_values": True}):
        rows = sc.turn_advantages(earned, masks, 3, **how)
        (a, _, _, b), (c,), (d, _, e, _, f, _) = (row.tolist() for row in rows)
        assert paid(TurnScorer("turn_rewards", **how), traces) == [[[a, a], [b]], [[c]], [[d], [e], [f, f]]]
    at_end = sc.turn_advantages([[0.0, 3.0], [4.0], [0.0, 0.0, 1.0]], masks, 3)
    assert [values[-1] for values in TurnScorer()(traces)] == [float(row[-1]) for row in at_end]


def test_messages_without_an_answer_between_them_are_two_turns() -> None:
    trace = Trace(3.0, [Branch([Node([True]), Node([True, True])])], {"turn_rewards": [1.0, 2.0]})
    assert paid(TurnScorer("turn_rewards", baseline="none"), [trace]) == [[[3.0], [2.0, 2.0]]]


def test_nodes_of_several_branches_and_of_none() -> None:
    """A shared node is paid once; a branch that is not trained takes its rewards along."""
    first, left, right, lost = Node([True]), Node([True, True]), Node([False, True]), Node([True])
    branches = [Branch([first, left]), Branch([first, right]), Branch([first, lost], trainable=False)]
    trace = Trace(6.0, branches, {"turn_rewards": [1.0, 2.0, 3.0, 100.0]})
    assert paid(TurnScorer("turn_rewards", baseline="none"), [trace]) == [[[6.0], [5.0, 5.0], [3.0]]]
    assert lost.advantages is None
    # A message that the policy sampled, and whose tokens are not trained, has a number, too.
    blank = Trace(3.0, [Branch([Node([True]), Node([False]), Node([True])])], {"turn_rewards": [1.0, 50.0, 2.0]})
    assert paid(TurnScorer("turn_rewards", baseline="none"), [blank]) == [[[3.0], [2.0]]]
    other = line(0.0, 1)
    assert paid(GroupRuleScorer("shapley"), [trace, other]) == [[[3.0], [3.0, 3.0], [3.0]], [[-3.0]]]


FAULTS: dict[str, tuple[list[Trace], str]] = {
    "none": ([], "a group has no trainable trace"),
    "no reward": ([line(None, 1)], r"trace 0 has no reward \(None\)"),
    "NaN": ([line(1.0, 1), line(float("nan"), 1)], r"trace 1 has no reward \(nan\)"),
    "nothing sampled": ([line(1.0)], "trace 0 has no sampled token to train"),
    "no turns": (
        [line(1.0, 1)],
        "the info of trace 0 must hold turn_rewards, a number .* its 1 sampled nodes; got None",
    ),
    "one turn": ([line(1.0, 1, 1, turn_rewards=[1.0])], r"each of its 2 sampled nodes; got \[1.0\]"),
    "an unscored turn": ([line(1.0, 1, 1, turn_rewards=[1.0, None])], r"turn_rewards of trace 0 .*None at \[1\]"),
}


@pytest.mark.parametrize(("traces", "match"), FAULTS.values(), ids=list(FAULTS))
def test_what_traces_must_have(traces: list[Trace], match: str) -> None:
    with pytest.raises(InputError, match=match):
        TurnScorer("turn_rewards")(traces)


def test_parameters_are_checked_when_the_scorer_is_made() -> None:
    with pytest.raises(InputError, match="gamma"):
        TurnScorer(gamma=2.0)
    with pytest.raises(InputError, match="pkpo takes m, baseline, scale, floor; got 'k'"):
        GroupRuleScorer("pkpo", k=4)
    with pytest.raises(InputError, match="gdpo reads several rewards, and a trace has one"):
        GroupRuleScorer("gdpo")
    with pytest.raises(InputError, match="a group has no trainable trace"):
        GroupRuleScorer("shapley")([])
