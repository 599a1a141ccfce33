"""The pages in docs: the catalogue is that of the docstrings, and the Python of the theory runs."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from math import log2
from pathlib import Path
from types import ModuleType

import pytest
from shapley_credit import utilities

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = pytest.mark.checkout


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def catalogue() -> ModuleType:
    return load(DOCS / "catalogue.py")


@pytest.fixture(scope="module")
def pages(catalogue: ModuleType) -> dict[str, str]:
    found: dict[str, str] = catalogue.pages()
    return found


def test_catalogue_is_up_to_date(catalogue: ModuleType) -> None:
    assert catalogue.main(["--check"]) == 0, "docs/utilities is stale; run: python docs/catalogue.py"


def test_every_utility_has_a_page_with_its_parts(catalogue: ModuleType, pages: dict[str, str]) -> None:
    assert set(pages) == {"utilities.md", catalogue.STUB, *(f"utilities/{name}.md" for name in utilities.__all__)}
    for name in utilities.__all__:
        sections = re.split(r"^#+ (\S+)\n", pages[f"utilities/{name}.md"], flags=re.MULTILINE)
        titles, texts = sections[1::2], sections[2::2]
        assert titles[0] == name
        assert titles[1:] == sorted(titles[1:])
        for title, text in zip(titles, texts, strict=True):
            for part in (f"```python\n{title}(", "```python\n>>> import", "\n- Cost: ", "\n- Errors: ", "\n- Kernels: "):
                assert part in text, f"{title} lacks {part!r}"


def test_index_links_to_every_section_by_name_and_by_kernel(pages: dict[str, str]) -> None:
    by_name, by_kernel = pages["utilities.md"].split("## Kernels")
    assert by_name.count("](utilities/") > len(utilities.__all__)
    for part in (by_name, by_kernel):
        links = re.findall(r"\[`(\S+)`\]\((utilities/\w+\.md)(?:#([\w-]+))?\)", part)
        assert {name for name, _, _ in links} >= set(utilities.__all__)
        for name, page, anchor in links:
            assert re.search(rf"^{'##' if anchor else '#'} {re.escape(name)}$", pages[page], re.MULTILINE)
            assert anchor == (name.lower().replace(".", "") if "." in name else "")


def test_theory_names_every_kernel_of_a_utility_once(pages: dict[str, str]) -> None:
    """What a kernel costs stands in the theory, what it is for in the index: neither repeats the other by hand."""
    kernels = re.findall(r"^\| `([\w.]+)` \|", pages["utilities.md"].split("## Kernels")[1], re.MULTILINE)
    table = (DOCS / "theory.md").read_text(encoding="utf-8").split("## 7. Forms")[1].split("## 8.")[0]
    assert sorted(re.findall(r"`(\w+\.\w+)`", table)) == sorted(kernels)
    assert not [name for name in utilities.__all__ if f"`{name}`" in table]


def test_check_tells_stale_missing_and_left_over_pages(
    catalogue: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "DOCS", tmp_path)
    monkeypatch.setattr(catalogue, "pages", lambda: {"utilities.md": "index\n", "utilities/Max.md": "# Max\n"})
    assert catalogue.main(["--check"]) == 1
    assert "docs/utilities.md, docs/utilities/Max.md: stale" in capsys.readouterr().out
    assert catalogue.main([]) == 0
    assert catalogue.main(["--check"]) == 0
    (tmp_path / "utilities" / "Gone.md").write_text("", encoding="utf-8")
    assert catalogue.main(["--check"]) == 1
    assert catalogue.main([]) == 0
    assert sorted(path.name for path in (tmp_path / "utilities").iterdir()) == ["Max.md"]
    (tmp_path / "utilities.md").write_text("index", encoding="utf-8")
    assert catalogue.main(["--check"]) == 1


def test_python_of_the_theory_runs_as_printed() -> None:
    """Later blocks use the names of earlier ones, as a reader would."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "theory.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, start=1):
        test = doctest.DocTestParser().get_doctest(block, names, f"theory block {number}", "theory.md", 0)
        assert test.examples, "Python is written as a session, so that its output is checked"
        results = doctest.DocTestRunner().run(test, clear_globs=False)
        names = test.globs
        assert results.failed == 0


def test_the_cost_of_every_family_is_a_formula_in_k(monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/families.md promises is read from the docstrings; an exponent that it fits to times stands beside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(DOCS.parent)])  # where the benchmarks are
    families = load(DOCS.parent / "benchmarks" / "families.py")
    growth = {
        family.__name__: log2(families.operations(family, 512) / families.operations(family, 256))
        for family in families.families()
        if not family.max_members
    }
    assert all(1 <= exponent <= 4 for exponent in growth.values())
    known = {"Additive": 1, "MNLShare": 1.5, "Cut": 2, "MNLRevenue": 2.5, "LStatistic": 3, "ERR": 3.5, "GeometricMean": 4}
    assert {name: growth[name] for name in known} == pytest.approx(known)
