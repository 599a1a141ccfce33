"""Generative search: a query of phrases in sentences, paid for where it puts the question that is wanted.

The policy is told which question of GSM8K is wanted, by number, and writes nine phrases of two words in three sentences. BM25
ranks all 1,319 questions by the query; the reward is nDCG@100 of the wanted one, 1 / log2(1 + rank). What a coalition of
phrases is worth is the reward of the query without the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
import shapley_credit as sc
import torch
from benchmarks.learning.policy import Writer
from benchmarks.learning.retrievers import bm25, dense, gains, tfidf
from benchmarks.learning.train import Step, normalised
from benchmarks.learning.words import Array, words
from shapley_credit.blackbox.plan import Plan
from shapley_credit.methods.windows import window_advantages, window_credit, window_rewards, windows
from torch import Tensor

SENTENCES, PHRASES, LENGTH = 3, 9, 2
WORDS = PHRASES * LENGTH
NEEDS, PROMPTS, GROUP = 16, 8, 8
METRIC, CALLS, PART, VARIETY = "nDCG", "calls", "nDCG of 4 of 9 phrases", "different words of 18"
OTHER, TFIDF, DENSE = "BM25, k1=0.9, b=0.4", "TF-IDF", "MiniLM"
SPANS = [(LENGTH * i, LENGTH * (i + 1)) for i in range(PHRASES)]


def values(word: Tensor, wanted: Tensor, coalitions: Array) -> Array:
    """The reward [B, m] of queries [B, words] when only the phrases of each coalition [m, phrases] are asked."""
    phrases = bm25(1.5, 0.75)[word].reshape(len(word), PHRASES, LENGTH, -1).sum(dim=2)
    kept = torch.as_tensor(coalitions, dtype=torch.float32)
    asked = torch.einsum("mp,bpd->bmd", kept, phrases)
    return gains(asked, wanted[:, None].expand(asked.shape[:2])).double().numpy()


TREE = sc.CoalitionTree.from_labels(np.repeat(np.arange(SENTENCES), PHRASES // SENTENCES))
EXACT = sc.plan(TREE)
WINDOWS = windows(PHRASES)
WHOLE = np.ones((1, PHRASES), np.bool_)
WITHOUT_ONE = np.concatenate([WHOLE, ~np.eye(PHRASES, dtype=np.bool_)])


class Paid(NamedTuple):
    """Advantages of the phrases [B, phrases], rewards [B], and how many queries the retriever answered for each response."""

    advantages: Array
    rewards: Array
    calls: int


def by_place(credit: Array, group: int = GROUP) -> Array:
    """Credits [B, phrases] centred at their place and scaled by the deviation of all credits of the prompt."""
    grouped = torch.as_tensor(credit).reshape(-1, group, credit.shape[1])
    paid: Array = normalised(grouped).reshape(credit.shape).numpy()
    return paid


def grpo(word: Tensor, wanted: Tensor, step: int, group: int = GROUP) -> Paid:
    """The reward for every word, z-scored in the group."""
    reward = values(word, wanted, WHOLE)[:, 0]
    return Paid(by_place(np.repeat(reward[:, None], PHRASES, axis=1), group), reward, 1)


def published(word: Tensor, wanted: Tensor, step: int) -> Paid:
    """OSPO: windows, min-max, proportional shares of the z-scored reward, clipped."""
    worth = values(word, wanted, WINDOWS)
    reward = worth[:, -1]
    paid = sc.advantages(reward, GROUP, scale="group_std", floor=1e-4)
    most = np.repeat(2 * paid.reshape(-1, GROUP).std(axis=1), GROUP)
    rows = [
        window_advantages(window_rewards(window_credit(WINDOWS, row).values, SPANS, SPANS, row[-1]), one, clip=clip)
        for row, one, clip in zip(worth, paid, most, strict=True)
    ]
    return Paid(np.stack(rows), reward, len(WINDOWS))


def owen_values(word: Tensor, wanted: Tensor, plan: Plan = EXACT) -> Paid:
    worth = values(word, wanted, plan.coalitions)
    return Paid(plan.solve(worth).values, worth[:, plan.coalitions.all(axis=1).argmax()], len(plan.coalitions))


def owen(word: Tensor, wanted: Tensor, step: int) -> Paid:
    """Exact Owen values of the phrases in their sentences, centred and scaled over all phrases of the prompt's queries."""
    found = owen_values(word, wanted)
    paid = sc.advantages(found.advantages.ravel(), GROUP * PHRASES, scale="group_std").reshape(found.advantages.shape)
    return found._replace(advantages=paid)


