"""Credit of turns: what a model writes between two answers of its environment, paid for what it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shapley_credit.credit.baselines import BASELINES, SCALES, Batch, leave_one_out
from shapley_credit.credit.groups import read_batch
from shapley_credit.credit.turn_runs import Turns
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import number, one_of
from shapley_credit.torch_compile import between_graphs

CREDITS = ("to_go", "own")

# By turn, and of whole rollouts. The mean sees the own rollout, and costs one share of the gradient under to_go.
TURN_BASELINES = ("turn", "leave_one_out", "mean", "none")


@between_graphs
def turn_advantages(
    rewards: Any,
    mask: Any,
    groups: Any,
    *,
    credit: str = "to_go",
    gamma: float = 1.0,
    discounted: bool = False,
    baseline: str | None = None,
    scale: str = "none",
    floor: float = 1e-3,
    prefix_values: bool = False,
) -> Any:
    """Advantages of tokens from the rewards of turns, in rollouts of several turns.

        to_go       A_im = (sum_{l >= m} gamma^(l - m) r_il - b_im) / s
        own         A_im = (r_im - b_im) / s

    A turn is a maximal run of trainable tokens, and every one of its tokens gets A_im. r_im is the sum of the rewards on the
    tokens from the start of turn m to before the next turn: what a tool's answer earns belongs to the turn that called the
    tool, and what stands before the first turn to the first one.

    to_go with gamma = 1 and any baseline but "mean" is unbiased for the expected sum of rewards, whatever the policy and the
    environment do, if r_im depends on nothing that comes after it. With gamma < 1 it follows the gradient of no objective;
    `discounted` multiplies it by gamma^(m - 1), and then it follows that of the discounted sum. own is biased: it pays a turn
    for what it earns, never for where it leads.

    rewards: a number for each token, as the mask, or ragged [B][M_i], one for each turn; the number in a row says which.
    mask: 1 for trainable tokens, 0 for all others; [B, T], a list of rows [T_i], or a jagged nested tensor. A rollout without
        turns is absent: it gets 0 and changes no other advantage.
    groups: B ids of prompts, or the number of rollouts that a prompt has, as in `advantages`.
    credit: "to_go" or "own".
    gamma: from 0 to 1, by turn and not by token; 1 for own.
    discounted: multiply the advantages of turn m by gamma^(m - 1).
    baseline: what the tokens of a turn have taken off. A rollout that is alone in its group gets 0, but for "none".
        turn            mean of what the same turn is paid in the other rollouts that reach it; if none does, of what the first
                        turn of the others is paid. By default under to_go. Under own a rollout that earns more may get less
                        in all, where numbers of turns differ
        leave_one_out   mean of what the other rollouts earn in all: RLOO where each earns one reward at its end. By default
                        under own
        mean            the same with the own rollout: GRPO, with scale="group_std". With B rollouts a prompt (B - 1) / B of
                        the gradient is left under to_go
        none            0
        Under own the last three are taken off in even shares, b_i / M_i, so that the advantages of a rollout add up to what it
        earned less its baseline.
    scale: "none", "group_std" or "batch_std": s is 1 or max(deviation, floor) over the turns of the group or batch, of what
        they are paid before the baseline, each rollout counting once and each of its turns as 1 / M_i of that.
    floor: the smallest divisor, in the units of the reward.
    prefix_values: rewards holds values v(1..m) of what is written up to the end of turn m, from a judge or a log-ratio; then
        r_im = v(1..m) - v(1..m-1) is their temporal difference, the marginal contribution of the turn. v of the prompt is 0:
        subtract it from all values of its rollouts. By token, the value of a turn stands on one of its tokens.

    Returns float32 in the layout, array library and on the device of the mask. Cost O(tokens + K log K) for K turns in all; no
    memory for tokens beyond the output, but a few bytes a token for flags. Raises InputError for a mask that is not 0 and 1,
    rows of another length, numbers that are NaN or infinite, and unknown or meaningless parameters.
    Source: docs/turns.md; Ahmadian et al. (2024), RLOO; Shao et al. (2024), GRPO; TRACE (2607.13988), temporal differences.

    >>> import numpy as np, shapley_credit as sc
    >>> mask = np.array([[1, 1, 0, 1], [1, 0, 0, 1]])          # two turns each, a tool's answer between them
    >>> sc.turn_advantages([[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 1.0]], mask, 2)
    array([[ 2.,  2.,  0.,  1.],
           [-2.,  0.,  0., -1.]], dtype=float32)
    >>> sc.turn_advantages([[1.0, 2.0], [0.0, 1.0]], mask, 2, credit="own")
    array([[ 0.5,  0.5,  0. ,  1.5],
           [-1.5,  0. ,  0. , -0.5]], dtype=float32)
    """
    rule = TurnRule(credit, gamma, discounted, baseline, scale, floor)
    turns = Turns.read(mask)
    return turns.tokens(_advantages(rule, turns, turns.rewards(rewards, prefix_values), groups))


@dataclass(frozen=True)
class TurnRule:
    """How turns are paid; InputError for what can't be. The parameters are those of `turn_advantages`."""

    credit: str = "to_go"
    gamma: float = 1.0
    discounted: bool = False
    baseline: str | None = None
    scale: str = "none"
    floor: float = 1e-3

    def __post_init__(self) -> None:
        one_of(self.credit, CREDITS, "the credit of turns")
        told = "gamma is what a reward is worth one turn earlier, a number from 0 to 1"
        gamma = number(self.gamma, told, lambda share: 0.0 <= share <= 1.0)
        if self.credit == "own" and (gamma != 1.0 or self.discounted):
            raise InputError(
                f"gamma and discounted weigh what is to go, of which credit 'own' has none; got gamma={self.gamma!r}, "
                f"discounted={self.discounted!r}. Use gamma=1, or credit='to_go'."
            )
        if self.baseline is not None:
            one_of(self.baseline, TURN_BASELINES, "the baseline of turns")
        one_of(self.scale, SCALES, "scale")

    @property
    def below(self) -> str:
        """The baseline."""
        if self.baseline is None:
            return "turn" if self.credit == "to_go" else "leave_one_out"
        return self.baseline


