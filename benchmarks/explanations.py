"""What explanations and interactions cost beside one value; writes the table of docs/explain.md.

    NUMBA_NUM_THREADS=1 PYTHONPATH=. python -m benchmarks.explanations

Processor times of 100 groups, the fastest of some calls.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapley_credit as sc
from benchmarks import answers
from benchmarks.markdown import table
from shapley_credit import semivalues
from shapley_credit import utilities as u

PAGE = Path(__file__).parent.parent / "docs" / "explain.md"
GROUPS, SIZES = 100, (8, 32, 64)
FAMILIES: dict[str, Callable[[np.random.Generator, int], sc.Utility]] = {
    "`Max`": lambda rng, k: u.Max(rng.random((GROUPS, k))),
    "`DistinctCount`": lambda rng, k: u.DistinctCount(rng.integers(0, 4, (GROUPS, k))),
    "`NoisyOr`": lambda rng, k: u.NoisyOr(rng.random((GROUPS, k))),
    "`Coverage` of 20": lambda rng, k: u.Coverage(rng.random((GROUPS, k, 20)) < 0.3),
}
CALLS: dict[str, Callable[[sc.Utility], Any]] = {
    "`set_shapley`": sc.set_shapley,
    "one `set_semivalue`": partial(sc.set_semivalue, weights=semivalues.of_size(4)),
    "`interactions`": sc.interactions,
    "`explain`": lambda utility: sc.explain(utility).by_size,
}


def milliseconds(call: Callable[[sc.Utility], Any], utility: sc.Utility) -> float:
    """The fastest of three turns, after one that compiles; a turn has as many calls as take 20 ms of the processor."""
    call(utility)
    turns = []
    for _ in range(3):
        calls, start = 0, time.process_time()
        while calls == 0 or time.process_time() - start < 0.02:
            call(utility)
            calls += 1
        turns.append((time.process_time() - start) / calls)
    return 1e3 * min(turns)


def row(name: str, k: int) -> list[str]:
    """One family of k members: times, and what an explanation takes of them for each member."""
    utility = FAMILIES[name](np.random.default_rng(k), k)
    taken = [milliseconds(call, utility) for call in CALLS.values()]
    cells = [f"{each:.0f}" if each >= 10 else f"{each:#.2g}" for each in taken]
    return [name, str(k), *cells, f"{taken[3] / taken[1] / k:.1f} x k", f"{taken[3] / taken[0] / k:.0f} x k"]


def main() -> None:
    """Measure, and put the table and what it says in the place of the one of the page."""
    header = ["utility", "k", *CALLS, "`explain` / `set_semivalue`", "`explain` / `set_shapley`"]
    figures = table(header, [row(name, k) for k in SIZES for name in FAMILIES])
    print(figures)
    page = PAGE.read_text()
    found = re.compile(r"(?<=## What it costs\n)(.*?in milliseconds of CPU\.\n\n).*?\n\n\|.*?\n\n", re.DOTALL)
    PAGE.write_text(found.sub(lambda match: f"{match[1]}{answers.explanations(figures)}\n\n{figures}\n", page))


if __name__ == "__main__":
    main()
