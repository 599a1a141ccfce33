"""Time the library beside the limit of memory, textbook formulas in NumPy and torch, and peers, in one run.

    python benchmarks/run.py --cpu --peers --json speed.json         # on a GPU: --gpu

Medians, with all competitors taking turns; read ratios, not absolutes. Every result is checked before it is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapley_credit as sc
from shapley_credit import dispatch
from shapley_credit import utilities as u

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import cuda, measure, textbook_formulas, training_step  # noqa: E402 - found beside this file, wherever the package is installed
from benchmarks.cases import SWEEPS, WORKS, Array, Work, bytes_moved  # noqa: E402
from benchmarks.machine import facts  # noqa: E402

from shapley_kernels.compiled import threads  # noqa: E402

# Threads of torch that wait for work would spin on at the cost of whoever has the next turn. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PEERS = ROOT / ".venv-peers" / "bin" / "python"
GIB = 1 << 30

Row = dict[str, Any]


def agree(credit: Any, truth: Any, tolerance: float = 1e-9) -> None:
    """Refuse to time a wrong result."""
    credit, truth = np.asarray(credit).reshape(-1), np.asarray(truth).reshape(-1)
    gap = float(np.abs(credit - truth).max() / np.abs(truth).max())
    assert gap <= tolerance, f"results differ by {gap:.1e}"


def works(quick: bool) -> list[Row]:
    """Every work at every size: ours through `set_shapley` and as a kernel, compositions, limit."""
    import torch

    torch.set_num_threads(threads.threads())
    warnings.filterwarnings("ignore", module="torch")  # of its compiler, about itself
    rows = []
    for work in WORKS:
        for size in work.sizes:
            for dtype in (np.float64, np.float32) if size == (1_000_000, 8) and work.name == "max" else (np.float64,):
                if not (quick and np.prod(size[:2]) > 1e6) and not (quick and work.form == "table" and size[1] > 24):
                    rows.append(_work(work, size, dtype, quick))
                    _print(rows[-1])
    return rows


def _work(work: Work, size: tuple[int, ...], dtype: Any, quick: bool) -> Row:
    import torch

    case = work.case(size)
    arguments = case.make(np.random.default_rng(5), dtype)
    tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]
    kernel = dispatch.kernel(work.form, work.game, "cpu")
    formulas = textbook_formulas.torch_formulas()
    calls: dict[str, Callable[[], Any]] = {"kernel": lambda: kernel(*arguments)}
    if work.utility is not None:
        utility, data = work.utility, arguments[0]
        calls["ours"] = lambda: sc.set_shapley(utility(data))
    if arguments[0].nbytes < GIB:
        calls["NumPy"] = lambda: textbook_formulas.NUMPY[work.name](*arguments)
        calls["torch"] = lambda: formulas[work.name](*tensors)
        if not quick and case.flops and case.flops > 1e6:
            compiled = torch.compile(formulas[work.name], dynamic=False)
            calls["torch, compiled"] = lambda: compiled(*tensors)
    truth = kernel(*arguments)
    for name, call in calls.items():
        agree(call(), truth, 1e-4 if dtype == np.float32 or (work.name, name[:5]) == ("coverage", "torch") else 1e-9)
    moved = bytes_moved(arguments, truth)
    limit = measure.read_limit(arguments[0], threads.threads()) if work.form == "table" else None
    calls["limit"] = limit or measure.copy_limit(moved, threads.threads())
    name = work.label(size) + (", f32" if dtype == np.float32 else "")
    seconds = measure.medians(calls, budget_s=0.3 if quick else 1.0)
    return {"work": name, "group": work.name, "bytes": moved, "flops": case.flops, "seconds": seconds}


def training_steps() -> list[Row]:
    """The advantages of all tokens of a step, from scores of completions and from the credit of their segments."""
    rows = []
    for what, (ours, composed) in training_step.STEPS.items():
        for kind in ("bool", "int64"):
            arguments = training_step.arguments(what, kind)
            agree(ours(*arguments), composed(*arguments), 1e-5)
            calls: dict[str, Callable[[], Any]] = {
                "ours": partial(ours, *arguments),
                "NumPy": partial(composed, *arguments),
                "limit": measure.copy_limit(arguments[-1].nbytes + 4 * arguments[-1].size, threads.threads()),
            }
            rows.append({"work": f"{what}, {kind} mask", "seconds": measure.medians(calls, budget_s=0.5)})
            _print(rows[-1])
    return rows


def single_calls() -> list[Row]:
    """One group, k = 8, with all checks; and the import, in fresh interpreters."""
    rng = np.random.default_rng(8)
    scores, values = rng.random(8), rng.normal(size=1 << 8)
    hits, labels = rng.random((8, 16)) < 0.3, rng.integers(0, 4, 8)
    calls: dict[str, Callable[[], Any]] = {
        "Max": lambda: sc.set_shapley(u.Max(scores), 8),
        "table": lambda: sc.set_shapley(values, 8),
        "NoisyOr": lambda: sc.set_shapley(u.NoisyOr(scores), 8),
        "DCG": lambda: sc.set_shapley(u.DCG(scores), 8),
        "Mean": lambda: sc.set_shapley(u.Mean(scores), 8),
        "Coverage": lambda: sc.set_shapley(u.Coverage(hits), 8),
        "DistinctCount": lambda: sc.set_shapley(u.DistinctCount(labels), 8),
        "np.argsort": lambda: np.argsort(scores),
    }
    agree(calls["table"](), textbook_formulas.numpy_table(values))
    agree(calls["Max"](), textbook_formulas.numpy_max(scores[None]))
    rows = [{"work": "one call, k=8", "seconds": measure.medians(calls, budget_s=0.5)}]
    rows.append({"work": "import", "seconds": {module: _import_seconds(module) for module in ("numpy", "shapley_credit")}})
    for row in rows:
        _print(row)
    return rows


def _import_seconds(module: str) -> float:
    """Median of fresh interpreters, their start not counted, without anything that must not be loaded."""
    child = (
        f"import sys, time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start); "
        "sys.exit(bool({'numba', 'torch', 'triton'} & set(sys.modules)))"
    )
    taken = []
    for _ in range(15):
        done = subprocess.run([sys.executable, "-c", child], check=True, capture_output=True, text=True, cwd=sys.prefix)
        taken.append(float(done.stdout))
    return float(np.median(taken))


def memory() -> Row:
    """Memory of facility location beyond its input and result, as a share of the input."""
    case = next(work for work in WORKS if work.name == "facility").case((256, 16, 1_024))
    arguments = case.make(np.random.default_rng(5), np.float64)
    sc.set_shapley(u.FacilityLocation(arguments[0]))
    tracemalloc.start()
    sc.set_shapley(u.FacilityLocation(arguments[0]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    share = peak / arguments[0].nbytes
    print(f"{case.name}: extra memory {share:.2%} of the input", flush=True)
    return {"work": case.name, "share": share}


def exponents() -> list[Row]:
    """The exponent of the time beside that of the promised cost, over the same sizes."""
    rows = []
    for form, game, groups, sizes, cost in SWEEPS:
        function = dispatch.kernel(form, game, "cpu")
        work = next((work for work in WORKS if work.game == game), None) or Work(game, form, game, None, (), ())
        taken = []
        for members in sizes:
            arguments = work.case((groups, members)).make(np.random.default_rng(5), np.float64)
            taken.append(measure.medians({"kernel": partial(function, *arguments)}, budget_s=0.2)["kernel"])
        lengths = [float(2**n if form == "table" else n) for n in sizes]
        found, promised = measure.exponent(lengths, taken), measure.exponent(lengths, [cost(n) for n in sizes])
        rows.append(
            {"work": f"{form}.{game}", "groups": groups, "sizes": sizes, "seconds": taken, "found": found, "promised": promised}
        )
        print(f"{form}.{game} {sizes}: time ~ size^{found}, promised {promised}", flush=True)
    return rows


def peers() -> dict[str, Any]:
    """Times of ours and of the peers, in turns, in the environment of the peers."""
    if not PEERS.exists():
        raise SystemExit("the environment of the peers is not there; make it with: make peers")
    rng = np.random.default_rng(0)
    games: dict[str, Array] = {f"table n={n}": rng.normal(size=1 << n) for n in (8, 12, 16)}
    for values in games.values():
        values[0] = 0.0  # which one of them insists on
    truth = {f"{name} credit": sc.set_shapley(sc.utilities.Table(values)) for name, values in games.items()}
    games["max 1,000 x 8"] = rng.random((1_000, 8))
    truth["max 1,000 x 8 credit"] = sc.set_shapley(u.Max(games["max 1,000 x 8"]))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "games.npz")
        np.savez(file, **games, **truth)  # type: ignore[arg-type]
        script = str(Path(__file__).with_name("peers.py"))
        done = subprocess.run([str(PEERS), script, file], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    for name, answers in found["works"].items():
        print(name, answers, flush=True)
    return found


def _print(row: Row) -> None:
    seconds = row["seconds"]
    ours = seconds.get("ours", seconds.get("kernel", 0.0))
    parts = [f"{name} {measure.spelled(taken)}" for name, taken in seconds.items()]
    parts += [f"{name} / ours {taken / ours:.3g}" for name, taken in seconds.items() if ours and name not in ("ours", "kernel")]
    print(f"{row['work']}: {'; '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cpu", action="store_true", help="kernels of the CPU, formulas in NumPy and torch, limits")
    parser.add_argument("--gpu", action="store_true", help="kernels of the GPU, torch eager and compiled, limits")
    parser.add_argument("--peers", action="store_true", help="peers, in the environment that make peers makes")
    parser.add_argument("--quick", action="store_true", help="small sizes, short budgets, nothing compiled by torch")
    parser.add_argument("--json", type=Path, required=True, help="where the measurements go")
    options = parser.parse_args()
    start = time.perf_counter()
    run = facts(("numpy", "numba", "torch", "triton"))
    if options.peers:  # first, as it takes least and is most likely to fail
        run["peers"] = peers()
    if options.cpu:
        run |= {
            "cpu": works(options.quick),
            "calls": single_calls(),
            "steps": training_steps(),
            "memory": memory(),
            "exponents": exponents(),
        }
    if options.gpu:
        run["gpu"] = cuda.works(options.quick)
        run["device"] = cuda.device()
    run["seconds"] = time.perf_counter() - start
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