@np.errstate(over="ignore", invalid="ignore")
def _advantages(rule: TurnRule, turns: Turns, earned: Any, groups: Any) -> Any:
    """A of each turn, float64 [K]."""
    ahead = turns.to_go(earned, rule.gamma)
    whole, paid = turns.first(ahead), ahead if rule.credit == "to_go" else earned
    name = "leave_one_out" if rule.below == "turn" else rule.below
    batch = read_batch(whole, groups, name, rule.scale, rule.floor).of(whole)
    if rule.below == "turn":
        below = _by_turn(turns, batch, paid)
    else:
        below = BASELINES[name](batch)[turns.owners]
        below = below * turns.shares if rule.credit == "own" else below
    weighed = paid - below
    if rule.discounted:
        weighed = weighed * rule.gamma ** turns.floats(turns.places)
    if rule.below != "none":
        weighed = turns.layout.xp.where(batch.alone[turns.owners], 0.0, weighed)
    return weighed / _deviation(rule, turns, batch, paid)


def _by_turn(turns: Turns, batch: Batch, paid: Any) -> Any:
    """The mean of what others are paid at the same turn, or at their first one if none of them reaches it, [K]."""
    xp = turns.layout.xp
    keys, codes = xp.unique(batch.codes[turns.owners] * (len(paid) + 1) + turns.places, return_inverse=True)
    there = Batch(xp, codes, len(keys)).of(paid)
    return xp.where(there.alone, leave_one_out(batch.of(turns.first(paid)))[turns.owners], leave_one_out(there))


def _deviation(rule: TurnRule, turns: Turns, batch: Batch, paid: Any) -> Any:
    """s of each turn: 1, or the deviation over the rollouts of the group or batch, turns sharing in that of their rollout."""
    if rule.scale == "none":
        return 1.0
    within = batch if rule.scale == "group_std" else batch.whole()
    everyone = Batch(turns.layout.xp, within.codes[turns.owners], within.groups)
    share, count = turns.shares, within.count[turns.owners]
    mean = everyone.total(share * paid) / count
    apart = paid - mean
    apart = apart - everyone.total(share * apart) / count  # removes the rounding error of the first pass
    spread = everyone.total(share * apart * apart) / (count - 1.0).clip(min=1.0)
    return turns.layout.xp.sqrt(spread).clip(min=rule.floor)
