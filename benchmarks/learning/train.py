"""One run: a policy trained on one task with one rule of credit, its figures step by step."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from benchmarks.learning.policy import Writer, gradient, policy_loss

EVERY = 10  # steps between the points of a curve
UPDATES, CLIP, KL = 4, 0.2, 1e-3  # of a batch that is used again, the clip of PPO, and the weight of the divergence
CLIPPED, DIVERGENCE = "clipped", "KL"


@dataclass(frozen=True)
class Step:
    """What a task hands to the learner: texts, the advantage of each word written, figures."""

    text: torch.Tensor  # [B, P + words]
    advantages: torch.Tensor  # [B, words]
    metrics: dict[str, float]


def normalised(credit: torch.Tensor) -> torch.Tensor:
    """Credits [prompts, group, places] less the mean at their place, over the deviation of all of the prompt's credits.

    The z-score of GRPO where all places of a response get the same, and the same treatment for every other rule.
    """
    centred = credit - credit.mean(dim=1, keepdim=True)
    freedom = (credit.shape[1] - 1) * credit.shape[2]
    deviation = (centred.square().sum(dim=(1, 2), keepdim=True) / freedom).sqrt()
    return centred / (deviation + 1e-4)


class Task(Protocol):
    """A task under one rule of credit: prompts, samples, credits; seeded."""

    policy: Writer

    def step(self) -> Step: ...

    def evaluate(self) -> dict[str, float]: ...


Update = Callable[[Writer, torch.optim.Optimizer, Step], dict[str, float]]


def once(policy: Writer, optimizer: torch.optim.Optimizer, step: Step) -> dict[str, float]:
    """One update on the policy gradient, on-policy, so that PPO's clip never acts."""
    optimizer.zero_grad()
    policy_loss(policy, step.text, step.advantages).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {}


class Again:
    """Several updates a batch: PPO's clipped ratio at every word, and a penalty on the divergence from the first policy.

    The divergence of a word is estimated as e^d - d - 1 with d = log first(word) - log pi(word), which is never negative and
    whose mean over words drawn from pi is the KL divergence of pi from the first policy (Schulman's k3, as in GRPO).
    """

    def __init__(self, policy: Writer, updates: int = UPDATES, clip: float = CLIP, kl: float = KL) -> None:
        self.first = deepcopy(policy)
        self.updates, self.clip, self.kl = updates, clip, kl

    def __call__(self, policy: Writer, optimizer: torch.optim.Optimizer, step: Step) -> dict[str, float]:
        """The share of words whose gradient the clip stops, and the divergence a response, at the last update."""
        words = step.advantages.shape[1]
        with torch.no_grad():
            old, first = (each.log_chances(step.text, words) for each in (policy, self.first))
        for _ in range(self.updates):
            log_chances = policy.log_chances(step.text, words)
            ratio, apart = (log_chances - old).exp(), first - log_chances
            gain, least = ratio * step.advantages, ratio.clamp(1 - self.clip, 1 + self.clip) * step.advantages
            divergence = (apart.exp() - apart - 1).sum(dim=1).mean()
            optimizer.zero_grad()
            (self.kl * divergence - torch.minimum(gain, least).sum(dim=1).mean()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return {CLIPPED: float((least < gain).float().mean()), DIVERGENCE: float(divergence.detach())}


def train(task: Task, steps: int, rate: float, update: Update = once) -> dict[str, Any]:
    """Adam on the policy gradient.

    Returns the figures: metrics averaged over every `EVERY` steps, those of the evaluation, and the gradient's noise before
    the first step.
    """
    noise = gradient_noise(task)
    optimizer = torch.optim.Adam(task.policy.parameters(), lr=rate)
    curves: dict[str, list[float]] = {}
    for _ in range(steps):
        step = task.step()
        told = update(task.policy, optimizer, step)
        for name, value in (step.metrics | told).items():
            curves.setdefault(name, []).append(value)
    return {"curves": thinned(curves), "final": task.evaluate(), "noise": noise}


def train_again(task: Task, steps: int, rate: float) -> dict[str, Any]:
    """As `train`, each batch used several times."""
    return train(task, steps, rate, Again(task.policy))


def thinned(curves: dict[str, list[float]]) -> dict[str, list[float]]:
    """Means of every `EVERY` points."""
    return {name: np.reshape(curve, (-1, EVERY)).mean(axis=1).round(5).tolist() for name, curve in curves.items()}


def gradient_noise(task: Task, batches: int = 20) -> dict[str, float]:
    """Of one batch's gradient: tr cov, and |mean|^2 less what the noise of the mean adds to it."""
    steps = [task.step() for _ in range(batches)]
    drawn = torch.stack([gradient(task.policy, step.text, step.advantages) for step in steps]).double()
    variance, mean = float(drawn.var(dim=0).sum()), drawn.mean(dim=0)
    return {"variance": variance, "signal": float(mean @ mean) - variance / batches}
