"""The page of errors names every family and setting, and what it is made of sees a wrong digit."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities

from errors_seen import tolerance

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # where the benchmarks are; behind everything that is installed
from benchmarks import accuracy  # noqa: E402

sys.path.pop()
pytestmark = pytest.mark.checkout


def test_the_page_has_a_digit_less_than_the_tolerance_for_every_family_in_every_setting() -> None:
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    table = {name: cells.split("|") for name, cells in re.findall(r"^\| `(\w+)` \|(.*)\|$", page, re.MULTILINE)}
    assert sorted(table) == sorted(utilities.__all__)
    for cells in table.values():
        figures = [float(cell) for cell in cells if cell.strip() != "-"]
        assert len(cells) == 4
        assert max(figures) <= tolerance(np.float64)


def test_a_million_and_1e30_cost_no_digits() -> None:
    for family in (utilities.Max, utilities.GroupVariance, utilities.Product, utilities.Determinant):
        cells = [accuracy.cell(family, setting, 1) for setting in accuracy.SETTINGS]
        assert all(cell == "-" or float(cell) <= tolerance(np.float64) for cell in cells), (family.__name__, cells)


def test_an_error_in_the_ninth_digit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    off = accuracy.Value(lambda game: sc.set_shapley(game) * (1 + 1e-9), accuracy.VALUES[0].truth)
    monkeypatch.setattr(accuracy, "VALUES", (off,))
    assert 1e-11 < float(accuracy.cell(utilities.Additive, accuracy.SETTINGS[0], 1)) < 1e-8


def test_what_leaves_the_range_of_floats_is_said_to_be_refused() -> None:
    assert accuracy.cell(utilities.Product, accuracy.Setting("x 1e200", factor=1e200), 1) == "refused"
