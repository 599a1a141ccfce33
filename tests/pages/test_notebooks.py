"""The notebooks as they are stored: without what they show, and for any machine. `make notebooks` runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.checkout

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))

by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


@by_name
def test_it_stores_no_output(path: Path) -> None:
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in cells(path) if cell["metadata"] or cell.get("attachments")] == []


@by_name
def test_every_cell_has_an_id_of_its_own(path: Path) -> None:
    ids = [cell.get("id", "") for cell in cells(path)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in ids)


@by_name
def test_any_machine_can_run_it(path: Path) -> None:
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    assert whole["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@by_name
def test_the_first_cell_says_what_to_install(path: Path) -> None:
    first = cells(path)[0]
    assert first["cell_type"] == "markdown"
    told = "".join(first["source"])
    assert told.startswith("# ")
    assert re.search(r"^    pip install '\.\[", told, re.MULTILINE)


def test_the_site_lists_every_notebook() -> None:
    listed = re.findall(r"^notebooks/(\w+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [path.stem for path in NOTEBOOKS]
