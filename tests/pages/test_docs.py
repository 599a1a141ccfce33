"""Everything that is written as Python is run, and everything public says what it must."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import shapley_credit
from shapley_credit.testing.instances import FAMILIES

from pages import run_sessions
from roles import ROLES, using

ROOT = Path(__file__).parents[2]


NEEDS_REPORT_EXTRA = {
    "shapley_credit.__main__",
    *(f"shapley_credit.report.{name}" for name in ("app", "explained_group", "page_file", "page_writing", "tables")),
}


def modules() -> Iterator[ModuleType]:
    yield shapley_credit
    for module in pkgutil.walk_packages(shapley_credit.__path__, "shapley_credit."):
        if module.name not in NEEDS_REPORT_EXTRA:
            yield importlib.import_module(module.name)


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {test.name: test for module in modules() for test in finder.find(module) if test.examples}
    return list(found.values())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_docstring_example(example: doctest.DocTest, role: str) -> None:
    with using(role):
        results = doctest.DocTestRunner().run(example, clear_globs=False)
    assert results.attempted > 0
    assert results.failed == 0


PUBLIC: list[Any] = [
    shapley_credit.set_shapley,
    shapley_credit.connected_shapley,
    shapley_credit.marginal_vector,
    shapley_credit.batched,
    shapley_credit.estimate,
    shapley_credit.plan,
    *FAMILIES,
    *(
        member
        for family in FAMILIES
        for name, member in vars(family).items()
        if isinstance(member, classmethod) and not name.startswith("_")
    ),
]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: getattr(thing, "__name__", str(thing)))
def test_public_docstring_says_what_it_must(thing: Any) -> None:
    text = inspect.getdoc(thing) or ""
    first = text.split("\n\n")[0]
    assert first.endswith((".", "]."))
    assert ">>>" in text
    assert re.search(r"Raises \w+", text)
    if thing is not shapley_credit.batched:
        assert "Cost" in text
        assert re.search(r"phi|Shapley|v\(S\)", text)
        assert "[..., " in text


@pytest.mark.checkout
def test_python_of_the_readme_runs_as_printed() -> None:
    # The trainer needs a framework: tests/frameworks/test_readme.py runs it.
    text = re.sub(r"\n## In a trainer\n.*?(?=\n## )", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, {}, f"README block {number + 1}", "README.md", 0)
        assert test.examples, "README Python is written as a session, so that its output is checked"
        results = doctest.DocTestRunner().run(test)
        assert results.failed == 0


@pytest.mark.checkout
@pytest.mark.parametrize("page", ["evaluation.md", "recipes.md"])
def test_sessions_of_a_page_run_as_printed(page: str) -> None:
    assert run_sessions(page)


@pytest.mark.checkout
def test_readme_shows_python_on_the_first_screen() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert any(line.startswith(">>>") for line in lines[:20])


@pytest.mark.checkout
@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_no_check_is_a_statement_that_asserts_nothing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr):
            called = node.value.func if isinstance(node.value, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            assert not isinstance(node.value, ast.Compare | ast.BoolOp | ast.UnaryOp), (
                f"line {node.lineno} compares and forgets"
            )
            # `close` is a check of tests/support; the method of that name closes something.
            checks = ("allclose", "array_equal", "isclose", "all", "any", *(("close",) if isinstance(called, ast.Name) else ()))
            assert name not in checks, f"line {node.lineno} forgets"


def test_the_check_above_can_fail(tmp_path: Path) -> None:
    for text in ("a == b", "np.allclose(a, b)", "all(a == b)", "not a", "close(a, b)"):
        path = tmp_path / "bad.py"
        path.write_text(text)
        with pytest.raises(AssertionError, match="line 1"):
            test_no_check_is_a_statement_that_asserts_nothing(path)


@pytest.mark.checkout
def test_no_test_is_skipped() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert not [node.lineno for node in calls if node.attr in ("skip", "skipif", "xfail", "importorskip", "assume")]


@pytest.mark.checkout
def test_functions_and_files_fit_a_screen() -> None:
    for path in [*(ROOT / "shapley_credit").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")]:
        text = path.read_text()
        assert text.count("\n") <= (300 if "kernels" in path.parts else 250), path.name
