"""Write docs/speed.md from a run of the benchmarks: python benchmarks/report.py RUN.json, in the environment of the run."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

Medians = dict[str, dict[str, float]]  # group -> entry -> seconds

DOCUMENT = Path(__file__).parent.parent / "docs" / "speed.md"
COMMAND = "pytest benchmarks --benchmark-json=RUN.json && python benchmarks/report.py RUN.json"

# Entries of a group in the order of columns, and ratios of two of them.
PEERS = ("ours", "kernel", "NumPy", "shapiq", "limit")
PEER_RATIOS = (("NumPy", "ours"), ("shapiq", "ours"), ("ours", "limit"), ("kernel", "limit"))
ROLES = ("ref", "cpu", "limit")
ROLE_RATIOS = (("ref", "cpu"), ("cpu", "limit"))

HEAD = """# Speed

Written by `benchmarks/report.py` from one run of the benchmarks.

Times are medians on a shared machine and noisy; the ratios are what to read, since their two sides were measured one after the
other. Every result was checked before it was timed.
"""

PEERS_TEXT = """
## Beside what users would pick instead

Ours is `set_shapley` with all its checks, kernel the Numba kernel alone, NumPy the textbook formula vectorised, shapiq its
`ExactComputer` on a game that is a vectorised look-up or maximum, one computer a group (all 1,000 groups, timed once). The
limit copies as many bytes as the work must move, into memory that is already there, on as many threads as the kernels where
that is faster; for tables it reads them.
"""

ROLES_TEXT = """
## Kernels

Sizes are groups x members (x elements or classes), float64. ref is NumPy, cpu Numba, the limit as above; for the sizes of one
group it is the cost of a NumPy call.
"""

REST_TEXT = """
## One call, and the import

Arrays of one group, k = 8, through `set_shapley`; imports in fresh interpreters, the start of the interpreter not counted.
"""


def medians(run: dict[str, Any]) -> Medians:
    """Median seconds of every entry of every group, in the order of the run."""
    groups: Medians = {}
    for benchmark in run["benchmarks"]:
        groups.setdefault(benchmark["group"], {})[benchmark["extra_info"]["entry"]] = benchmark["stats"]["median"]
    return groups


def spelled(seconds: float | None) -> str:
    """Three digits and a unit.

    >>> spelled(0.0123456)
    '12.3 ms'
    """
    if seconds is None:
        return ""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 999.5:
            return f"{seconds * scale:#.3g}".rstrip(".") + f" {unit}"
    return f"{seconds:.2f} s"


def ratio(entries: dict[str, float], above: str, below: str) -> str:
    if above not in entries or below not in entries:
        return ""
    times = entries[above] / entries[below]
    return f"{times:,.0f}" if times >= 99.5 else f"{times:#.2g}".rstrip(".")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def compare(groups: Medians, columns: Sequence[str], ratios: Sequence[tuple[str, str]]) -> str:
    """One row a group: the medians of its entries, then their ratios."""
    header = ["work", *columns, *(f"{above} / {below}" for above, below in ratios)]
    rows = (
        [group, *(spelled(entries.get(column)) for column in columns), *(ratio(entries, *pair) for pair in ratios)]
        for group, entries in groups.items()
    )
    return table(header, rows)


def belonging(groups: Medians, columns: Sequence[str]) -> Medians:
    """The groups of a section: those all of whose entries are among its columns."""
    return {group: entries for group, entries in groups.items() if set(entries) <= set(columns)}


def facts(run: dict[str, Any], command: str) -> str:
    """Where and with what the run was made."""
    machine, commit = run["machine_info"], run["commit_info"]
    if machine["python_version"] != platform.python_version():
        raise SystemExit(
            f"the run was made with Python {machine['python_version']}; write its report with the same environment."
        )
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "shapiq"))
    rows = [
        (
            "machine",
            f"{machine['cpu']['brand_raw']}, {machine['cpu']['count']} cores, {machine['system']} {machine['machine']}",
        ),
        ("versions", f"python {machine['python_version']}, {versions}"),
        ("commit", commit["id"][:12] + (" and uncommitted changes" if commit["dirty"] else "")),
        ("date", run["datetime"][:10]),
        ("command", f"`{command}`"),
    ]
    return "\n" + "\n".join(f"- {name}: {value}" for name, value in rows) + "\n"


def document(run: dict[str, Any], command: str) -> str:
    """The whole page."""
    groups = medians(run)
    peers, roles = belonging(groups, PEERS), belonging(groups, ROLES)
    rest = [
        [group, entry, spelled(seconds)]
        for group, entries in groups.items()
        if group not in {**peers, **roles}
        for entry, seconds in entries.items()
    ]
    parts = [HEAD, facts(run, command)]
    parts += [PEERS_TEXT, compare(peers, PEERS, PEER_RATIOS)]
    parts += [REST_TEXT, table(["work", "of", "median"], rest)]
    parts += [ROLES_TEXT, compare(roles, ROLES, ROLE_RATIOS)]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="what pytest wrote with --benchmark-json")
    parser.add_argument("--output", type=Path, default=DOCUMENT)
    parser.add_argument("--command", default=COMMAND, help="how the run was made")
    options = parser.parse_args()
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(document(json.loads(options.run.read_text()), options.command))


if __name__ == "__main__":
    main()
