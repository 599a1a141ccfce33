"""The pages that explain run as printed, and what they name is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from shapley_credit import utilities

from pages import run_sessions

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["debugging.md", "index.md", "installation.md", "tour.md", "which_utility.md"])
def test_sessions_run_as_printed(page: str) -> None:
    assert run_sessions(page)


def test_every_utility_of_a_line_is_linked_where_it_is_explained() -> None:
    text = (ROOT / "docs" / "which_utility.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(utilities/(\w+)\.md", text))
    assert linked <= set(utilities.__all__)
    assert set(re.findall(r"\bu\.(\w+)\(", text)) <= linked


def test_installation_explains_every_extra_that_users_install() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    explained = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "installation.md").read_text(encoding="utf-8"), re.MULTILINE)
    ours = {"bench", "distributed", "learning", "lint", "mutants", "peers", "site", "test", "test-core", "test-page"}
    assert set(explained) == set(extras) - ours
