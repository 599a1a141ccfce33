"""List picking: one item of a list, by a policy that has its favourites, paid for the variety of its group of answers.

Eight lists of 4 to 12 valid items each out of 60. The policy comes with a strong prior, as a language model does: trained on
answers that name the first items of a list most, and now and then an item of another list. All figures are exact, read from
the policy's probabilities.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import shapley_credit as sc
import torch
from benchmarks.learning.policy import Writer
from benchmarks.learning.train import Step
from benchmarks.learning.words import Array
from shapley_credit.methods import gapo
from torch import Tensor

LISTS, ITEMS, GROUP = 8, 60, 24
SIZES = np.linspace(4, 12, LISTS).round().astype(int)
METRIC = "JSD to uniform"


@lru_cache(maxsize=1)
def valid() -> Array:
    """bool [lists, items], the valid items of each list."""
    rng = np.random.default_rng(11)
    chosen = np.zeros((LISTS, ITEMS), np.bool_)
    for row, size in zip(chosen, SIZES, strict=True):
        row[rng.choice(ITEMS, size, replace=False)] = True
    return chosen


def prior() -> Array:
    """The policy before training, [lists, items]: each valid item .48 times as often as the one before; 5% are invalid."""
    rng = np.random.default_rng(12)
    chances = np.where(valid(), 0.0, 0.05 / (ITEMS - SIZES[:, None]))
    for row, good, size in zip(chances, valid(), SIZES, strict=True):
        row[rng.permutation(np.flatnonzero(good))] = 0.95 * 0.48 ** np.arange(size) / (0.48 ** np.arange(size)).sum()
    return chances


def validity_reward(answers: Array, good: Array) -> Array:
    """1 for a valid answer: GRPO."""
    return good.astype(np.float64)


def published(answers: Array, good: Array) -> Array:
    """The frequency-aware reward, each list with the number of its valid items."""
    rows = zip(answers, SIZES, good, strict=True)
    return np.stack([gapo.frequency_reward(row, int(size), valid=fine) for row, size, fine in rows])


def entropy(answers: Array, good: Array) -> Array:
    credit: Array = gapo.diversity_credit(answers, utility="entropy", valid=good)
    return credit


def distinct(answers: Array, good: Array) -> Array:
    credit: Array = gapo.diversity_credit(answers, utility="distinct", valid=good)
    return credit


RULES = {"GRPO": validity_reward, "GAPO": published, "Shapley of entropy": entropy, "Shapley of distinct": distinct}


class Listing:
    """The task under one rule of credit, all lists in every step."""

    def __init__(self, rule: str, seed: int, special: int = 0) -> None:
        self.credit = RULES[rule]
        self.policy = Writer(LISTS + ITEMS + special, 2)
        learn(self.policy)
        self.draws = torch.Generator().manual_seed(seed)

    def step(self) -> Step:
        figures = self.evaluate()
        lists = torch.arange(LISTS).repeat_interleave(GROUP)
        text = self.policy.write(lists[:, None], 1, self.draws)
        answers = (text[:, 1] - LISTS).reshape(LISTS, GROUP).numpy()
        good = (answers >= 0) & np.take_along_axis(valid(), answers.clip(0), axis=1)
        credit = self.credit(answers, good)
        paid = sc.advantages(credit.ravel(), GROUP, scale="group_std")
        return Step(text, torch.as_tensor(paid[:, None], dtype=torch.float32), figures)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        chances = torch.softmax(self.policy(torch.arange(LISTS)[:, None])[:, 0].double(), dim=-1).numpy()[
            :, LISTS : LISTS + ITEMS
        ]
        return {METRIC: float(divergence(chances).mean()), "validity": float((chances * valid()).sum(axis=1).mean())}


def divergence(chances: Array) -> Array:
    """Jensen-Shannon divergence in bits between valid answers and the uniform distribution, [lists]."""
    among = np.where(valid(), chances, 0.0)
    among /= among.sum(axis=1, keepdims=True)
    even = valid() / SIZES[:, None]
    middle = (among + even) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(one > 0, one * np.log2(one / middle), 0.0).sum(axis=1) for one in (among, even)]
    half: Array = (parts[0] + parts[1]) / 2
    return half


def learn(policy: Writer, steps: int = 300) -> None:
    """Train the policy on the prior, by cross entropy."""
    target = torch.zeros(LISTS, policy.next.out_features)
    target[:, LISTS : LISTS + ITEMS] = torch.as_tensor(prior())
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss: Tensor = torch.nn.functional.cross_entropy(policy(torch.arange(LISTS)[:, None])[:, 0], target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
