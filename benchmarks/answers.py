"""The sentence above each table of figures that says what the table shows, read from the table itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from benchmarks.markdown import table

SCALE = {"us": 1.0, "ms": 1e3, "s": 1e6}


def rows(text: str) -> list[dict[str, str]]:
    """The rows of the first Markdown table of a text, by the names of its columns."""
    lines = re.search(r"^\|.*\n\|[-:| ]+\n(?:\|.*\n?)+", text, re.MULTILINE)
    header, _, *body = [re.split(r"(?<!\\)\|", line.strip("|\n")) for line in (lines[0] if lines else "|\n|").splitlines()]
    return [dict(zip([name.strip() for name in header], [cell.strip() for cell in line], strict=True)) for line in body]


def microseconds(cell: str) -> float:
    """A time as it stands in a table, `3.87 ms`."""
    value, unit = cell.split(" ")[:2]
    return number(value) * SCALE[unit]


def number(cell: str) -> float:
    """A ratio, a share or a count as it stands in a table."""
    return float(cell.replace(",", "").rstrip("%"))


def formulas(text: str) -> str:
    """Ours beside the NumPy formulas."""
    ratios = {row["workload"]: row["NumPy / ours"] for row in rows(text) if row["NumPy / ours"]}
    slower = [f"{name} ({ratio} times)" for name, ratio in ratios.items() if number(ratio) < 1]
    faster = [ratio for ratio in ratios.values() if number(ratio) >= 1]
    low, high = min(faster, key=number), max(faster, key=number)
    where = f"{len(faster)} of {len(ratios)}" if slower else f"all {len(ratios)}"
    text = f"The library is {low} to {high} times as fast as the NumPy formula on {where} workloads"
    return f"{text}; it is slower on {', '.join(slower)}." if slower else f"{text}."


def packages(text: str) -> str:
    """Ours beside the fastest competing package."""
    best = [min(re.findall(r"\(([\d,]+) x\)", " ".join(row.values())), key=number) for row in rows(text)]
    return (
        f"The fastest competing package takes {min(best, key=number)} to {max(best, key=number)} times as long as this library."
    )


def calls(text: str) -> str:
    """One small call, and the import."""
    cells = {row["of"]: row["median"] for row in rows(text)}
    times = [cell for name, cell in cells.items() if name not in ("np.argsort", "numpy", "shapley_credit")]
    low, high = min(times, key=microseconds), max(times, key=microseconds)
    more = (microseconds(cells["shapley_credit"]) - microseconds(cells["numpy"])) / 1e3
    return (
        f"A call for 8 members takes {low} to {high} with all checks. The import takes {more:.0f} ms more than that of NumPy."
    )


def steps(text: str) -> str:
    """Token advantages beside NumPy."""
    ratios = [row["NumPy / ours"] for row in rows(text)]
    return f"NumPy takes {min(ratios, key=number)} to {max(ratios, key=number)} times as long."


def growth(text: str) -> str:
    """Fitted exponents beside those that are promised."""
    most = max(number(row["time"]) - number(row["promised"]) for row in rows(text))
    return f"No fitted exponent exceeds the promised one by more than {max(most, 0):.1f}."


def of_families(text: str) -> str:
    """Errors, small calls and growth of all families."""
    found = rows(text)
    error = max((row["error"] for row in found if row["error"][0].isdigit()), key=float)
    small = [microseconds(row["Shapley"].split(",")[0]) for row in found]
    beyond = [row["family"] for row in found if number(row["fitted"]) > number(row["promised"]) + 0.3]
    return (
        f"The largest error of the families in that file is {error} of max |v|.\n"
        f"The Shapley values of 8 members take {min(small):.0f} to {max(small):.0f} us, and at most 10 us in "
        f"{sum(time <= 10 for time in small)} of {len(found)} families.\n"
        f"The fitted exponent exceeds the promised one by more than 0.3 in these families: {', '.join(beyond) or 'none'}."
    )


def estimators(text: str) -> str:
    """The best method of a budget, and ours where it is another one."""
    best, second = sorted(rows(text), key=lambda row: number(row["mean rank"]))[:2]
    return (
        f"{best['method']} has the best mean rank, {best['mean rank']} against {second['mean rank']} for {second['method']}. "
        f"Its error is at most {best['times best']} times that of the best method of a game."
    )


def intervals(text: str) -> str:
    """How often intervals of 95% hold the credit."""
    found = rows(text)
    games = [name for name in found[0] if name not in ("method", "evaluations", "mean")]
    low, high = spread(row["mean"] for row in found)
    least, most = spread(row[game] for row in found for game in games)
    budgets = " or ".join(dict.fromkeys(row["evaluations"] for row in found))
    return (
        f"Intervals of 95% hold the credit in {low} to {high} of cases over all games, {least} to {most} on single games, "
        f"for 16 members and {budgets} evaluations."
    )


def few_that_matter(text: str) -> str:
    """How often intervals hold the credits of the members that matter, on the game of a retrieval."""
    of_facts = next(row for row in rows(text) if row["game"] == "facts")
    few, ten, twenty = (f"{round(100 * float(cell.split()[0]))}%" for name, cell in of_facts.items() if name != "game")
    return (
        f"On *facts*, intervals of 95% hold the credit of the members that matter in {few} of cases at four evaluations a "
        f"member, in {ten} at ten and in {twenty} at twenty."
    )


def trees(text: str) -> str:
    """How often kriging has the least error; errors below 1e-20 are rounding, and equal."""
    found = rows(text)
    games = [name for name in found[0] if name not in ("tree", "method")]
    errors = [(row["method"], [max(float(row[game]), 1e-20) for game in games], row["tree"]) for row in found]
    pairs = [
        own <= min(others)
        for method, of_kriging, tree in errors
        if method == "kriging"
        for own, *others in zip(of_kriging, *(of_other for _, of_other, same in errors if same == tree), strict=True)
    ]
    best = f"{sum(pairs)} of {len(pairs)} pairs of a tree and a game"
    return f"kriging has the least error in {best}. Errors below 1e-20 count as equal."


def library_time(text: str) -> str:
    """What a response takes: seconds for a thousand are milliseconds for one."""
    taken = sorted(float(row["all"]) for row in rows(text))
    return f"A response takes {taken[0]:.1f} ms of CPU where all trees are alike, {taken[-1]:.1f} ms where no two are."


def explanations(text: str) -> str:
    """An explanation beside one value."""
    ratios = {
        name: sorted((row[name] for row in rows(text)), key=lambda cell: number(cell.split()[0]))
        for name in ("`explain` / `set_semivalue`", "`explain` / `set_shapley`")
    }
    slow, fast = ratios.values()
    *most, last = dict.fromkeys(row["utility"] for row in rows(text))
    return (
        f"For {', '.join(most)} and {last} an explanation of k members takes as long as {slow[0]} to {slow[-1]} calls of "
        f"`set_semivalue`, or {fast[0]} to {fast[-1]} calls of `set_shapley`."
    )


def spread(cells: Iterable[str]) -> tuple[str, str]:
    """The least and the largest share in per cent; what is found exactly has none."""
    shares = [float(cell) for cell in cells if cell != "exact"]
    return f"{min(shares):.0%}", f"{max(shares):.0%}"


SHOWN = (
    "table n=8",
    "table n=16",
    "table n=24",
    "max 1,000 x 8",
    "max 1,000,000 x 8",
    "max 100,000 x 64",
    "noisy-or 10,000 x 64",
)


def exceptions(works: str, packaged: str) -> str:
    """What the short table of the README does not show: the fastest packages, and where torch is faster than ours."""
    fastest: dict[str, list[str]] = {}
    for row in rows(packaged):
        times = {name: found[1] for name, cell in row.items() if (found := re.search(r"\(([\d,]+) x\)", cell))}
        fastest.setdefault(min(times, key=lambda name: number(times[name])), []).append(row["workload"])
    *few, most = sorted(fastest, key=lambda name: len(fastest[name]))
    packages = "".join(f"{name} on {' and '.join(fastest[name])}, " for name in few)
    packages += f"{most} on all others" if few else most
    torch = [
        row["workload"]
        for row in rows(works)
        if any(number(row[name]) < 1 for name in ("torch / ours", "torch, compiled / ours") if row[name])
    ]
    alone = [row["workload"] for row in rows(works) if not row["ours"]]
    return (
        f"The fastest competing package is {packages}; the table shows shapiq.\n"
        + (f"torch is faster than this library on {' and '.join(torch)}.\n" if torch else "")
        + (f"Only the kernel is timed of {' and '.join(alone)}.\n" if alone else "")
        + "The limit is itself measured, as a plain copy (for tables as a plain read), so that a time may be a little below it."
    )


def in_short(page: str) -> str:
    """The section of the README, from docs/speed.md."""
    head, ours, packaged = re.split(r"^## .*\n", page, flags=re.MULTILINE)[:3]
    facts = dict(re.findall(r"^- (\w+): (.*)$", head, re.MULTILINE))
    versions = ", ".join(re.findall(r"(?:python|numpy|numba|shapiq) [\d.]+(?=,|$)", f"{facts['versions']}, {packaged}", re.M))
    others = {row["workload"]: row["shapiq"].split(" (")[0] for row in rows(packaged)}
    works = {row["workload"]: row for row in rows(ours)}
    lines = [[name, works[name]["ours"], works[name]["NumPy"], others.get(name, ""), works[name]["limit"]] for name in SHOWN]
    device = facts.get("GPU", "no GPU; the Triton kernels are compiled and tested, but not yet timed")
    return f"""## Speed

{formulas(ours)}
{packages(packaged)}
Machine: {facts["machine"]}; {device}.
Versions: {versions}.
Times are medians in float64. Sizes are groups x members. The limit is the time in which the memory moves the data once.
[docs/speed.md](docs/speed.md) has all workloads, all competing packages and the method; `make speed` measures them again.

{table(["workload", "this library", "NumPy formula", "shapiq, exact", "limit"], lines)}
{exceptions(ours, packaged)}
"""
