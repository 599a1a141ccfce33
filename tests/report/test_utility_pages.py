"""The list of utilities is the library's own, and each is described by its docstring."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from shapley_credit import InputError, utilities
from shapley_credit.report.utility_pages import described, listed

from row_files import Command


def test_every_utility_is_listed_with_a_sentence() -> None:
    found = dict(listed())
    assert {name for name in found if "." not in name} == set(utilities.__all__)
    assert {"DCG.rbp", "LStatistic.median", "WeightedVoting.majority"} <= set(found)
    assert not [name for name in found if name.endswith("._of")]
    assert all(sentence.endswith((".", "].")) and "\n" not in sentence for sentence in found.values())


def test_a_utility_is_described_by_its_docstring() -> None:
    assert described("DistinctCount").startswith("DistinctCount(labels, *, mask=None)\n\n")
    assert described("NoisyOr").endswith(inspect.getdoc(utilities.NoisyOr) or "?")


@pytest.mark.parametrize(
    ("name", "hint"), [("max", "did you mean Max?"), ("dcg.RBP", "did you mean DCG.rbp?"), ("?", "lists them")]
)
def test_an_unknown_name_gets_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint.replace("?", r"\\?")):
        described(name)


@pytest.mark.checkout
def test_the_command_lists_and_describes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(monkeypatch, capsys)
    assert len(command("utilities").out.splitlines()) == len([*listed()])
    assert command("utilities", "Max").out.startswith("Max(scores, ")
    unknown = command("utilities", "\x1bMax")
    assert unknown.status == 1
    assert unknown.err == "there is no utility '\\x1bMax'; did you mean Max?\n"


@pytest.mark.checkout
def test_without_arguments_the_commands_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    done = Command(monkeypatch, capsys)()
    assert all(name in done.out + done.err for name in ("credit", "utilities", "demo"))
    told = Command(monkeypatch, capsys)("demo", "--help")
    assert "is_correct" in told.out


@pytest.mark.checkout
def test_what_is_judged_by_its_final_answer_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"question": "q", "ground_truth": "2", "m": {"solution": "A: 2"}, "n": {"solution": "?", "is_correct": true}}'
    )
    done = Command(monkeypatch, capsys)
    assert "1 answers without is_correct are right or wrong by their final answer" in done("demo", path).out
    path.write_text('{"question": "q", "ground_truth": "It is\\n#### 2", "m": {"solution": "A: 2"}}')
    refused = done("demo", path)
    assert refused.status == 1
    assert "line 1: not a problem with question, ground_truth and models: 'ground_truth' ends in no 'A: ANSWER'" in refused.err
    path.write_text('{"question": "q", "ground_truth": "It is\\n#### 2", "m": {"solution": "A: 2", "is_correct": true}}')
    assert done("demo", path).status == 0


@pytest.mark.checkout
def test_the_page_names_every_option(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "command_line.md").read_text(encoding="utf-8")
    command = Command(monkeypatch, capsys)
    told = "".join(command(name, "--help").out for name in ("credit", "page"))
    assert set(re.findall(r"--[a-z][a-z-]+", told)) - {"--help"} == set(re.findall(r"--[a-z][a-z-]+", page))
