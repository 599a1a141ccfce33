"""Estimates as they are read: on terminals, in notebooks and as frames."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import Estimate

TREE = sc.CoalitionTree.from_nested([["ann", "[red]b[/]\x1b[31m"], ["<i>cyd</i>"]])
EXACT = sc.plan(TREE).solve(sc.plan(TREE).coalitions @ np.array([1.0, 2.0, 4.0]))


def sampled(values: list[float], stderr: list[float]) -> Estimate:
    return replace(EXACT, values=np.array(values), stderr=np.array(stderr))


def test_plain_text() -> None:
    assert str(EXACT).splitlines() == [
        "member             credit  stderr",
        "ann                     1       0",
        r"[red]b[/]\x1b[31m       2       0",
        "<i>cyd</i>              4       0",
    ]
    assert repr(EXACT) == "Estimate(k=3, evaluations=8, method='exact', largest stderr=0)"


def test_credits_have_the_digits_that_their_errors_allow() -> None:
    rows = [line.split()[-2:] for line in str(sampled([1234.5678, -0.056789, 3.0], [12.345, 0.00123, 0.4])).splitlines()[1:]]
    assert rows == [["1235", "12"], ["-0.0568", "0.0012"], ["3.00", "0.40"]]
    none = [line.split()[-2:] for line in str(sampled([-1e-6, -0.0, -0.04], [0.0032, 0.0, 1.0])).splitlines()[1:]]
    assert none == [["0.0000", "0.0032"], ["0", "0"], ["0.0", "1.0"]]
    odd = [line.split()[-2:] for line in str(sampled([1.5, 2.0, 3.0], [1e-300, np.inf, np.nan])).splitlines()[1:]]
    assert odd == [["1.5", "1e-300"], ["2", "inf"], ["3", "nan"]]


def test_html_and_rich_show_markup() -> None:
    html = EXACT._repr_html_()
    assert html is not None
    assert "<td>&lt;i&gt;cyd&lt;/i&gt;</td>" in html
    assert "\x1b" not in html
    assert set(re.findall(r"</?(\w+)", html)) == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.checkout
def test_rich_prints_a_table() -> None:
    from rich.console import Console  # needs the report extra, which the tests of the wheel do without

    console = Console(width=100, force_terminal=True, color_system="truecolor")
    with console.capture() as capture:
        console.print(sampled([-1.0, 2.0, 3.0], [0.5, 0.5, 0.5]))
    printed = capture.get()
    assert r"[red]b[/]\x1b[31m" in printed
    # The escape codes of rich itself are styles: no other one comes through, and a negative number has a colour.
    assert re.search(r"\x1b\[38;\S*m *-1.00", printed)
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", printed.replace(r"\x1b[31m", ""))


def test_groups_are_said_and_not_tabled() -> None:
    many = sc.plan(2).solve(np.arange(8.0).reshape(2, 4))
    assert str(many) == repr(many) == "Estimate(k=2, groups=(2,), evaluations=4, method='exact', largest stderr=0)"
    assert many._repr_html_() is None
    assert many.to_frame("pandas").to_dict("list") == {
        "group": [0, 0, 1, 1],
        "member": [0, 1, 0, 1],
        "name": ["0", "1", "0", "1"],
        "credit": many.values.ravel().tolist(),
        "stderr": [0.0] * 4,
    }


def test_many_members_are_counted() -> None:
    *_, last, more = str(sc.estimate(len, 60, budget=130)).splitlines()
    assert last.split()[0] == "39"
    assert more == "and 20 more members"


def test_frames_have_names_and_errors() -> None:
    frame = EXACT.to_frame("polars")
    assert frame.columns == ["member", "name", "credit", "stderr"]
    assert frame["name"].to_list() == list(TREE.names or ())
    with pytest.raises(sc.InputError, match="backend must be one of"):
        EXACT.to_frame("duckdb")
