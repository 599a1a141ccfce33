"""Tests and times of everything that runs on a GPU, in steps that each have a budget of time; see gpu_session.sh.

A step that fails or takes too long leaves what it has measured, and the others go on; the exit status is then 1. After each
step the folder holds session.json, session.md and session.log as they are by then.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from benchmarks import cuda, measure, report, textbook_formulas
from benchmarks.cases import GAMES, WORKS, Case, Size, Work, bytes_moved, case
from benchmarks.machine import facts
from benchmarks.markdown import table
from shapley_credit import dispatch

from shapley_kernels.arguments import forms

Row = dict[str, Any]

ROOT = Path(__file__).parent.parent
SECONDS = 570.0
COLUMNS = ("kernel", "CUDA graph", "2 streams", "torch", "torch, compiled", "limit")
# Calls rotate over at most as many copies of the data: more would be graphs of small works.
MOST_COPIES = 64
# Sizes of a dry run: groups, members, elements; bits of a table.
DRY_SIZES: tuple[Size, ...] = ((2, 5, 6), (3, 8, 4))
DRY_TABLES: tuple[Size, ...] = ((1, 5), (1, 9))
# Formulas of kernels whose specification takes arrays of NumPy only.
FORMULAS: dict[str, Callable[..., Any]] = {
    "scatter": lambda values, mask: values.new_zeros(mask.shape).masked_scatter(mask, values),
}
# What the tests import that a machine may lack; it is taken from the environment of the checkout, which needs no compiler.
CARRIED = ("array_api_strict",)

HEAD = """# GPU session

