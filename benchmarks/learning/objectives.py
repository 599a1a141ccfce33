"""What objective a credit follows: k guesses at one of eight things, paid if any of them is right.

Each prompt has a hidden answer that varies from time to time, p = (.4, .2, .13, ..); who wants one good guess says the most
frequent, who wants one good guess in eight spreads them. V_m, the chance that m independent guesses hold the answer, is exact.
"""

from __future__ import annotations

import numpy as np
import shapley_credit as sc
import torch
from benchmarks.learning.policy import Writer
from benchmarks.learning.train import Step
from benchmarks.learning.words import Array
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.semivalues import Semivalue

ANSWERS, PROMPTS, GROUPS, K = 8, 8, 8, 8

RULES: dict[str, Semivalue] = {
    "of_size(1)": semivalues.of_size(1),
    "of_size(2)": semivalues.of_size(2),
    "of_size(4)": semivalues.of_size(4),
    "Shapley": semivalues.shapley,
    "Banzhaf": semivalues.banzhaf,
    "leave one out": semivalues.leave_one_out,
}


def chances() -> Array:
    """p [prompts, answers], how often each is the hidden answer: 2^-rank, ranked anew for each prompt."""
    rng = np.random.default_rng(3)
    steep = 0.6 ** np.arange(ANSWERS)
    return np.stack([rng.permutation(steep / steep.sum()) for _ in range(PROMPTS)])


class Guess:
    """The task under one semivalue; every step has all prompts, several groups of k guesses each."""

    def __init__(self, rule: str, seed: int) -> None:
        self.semivalue = RULES[rule]
        self.policy = Writer(PROMPTS + ANSWERS, 2)
        self.draws = torch.Generator().manual_seed(seed)
        self.answers = np.random.default_rng([seed, 1])

    def step(self) -> Step:
        text = self.policy.write(torch.arange(PROMPTS).repeat_interleave(GROUPS * K)[:, None], 1, self.draws)
        guess = (text[:, 1] - PROMPTS).reshape(PROMPTS, GROUPS, K).numpy()
        hidden = np.stack([self.answers.choice(ANSWERS, GROUPS, p=row) for row in chances()])
        credit = sc.set_semivalue(u.Max((guess == hidden[..., None]).astype(np.float64)), self.semivalue)
        # A baseline from the prompt's other groups is independent of the guess; the mean of its own group would not be.
        means = credit.mean(axis=-1)
        others = (means.sum(axis=1, keepdims=True) - means) / (GROUPS - 1)
        paid = torch.as_tensor((credit - others[..., None]).reshape(-1, 1), dtype=torch.float32)
        return Step(text, paid, {})

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        said = torch.softmax(self.policy(torch.arange(PROMPTS)[:, None])[:, 0].double(), dim=-1).numpy()[:, PROMPTS:]
        return {f"V{m}": float((chances() * (1 - (1 - said) ** m)).sum(axis=1).mean()) for m in range(1, K + 1)}
