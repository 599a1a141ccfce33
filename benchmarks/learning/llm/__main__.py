"""A language model under rules of credit: python -m benchmarks.learning.llm run | dry | quick | page."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from benchmarks.learning.llm.page import section
from benchmarks.learning.llm.results import SEEDS, Results, folder_of, reported, tuning
from benchmarks.learning.llm.runs import ON_CPU, Place, Run
from benchmarks.learning.llm.tasks import CPU, CUDA, DRY, TASKS
from benchmarks.learning.llm.training import execute, train
from benchmarks.learning.llm.weights import folder as unpacked

app = typer.Typer(add_completion=False, help=__doc__)


class Device(StrEnum):
    """Where the language model is."""

    cpu = CPU
    cuda = CUDA


Names = Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(TASKS)}; all by default")]
Folder = Annotated[Path | None, typer.Option(help="finished runs; those in it are not run again; by default a folder a device")]
OnDevice = Annotated[Device, typer.Option(help="where the language model is; results of devices have folders of their own")]


@app.command()
def run(
    names: Names = None,
    processes: Annotated[int, typer.Option(help="runs at a time, one thread each")] = 2,
    folder: Folder = None,
    device: OnDevice = Device.cpu,
    minutes: Annotated[float, typer.Option(help="after which runs stop behind their step, with a checkpoint")] = math.inf,
) -> None:
    """Do all runs that are missing: learning rates first, then seed after seed under all rules."""
    if device == Device.cuda and not torch.cuda.is_available():
        raise typer.BadParameter("torch finds no CUDA device here; without --device the runs are made on the CPU.")
    place = Place(device.value, until=time.time() + 60 * minutes)
    unpacked()  # once, before many processes ask for it
    _complete(names or TASKS, Results(folder or folder_of(place.plan), place.plan), place, processes, SEEDS)


def _complete(names: Iterable[str], results: Results, place: Place, processes: int, seeds: Iterable[int]) -> None:
    do = partial(execute, place=place)
    for name in names:
        unknown = [run for run in tuning(name, place.plan) if run.rule not in results.tuned(name)]
        results.complete(unknown, do, processes, place.until)
        rates = results.tuned(name)
        print(f"{name}: {rates}", flush=True)
        runs = [each for seed in seeds for each in reported(name, rates, seed, place.plan)]
        results.complete(runs, do, processes, place.until)


@app.command()
def page(folder: Folder = None, device: OnDevice = Device.cpu) -> None:
    """Print what finished runs show, in Markdown; `python -m benchmarks.learning page` writes it to docs/learning.md."""
    for name in TASKS:
        print(section(Results(folder or folder_of(device.value), device.value), name))


@app.command()
def dry(device: OnDevice = Device.cpu) -> None:
    """Two rules for two steps by a tiny model of random weights: runs, processes and the page, as they are on a device."""
    with tempfile.TemporaryDirectory() as folder:
        results = Results(Path(folder), DRY)
        _complete(["recommend"], results, Place(device.value, tiny=True), processes=2, seeds=SEEDS[:1])
        print(section(results, "recommend"))


@app.command()
def quick() -> None:
    """One rule a task for a few steps, and once more with a break before the last; the bits of all weights must be the same.

    They are two, and where a task remembers as many as it takes to come back to a prompt.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, task in TASKS.items():
            steps = len(task.trained) + 1 if task.remembers else 2
            short = Run(name, list(task.rules)[-1], task.rates[0], 0, steps, examined=False)
            whole, broken = (Path(folder) / f"{name}-{kind}.pt" for kind in ("whole", "broken"))
            train(short, whole, ON_CPU, most=steps)
            train(short, broken, ON_CPU, most=steps - 1)
            train(short, broken, ON_CPU, most=steps)
            once, again = (torch.load(file, weights_only=True) for file in (whole, broken))
            differ = [each for each, weight in once["weights"].items() if not torch.equal(weight, again["weights"][each])]
            if differ or any(once["seen"][each] != again["seen"][each] for each in ("curves", "said")):
                sys.exit(f"the same run gave something else after a break: {differ}, {once['seen']}, {again['seen']}")
            print(f"{name}: {short.rule}, {once['seen']['curves']}")


if __name__ == "__main__":
    app()
