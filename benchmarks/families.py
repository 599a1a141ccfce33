"""Every family x {Shapley, Owen, Winter, Banzhaf, Banzhaf-Owen}: cost, exponent, largest error, time; writes docs/families.md.

    make docs

Errors are those of tests/support/data/golden.json (brute force, n <= 8), relative to max |v|; times are medians on one group
of random data, k members in unions of about sqrt k, Winter with unions of unions. Exponents are those of the Shapley value in
k: promised by the cost in the docstring, and fitted to processor times at the last sizes of a doubling k.
"""

from __future__ import annotations

import argparse
import inspect
import math
import platform
import re
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapley_credit as sc
from benchmarks import answers
from shapley_credit import semivalues, utilities
from shapley_credit.inputs.fields import Field, Parameter

import golden

ROOT = Path(__file__).parent.parent

Make = Callable[[int, np.random.Generator], sc.Utility]
Solve = Callable[[sc.Utility], Any]

VALUES = ("Shapley", "Owen", "Winter", "Banzhaf", "Banzhaf-Owen")
SIZES = (8, 64, 512)
# Calls that take longer together are not repeated, and one that would by the growth so far is not tried.
PATIENCE_S = 0.5
# Exponents: k doubles until a call takes this long or the data are this many numbers.
LONG_S, MANY = 0.03, 1 << 20
# How the symbols of costs grow with k in the instances below: four classes and two types of k / 4 and k / 2 members.
SYMBOLS: dict[str, Callable[[int], float]] = {
    "k": float,
    "n_0": lambda k: k / 4,
    "W": lambda k: 3 * k,
    "L": lambda k: (k / 2 + 1) ** 2,
    "C": lambda k: 4,
    "T": lambda k: 2,
    "E": lambda k: 32,
    "G": lambda k: 32,
    "R": lambda k: 32,
    "d": lambda k: 2,
}
FUNCTIONS = {"min": min, "log": math.log, "sqrt": math.sqrt}


def families() -> list[type[sc.Utility]]:
    """Every exported family, by name."""
    return [getattr(utilities, name) for name in utilities.__all__]


