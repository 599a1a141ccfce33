"""Search by queries of any length: one to nine phrases, and the policy writes when it is done.

As `search`, but at the start of every phrase but the first the policy may end the query. Phrases stand in sentences of three;
the end belongs to the last phrase.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import shapley_credit as sc
import torch
from benchmarks.learning.policy import Writer
from benchmarks.learning.retrievers import bm25, gains
from benchmarks.learning.train import Step
from benchmarks.learning.words import Array, words
from shapley_credit.blackbox.plan import Plan
from shapley_credit.credit.rules import rule_tokens
from torch import Tensor

SENTENCE, PHRASES, LENGTH = 3, 9, 2
WORDS = PHRASES * LENGTH
NEEDS, PROMPTS, GROUP = 16, 8, 8
EARLY = 0.12  # chance of an end at each place where there may be one, before training
METRIC, SIZE, CALLS = "nDCG", "phrases", "calls"


class Written(NamedTuple):
    """B queries: how many phrases each has, and what any of its phrases are worth together."""

    sizes: Array  # int [B]
    lengths: list[list[int]]  # words of each phrase, and the end with the last
    phrases: Tensor  # [B, PHRASES, D], scores that each phrase adds
    wanted: Tensor  # [B]

    def worth(self, rows: Array, coalitions: Array) -> Array:
        """[rows, m] for coalitions [m, n] of the n phrases that these rows have."""
        kept = torch.as_tensor(coalitions, dtype=torch.float32)
        asked = torch.einsum("mp,bpd->bmd", kept, self.phrases[rows, : coalitions.shape[1]])
        found: Array = gains(asked, self.wanted[rows][:, None].expand(asked.shape[:2])).double().numpy()
        return found

    def each(self, coalitions: Callable[[int], Array], credits: Callable[[int, Array], Array]) -> tuple[list[Array], float]:
        """Credits of the phrases of each query from the worth of the coalitions of its size; mean number of coalitions."""
        found: list[Array] = [np.zeros(0)] * len(self.sizes)
        asked = 0
        for size in np.unique(self.sizes):
            rows, sets = np.flatnonzero(self.sizes == size), coalitions(int(size))
            asked += len(rows) * len(sets)
            for row, credit in zip(rows, credits(int(size), self.worth(rows, sets)), strict=True):
                found[row] = credit
        return found, asked / len(self.sizes)


@cache
def exact(size: int) -> Plan:
    return sc.plan(sc.CoalitionTree.from_labels(np.arange(size) // SENTENCE))


def whole(size: int) -> Array:
    return np.ones((1, size), np.bool_)


def prefixes(size: int) -> Array:
    return np.arange(size + 1)[:, None] > np.arange(size)


def without_one(size: int) -> Array:
    return np.concatenate([whole(size), ~np.eye(size, dtype=np.bool_)])


def owen_credit(query: Written) -> tuple[list[Array], float]:
    return query.each(lambda size: exact(size).coalitions, lambda size, worth: exact(size).solve(worth).values)


def marginals(query: Written) -> tuple[list[Array], float]:
    return query.each(prefixes, lambda size, worth: np.diff(worth, axis=1))


class Paid(NamedTuple):
    """Advantages of the words and of the end, ragged [B][T_i], and how many queries the retriever answered for a response."""

    advantages: list[Array]
    calls: float


def spread(query: Written, phrases: list[Array], calls: float) -> Paid:
    """Every word of a phrase gets the advantage of the phrase."""
    mask = [np.ones(sum(row)) for row in query.lengths]
    return Paid(sc.token_advantages(None, mask, segment_credit=phrases, segment_lengths=query.lengths), calls)


def by_rule(query: Written, credit: list[Array] | None, calls: float, **rule: Any) -> Paid:
    mask = [np.ones(sum(row)) for row in query.lengths]
    return Paid(rule_tokens(mask, credit, GROUP, segment_lengths=query.lengths, **rule), calls)


def grpo(query: Written) -> Paid:
    """The reward for every phrase, z-scored in the group."""
    rewards, calls = query.each(whole, lambda size, worth: worth)
    paid = sc.advantages(np.concatenate(rewards), GROUP, scale="group_std")
    return spread(query, [np.repeat(one, size) for one, size in zip(paid, query.sizes, strict=True)], calls)


def by_segment(query: Written) -> Paid:
    """Own Owen credit less the mean over the phrases of the group: before the law."""
    credit, calls = owen_credit(query)
    owners = np.repeat(np.arange(len(query.sizes)) // GROUP, query.sizes)
    paid = sc.advantages(np.concatenate(credit), owners, scale="group_std")
    return spread(query, np.split(paid, np.cumsum(query.sizes)[:-1]), calls)


def own(query: Written) -> Paid:
    return by_rule(query, *owen_credit(query))


def leave_one_out(query: Written) -> Paid:
    """Own credit of what the query loses without the phrase; what is missing to the reward is shared evenly."""
    rewards, _ = query.each(whole, lambda size, worth: worth)
    credit, calls = query.each(without_one, lambda size, worth: worth[:, :1] - worth[:, 1:])
    return by_rule(query, credit, calls, rewards=np.concatenate(rewards))


def to_go(query: Written) -> Paid:
    return by_rule(query, *owen_credit(query), rule="to_go")


def marginal(query: Written) -> Paid:
    grown, calls = marginals(query)
    return by_rule(query, None, calls, rule="marginal", marginal=grown)


def mixture(query: Written) -> Paid:
    """Half own Owen credit, half marginal."""
    (credit, first), (grown, second) = owen_credit(query), marginals(query)
    return by_rule(query, credit, first + second, rule="marginal", marginal=grown, lam=0.5)


RULES = {
    "GRPO": grpo,
    "own, before": by_segment,
    "own": own,
    "own, leave one out": leave_one_out,
    "to_go": to_go,
    "marginal": marginal,
    "marginal, lam=.5": mixture,
}


class Lengths:
    """The task under one rule of credit."""

    def __init__(self, rule: str, seed: int) -> None:
        known = words()
        self.credit = RULES[rule]
        self.end = len(known.names)
        long = np.flatnonzero(known.held.sum(axis=1) >= 8)
        self.needs = torch.as_tensor(np.random.default_rng(7).choice(long, NEEDS, replace=False))
        barred = torch.zeros(WORDS, self.end + 1, dtype=torch.bool)
        barred[:, self.end] = torch.arange(WORDS) % LENGTH > 0
        barred[0, self.end] = True
        self.policy = Writer(self.end + 1, 1 + WORDS, barred=barred)
        with torch.no_grad():
            self.policy.next.bias[self.end] = float(np.log(EARLY / (1 - EARLY) * self.end))
        self.draws = torch.Generator().manual_seed(seed)
        self.prompts = np.random.default_rng([seed, 1])

    def read(self, word: Tensor, wanted: Tensor) -> Written:
        ends = (word == self.end).numpy()
        sizes = np.where(ends.any(axis=1), ends.argmax(axis=1), WORDS) // LENGTH
        shown = torch.where(word == self.end, 0, word)
        phrases = bm25(1.5, 0.75)[shown].reshape(len(word), PHRASES, LENGTH, -1).sum(dim=2)
        lengths = [[LENGTH] * (size - 1) + [LENGTH + (size < PHRASES)] for size in sizes.tolist()]
        return Written(sizes, lengths, phrases, wanted)

    def figures(self, query: Written) -> dict[str, float]:
        rewards, _ = query.each(whole, lambda size, worth: worth)
        return {METRIC: float(np.mean(rewards)), SIZE: float(query.sizes.mean())}

    def step(self) -> Step:
        which = torch.as_tensor(np.repeat(self.prompts.choice(NEEDS, PROMPTS, replace=False), GROUP))
        text = self.policy.write(which[:, None], WORDS, self.draws)
        query = self.read(text[:, 1:], self.needs[which])
        paid = self.credit(query)
        advantages = torch.zeros(len(text), WORDS)
        for row, credit in enumerate(paid.advantages):
            advantages[row, : len(credit)] = torch.as_tensor(credit)
        return Step(text, advantages, {**self.figures(query), CALLS: paid.calls})

    def evaluate(self) -> dict[str, float]:
        which = torch.arange(NEEDS).repeat_interleave(8)
        word = self.policy.write(which[:, None], WORDS, torch.Generator().manual_seed(5))[:, 1:]
        return self.figures(self.read(word, self.needs[which]))
