"""The pages in docs: the catalogue is that of the docstrings, and the Python of the theory runs."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from shapley_credit import utilities

DOCS = Path(__file__).parent.parent / "docs"

pytestmark = pytest.mark.checkout


@pytest.fixture(scope="module")
def catalogue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogue", DOCS / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_catalogue_is_up_to_date(catalogue: ModuleType) -> None:
    written = (DOCS / "utilities.md").read_text(encoding="utf-8")
    assert written == catalogue.page(), "docs/utilities.md is stale; run: python docs/catalogue.py"


def test_catalogue_lists_every_utility_with_its_parts(catalogue: ModuleType) -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", catalogue.page(), re.DOTALL | re.MULTILINE))
    assert set(utilities.__all__) < set(sections)
    assert list(sections) == sorted(sections, key=str.casefold)
    for name, text in sections.items():
        for part in (f"```python\n{name}(", "```python\n>>>", "\n- Cost: ", "\n- Errors: "):
            assert part in text, f"{name} lacks {part!r}"


def test_check_tells_a_stale_page(
    catalogue: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "PAGE", tmp_path / "utilities.md")
    assert catalogue.main(["--check"]) == 1
    assert "docs/utilities.md is stale" in capsys.readouterr().out
    assert catalogue.main([]) == 0
    assert catalogue.main(["--check"]) == 0
    catalogue.PAGE.write_text(catalogue.PAGE.read_text(encoding="utf-8") + "\n", encoding="utf-8")
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
