"""One run: a policy trained on one task with one rule of credit, its figures step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from benchmarks.learning.policy import Writer, gradient, policy_loss

EVERY = 10  # steps between the points of a curve


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


def train(task: Task, steps: int, rate: float) -> dict[str, Any]:
    """Adam on the policy gradient, one update a batch (on-policy, so that PPO's clip never acts).

    Returns the figures: metrics averaged over every `EVERY` steps, those of the evaluation, and the gradient's noise before
    the first step.
    """
    noise = gradient_noise(task)
    optimizer = torch.optim.Adam(task.policy.parameters(), lr=rate)
    curves: dict[str, list[float]] = {}
    for _ in range(steps):
        step = task.step()
        optimizer.zero_grad()
        policy_loss(task.policy, step.text, step.advantages).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        for name, value in step.metrics.items():
            curves.setdefault(name, []).append(value)
    return {"curves": thinned(curves), "final": task.evaluate(), "noise": noise}


def thinned(curves: dict[str, list[float]]) -> dict[str, list[float]]:
    """Means of every `EVERY` points."""
    return {name: np.reshape(curve, (-1, EVERY)).mean(axis=1).round(5).tolist() for name, curve in curves.items()}


def gradient_noise(task: Task, batches: int = 20) -> dict[str, float]:
    """Of one batch's gradient: tr cov, and |mean|^2 less what the noise of the mean adds to it."""
    steps = [task.step() for _ in range(batches)]
    drawn = torch.stack([gradient(task.policy, step.text, step.advantages) for step in steps]).double()
    variance, mean = float(drawn.var(dim=0).sum()), drawn.mean(dim=0)
    return {"variance": variance, "signal": float(mean @ mean) - variance / batches}
