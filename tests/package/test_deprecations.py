"""Deprecations fall due: what a version promised to remove is gone in it, and every warning names that version."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.checkout

Version = tuple[int, ...]


def number(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))


def messages(source: str) -> Iterator[str]:
    """The text of every deprecation in a source."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        if called == "deprecated" or (called == "warn" and "DeprecationWarning" in names):
            yield "".join(
                each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )


def overdue(source: str, version: Version) -> list[str]:
    """The deprecations that name no version, or one that has come."""
    found = []
    for message in messages(source):
        until = re.search(r"removed in (\d+\.\d+)", message)
        if until is None or number(until[1]) <= version[:2]:
            found.append(message)
    return found


@pytest.mark.parametrize("package", ["shapley_credit", "kernels/shapley_kernels"])
def test_nothing_that_is_here_should_be_gone(package: str) -> None:
    version = number(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    late = {str(file): found for file in sources if (found := overdue(file.read_text(encoding="utf-8"), version))}
    assert not late


@pytest.mark.parametrize(
    "line",
    [
        'warnings.warn("`old` is removed in 0.2; use `new`", DeprecationWarning, stacklevel=2)',
        'warn(f"`{name}` is removed in 0.1; use `new`", category=DeprecationWarning)',
        'warnings.warn("`old` is deprecated", DeprecationWarning)',
        '@deprecated("removed in 0.2: use `new`")\ndef old(): ...',
    ],
)
def test_what_is_due_or_has_no_date_is_found(line: str) -> None:
    assert overdue(line, (0, 2, 0)) != []


@pytest.mark.parametrize(
    "line",
    [
        'warnings.warn("`old` is removed in 0.3; use `new`", DeprecationWarning, stacklevel=2)',
        'warnings.warn("`old` is removed in 1.0; use `new`", DeprecationWarning)',
        'warnings.warn("a group of equals has no credit", UserWarning)',
    ],
)
def test_what_has_time_left_is_not(line: str) -> None:
    assert overdue(line, (0, 2, 0)) == []


def test_every_dependency_has_its_reason_on_the_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8").split("## Dependencies")[1]
    for extra, needed in {"(core)": project["dependencies"], **project["optional-dependencies"]}.items():
        rows = [row for row in page.splitlines() if row.startswith("|") and re.search(rf"(^| |`){re.escape(extra)}(`| )", row)]
        assert rows, f"extra {extra} has no line"
        if extra == "site":
            continue  # its line says what they are extensions of
        names = {re.split(r"[\[<>=;~ ]", each)[0] for each in needed} - {"shapley-credit"}
        missing = {name for name in names if name.lower() not in page.lower()}
        assert not missing, f"{extra}: {missing}"


def test_the_citation_names_this_version_and_license() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {project['version']}\n" in citation
    assert f"\nlicense: {project['license']}\n" in citation
