"""The page of the kit runs as printed, and the kit is no part of the core."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import shapley_credit.testing
from shapley_credit.inputs.checks import DOMAINS

from pages import DOCS, run_sessions


@pytest.mark.checkout
def test_the_page_runs_as_printed() -> None:
    names = run_sessions("testing.md")
    assert names["Spread"].by_table
    assert not names["Best"].by_table


@pytest.mark.checkout
def test_the_page_lists_every_domain_of_a_field() -> None:
    rows = [
        line.split("|")[1] for line in (DOCS / "testing.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    assert {name for cell in rows for name in re.findall(r"`(\w+)`", cell)} == DOMAINS.keys()


def test_the_core_imports_neither_the_kit_nor_hypothesis() -> None:
    code = "import sys, shapley_credit; assert not {'hypothesis', 'shapley_credit.testing'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_hypothesis_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "try: import shapley_credit.testing\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    told = "MissingExtraError shapley_credit.testing needs hypothesis; run, in a checkout of shapley_credit"
    assert said == f"{told}: pip install '.[testing]'."


def test_what_is_public() -> None:
    assert shapley_credit.testing.__all__ == sorted(shapley_credit.testing.__all__)
    assert all(callable(getattr(shapley_credit.testing, name)) for name in shapley_credit.testing.__all__)