Written by `benchmarks/gpu_session.py`. Times are seconds of the device, float32, medians of competitors that took turns over
rotating copies of the data. torch is the textbook formula of `benchmarks/textbook_formulas.py` where there is one, else the
specification of the kernel as array operations; only formulas are compiled. The limit copies as many bytes on the device as the
work must move. CUDA graph replays the kernel's launch; 2 streams launch it in turns. Both give the bits of the plain launch.
"""
NOT_TIMED = "not yet timed: no GPU was used in this run.\n"


class Step(NamedTuple):
    """A command with its budget in seconds."""

    name: str
    command: Sequence[str]
    budget_s: float


class Outcome(NamedTuple):
    """How a step ended; `ended` is "passed", or what went wrong."""

    name: str
    ended: str
    seconds: float
    budget_s: float


def kernels_of(form: str) -> list[str]:
    """Games of a form that have a Triton kernel, as names of functions; torch and triton are not imported."""
    source = ROOT / "kernels" / "shapley_kernels" / form / "gpu.py"
    text = source.read_text(encoding="utf-8") if source.exists() else ""
    return [game for of_form, game in GAMES if of_form == form and f"\ndef {game}(" in text]


def cases_of(form: str, dry: bool) -> Iterator[tuple[Case, Work | None]]:
    """Two sizes of every kernel of a form, with the work that has its textbook formula, if there is one."""
    for game in kernels_of(form):
        work = next((work for work in WORKS if (work.form, work.game) == (form, game)), None)
        for size in _sizes(form, game, work, dry):
            yield case(form, game, size), work


def _sizes(form: str, game: str, work: Work | None, dry: bool) -> tuple[Size, ...]:
    largest = GAMES[form, game]
    if dry:
        return DRY_TABLES if form == "table" else tuple(size[: len(largest[0])] for size in DRY_SIZES)
    if work is None:
        return largest[-2:]
    many = work.gpu_sizes
    return many[:: len(many) // 2][:2] if len(many) > 1 else (work.sizes[0], many[0])


def arguments_of(chosen: Case, device: str) -> tuple[Any, ...]:
    """The arguments in float32 on the device."""
    import torch

    made = chosen.make(np.random.default_rng(5), np.float32)
    moved = {id(a): torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in made if isinstance(a, np.ndarray)}
    return tuple(moved.get(id(a), a) for a in made)


def row_of(chosen: Case, work: Work | None, dry: bool) -> Row:
    """One kernel at one size, against its formula or specification; timed where a GPU is used.

    Raises AssertionError where results differ.
    """
    given = arguments_of(chosen, "cpu" if dry else "cuda")
    kernel = dispatch.kernel(chosen.form, chosen.game, "gpu")
    known = {work.game: textbook_formulas.torch_formulas()[work.name]} if work else FORMULAS
    formula = known.get(chosen.game) or dispatch.kernel(chosen.form, chosen.game, "ref")
    credit = kernel(*given)
    _agree(chosen.name, formula(*given), credit)
    moved = bytes_moved(given, credit)
    row = {"work": chosen.name, "group": chosen.form, "bytes": moved, "flops": chosen.flops, "seconds": {}}
    return row if dry else row | {"seconds": _seconds(chosen, given, kernel, formula, bool(work), moved)}


def _agree(name: str, found: Any, credit: Any) -> None:
    gap = float((found - credit).abs().max() / credit.abs().max())
    assert gap <= cuda.TOLERANCE, f"{name}: results differ by {gap:.1e}"


def _seconds(
    chosen: Case, given: tuple[Any, ...], kernel: Callable[..., Any], formula: Callable[..., Any], compiles: bool, moved: int
) -> dict[str, float]:
    import torch

    credit = kernel(*given)
    copies = [given] + [cuda._copied(given) for _ in range(min(cuda.ROTATED_BYTES // moved, MOST_COPIES - 1))]
    replays, launches = _graphs(kernel, copies), _streams(kernel, copies)
    for call in (replays, launches):
        assert torch.equal(call(0), credit), f"{chosen.name}: a graph or a stream gives other bits than the plain launch."
    calls: dict[str, Callable[[int], Any]] = {
        "kernel": lambda turn: kernel(*copies[turn % len(copies)]),
        "CUDA graph": replays,
        "2 streams": launches,
        "torch": lambda turn: formula(*copies[turn % len(copies)]),
        "limit": cuda._copy(moved, len(copies)),
    }
    if compiles:
        compiled = torch.compile(formula, dynamic=False)
        _agree(f"{chosen.name}, compiled", compiled(*given), credit)
        calls["torch, compiled"] = lambda turn: compiled(*copies[turn % len(copies)])
    return measure.cuda_medians(calls, number=max(1, min(20, (1 << 32) // moved)))


def _graphs(kernel: Callable[..., Any], copies: Sequence[tuple[Any, ...]]) -> Callable[[int], Any]:
    """A call that replays the captured launch on the copy of its turn, and returns the credit, which is overwritten."""
    import torch

    captured = []
    torch.cuda.synchronize()
    for each in copies:
        graph: Any = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            credit = kernel(*each)
        captured.append((graph, credit))

    def replay(turn: int) -> Any:
        graph, credit = captured[turn % len(captured)]
        graph.replay()
        return credit

    return replay


def _streams(kernel: Callable[..., Any], copies: Sequence[tuple[Any, ...]]) -> Callable[[int], Any]:
    """A call that launches on one of two streams, for which the current stream waits."""
    import torch

    new: Callable[[], Any] = torch.cuda.Stream
    streams = [new(), new()]

    def launch(turn: int) -> Any:
        stream = streams[turn % 2]
        with torch.cuda.stream(stream):
            credit = kernel(*copies[turn % len(copies)])
        torch.cuda.current_stream().wait_stream(stream)
        return credit

    return launch


def measure_form(form: str, lines: Path, dry: bool) -> None:
    """Append a line of JSON for every case of a form, as soon as it is measured; faults are told at the end."""
    if not dry:
        _need_gpu()
    faults = []
    for chosen, work in cases_of(form, dry):
        try:
            with _small_tiles(form) if dry else nullcontext():
                row = row_of(chosen, work, dry)
        except Exception as error:  # noqa: BLE001 - whatever a kernel or a compiler raises, the other cases go on
            faults.append(chosen.name)
            print(f"{chosen.name}: {type(error).__name__}: {error}", flush=True)
            continue
        print(chosen.name, {name: measure.spelled(taken) for name, taken in row["seconds"].items()}, flush=True)
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    if faults:
        raise SystemExit(f"failed: {', '.join(faults)}")


def _need_gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("torch finds no CUDA device here; --dry runs every case without one.")


def _small_tiles(form: str) -> Any:
    import gpu_kernels

    return gpu_kernels.small_tiles(form, gpu_kernels.module_of(form))


def steps_of(lines: Path, dry: bool) -> list[Step]:
    """The tests of kernels, every form, and last the tests that wrong kernels are refused."""
    me = [sys.executable, "-m", "benchmarks.gpu_session"]
    spread = ["--numprocesses", "8"] if find_spec("xdist") and not dry else []
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(["--collect-only"] if dry else spread)]
    mode = ["--dry"] if dry else []
    timed = [Step(form, [*me, "--form", form, str(lines), *mode], 45) for form in forms() if kernels_of(form)]
    first = Step("tests of kernels", [*test, "tests/kernels/test_gpu.py"], 140)
    return [first, *timed, Step("wrong kernels", [*test, "tests/kernels/test_gpu_mutants.py"], 70)]


def run_step(step: Step, environment: Mapping[str, str], log: Path, left_s: float) -> Outcome:
    """Run a step, its output in the log; all its processes end with its budget."""
    budget = min(step.budget_s, left_s)
    if budget < 1:
        return Outcome(step.name, "not begun: no time was left", 0.0, step.budget_s)
    start = time.perf_counter()
    with log.open("a", encoding="utf-8") as file:
        print(f"== {step.name}: {' '.join(step.command)}", file=file, flush=True)
        ended = _ended(step.command, environment, file, budget)
    return Outcome(step.name, ended, time.perf_counter() - start, step.budget_s)


def _ended(command: Sequence[str], environment: Mapping[str, str], file: Any, budget_s: float) -> str:
    try:
        group = subprocess.Popen(
            command, env=dict(environment), cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        return f"failed: {error}"
    try:
        status = group.wait(budget_s)
        return "passed" if status == 0 else f"failed with status {status}"
    except subprocess.TimeoutExpired:
        return f"stopped after {budget_s:.0f} s"
    finally:
        _end(group)


def _end(group: subprocess.Popen[bytes]) -> None:
    """End what is left of the processes of a step, compilers and workers too."""
    with suppress(ProcessLookupError):
        os.killpg(group.pid, signal.SIGKILL)
    group.wait()


def page(run: Mapping[str, Any]) -> str:
    """The session as Markdown."""
    said = [[each["name"], each["ended"], f"{each['seconds']:.0f}", f"{each['budget_s']:.0f}"] for each in run["steps"]]
    rows = [row for row in run["rows"] if row["seconds"]]
    times = report.works(rows, COLUMNS) if rows else NOT_TIMED
    checked = f"{len(run['rows'])} cases give the credits of their formula or specification.\n"
    steps = table(["step", "ended", "seconds", "budget"], said)
    return "\n".join([HEAD, report.facts(dict(run)), "## Steps\n", steps, "## Kernels\n", checked, times])


def environment_of(links: Path, dry: bool) -> dict[str, str]:
    """What steps need to find the packages of this checkout, which tests take for installed ones, and what they import."""
    found = [*ROOT.glob(".venv/lib/python3*/site-packages")]
    carried = [place / name for name in CARRIED if not find_spec(name) for place in found if (place / name).is_dir()]
    for target in [ROOT / "shapley_credit", *carried]:
        (links / target.name).symlink_to(target)
    path = os.pathsep.join(map(str, [links, ROOT, ROOT / "kernels", ROOT / "tests" / "support"]))
    return {**os.environ, "PYTHONPATH": path, **({"TRITON_INTERPRET": "1"} if dry else {})}


def session(folder: Path, dry: bool, steps: Sequence[Step] | None = None) -> list[str]:
    """Run the steps; what they leave is in the folder. Returns the names of those that did not pass."""
    if not dry:
        _need_gpu()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "session.log"
    log.write_text("")
    start, outcomes = time.perf_counter(), list[Outcome]()
    run = facts(("numpy", "numba", "torch", "triton"))
    if not dry:
        run["device"] = cuda.device()
    with tempfile.TemporaryDirectory() as links:
        lines = Path(links, "rows.jsonl")
        environment = environment_of(Path(links), dry)
        for step in steps_of(lines, dry) if steps is None else steps:
            outcomes.append(run_step(step, environment, log, SECONDS - (time.perf_counter() - start)))
            print(f"{step.name}: {outcomes[-1].ended}, {outcomes[-1].seconds:.0f} s", flush=True)
            rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
            run |= {"rows": rows, "steps": [each._asdict() for each in outcomes], "seconds": time.perf_counter() - start}
            (folder / "session.json").write_text(json.dumps(run, indent=1))
            (folder / "session.md").write_text(page(run), encoding="utf-8")
    return [each.name for each in outcomes if each.ended != "passed"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=os.environ.get("OUT"), help="where results go; $OUT by default")
    parser.add_argument("--dry", action="store_true", help="every case once on the CPU, small; nothing is timed")
    parser.add_argument("--form", help="measure this form only, and append its rows to FOLDER, which is a file then")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("say where the results go: a folder, or $OUT.")
    if options.form:
        return measure_form(options.form, Path(options.folder), options.dry)
    if failed := session(Path(options.folder), options.dry):
        raise SystemExit(f"did not pass: {', '.join(failed)}; session.log has what they said.")
    return None


if __name__ == "__main__":
    main()