def instance(family: type[sc.Utility], k: int, rng: np.random.Generator) -> sc.Utility:
    """A utility of k members with random data, from its fields alone."""
    lengths = {"k": k, "ranks": k, "line": k, "sizes": k + 1, "coalitions": 1 << k, "L": (k + 1) ** 2}
    lengths |= {"E": 32, "G": 32, "R": 32, "d": 2}
    data: dict[str, Any] = {}
    for name, spec in family.fields.items():
        if isinstance(spec, Parameter) and spec.optional:
            continue
        if isinstance(spec, Parameter):
            data[name] = (k + 1, k + 1) if spec.several else spec.choices[0] if spec.choices else max(1, k // 4)
        else:
            data[name] = _entries(spec, tuple(lengths[axis] for axis in spec.axes), rng)
    if {"positive", "negative"} <= data.keys():  # one member on both sides of a rule is refused
        data["negative"] &= ~data["positive"]
    make: Any = family
    utility: sc.Utility = make(**data)
    return utility


def _entries(spec: Field, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    match spec.domain:
        case "label":
            return rng.integers(0, 4, shape)
        case "index":
            return rng.integers(0, 2, shape)
        case "whole":
            return rng.integers(1, 6, shape)
        case "flag" | "membership":
            return rng.random(shape) < 0.3
        case "symmetric":
            half = rng.random(shape)
            return half + np.swapaxes(half, -1, -2)
        case _:
            return rng.random(shape)


def solvers(k: int) -> dict[str, Solve]:
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


def seconds(solve: Solve, utility: sc.Utility) -> float:
    """Median time of calls after a first one, three or as many as fit in 20 ms; that of the last if they are long."""
    times: list[float] = []
    while len(times) < 4 or (sum(times[1:]) < 0.02 and len(times) < 100):
        start = time.perf_counter()
        solve(utility)
        times.append(time.perf_counter() - start)
        if sum(times) > PATIENCE_S:
            return times[-1]
    return statistics.median(times[1:])


def processor_seconds(solve: Solve, utility: sc.Utility) -> float:
    """Time of all threads for one call, by the mean over as many as take 5 ms: other programs of the machine do not count."""
    calls, start = 0, time.process_time()
    while calls == 0 or time.process_time() - start < 0.005:
        solve(utility)
        calls += 1
    return (time.process_time() - start) / calls


def times(make: Make, solver: Callable[[int], Solve], most: int | None = None) -> list[float | None]:
    """The times of one value at all sizes up to `most`, None where it would take too long or the library refuses."""
    found: list[float | None] = []
    for k in SIZES:
        # Small sizes time the checks, so that growth is taken as quadratic at least.
        growth = max(found[-1] / found[-2], 64.0) if len(found) > 1 and found[-1] and found[-2] else 1.0
        too_long = bool(found) and (found[-1] is None or found[-1] * growth > PATIENCE_S)
        try:
            limited = too_long or k > (most or k)
            found.append(None if limited else seconds(solver(k), make(k, np.random.default_rng(0))))
        except sc.InputError:
            found.append(None)
    return found


def exponents(family: type[sc.Utility]) -> tuple[float, float]:
    """Promised and fitted: d log time / d log k of the Shapley value at the last three sizes."""
    measured: list[tuple[int, float]] = []
    # A family of all sets grows by two members, not twice.
    for k in range(12, 25, 2) if family.max_members else (1 << power for power in range(4, 18)):
        utility = instance(family, k, np.random.default_rng(0))
        measured.append((k, min(processor_seconds(sc.set_shapley, utility) for _ in range(5))))
        numbers = sum(np.size(getattr(utility, name)) for name in family.fields)
        if len(measured) > 2 and (measured[-1][1] > LONG_S or numbers > MANY):
            break
    sizes, spent = np.log(np.array(measured[-3:], float)).T
    costs = np.log([operations(family, k) for k, _ in measured[-3:]])
    return float(np.polyfit(sizes, costs, 1)[0]), float(np.polyfit(sizes, spent, 1)[0])


def operations(family: type[sc.Utility], k: int) -> float:
    """The cost that the docstring states, for k members; of several, the last, which holds for many members."""
    text = cost(family)
    other = re.search(r"(k times that of|as) `(\w+)`", text)
    if other:
        return operations(getattr(utilities, other[2]), k) * (k if other[1] != "as" else 1)
    formula = re.findall(r"O\(((?:[^()]|\([^()]*\))*)\)", text)[-1].replace("^", "**")
    formula = re.sub(r"\b(log|sqrt) (\w+)", r"\1(\2)", formula)
    product = re.sub(r"(?<=[\w)]) +(?=[\w(])", " * ", formula)
    value: float = eval(product, {"__builtins__": {}}, {**FUNCTIONS, **{name: size(k) for name, size in SYMBOLS.items()}})
    return value


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
    promised, fitted = exponents(family)
    cells = [f"`{family.__name__}`", cost(family), f"{promised:.1f}", f"{fitted:.1f}"]
    cells.append("not in the file" if largest is None else f"{largest:.0e}")
    cells += [spelled(times(partial(instance, family), partial(_solver, name), family.max_members)) for name in VALUES]
    print(" | ".join(cells), flush=True)
    return f"| {' | '.join(cells).replace('|w_i|', chr(92) + '|w_i' + chr(92) + '|')} |"


def _solver(name: str, k: int) -> Solve:
    return solvers(k)[name]


def spelled(durations: list[float | None]) -> str:
    """Times beside each other, a dash for None."""
    return ", ".join("-" if duration is None else spell(duration) for duration in durations)


def spell(duration: float) -> str:
    """A time in the unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if duration >= scale:
            return f"{duration / scale:.3g} {unit}"
    return f"{duration * 1e6:.0f} us"


def page(table: str) -> str:
    """The whole page."""
    return f"""# Every family, every value

How exact and how fast is each utility? This page has a row a family, for whoever chooses a utility or doubts a figure.
`make docs` measured it on {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}.

- *cost* is the stated cost of the Shapley value. *promised* is its exponent of k, *fitted* that of the processor times, both
  over the last three of the sizes 16, 32, 64, .. that were timed. The fitted exponent is low where checks take most time.
  The cost of `Table` doubles with each member and has no exponent: its figures are slopes at about 20 members, k ln 2 for 2^k.
- *error* is the largest error of the five values against brute force on `tests/support/data/golden.json` (k <= 8), relative to
  max |v|; [accuracy.md](accuracy.md) has all families and other magnitudes of data, relative to max |v(S) - v(empty)|.
- The other columns are times at k = {", ".join(map(str, SIZES))}, with all checks: medians for one group of k members in
  unions of sqrt k. Read their order of magnitude. A dash stands for a call that was left out, because smaller ones
  let expect more than {PATIENCE_S:g} s, or that is refused because it needs the values of all sets.

{answers.of_families(table)}

{table}"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time every family and write docs/families.md.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "families.md")
    out = parser.parse_args().out
    worst = errors()
    header = ["family", "cost", "promised", "fitted", "error", *VALUES]
    rule = ["---", "---", *["---:"] * (len(header) - 2)]
    lines = [f"| {' | '.join(cells)} |" for cells in (header, rule)] + [row(family, worst) for family in families()]
    out.write_text(page("\n".join(lines) + "\n"))


if __name__ == "__main__":
    main()
