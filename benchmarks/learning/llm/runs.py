"""What a run is: its name, its prompts, its random numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from benchmarks.learning.llm.tasks import Task

BEFORE = "before training"  # stands for the rule of a run that measures what there is to begin with
FIRST_EVALUATION = 10**6  # draws of evaluations are numbered from here, those of training from 0


@dataclass(frozen=True)
class Run:
    """One run; its key on disk. Steps and rate are 0 for what is measured before training."""

    task: str
    rule: str
    rate: float
    seed: int
    steps: int
    examined: bool  # whether it is evaluated on unseen prompts, which runs that only choose a rate are not

    @property
    def name(self) -> str:
        rule = self.rule.replace(",", "").replace(" ", "-").lower()
        return f"{self.task}-{rule}-{self.rate:g}-{self.seed}-{self.steps}" + ("" if self.examined else "-rate")


def drawn(seed: int, place: int) -> torch.Generator:
    """The random numbers of one step of a run: those of no other."""
    numbers = np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(numbers[0] >> np.uint64(1)))


def prompt_of(task: Task, seed: int, step: int) -> str:
    """The prompt of a step: all of them in turn, each time in another order."""
    around, place = divmod(step, len(task.trained))
    order = np.random.default_rng([seed, around]).permutation(len(task.trained))
    return task.trained[int(order[place])]
