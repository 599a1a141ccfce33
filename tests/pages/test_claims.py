"""Figures and guarantees that stand in sentences of the pages, beside what they come from: a stale one turns red."""

from __future__ import annotations

import ast
import gzip
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import nested_lists, utilities
from shapley_credit.blackbox import evaluate, structure, writer
from shapley_credit.blackbox.kriging import method as kriging
from shapley_credit.inputs import pricing
from shapley_credit.methods import group_rules
from shapley_credit.rollouts import files, reading
from shapley_credit.solve import callables
from shapley_credit.utilities import integrals

from pages import DOCS, run_sessions
from row_files import Command

pytestmark = pytest.mark.checkout

ROOT = DOCS.parent


@cache
def benchmarks(name: str) -> ModuleType:
    """A module of the benchmarks, which no installed package is hidden by."""
    before = list(sys.path)
    sys.path.append(str(ROOT))
    try:
        return import_module(f"benchmarks.{name}")
    finally:
        sys.path[:] = before


def answer(name: str, page: str, title: str, after: str = "") -> list[str]:
    """What the benchmarks say of the table under a heading, the first one after some words."""
    text = section(page, title)
    return [getattr(benchmarks("answers"), name)(text[text.index(after) :])]


def read(page: str) -> str:
    """A page of docs/, or one beside the README."""
    beside = ROOT / page
    return (beside if beside.exists() else DOCS / page).read_text(encoding="utf-8")


def section(page: str, title: str = "") -> str:
    """The text under a heading that begins so, up to the next one."""
    parts = re.split(r"^#+ (.*)$", read(page), flags=re.MULTILINE)
    return next(text for name, text in zip(parts[1::2], parts[2::2], strict=True) if name.startswith(title))


def rows(page: str, title: str) -> list[dict[str, str]]:
    """The first table under a heading."""
    found: list[dict[str, str]] = benchmarks("answers").rows(section(page, title))
    return found


def figures(page: str, title: str, column: str, *names: str) -> list[str]:
    """Cells of a column, without their intervals, in the rows that begin with these cells."""
    cells = {next(iter(row.values())): row[column].split(" ± ")[0] for row in rows(page, title)}
    return [cells[name] for name in names]


def held_out(*names: str, title: str = "Recommend: four", mark: str = "The utility on prompts held out") -> list[str]:
    """What the language model's lists, or its queries, are worth on prompts held out, at the end of training."""
    text = section(LEARNT, title).partition(mark)[2]
    cells = {row["credit"]: row["after 30"].split(" ± ")[0] for row in benchmarks("answers").rows(text)}
    return [cells[name] for name in names]