def owen_by_place(word: Tensor, wanted: Tensor, step: int) -> Paid:
    """The same credit, each place of a phrase with a baseline of its own."""
    found = owen_values(word, wanted)
    return found._replace(advantages=by_place(found.advantages))


def owen_sampled(word: Tensor, wanted: Tensor, step: int) -> Paid:
    """Owen values estimated from no more queries than windows need, others at every step."""
    found = owen_values(word, wanted, sc.plan(TREE, budget=len(WINDOWS), method="antithetic", seed=step))
    return found._replace(advantages=by_place(found.advantages))


def owen_over_rewards(word: Tensor, wanted: Tensor, step: int) -> Paid:
    """The credit centred by place, but divided by the deviation of the rewards, as trainers do with whole responses."""
    found = owen_values(word, wanted)
    credit = found.advantages.reshape(-1, GROUP, PHRASES)
    spread = found.rewards.reshape(-1, GROUP).std(axis=1, ddof=1)[:, None, None]
    paid = (credit - credit.mean(axis=1, keepdims=True)) / (spread + 1e-4)
    return found._replace(advantages=paid.reshape(found.advantages.shape))


def leave_one_out(word: Tensor, wanted: Tensor, step: int) -> Paid:
    """What the query loses without the phrase, centred by place."""
    worth = values(word, wanted, WITHOUT_ONE)
    return Paid(by_place(worth[:, :1] - worth[:, 1:]), worth[:, 0], len(WITHOUT_ONE))


RULES = {
    "GRPO": grpo,
    "OSPO, published": published,
    "leave one out": leave_one_out,
    "Owen": owen,
    "Owen, by place": owen_by_place,
    "Owen, sampled": owen_sampled,
    "Owen over rewards": owen_over_rewards,
}
# The shared reward with as many calls of the retriever a step as leave-one-out credit makes.
TIMES = len(WITHOUT_ONE)
MANY = f"GRPO, {TIMES} times the responses"
EQUAL_CALLS: dict[str, Callable[[Tensor, Tensor, int], Paid]] = {
    "GRPO": grpo,
    MANY: partial(grpo, group=TIMES * GROUP),
    "leave one out": leave_one_out,
}


class Search:
    """The task under one rule of credit."""

    def __init__(self, rule: str, seed: int) -> None:
        known = words()
        self.credit = (RULES | EQUAL_CALLS)[rule]
        self.group = TIMES * GROUP if rule == MANY else GROUP
        long = np.flatnonzero(known.held.sum(axis=1) >= 8)
        self.needs = torch.as_tensor(np.random.default_rng(7).choice(long, NEEDS, replace=False))
        self.policy = Writer(len(known.names), 1 + WORDS)
        self.draws = torch.Generator().manual_seed(seed)
        self.prompts = np.random.default_rng([seed, 1])
        self.steps = 0

    def step(self) -> Step:
        which = torch.as_tensor(np.repeat(self.prompts.choice(NEEDS, PROMPTS, replace=False), self.group))
        text = self.policy.write(which[:, None], WORDS, self.draws)
        paid = self.credit(text[:, 1:], self.needs[which], self.steps)
        self.steps += 1
        advantages = torch.as_tensor(paid.advantages, dtype=torch.float32).repeat_interleave(LENGTH, dim=1)
        return Step(text, advantages, {METRIC: float(paid.rewards.mean()), CALLS: float(paid.calls)})

    def evaluate(self) -> dict[str, float]:
        which = torch.arange(NEEDS).repeat_interleave(8)
        word, wanted = self.policy.write(which[:, None], WORDS, torch.Generator().manual_seed(5))[:, 1:], self.needs[which]
        halves = np.array([np.isin(np.arange(PHRASES), kept) for kept in combinations(range(PHRASES), PHRASES // 2)])
        unseen = {OTHER: bm25(0.9, 0.4)[word].sum(dim=1), TFIDF: tfidf()[word].sum(dim=1), DENSE: dense(word)}
        return {
            METRIC: float(values(word, wanted, WHOLE).mean()),
            PART: float(values(word, wanted, halves).mean()),
            VARIETY: float(np.mean([len(set(row)) for row in word.tolist()])),
            **{name: float(gains(score, wanted).mean()) for name, score in unseen.items()},
        }
