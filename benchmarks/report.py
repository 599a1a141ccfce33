"""Run the tests of the kernels, then the benchmarks, then write docs/speed.md, its plots, and the README's section on speed.

python benchmarks/report.py [--json FILE]       # FILE of benchmarks/run.py instead of a new run
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import answers  # noqa: E402
from benchmarks.machine import commit, published  # noqa: E402
from benchmarks.markdown import table  # noqa: E402
from benchmarks.measure import spelled  # noqa: E402 - found beside this file, wherever the package is installed

DOCUMENT, README = ROOT / "docs" / "speed.md", ROOT / "README.md"
PLOT = ROOT / "docs" / "speed.svg"
TESTS = ("kernels/test_backends.py", "kernels/test_caching.py", "package/test_concurrency.py", "solve/test_golden.py")

# What the plots show: all tables, and the best of many groups.
LEAST_BYTES = {"table": 0, "max": 1_000_000}

COLUMNS = ("ours", "kernel", "NumPy", "torch", "torch, compiled", "limit")
GPU_COLUMNS = ("kernel", "torch", "torch, compiled", "limit")
PEERS = ("ours", "shapiq", "shap", "pyDVL", "lightshap", "tucoopy")

HEAD = """# Speed

How fast is the library, beside NumPy and torch formulas, other packages, and the limit of memory bandwidth? This page is for
whoever must decide whether credit slows a job down. `make speed` writes it: it runs the tests of the kernels, checks every
result, and then times the competitors in turns. The machine is shared, so read the ratios and not the times. All times are
medians.

The limit is a copy of as many bytes as the workload must move: it reads the inputs once and writes the credits once, into
memory that is already there. Where a workload writes next to nothing, the limit reads only. It runs on as many threads as the
kernels.

![time against size](speed.svg)
"""

WORKS_TEXT = """
## Beside the formulas that users compose

*ours* is `set_shapley` with all its checks, *kernel* is the compiled kernel alone. *NumPy* and *torch* are the textbook
formulas of `benchmarks/textbook_formulas.py`; torch runs them on the same number of threads, eagerly and compiled by inductor.
Data are float64 where nothing else is said. Sizes are groups x members (x elements), and rows x tokens for `tokens`.
"""

PEERS_TEXT = """
## Beside other packages

Each competing package runs its exact solver on the same games, in turns with ours, in an environment of its own (`make peers`).
The function that it calls is a vectorised look-up or maximum. None of them solves a batch of games: shapiq, pyDVL and tucoopy
get `max` group by group, shap and lightshap get it as one model with 1,000 outputs.
"""

STEPS_TEXT = """
## A training step

One step computes the token advantages of 64 prompts x 8 completions x 4,096 tokens. *completions* starts from scores and
credits the best of each group; *segments* starts from the credits of 16 segments a completion.
"""

EXPONENTS_TEXT = """
## Growth

*time* is the exponent that is fitted to the times, *promised* that of the stated cost over the same sizes. A size is a number
of members, and for tables a number of values.
"""

NO_GPU = """
## GPU

This run had no GPU. The Triton kernels are compiled offline for sm_80 and sm_90 (`make kernels`) and are not yet timed. On a
machine with a GPU, `python benchmarks/report.py` times them beside torch, eager and compiled.
"""

GPU_TEXT = """
## GPU

