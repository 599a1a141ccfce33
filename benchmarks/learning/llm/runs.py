"""What a run is: its name, its prompts, its random numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.learning.llm.tasks import CPU, DRY, Task

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


class Place(NamedTuple):
    """Where runs are made.

    Attributes:
        device: of the language model, "cpu" or "cuda"; tasks are scored on the CPU.
        tiny: whether a model of random weights, which has nothing to say, stands in for the language model.
        until: in seconds since 1970, when a run stops behind its step and leaves a checkpoint.
    """

    device: str = CPU
    tiny: bool = False
    until: float = math.inf

    @property
    def plan(self) -> str:
        return DRY if self.tiny else self.device


ON_CPU = Place()


def drawn(seed: int, place: int, device: str = CPU) -> torch.Generator:
    """The random numbers of one step of a run: those of no other. Devices have their own."""
    numbers = np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(numbers[0] >> np.uint64(1)))


def prompt_of(task: Task, seed: int, step: int) -> str:
    """The prompt of a step: all of them in turn, each time in another order."""
    around, place = divmod(step, len(task.trained))
    order = np.random.default_rng([seed, around]).permutation(len(task.trained))
    return task.trained[int(order[place])]
