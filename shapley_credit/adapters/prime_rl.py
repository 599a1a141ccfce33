"""prime-rl: what the traces of a group are paid, for an `Algorithm` whose `score_group` hands it to `assign_advantages`.

    async def score_group(self, episodes):
        traces = [trace for _, trace in iter_trainable_traces(episodes)]
        for trace, values in zip(traces, self.scorer(traces), strict=True):
            assign_advantages(trace, values)

prime-rl calls `score_group` in the orchestrator, with all episodes of one group. A trace is a graph of messages; each node has
the tokens of one message and a mask of those that the policy sampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.adapters.partial_batches import advantages_of_part
from shapley_credit.adapters.rule_checks import check_rule
from shapley_credit.credit.turns import TurnRule, turn_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none


class GroupRuleScorer:
    """Scorer that pays each trace of a group by a rule for whole responses.

        A_it = A_i, the advantage of trace i by the rule of `methods.group_rules.GROUP_RULES`

    rule, parameters: as in `group_advantages`, checked at once. A group that is too small for m gets 0, with a warning. What a
        rule reads beside rewards are keys of `trace.info` in every trace.

    >>> from types import SimpleNamespace as Made
    >>> from shapley_credit.adapters.prime_rl import GroupRuleScorer
    >>> nodes = [Made(mask=[False, True], sampled=True)]
    >>> graph = {"info": {}, "nodes": nodes, "branches": [Made(trainable=True, nodes=nodes)]}
    >>> GroupRuleScorer("shapley")([Made(reward=1.0, **graph), Made(reward=3.0, **graph)])
    [-1.0, 1.0]
    """

    def __init__(self, rule: str, **parameters: Any) -> None:
        check_rule(rule, parameters)
        if rule == "gdpo":
            raise InputError("gdpo reads several rewards, and a trace has one; use another rule.")
        self.rule, self.parameters = rule, parameters

    def __call__(self, traces: list[Any]) -> list[float]:
        """One advantage for each trace, which `assign_advantages` writes to all its sampled tokens."""
        rewards = _rewards(traces)
        shared = set.intersection(*(set(trace.info) for trace in traces))
        columns = {name: [trace.info[name] for trace in traces] for name in shared}
        columns["lengths"] = [sum(sum(node.mask) for node in _trained(trace)) for trace in traces]
        paid = advantages_of_part(self.rule, rewards, len(traces), columns=columns, **self.parameters)
        return [float(each) for each in paid]


class TurnScorer:
    """Scorer that pays the turns of each trace for what they lead to.

        A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s, as in `turn_advantages`

    A turn is a sampled node, in the order of the nodes.
    turn_rewards: the key of `trace.info` that holds r, one number for each sampled node, as prime-rl's own turn credit has it;
        None where the last turn earns the reward of its trace.
    credit, gamma, discounted, baseline, scale, floor, prefix_values: as in `turn_advantages`.

    >>> from types import SimpleNamespace as Made
    >>> from shapley_credit.adapters.prime_rl import TurnScorer
    >>> nodes = [Made(mask=[True, True], sampled=True), Made(mask=[False], sampled=False), Made(mask=[True], sampled=True)]
    >>> graph = {"nodes": nodes, "branches": [Made(trainable=True, nodes=nodes)]}
    >>> traces = [Made(reward=sum(own), info={"turn_rewards": own}, **graph) for own in ([1.0, 2.0], [0.0, 1.0])]
    >>> TurnScorer("turn_rewards")(traces)
    [[2.0, 2.0, 1.0], [-2.0, -2.0, -1.0]]
    """

    def __init__(self, turn_rewards: str | None = None, *, prefix_values: bool = False, **how: Any) -> None:
        TurnRule(**how)
        self.turn_rewards, self.how = turn_rewards, {**how, "prefix_values": prefix_values}

    def __call__(self, traces: list[Any]) -> list[list[float]]:
        """For each trace a number for each sampled token, in the order in which `assign_advantages` takes them."""
        # A node ends with a token that is not trained, so that two nodes are two turns.
        masks = [[flag for node in _trained(trace) for flag in (*[1] * sum(node.mask), 0)] for trace in traces]
        earned = zip(traces, _rewards(traces), range(len(traces)), strict=True)
        rows = turn_advantages([self._earned(*each) for each in earned], masks, len(traces), **self.how)
        return [row[np.array(mask) != 0].tolist() for row, mask in zip(rows, masks, strict=True)]

    def _earned(self, trace: Any, reward: float, number: int) -> list[float]:
        """One number for each turn that is trained."""
        turns = len(_trained(trace))
        if self.turn_rewards is None:
            return [*[0.0] * (turns - 1), reward]
        sampled = [node for node in trace.nodes if node.sampled]
        given = trace.info.get(self.turn_rewards)
        if given is None or len(given) != len(sampled):
            raise InputError(
                f"the info of trace {number} must hold {self.turn_rewards}, a number for each of its {len(sampled)} sampled "
                f"nodes; got {given!r}."
            )
        refuse_none(list(given), f"{self.turn_rewards} of trace {number}", "Have a number for every sampled node")
        trained = {id(node) for node in _trained(trace)}
        return [float(earned) for node, earned in zip(sampled, given, strict=True) if id(node) in trained]


def _trained(trace: Any) -> list[Any]:
    """The nodes with sampled tokens on a trainable branch, in order: those whose tokens `assign_advantages` counts."""
    kept = {id(node) for branch in trace.branches if branch.trainable for node in branch.nodes}
    return [node for node in trace.nodes if id(node) in kept and any(node.mask)]


def _rewards(traces: list[Any]) -> list[float]:
    if not traces:
        raise InputError("a group has no trainable trace; leave score_group before the scorer where there is none.")
    for number, trace in enumerate(traces):
        if trace.reward is None or trace.reward != trace.reward:
            raise InputError(f"trace {number} has no reward ({trace.reward}); leave it out of the group, or reward it.")
        if not _trained(trace):
            raise InputError(f"trace {number} has no sampled token to train; iter_trainable_traces leaves such traces out.")
    return [float(trace.reward) for trace in traces]
