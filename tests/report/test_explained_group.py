"""`shapley-credit credit --explain`: one group explained beside the run, and text of models that is shown, never obeyed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u

from row_files import Command

# The command line needs the report extra, which the tests of the wheel do without.
pytestmark = pytest.mark.checkout

EVIL = "[bold]x[/nope] [link=http://e]y \x1b[31m\x1b]0;t\x07 \u202etfel\u2066\u200f"
ROWS: list[dict[str, Any]] = [
    {"prompt_id": 7, "step": 1.0, "reward": 1.0, "answer": "4"},
    {"prompt_id": 8, "step": 1.0, "reward": 2.0, "answer": "9"},
    {"prompt_id": 7, "step": 1.0, "reward": 0.5, "answer": EVIL[:40]},
    {"prompt_id": 7, "step": 2.0, "reward": -1.0, "answer": "4"},
]
MIX = "0.7 * Max(reward) + 0.3 * DistinctCount(answer)"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def run(command: Command, tmp_path: Path) -> Any:
    path = tmp_path / "rows.jsonl"

    def run(*arguments: str, rows: list[dict[str, Any]] = ROWS) -> Any:
        path.write_text("\n".join(map(json.dumps, rows)))
        return command("credit", str(path), "--out", str(tmp_path / "out.jsonl"), *arguments)

    return run


def test_a_group_is_explained_and_the_rows_are_written(run: Any, tmp_path: Path) -> None:
    done = run("--by", "prompt_id", "--utility", MIX, "--explain", "7")
    told = done.err
    found = sc.explain(
        0.7 * u.Max([1.0, 0.5, -1.0]) + 0.3 * u.DistinctCount(["4", EVIL, "4"]), names=["row 1", "row 3", "row 4"]
    )
    for i, name in enumerate(found.names):
        cells = [f"{found.credit[i]:.4g}", *(f"{part.credit[i]:.4g}" for part in found.terms)]
        assert re.search(rf"{name} +{' +'.join(map(re.escape, cells))} ", told)
    lines = " ".join(told.split())
    for i in (int(np.argmax(found.credit)), int(np.argmin(found.credit))):
        assert " ".join(found.why(i).split()) in lines
    assert "group 7" in told
    written = [json.loads(line)["credit"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [written[i] for i in (0, 2, 3)] == pytest.approx(found.credit.tolist())


def test_text_of_models_is_shown_and_never_obeyed(run: Any) -> None:
    rows = [row | {"prompt_id": EVIL} for row in ROWS[:3]]
    done = run("--by", "prompt_id", "--utility", MIX, "--explain", EVIL, rows=rows)
    assert all(character == "\n" or character.isprintable() for character in done.err)
    shown = r"[bold]x[/nope] [link=http://e]y \x1b[31m"
    assert shown in done.err
    assert "group " + shown in done.err


def test_nothing_goes_to_standard_output(run: Any) -> None:
    assert run("--by", "prompt_id", "--utility", MIX, "--explain", "8").out == ""


def test_several_columns_and_a_dry_run(run: Any, tmp_path: Path) -> None:
    done = run("--by", "step", "--by", "prompt_id", "--utility", "Max(reward)", "--explain", "1", "--explain", "7", "--dry-run")
    assert "row 3" in done.err
    assert "row 4" not in done.err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--by", "prompt_id", "--explain", "9"), "no group has 'prompt_id' = '9'; there are 7, 8."),
        (("--by", "prompt_id", "--explain", "7", "--explain", "8"), "--explain takes one value for each column"),
    ],
    ids=["missing", "too many"],
)
def test_a_group_that_is_not_there(run: Any, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = run("--utility", "Max(reward)", *arguments)
    assert done.status == 1
    assert told in done.err
    assert not (tmp_path / "out.jsonl").exists()
