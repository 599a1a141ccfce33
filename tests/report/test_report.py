"""The main job on real input."""

from __future__ import annotations

import builtins
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapley_credit import InputError, cli
from shapley_credit.report.credits import credit_columns, telling_problem
from shapley_credit.report.model_answers import calculations, canonical, final_answer, read_answers

ROOT = Path(__file__).parents[2]
DATA = ROOT / "benchmarks" / "data" / "gsm8k_model_solutions.jsonl.gz"


@pytest.mark.checkout
def test_gsm8k_is_read_whole() -> None:
    answers = read_answers(DATA)
    assert answers.models == ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]
    assert answers.labels.shape == (1319, 4)
    assert (~answers.present).sum() == 11
    assert answers.correct.any(axis=1).sum() == 887
    # The final answers, read as numbers, agree with the file on every single answer.
    assert np.array_equal(answers.labels == answers.targets[:, None], answers.correct)


@pytest.mark.checkout
def test_credits_of_gsm8k_add_up() -> None:
    columns = {column.name: column for column in credit_columns(read_answers(DATA))}
    assert list(columns) == ["pass@4", "majority vote", "distinct correct", "0.7 best + 0.3 distinct"]
    assert columns["pass@4"].credit.sum() == pytest.approx(887, abs=1e-9)
    assert columns["distinct correct"].credit.sum() == pytest.approx(1460, abs=1e-9)
    assert all(column.residual.max() < 1e-14 for column in columns.values())
    mix = 0.7 * columns["pass@4"].credit + 0.3 * columns["distinct correct"].credit
    assert np.abs(columns["0.7 best + 0.3 distinct"].credit - mix).max() < 1e-15


@pytest.mark.checkout
def test_the_problem_shown_is_a_telling_one() -> None:
    answers = read_answers(DATA)
    row = telling_problem(answers)
    assert 0 < answers.correct[row].sum() < 4


@pytest.mark.checkout
def test_the_command_prints_the_table() -> None:
    done = run("--problem", "7")
    assert done.returncode == 0, done.stderr
    assert re.search(r"total over problems +887/1319 +635.4 +1,460.0 +1,058.9", done.stdout)
    assert re.search(r"largest residual( +\de[+-]\d\d){4}", done.stdout)
    assert "problem 7, answer" in done.stdout
    assert "winner takes" in done.stdout
    assert "…" not in done.stdout


@pytest.mark.checkout
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-file"], "no-such-file can't be read: No such file or directory"),
        (["README.md"], "README.md, line 1: not a problem with question, ground_truth and models"),
        (["--problem", "1320"], "--problem must be in 1 .. 1319; got 1320"),
    ],
)
def test_bad_arguments_get_one_line(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shapley_credit", "demo", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


BAD_FILES = [
    ("", "holds no problem"),
    ('{"question": "q", "ground_truth": "A: 1"}', "holds no problem with a model's answer"),
    ('{"question": "q", "ground_truth": "A: 1", "m": {"is_correct": true}}', "line 1: .*'solution'"),
    ('{"ground_truth": "A: 1", "m": {"is_correct": true, "solution": "A: 1"}}', "line 1: .*'question'"),
    ("[1]", "line 1: not a problem"),
    (
        "\n".join(
            f'{{"question": "q", "ground_truth": "A: 1", "{m}": {{"is_correct": true, "solution": "A: 1"}}}}' for m in "mn"
        ),
        r"line 2: .*models \['n'\], where the first line has \['m'\]",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_bad_files_are_refused_by_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_answers(path)


def test_answers_are_read_as_numbers() -> None:
    assert final_answer("A: wrong\nA: 1,450 ") == "1,450"
    assert final_answer("no result") is None
    assert final_answer("A:  ") is None
    assert [canonical(text) for text in ("1,450", "1450.0", "1.5e3", "0.50", "-0", "NaN", "x")] == [
        "1450",
        "1450",
        "1500",
        "0.5",
        "0",
        "NaN",
        "x",
    ]
    assert calculations("a <<1+1=2>>2 b <<2*2=4>>4") == ("1+1=2", "2*2=4")


def test_an_absent_answer_is_not_a_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    right, none = '{"is_correct": true, "solution": "A: 2"}', '{"is_correct": false, "solution": "?"}'
    path.write_text(f'{{"question": "q", "ground_truth": "A: 2", "m": {right}, "n": {none}, "o": {right}}}')
    answers = read_answers(path)
    assert answers.present.tolist() == [[True, False, True]]
    for column in credit_columns(answers):
        assert column.credit[0, 1] == 0
        assert column.credit[0, [0, 2]] == pytest.approx([0.5, 0.5], abs=1e-15)


def test_the_command_names_the_extra_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def without_typer(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "typer":
            raise ImportError("No module named 'typer'")
        return genuine(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "shapley_credit.report.app", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_typer)
    with pytest.raises(SystemExit, match=r"No module named 'typer'.*pip install '\.\[report\]'"):
        cli.main()
