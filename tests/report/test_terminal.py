"""The terminal is not the model's: whatever stands in a file of answers is shown as text, and faults end in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit.printable import printable


def show(path: Path) -> None:
    from shapley_credit.report import app  # needs the report extra, which the tests of the wheel do without

    app.demo(path)


def problem(**changes: Any) -> dict[str, Any]:
    return {"question": "q", "ground_truth": "A: 2", "m": {"is_correct": True, "solution": "A: 2"}} | changes


def model(solution: Any = "A: 2", **marks: Any) -> dict[str, Any]:
    return {"solution": solution, **marks}


def write(path: Path, *problems: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, problems)))
    return path


EVIL = (
    "[red]x[/nope] [link=http://e]y \x1b[31m\x1b]0;t\x07\a\b\r\x9b2J\x7f "
    "\u202etfel\u202c\u2066\u200f\ufeff\u00ad \ud800 :smile: \\[z]"
)
SHOWN = (
    r"[red]x[/nope] [link=http://e]y \x1b[31m\x1b]0;t\x07\x07\x08\r\x9b2J\x7f "
    r"\u202etfel\u202c\u2066\u200f\ufeff\xad \ud800 :smile: \[z]"
)


@pytest.mark.checkout
@pytest.mark.parametrize("terminal", [False, True])
def test_what_a_model_writes_is_shown_as_text(
    terminal: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    if terminal:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    evil = problem(
        question="first\r\n" + EVIL,
        ground_truth="A: [/]\n\x1b[2J",
        **{"[/b]\x1b[5m\n": model("A: [/]\u202e\n\x07", is_correct=True)},
    )
    show(write(tmp_path / "a.jsonl", evil))
    printed = capsys.readouterr().out
    assert all(c == "\n" or c.isprintable() for c in printed)
    assert SHOWN in re.sub(r"\s*│\n│ ", " ", printed)
    assert r"problem 1, answer [/]\n\x1b[2J" in printed
    assert printed.count(r"[/b]\x1b[5m\n") == 2
    assert r"[/]\u202e\n\x07" in printed
    assert "│ first " in printed


@given(text=st.text(st.characters(), max_size=20))
def test_visible_text_moves_nothing(text: str) -> None:
    shown = printable(text)
    for character in shown:
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp", "Cn", "Co")
        assert unicodedata.category(character) != "Cf" or character in "\u200c\u200d"
    kept = [c for c in text if c in shown]
    assert text == shown or len(kept) < len(text)


def test_text_of_all_scripts_stays() -> None:
    for text in (
        "naïve e\u0301",
        "你好",
        "\u0645\u0631\u062d\u0628\u0627",
        "हिन्दी",
        "👩\u200d👧 👍🏽",
        "a\u00a0b\u3000c",
        "\u0645\u06cc\u200c\u062e\u0648",
    ):
        assert printable(text) == text


@pytest.mark.checkout
def test_more_than_26_ways_are_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = {f"m{n}": model(f"<<{n}=2>> A: 2") for n in range(40)}
    show(write(tmp_path / "a.jsonl", {"question": "q", "ground_truth": "A: 2"} | many))
    printed = capsys.readouterr().out
    assert re.search(r"m25 +2 +z ", printed)
    assert re.search(r"m39 +2 +an ", printed)


@pytest.mark.checkout
def test_a_long_answer_leaves_room_for_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "very " * 100
    show(write(tmp_path / "a.jsonl", problem() | {"n" + long: model("A: " + long)}))
    printed = capsys.readouterr().out
    assert re.search(r"m +2 +a( +-?\d\.\d{3}){7}", printed)
    assert re.search(r"nvery [a-z ]*… +very [a-z ]*… +a( +-?\d\.\d{3}){7}", printed)


@pytest.mark.checkout
def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(write(tmp_path / "a.jsonl", problem(m=model("?"), n=model(""))))
    assert "2 answers without a result are absent, not wrong" in capsys.readouterr().out


@pytest.mark.checkout
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_the_command_ends_well_on_any_terminal(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", problem(question="naïve 你好 " + EVIL, 名=model("A: ½ \x1b[1m")))
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "shapley_credit", "demo", str(path)],
        capture_output=True,
        env={"PYTHONIOENCODING": encoding, "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert (b"\\u4f60\\u597d" in done.stdout) == (encoding != "utf-8")
    assert done.stderr == b""


@pytest.mark.checkout
def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(problem()).encode() + b"\n" + b"[" * 100_000)
    done = subprocess.run(
        [sys.executable, "-m", "shapley_credit", "demo", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r".*a\.jsonl, line 2: .*nested too deeply\.\n", done.stderr)


@pytest.mark.checkout
def test_the_name_of_a_file_is_text_too(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31ma\n.jsonl"
    path.write_text("[1]")
    with pytest.raises(SystemExit) as end:
        show(path)
    assert isinstance(end.value.code, str)  # printed on standard error, with exit status 1
    assert end.value.code.isprintable()
    assert r"\x1b[31ma\n.jsonl, line 1: not a problem" in end.value.code