Seconds of the device, over rotating copies of the data; the limit is a copy of as many bytes on the device. float32.
"""


def ratio(seconds: dict[str, float], above: str, below: str) -> str:
    """How many times longer one takes than the other."""
    if above not in seconds or below not in seconds:
        return ""
    times = seconds[above] / seconds[below]
    return f"{times:,.0f}" if times >= 99.5 else f"{times:#.2g}".rstrip(".")


def share(seconds: dict[str, float], name: str) -> str:
    """Per cent of the limit that is reached."""
    return f"{100 * seconds['limit'] / seconds[name]:.0f}%" if name in seconds and "limit" in seconds else ""


def works(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """One row a work: medians, then ratios to ours, then the per cent of the limit."""
    ours = columns[0]
    others = [name for name in columns if name not in ("ours", "kernel", "limit")]
    header = ["workload", *columns, *(f"{name} / {ours}" for name in others), "% of limit"]
    header += ["kernel, %"] if "kernel" in columns[1:] else []
    lines = []
    for row in rows:
        seconds = dict(row["seconds"])
        seconds.setdefault(ours, seconds.get("kernel", seconds[min(seconds)]))
        line = [row["work"], *(spelled(row["seconds"].get(name)) for name in columns)]
        line += [ratio(seconds, name, ours) for name in others] + [share(seconds, ours)]
        lines.append(line + ([share(seconds, "kernel")] if "kernel" in columns[1:] else []))
    return table(header, lines)


def peers(found: dict[str, Any]) -> str:
    """Times of the peers, and how many times ours that is, or why there is none."""
    rows = []
    for name, seconds in found["works"].items():
        line = [name, spelled(seconds["ours"])]
        for peer in PEERS[1:]:
            answer = seconds.get(peer, "not installed")
            known = isinstance(answer, float)
            line.append(f"{spelled(answer)} ({answer / seconds['ours']:,.0f} x)" if known else answer)
        rows.append(line)
    versions = ", ".join(f"{peer} {version}" for peer, version in found["versions"].items())
    return f"{table(['workload', *PEERS], rows)}\n{versions}.\n"


def facts(run: dict[str, Any]) -> str:
    """Where and with what the run was made."""
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    rows = [("machine", run["machine"]), *([("GPU", run["device"])] if "device" in run else []), ("versions", versions)]
    rows += [("commit", run["commit"]), ("date", run["date"]), ("command", f"`{run['command']}`")]
    rows += [("load", f"{run['load']:.1f} when it began, {run['seconds']:.0f} s")]
    return "\n".join(f"- {name}: {value}" for name, value in rows) + "\n"


def document(run: dict[str, Any]) -> str:
    """The whole page."""
    parts = [HEAD, facts(run), *answered(WORKS_TEXT, answers.formulas, works(run["cpu"], COLUMNS))]
    parts.append(f"Facility location takes {run['memory']['share']:.1%} of the input as extra memory.")
    if "peers" in run:
        parts += answered(PEERS_TEXT, answers.packages, peers(run["peers"]))
    calls = [[row["work"], name, spelled(taken)] for row in run["calls"] for name, taken in row["seconds"].items()]
    parts += answered("## One call, and the import\n", answers.calls, table(["workload", "of", "median"], calls))
    parts += answered(STEPS_TEXT, answers.steps, works(run["steps"], ("ours", "NumPy", "limit")))
    parts += [GPU_TEXT, works(run["gpu"], GPU_COLUMNS)] if "gpu" in run else [NO_GPU]
    growth = []
    for row in run["exponents"]:
        sizes = f"{row['sizes'][0]:,} .. {row['sizes'][-1]:,}"
        growth.append([f"{row['work']}, {row['groups']:,} groups", sizes, str(row["found"]), str(row["promised"])])
    parts += answered(EXPONENTS_TEXT, answers.growth, table(["kernel", "sizes", "time", "promised"], growth))
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def answered(text: str, answer: Callable[[str], str], figures: str) -> list[str]:
    """A section: its text, the sentence that says what the table shows, the table."""
    return [text, f"{answer(figures)}\n", figures]


def plot(run: dict[str, Any], path: Path) -> None:
    """Log-log time against size: tables by their values, best of a set by its members."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, group, title in ((axes[0], "table", "table of 2^n values"), (axes[1], "max", "best of k, time a group")):
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in run["cpu"]:
            if row["group"] == group and "f32" not in row["work"] and row["bytes"] > LEAST_BYTES[group]:
                groups, size = _shape(row["work"])
                for name, taken in row["seconds"].items():
                    lines.setdefault(name, []).append((size, taken / groups))
        for name, taken_by in (run.get("peers", {}).get("works", {}) if group == "table" else {}).items():
            for peer in PEERS[1:]:
                if name.startswith("table") and isinstance(taken_by.get(peer), float):
                    lines.setdefault(peer, []).append((_shape(name)[1], taken_by[peer]))
        for name, points in lines.items():
            x, y = zip(*sorted(points), strict=True)
            style = {"limit": "k--", "ours": "C3o-", "kernel": "C1o-"}.get(name, ".:")
            axis.plot(x, y, style, label=name, linewidth=2 if name in ("ours", "kernel", "limit") else 1)
        axis.set(xscale="log", yscale="log", title=title, ylabel="seconds", xlabel="values" if group == "table" else "k")
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    with mpl.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _shape(work: str) -> tuple[float, float]:
    """Groups and size of a row by its name: `table n=8` is one group of 2^8 values, `max 1,000 x 8` is 1000 of 8."""
    kind, _, size = work.partition(" ")
    if kind == "table":
        return 1.0, 2.0 ** int(size.removeprefix("n="))
    groups, members = (float(part.replace(",", "")) for part in size.split(" x "))
    return groups, members


def measured() -> dict[str, Any]:
    """A run of everything that can be measured here, once the tests pass."""
    tests = [str(ROOT / "tests" / name) for name in TESTS]
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", *tests], check=True, cwd=ROOT)
    from benchmarks.run import PEERS as INTERPRETER

    options = ["--cpu", *(["--peers"] if INTERPRETER.exists() else []), *(["--gpu"] if _has_gpu() else [])]
    path = Path(".benchmarks") / "speed.json"
    script = str(Path("benchmarks") / "run.py")
    subprocess.run([sys.executable, script, *options, "--json", str(path)], check=True, cwd=ROOT)
    run: dict[str, Any] = json.loads((ROOT / path).read_text())
    return run


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="what benchmarks/run.py wrote, instead of a new run")
    parser.add_argument("--draft", action="store_true", help="a page of files that no commit holds, which says so")
    options = parser.parse_args()
    if not options.json:
        published(commit(), options.draft)  # refused before it is measured, not after
    run = json.loads(options.json.read_text()) if options.json else measured()
    run["commit"] = published(run["commit"], options.draft)
    page = document(run)
    DOCUMENT.write_text(page)
    if "peers" in run:
        section = re.compile(r"^## Speed\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
        README.write_text(section.sub(lambda _: f"{answers.in_short(page)}\n", README.read_text()))
    plot(run, PLOT)


if __name__ == "__main__":
    main()
