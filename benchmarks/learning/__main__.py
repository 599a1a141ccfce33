"""Learning experiments: python -m benchmarks.learning run | page | quick | large."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from benchmarks.learning import recommend
from benchmarks.learning.experiments import EXPERIMENTS, SEEDS, Results, reported, tuning
from benchmarks.learning.page import write
from benchmarks.learning.train import train

app = typer.Typer(add_completion=False, help=__doc__)
ROOT = Path(__file__).parents[2]
File = Annotated[Path, typer.Option(help="finished runs; those in it are not run again")]
RUNS = ROOT / ".learning" / "runs.jsonl"
QUICK_STEPS, QUICK_SEEDS = 10, (0, 1)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(EXPERIMENTS)}; all by default")] = None,
    processes: Annotated[int, typer.Option(help="runs at a time, one thread each")] = 2,
    file: File = RUNS,
) -> None:
    """Do all runs that are missing."""
    results = Results(file)
    chosen = {name: EXPERIMENTS[name].steps for name in names or EXPERIMENTS}
    results.complete([each for name, steps in chosen.items() for each in tuning(name, steps)], processes, "learning rates")
    tuned = {name: results.tuned(name, steps) for name, steps in chosen.items()}
    runs = [each for name, steps in chosen.items() for each in reported(name, steps, tuned[name], SEEDS)]
    results.complete(runs, processes, "seeds")


@app.command()
def page(
    file: File = RUNS,
    to: Path = ROOT / "docs" / "learning.md",
    draft: Annotated[bool, typer.Option(help="a page of files that no commit holds, which says so")] = False,
) -> None:
    """Write docs/learning.md and its figures; of experiments whose runs are not all there, what it says stays."""
    results, steps = Results(file), {name: each.steps for name, each in EXPERIMENTS.items()}
    whole = [name for name in EXPERIMENTS if results.whole(name, steps[name], SEEDS)]
    for name in EXPERIMENTS:
        print(f"{name}: {'written anew' if name in whole else f'what {to} says stays, since runs are missing in {file}'}")
    write(results, {name: results.tuned(name, steps[name]) for name in whole}, steps, SEEDS, to, draft)


@app.command()
def quick(to: Annotated[Path | None, typer.Option(help="where the page goes; nowhere by default")] = None) -> None:
    """Every rule for a few steps, some again in another order and process; figures must be the same, the page be written."""
    rates = {name: dict.fromkeys(each.rules, each.rates[0]) for name, each in EXPERIMENTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        once, again = (Results(Path(folder) / f"{name}.jsonl") for name in ("once", "again"))
        runs = [run for name in EXPERIMENTS for run in reported(name, QUICK_STEPS, rates[name], QUICK_SEEDS)]
        once.complete(runs, 2, "every rule")
        again.complete(runs[::-4], 1, "some again")
        differ = [run for run, figures in again.figures.items() if once.figures[run] != figures]
        if differ or Results(once.file).figures != once.figures:
            sys.exit(f"the same runs gave other figures, or the file holds others: {differ}")
        again.file.write_bytes(again.file.read_bytes()[:-20])
        if len(Results(again.file).figures) != len(again.figures) - 1:
            sys.exit("a file cut off in its last line should miss one run")
        write(once, rates, dict.fromkeys(EXPERIMENTS, QUICK_STEPS), QUICK_SEEDS, to or Path(folder) / "learning.md", draft=True)
    print(f"{len(again.figures)} of {len(once.figures)} runs made twice, with the same figures")


@app.command()
def large(
    rules: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(recommend.RULES)}; all by default")] = None,
    steps: int = 2000,
    rate: float = 3e-4,
    width: int = 768,
    layers: int = 8,
    seed: int = 0,
    device: Annotated[str, typer.Option(help="where policy, rewards and credits live")] = "cuda",
    file: File = ROOT / ".learning" / "large.jsonl",
) -> None:
    """Recommendations by a transformer of 57 million parameters, credits by the kernels of the device."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for rule in rules or recommend.RULES:
        torch.manual_seed(seed)
        task = recommend.Recommend(rule, seed, width, layers, device)
        size = sum(each.numel() for each in task.policy.parameters())
        began = time.perf_counter()
        figures = train(task, steps, rate)
        entry = {"rule": rule, "parameters": size, "seed": seed, "steps": steps, "rate": rate, "device": device, **figures}
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(entry) + "\n")
        print(f"{rule}: {size:,} parameters, {figures['final']}, {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    app()
