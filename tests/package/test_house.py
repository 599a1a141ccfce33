"""The house: which room may import which, and that no name stands for two things."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import shapley_credit

import shapley_kernels

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
PACKAGES = {"shapley_credit": Path(shapley_credit.__path__[0]), "shapley_kernels": Path(shapley_kernels.__path__[0])}

# Modules that make a room together; every other folder, or file beside them, is a room of its own.
ROOMS = {
    "ground": {
        "errors",
        "nested_lists",
        "semivalues",
        "convert",
        "dispatch",
        "printable",
        "member_names",
        "size_weights",
        "torch_compile",
    },
    "inputs": {"inputs", "coalitions"},
    "utility": {"utility", "linear"},
    "command line": {"cli", "__main__", "report"},
}
# A sum of utilities is a utility, and utilities are added by an operator of theirs.
CIRCLE = ("shapley_credit.utility", "shapley_credit.linear")
# Files of one name, one a form.
ROLES = {"ref", "cpu", "gpu", "tree", "order", "forest", "cost"}
MOST_LOCAL = 12

Imports = dict[str, set[str]]


def modules() -> dict[str, Path]:
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            name = ".".join([package, *path.relative_to(folder).with_suffix("").parts])
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(tree: ast.AST, *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """The modules of ours that a file imports, and whether inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                name = whole if whole in MODULES else node.module
                if name in MODULES:
                    yield name, inside
        elif isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names if alias.name in MODULES)
        yield from imported(node, inside=inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def import_graph() -> tuple[Imports, set[tuple[str, str]]]:
    """What each module imports, and the imports that stand inside functions."""
    graph: Imports = {}
    local = set()
    for module, path in MODULES.items():
        found = list(imported(ast.parse(path.read_text(encoding="utf-8"))))
        graph[module] = {name for name, _ in found}
        local |= {(module, name) for name, inside in found if inside}
    return graph, local


GRAPH, LOCAL = import_graph()


def room(module: str) -> str:
    package, *parts = module.split(".")
    if package == "shapley_kernels":
        return "kernels"
    first = parts[0] if parts else "shapley_credit"
    return next((name for name, members in ROOMS.items() if first in members), first)


def between_rooms(graph: Imports) -> Imports:
    arrows: Imports = {room(module): set() for module in graph}
    for module, names in graph.items():
        arrows[room(module)] |= {room(name) for name in names} - {room(module)}
    return arrows


def reachable(arrows: Imports, start: str) -> set[str]:
    waiting, seen = [start], set[str]()
    while waiting:
        for below in arrows[waiting.pop()] - seen:
            seen.add(below)
            waiting.append(below)
    return seen


def reduced(arrows: Imports) -> set[tuple[str, str]]:
    """The arrows that do not follow from others."""
    through = {a: {c for b in below for c in reachable(arrows, b)} for a, below in arrows.items()}
    return {(a, b) for a, below in arrows.items() for b in below - through[a]}


def drawn() -> set[tuple[str, str]]:
    """The arrows of the diagram in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    names = dict(re.findall(r"(\w+)\[\"([^\"<]+)", diagram))
    arrows = re.findall(r"(\w+) --> (\w+)", re.sub(r"\[\".*?\"\]", "", diagram))
    return {(names[above], names[below]) for above, below in arrows}


def circle(graph: Imports) -> list[str]:
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_the_diagram_is_that_of_the_imports() -> None:
    assert drawn() == reduced(between_rooms(GRAPH))


def test_no_circle_but_one() -> None:
    high, low = CIRCLE
    assert low in GRAPH[high]
    assert high in GRAPH[low]
    assert circle(GRAPH)
    assert not circle(GRAPH | {high: GRAPH[high] - {low}})


def test_a_forbidden_import_is_seen() -> None:
    upwards = GRAPH | {"shapley_credit.inputs.checks": {"shapley_credit.values"}}
    assert circle(upwards | {CIRCLE[0]: upwards[CIRCLE[0]] - {CIRCLE[1]}})
    sideways = GRAPH | {"shapley_credit.credit.groups": {"shapley_credit.utility"}}
    assert reduced(between_rooms(sideways)) != drawn()


def test_imports_inside_functions_are_few() -> None:
    """Of what is optional, and of the one circle."""
    assert len(LOCAL) <= MOST_LOCAL, LOCAL
    assert CIRCLE in LOCAL


def test_no_file_name_twice() -> None:
    counts = Counter(path.stem for path in MODULES.values() if path.stem not in {"__init__", *ROLES})
    assert [name for name, count in counts.items() if count > 1] == []


def test_the_core_imports_nothing_that_is_optional() -> None:
    """No module is reached from the package's own imports that needs numba or triton."""
    top = GRAPH | {module: GRAPH[module] - {name for other, name in LOCAL if other == module} for module in GRAPH}
    needing = {"shapley_kernels.compiled.jit", "shapley_kernels.triton_launch"}
    assert not reachable(top, "shapley_credit") & needing


def test_tests_share_helpers_and_import_no_other_test() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) test_", path.read_text(encoding="utf-8"), re.MULTILINE), path
    for path in (ROOT / "benchmarks").rglob("*.py"):
        assert not re.search(r"sys\.path.*tests", path.read_text(encoding="utf-8")), path
