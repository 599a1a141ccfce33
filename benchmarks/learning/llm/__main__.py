"""A language model under rules of credit: python -m benchmarks.learning.llm run | quick | page."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer
from benchmarks.learning.llm.page import section
from benchmarks.learning.llm.results import FOLDER, SEEDS, Results, reported, tuning
from benchmarks.learning.llm.runs import Run
from benchmarks.learning.llm.tasks import TASKS
from benchmarks.learning.llm.training import execute, train

app = typer.Typer(add_completion=False, help=__doc__)
Names = Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(TASKS)}; all by default")]
Folder = Annotated[Path, typer.Option(help="finished runs; those in it are not run again")]


@app.command()
def run(
    names: Names = None,
    processes: Annotated[int, typer.Option(help="runs at a time, one thread each")] = 2,
    folder: Folder = FOLDER,
) -> None:
    """Do all runs that are missing: learning rates first, then seed after seed under all rules."""
    results = Results(folder)
    for name in names or TASKS:
        results.complete(tuning(name), execute, processes)
        rates = results.tuned(name)
        print(f"{name}: {rates}", flush=True)
        results.complete([each for seed in SEEDS for each in reported(name, rates, seed)], execute, processes)


@app.command()
def page(folder: Folder = FOLDER) -> None:
    """Print what finished runs show, in Markdown."""
    for name in TASKS:
        print(section(Results(folder), name))


@app.command()
def quick() -> None:
    """One rule a task for two steps, and once more with a break between them; the weights must be the same to the last bit."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, task in TASKS.items():
            short = Run(name, list(task.rules)[-1], task.rates[0], 0, 2, examined=False)
            whole, broken = (Path(folder) / f"{name}-{kind}.pt" for kind in ("whole", "broken"))
            train(short, whole, most=2)
            train(short, broken, most=1)
            train(short, broken, most=2)
            once, again = (torch.load(file, weights_only=True) for file in (whole, broken))
            differ = [each for each, weight in once["weights"].items() if not torch.equal(weight, again["weights"][each])]
            if differ or once["seen"]["curves"] != again["seen"]["curves"]:
                sys.exit(f"the same run gave something else after a break: {differ}, {once['seen']}, {again['seen']}")
            print(f"{name}: {short.rule}, {once['seen']['curves']}")


if __name__ == "__main__":
    app()
