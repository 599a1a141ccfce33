"""Recommendation: K words for a cue, paid for the best of them.

A user thinks of a question of GSM8K and says one of its words, the cue. The policy answers with K words; a word is worth how
telling it is if the question holds it, else 0, and the response is worth its best word. The user is not known, so that a good
response hedges; a poor word costs nothing and rides free on the good.
"""

from __future__ import annotations

import numpy as np
import shapley_credit as sc
import torch
from benchmarks.learning.policy import Writer
from benchmarks.learning.train import Step, normalised
from benchmarks.learning.words import words
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.methods.shape_grpo import shape_credit
from torch import Tensor

K, PROMPTS, GROUP = 6, 16, 8
METRIC, FREE = "set utility", "credit of the worst"


def shared(worth: Tensor) -> Tensor:
    """Everybody gets what the set is worth: GRPO."""
    return worth.amax(dim=-1, keepdim=True).expand(worth.shape)


def own(worth: Tensor) -> Tensor:
    """Everybody gets what it is worth alone."""
    return worth


def winner(worth: Tensor) -> Tensor:
    """The best, the first of them at ties, gets all."""
    best = torch.arange(worth.shape[-1], device=worth.device) == worth.argmax(dim=-1, keepdim=True)
    return torch.where(best, worth, 0.0)


def leave_one_out(worth: Tensor) -> Tensor:
    credit: Tensor = sc.set_semivalue(u.Max(worth), semivalues.leave_one_out)
    return credit


def shapley(worth: Tensor) -> Tensor:
    credit: Tensor = shape_credit(worth)
    return credit


def maxrl(worth: Tensor) -> Tensor:
    """Shapley centred in the set: for rewards of 0 and 1 the advantage of MaxRL."""
    return shapley(worth) - worth.amax(dim=-1, keepdim=True) / worth.shape[-1]


RULES = {
    "shared": shared,
    "own": own,
    "winner takes all": winner,
    "leave one out": leave_one_out,
    "MaxRL": maxrl,
    "Shapley": shapley,
}


class Recommend:
    """The task under one rule of credit."""

    def __init__(self, rule: str, seed: int, width: int = 32, layers: int = 1, device: str = "cpu") -> None:
        known = words()
        self.credit = RULES[rule]
        self.held = torch.as_tensor(known.held, device=device)
        self.telling = torch.as_tensor(known.telling, device=device)
        self.cues = np.flatnonzero(known.held.sum(axis=0) >= 30)[:64]
        self.users = {cue: np.flatnonzero(known.held[:, cue]) for cue in self.cues}
        self.policy = Writer(len(known.names), 1 + K, width, layers, heads=max(2, width // 64)).to(device)
        self.draws = torch.Generator(device).manual_seed(seed)
        self.prompts = np.random.default_rng([seed, 1])

    def ask(self, prompts: np.random.Generator, cues: int, group: int) -> tuple[Tensor, Tensor]:
        """Responses to random users, text [cues * group, 1 + K], and what each word of them is worth [cues, group, K]."""
        cue = prompts.choice(self.cues, cues)
        user = torch.as_tensor([prompts.choice(self.users[c]) for c in cue], device=self.held.device)
        text = self.policy.write(torch.as_tensor(np.repeat(cue, group), device=self.held.device)[:, None], K, self.draws)
        word = text[:, 1:].reshape(cues, group, K)
        hit = self.held[user[:, None, None], word] & (word != text[:, 0].reshape(cues, group, 1))
        return text, torch.where(hit, self.telling[word], 0.0)

    def step(self) -> Step:
        text, worth = self.ask(self.prompts, PROMPTS, GROUP)
        credit = self.credit(worth)
        worst = credit.gather(-1, worth.argmin(dim=-1, keepdim=True)).sum()
        return Step(
            text,
            normalised(credit).reshape(-1, K),
            {METRIC: float(worth.amax(dim=-1).mean()), FREE: float(worst / credit.clamp(min=0).sum().clamp(min=1e-9))},
        )

    def evaluate(self) -> dict[str, float]:
        _, worth = self.ask(np.random.default_rng(2026), 512, 16)
        return {METRIC: float(worth.amax(dim=-1).mean())}