def problems() -> list[dict[str, Any]]:
    with gzip.open(ROOT / "benchmarks" / "data" / "gsm8k_model_solutions.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def script(name: str) -> str:
    """A constant of the page's script."""
    found = re.search(
        rf"\b{name} = (\d+)", (ROOT / "shapley_credit" / "report" / "page" / "page.js").read_text(encoding="utf-8")
    )
    assert found
    return f"{int(found[1]):,}"


def slowest_owen() -> list[str]:
    """Milliseconds at 64 members: what all but two families take at most, rounded up to tens, then what the slowest takes."""
    cells = [row["Owen"].split(", ")[1] for row in rows("families.md", "Every family")]
    times = sorted((benchmarks("answers").microseconds(cell) / 1e3 for cell in cells if cell != "-"), reverse=True)
    return [f"{-(-times[2] // 10) * 10:.0f}", f"{times[0]:.0f}"]


def version(page: str, pattern: str) -> list[str]:
    """What follows a pattern in a file, to the second point."""
    return re.findall(rf"{pattern}(\d+\.\d+)", read(page))[:1]


def cases() -> int:
    golden = json.loads((ROOT / "tests" / "support" / "data" / "golden.json").read_text(encoding="utf-8"))
    return len({case["family"] for case in golden["cases"]})


def rounding() -> list[str]:
    """What an explanation counts as 0, by dtype."""
    return [f"{np.finfo(dtype).eps ** (2 / 3):.0e}".replace("e-0", "e-") for dtype in (np.float64, np.float32)]


def budgets() -> list[str]:
    """The least budgets of some methods for 24 members, each with a share for the spread where there are replicates."""
    found = []
    for name in ("kriging", "rotation", "antithetic", "permutation", "arrival"):
        with pytest.raises(sc.InputError) as refused:
            sc.plan(24, budget=3, method=name)
        (least,) = re.findall(r"at least (\d+) evaluations", str(refused.value))
        found.append(int(least))
    k = 24  # two replicates, and the empty set and all
    assert found == [2 * k + 4, *(2 + 2 * each for each in (3 * k - 3, 2 * k - 2, k - 1, 2 * k))]
    return ["2k + 4", "3k - 3, 2k - 2, k - 1", "2k"]


WORDS = {4: "four", 20: "twenty"}
LEARNT = "learning.md"
SEARCH, RECOMMEND = "OSPO: the phrases", "ShapE-GRPO: six"
MEMBERS = callables.MAX_EVALUATIONS.bit_length() - 1

# A page, a sentence of it with a place for every figure, and where the figures come from.
CLAIMS: list[tuple[str, str, Callable[[], Iterable[Any]]]] = [
    ("README.md", "lists all {} utilities", lambda: [len(utilities.__all__)]),
    ("README.md", "any function of a set, for k <= {}", lambda: [MEMBERS]),
    ("README.md", "credits {} language models", lambda: [WORDS[len(problems()[0]) - 2]]),
    ("README.md", "answers to {:,} GSM8K problems", lambda: [len(problems())]),
    (
        "README.md",
        "nDCG {} with a shared reward, {} with OSPO as published, {} with Owen credit and {} with leave-one-out credit",
        lambda: figures(LEARNT, SEARCH, "nDCG", "GRPO", "OSPO, published", "Owen, by place", "leave one out"),
    ),
    (
        "README.md",
        "reach {} with a shared reward, {} with Shapley credit and {} with leave-one-out credit",
        lambda: figures(LEARNT, RECOMMEND, "set utility", "shared", "Shapley", "leave one out"),
    ),
    (
        "README.md",
        "reach {} with a shared reward, {} with leave-one-out credit and {} with Shapley credit, on prompts and users",
        lambda: held_out("shared", "leave one out", "Shapley"),
    ),
    (
        "README.md",
        "search queries on needs held out reach nDCG {}, {} and {}, in the same order.",
        lambda: held_out("shared", "leave one out", "Shapley", title="Search: a query", mark="The nDCG on prompts held out"),
    ),
    ("README.md", "Python {} or newer", lambda: version("pyproject.toml", 'requires-python = ">=')),
    ("README.md", "{}", lambda: [benchmarks("answers").in_short(read("speed.md"))]),
    ("speed.md", "{}", lambda: answer("formulas", "speed.md", "Beside the formulas")),
    ("speed.md", "{}", lambda: answer("packages", "speed.md", "Beside other packages")),
    ("speed.md", "{}", lambda: answer("calls", "speed.md", "One call")),
    ("speed.md", "{}", lambda: answer("steps", "speed.md", "A training step")),
    ("speed.md", "{}", lambda: answer("growth", "speed.md", "Growth")),
    ("families.md", "{}", lambda: answer("of_families", "families.md", "Every family")),
    ("estimators.md", "{}", lambda: answer("estimators", "estimators.md", "10 evaluations")),
    ("estimators.md", "{}", lambda: answer("estimators", "estimators.md", "1,024 evaluations")),
    ("estimators.md", "{}", lambda: answer("intervals", "estimators.md", "Intervals")),
    ("estimators.md", "{}", lambda: answer("few_that_matter", "estimators.md", "Intervals where few")),
    ("estimators.md", "{}", lambda: answer("trees", "estimators.md", "Coalition trees")),
    ("estimators.md", "{}", lambda: answer("library_time", "estimators.md", "Library time")),
    ("explain.md", "{}", lambda: answer("explanations", "explain.md", "What it costs", after="milliseconds of CPU.")),
    ("explain.md", "one below {} of the largest contribution in float64, or below {} in float32", rounding),
    (
        "explain.md",
        "and {} members with these formulas",
        lambda: re.findall(r"MANY = (\d+)", read("tests/solve/test_interactions.py")),
    ),
    ("arrays.md", "weights up to e^{:.0f} apart", lambda: [integrals.SPAN]),
    ("arrays.md", "counts as {:.0f} at most", lambda: [integrals.SPAN / 2]),
    ("arrays.md", "take at most {} members", lambda: [MEMBERS]),
    ("arrays.md", "JAX {} can wait forever", lambda: version("constraints-frameworks.txt", "\njax==")),
    ("rollouts.md", "the default of Ray {}.", lambda: version("constraints-distributed.txt", "\nray==")),
    ("evaluation.md", "`kriging` up to {:,} evaluations", lambda: [kriging.LARGEST]),
    ("evaluation.md", "({} requests by default)", lambda: [evaluate.BATCH]),
    ("evaluation.md", "wait for {} times its duration", lambda: [writer.REST]),
    ("evaluation.md", "never more than {}.", lambda: [{1.0: "a second"}[writer.LONGEST]]),
    ("evaluation.md", "{}", lambda: answer("intervals", "estimators.md", "Intervals")),
    (
        "command_line.md",
        "credits {} rows a second, with {} at the peak. DuckDB credits {} with {}, and pandas {}.",
        lambda: (
            [
                cell
                for name in ("`shapley-credit credit`", "DuckDB, SQL windows")
                for column in ("rows a second", "peak memory")
                for cell in figures("command_line.md", "Cost", column, name)
            ]
            + figures("command_line.md", "Cost", "rows a second", "pandas, one sort and sums within groups")
        ),
    ),
    ("command_line.md", "names the first {}", lambda: [WORDS[reading._SHOWN]]),
    ("command_line.md", "More than 10^{:.0f} operations need `--force`", lambda: [np.log10(files.DEAR)]),
    ("command_line.md", "more than 10^{:.0f} are always refused", lambda: [np.log10(pricing.MAX_OPERATIONS)]),
    (
        "page.md",
        "of 10,000 rollouts with 500 segments each opens in {} s",
        lambda: figures("page.md", "How large", "open, s", "10,000"),
    ),
    ("page.md", "of 100,000 without segments in {} s", lambda: figures("page.md", "How large", "open, s", "100,000")),
    ("page.md", "lists {} groups at once", lambda: [script("LISTED")]),
    ("page.md", "its first {} characters", lambda: [script("LONG")]),
    ("page.md", "the first {} of the listed groups", lambda: [script("PRINTED")]),
    (
        "page.md",
        "the size that {:.0%} of the shaded credits",
        lambda: [import_module("shapley_credit.report.page_file")._DEEPEST],
    ),
    ("plots.md", "beyond `max_display={}` rows", lambda: [inspect.signature(sc.plots.bars).parameters["max_display"].default]),
    ("CHANGELOG.md", "NumPy {} or newer", lambda: version("pyproject.toml", '"numpy>=')),
    ("CHANGELOG.md", "and of functions (k <= {})", lambda: [MEMBERS]),
    ("CHANGELOG.md", "verl {}.1's own estimators", lambda: version("constraints-frameworks.txt", "\nverl==")),
    (
        "CHANGELOG.md",
        "the credit in {} of cases on single games",
        lambda: re.findall(r", (\S+ to \S+) on", answer("intervals", "estimators.md", "Intervals")[0]),
    ),
    ("CHANGELOG.md", "There are {} utilities", lambda: [len(utilities.__all__)]),
    ("CHANGELOG.md", "cover all {} families of", lambda: [cases()]),
    ("CHANGELOG.md", "has {} rules for groups by name", lambda: [len(group_rules.GROUP_RULES)]),
    (
        "CHANGELOG.md",
        "at most {} ms a group for every family but `MNLRevenue` and `SoftmaxMean`, which take up to {} ms",
        slowest_owen,
    ),
    ("CHANGELOG.md", "of up to {:,} levels are credited", lambda: [nested_lists.MAX_LEVELS]),
    ("CHANGELOG.md", "utilities that are asked take {}", lambda: [structure.DEEPEST - 1]),
    ("CHANGELOG.md", "more than 10^{:.0f} operations", lambda: [np.log10(pricing.MAX_OPERATIONS)]),
    ("CHANGELOG.md", "or {} GiB", lambda: [pricing.MAX_BYTES >> 30]),
    (
        "CHANGELOG.md",
        "take {} s of library time where all trees are alike, {} s in a mix of 381 shapes, and {} s where no two",
        lambda: figures("estimators.md", "Library time", "all", "one tree", "texts", "all different"),
    ),
]


@pytest.mark.parametrize(
    ("page", "sentence", "truth"), CLAIMS, ids=[f"{number}-{page}" for number, (page, _, _) in enumerate(CLAIMS)]
)
def test_a_figure_in_a_sentence(page: str, sentence: str, truth: Callable[[], Iterable[Any]]) -> None:
    wanted = " ".join(sentence.format(*truth()).split())
    assert wanted in " ".join(read(page).split()), f"{page} does not say: {wanted}"


def test_the_least_budgets_of_methods() -> None:
    kriged, replicates, arrival = budgets()
    page = read("evaluation.md")
    assert f"any budget from {kriged} |" in page
    assert f"| {replicates} a replicate |" in page
    assert f"| {arrival} a replicate |" in page


@pytest.mark.parametrize("part", ["HEAD", "WORKS_TEXT", "PEERS_TEXT", "STEPS_TEXT", "EXPONENTS_TEXT"])
def test_the_page_of_speed_has_the_words_of_its_program(part: str) -> None:
    assert getattr(benchmarks("report"), part).strip() in read("speed.md")


def test_the_page_of_families_is_what_its_program_writes() -> None:
    page = read("families.md")
    written = benchmarks("families").page(page[page.index("| family") :])
    assert [line for line in written.splitlines() if "measured it on" not in line] == [
        line for line in page.splitlines() if "measured it on" not in line
    ]


@pytest.mark.parametrize("page", ["arrays.md", "changes.md"])
def test_sessions_run_as_printed(page: str) -> None:
    assert run_sessions(page)


def test_the_command_prints_what_its_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first example, and the explained group; files as the page describes them."""
    monkeypatch.chdir(tmp_path)
    guessed, explained = re.findall(
        r"```\n\$ shapley-credit credit (\S+ [^\n\\]+)\n(.*?)```", read("command_line.md"), re.DOTALL
    )[:2]
    (tmp_path / "rollouts").mkdir()
    for step, sizes in enumerate(((3, 3), (3, 3))):
        lines = [{"step": step, "input": f"p{group}", "score": n / 2} for group, size in enumerate(sizes) for n in range(size)]
        (tmp_path / "rollouts" / f"{step}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rewards = [(7, 1.0), (8, 0.0), (7, 0.5), (7, 1.0)]
    (tmp_path / "rollouts.jsonl").write_text("".join(f'{{"prompt_id": {p}, "reward": {r}}}\n' for p, r in rewards))
    command = Command(monkeypatch, capsys)
    for options, printed in (guessed, explained):
        words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", options)]
        done = command("credit", *words)
        assert done.err.split() == printed.split()


@pytest.mark.parametrize("page", ["arrays.md", "page.md", "rollouts.md", "evaluation.md"])
def test_what_a_block_imports_of_the_library_is_there(page: str) -> None:
    """Blocks that need a cluster, a trainer or a device are parsed, and their imports of this library are followed."""
    blocks = re.findall(r"```python\n((?!>>>).*?)```", read(page), re.DOTALL)
    assert blocks
    for node in (each for block in blocks for each in ast.walk(ast.parse(block))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shapley_credit"):
            module = import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name) or import_module(f"{node.module}.{alias.name}")


def links() -> Iterator[tuple[Path, str]]:
    """Every link within the repository, by the page that holds it; code holds none."""
    for path in [*ROOT.glob("*.md"), *(each for each in DOCS.rglob("*.md") if "_build" not in each.parts)]:
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield from ((path, target) for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target)


def anchors(path: Path) -> set[str]:
    """What a link may name in a page: its headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere() -> None:
    broken = []
    for path, target in links():
        place, _, anchor = target.partition("#")
        there = (path.parent / place).resolve() if place else path
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert not broken
