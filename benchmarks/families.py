"""Every family x {Shapley, Owen, Winter, Banzhaf, Banzhaf-Owen}: cost, largest error, time; writes docs/families.md.

    python benchmarks/families.py

Errors are those of tests/data/golden.json (brute force, n <= 8), relative to max |v|; times are medians of three calls on one
group of random data, k members in unions of about sqrt k, Winter with unions of unions.
"""

from __future__ import annotations

import argparse
import inspect
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapley_credit as sc
from shapley_credit import semivalues, utilities
from shapley_credit.fields import Field, Parameter

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import golden  # noqa: E402 - the truth lives with the tests

VALUES = ("Shapley", "Owen", "Winter", "Banzhaf", "Banzhaf-Owen")
SIZES = (8, 64)
# Beyond this a call is not repeated, and the next size is not tried.
PATIENCE_S = 20.0


def families() -> list[type[sc.Utility]]:
    """Every exported family, by name."""
    return [getattr(utilities, name) for name in utilities.__all__]


def instance(family: type[sc.Utility], k: int, rng: np.random.Generator) -> sc.Utility:
    """A utility of k members with random data, from its fields alone."""
    lengths = {"k": k, "ranks": k, "line": k, "sizes": k + 1, "coalitions": 1 << min(k, 20), "E": 32, "G": 32, "d": 2}
    data: dict[str, Any] = {}
    for name, spec in family.fields.items():
        if isinstance(spec, Parameter):
            data[name] = spec.choices[0] if spec.choices else max(1, k // 4)
        else:
            data[name] = _entries(spec, tuple(lengths[axis] for axis in spec.axes), rng)
    make: Any = family
    utility: sc.Utility = make(**data)
    return utility


def _entries(spec: Field, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    match spec.domain:
        case "label":
            return rng.integers(0, 4, shape)
        case "whole":
            return rng.integers(1, 6, shape)
        case "flag" | "membership":
            return rng.random(shape) < 0.3
        case "symmetric":
            half = rng.random(shape)
            return half + np.swapaxes(half, -1, -2)
        case _:
            return rng.random(shape)


def solvers(k: int) -> dict[str, Callable[[sc.Utility], Any]]:
    """The five values for k members."""
    width = round(k**0.5)
    unions = np.arange(k) // width
    owen, winter = sc.CoalitionTree.from_labels(unions), sc.CoalitionTree.from_labels(unions // 2, unions)
    both = (semivalues.banzhaf, semivalues.banzhaf)
    return {
        "Shapley": sc.set_shapley,
        "Owen": lambda utility: sc.owen(utility, owen),
        "Winter": lambda utility: sc.owen(utility, winter),
        "Banzhaf": lambda utility: sc.set_semivalue(utility, semivalues.banzhaf),
        "Banzhaf-Owen": lambda utility: sc.owen(utility, owen, levels=both),
    }


def seconds(solve: Callable[[sc.Utility], Any], utility: sc.Utility) -> float:
    """Median time of three calls after a first one; the first one's if it was long."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        solve(utility)
        times.append(time.perf_counter() - start)
        if times[-1] > PATIENCE_S:
            return times[-1]
    return statistics.median(times[1:])


def errors() -> dict[str, dict[str, float]]:
    """Largest error by family and value, relative to max |v|."""
    worst: dict[str, dict[str, float]] = {}
    for case in golden.cases():
        if case["family"] not in golden.BUILDERS:
            continue
        utility, k = golden.utility_of(case)
        scale = max(abs(utility.value([i for i in range(k) if code >> i & 1])) for code in range(1 << k)) or 1.0
        both = (semivalues.banzhaf, semivalues.banzhaf)
        found = {
            "shapley": sc.set_shapley(utility),
            "owen": sc.owen(utility, case["partition"]),
            "winter": sc.owen(utility, case["tree"]),
            "banzhaf": sc.set_semivalue(utility, semivalues.banzhaf),
            "banzhaf_owen": sc.owen(utility, case["partition"], levels=both),
        }
        row = worst.setdefault(type(utility).__name__, dict.fromkeys(VALUES, 0.0))
        for name, value in zip(VALUES, found.values(), strict=True):
            truth = golden.numbers(case[list(found)[VALUES.index(name)]])
            row[name] = max(row[name], float(np.abs(value - truth).max()) / scale)
    return worst


def cost(family: type[sc.Utility]) -> str:
    """The cost that the docstring states, of the Shapley value."""
    match = re.search(r"Cost (.*?)\.(?:\s|$)", " ".join((inspect.getdoc(family) or "").split()))
    return match.group(1) if match else ""


def row(family: type[sc.Utility], worst: dict[str, dict[str, float]]) -> str:
    """One line of the table."""
    largest = max(worst[family.__name__].values()) if family.__name__ in worst else None
    cells = [f"`{family.__name__}`", cost(family), "not in the file" if largest is None else f"{largest:.0e}"]
    for k in SIZES:
        limited = k > 20 and family.__name__ in ("Table",)
        utility = None if limited else instance(family, k, np.random.default_rng(0))
        cells += ["2^k" if utility is None else spell(seconds(solvers(k)[name], utility)) for name in VALUES]
    print(" | ".join(cells), flush=True)
    return f"| {' | '.join(cells)} |"


def spell(duration: float) -> str:
    """A time in the unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if duration >= scale:
            return f"{duration / scale:.3g} {unit}"
    return f"{duration * 1e6:.0f} us"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time every family and write docs/families.md.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "families.md")
    out = parser.parse_args().out
    worst = errors()
    lines = [row(family, worst) for family in families()]
    heads = [f"{name}, k = {k}" for k in SIZES for name in VALUES]
    text = f"""# Every family, every value

Written by `make docs` on {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}.
Cost is that of the Shapley value; error is the largest of the five values against brute force (tests/data/golden.json, k <= 8),
relative to max |v|; times are medians of three calls on one group (k members in unions of sqrt k), checks included; read their
order of magnitude.

| family | cost | error | {" | ".join(heads)} |
| --- | --- | ---: | {" | ".join("---:" for _ in heads)} |
"""
    out.write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
