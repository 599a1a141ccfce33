"""Files of answers: what is right in them, and one line that says what is wrong with them and where."""

from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import InputError
from shapley_credit.printable import printable
from shapley_credit.report.credits import credit_columns
from shapley_credit.report.model_answers import Answers, canonical, read_answers


def problem(**changes: Any) -> dict[str, Any]:
    return {"question": "q", "ground_truth": "A: 2", "m": {"is_correct": True, "solution": "A: 2"}} | changes


def model(solution: Any = "A: 2", **marks: Any) -> dict[str, Any]:
    return {"solution": solution, **marks}


def write(path: Path, *problems: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, problems)))
    return path


def answers_to(path: Path, *problems: dict[str, Any]) -> Answers:
    return read_answers(write(path / "answers.jsonl", *problems))


# What is right.


def test_is_correct_decides_whatever_the_texts_say(tmp_path: Path) -> None:
    answers = answers_to(
        tmp_path,
        problem(
            no_mark=model("it is two", is_correct=True),
            other_words=model("A: two", is_correct=True),
            marked_wrong=model("A: 2", is_correct=False),
            also_marked_wrong=model("A: 2.0", is_correct=False),
            wrong=model("A: 3", is_correct=False),
            silent=model("well", is_correct=False),
        ),
    )
    assert answers.correct.tolist() == [[True, True, True, False, False, False, False]]
    assert answers.present.tolist() == [[True, True, True, True, True, True, False]]
    same = answers.labels[0] == answers.targets[0]
    assert same.tolist() == [True, True, True, False, False, False, False]
    assert answers.labels[0, 3] == answers.labels[0, 4] != answers.labels[0, 5]
    for column in credit_columns(answers):
        credit = column.credit[0]
        assert credit[0] == pytest.approx(credit[1], abs=1e-15) or "distinct" in column.name
        assert credit[:3].sum() > 0 >= credit[3:].sum()


def test_a_right_answer_without_a_mark_is_paid(tmp_path: Path) -> None:
    columns = credit_columns(
        answers_to(tmp_path, {"question": "q", "ground_truth": "A: 2", "m": model("two", is_correct=True)})
    )
    assert [column.credit[0, 0] for column in columns] == [1.0, 1.0, 1.0, 1.0]


def test_without_is_correct_the_final_answer_decides(tmp_path: Path) -> None:
    row = problem(right=model("A: 2.00"), wrong=model("A: 3"), silent=model("2"), null=model("A: 2", is_correct=None))
    answers = answers_to(tmp_path, row, row | {"ground_truth": " 2\n"})
    assert answers.correct.tolist() == [[True, True, False, False, True]] * 2
    assert answers.present.tolist() == [[True, True, True, False, True]] * 2
    assert answers.truths == ["2", "2"]


@pytest.mark.parametrize(("mark", "right"), [(True, True), (False, False), (1, True), (0, False)])
def test_marks(mark: Any, right: bool, tmp_path: Path) -> None:
    assert answers_to(tmp_path, problem(m=model(is_correct=mark))).correct.tolist() == [[right]]


@pytest.mark.parametrize("mark", ["false", "true", "", 2, -1, 0.5, float("nan"), [], [True], {}])
def test_a_mark_that_is_no_truth_value_is_refused(mark: Any, tmp_path: Path) -> None:
    message = rf"line 1: .*'is_correct' of model 'm' must be true or false, unquoted; got {re.escape(repr(mark))}"
    with pytest.raises(InputError, match=message):
        answers_to(tmp_path, problem(m=model(is_correct=mark)))


def test_models_may_come_in_any_order(tmp_path: Path) -> None:
    wrong = model("A: 3", is_correct=False)
    first, second = problem(n=wrong), {"n": wrong} | problem()
    assert list(first) != list(second)
    assert answers_to(tmp_path, first, second).correct.tolist() == [[True, False], [True, False]]


# Numbers.

NUMBERS = [
    "1e999999999",
    "-1e-999999999",
    "1e99999999999999999999999",
    "9" * 100_000,
    "0." + "0" * 1_000 + "1",
    "1_000",
    "٣",
    "inf",
    "sNaN",
]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_are_too_much(number: str) -> None:
    assert len(canonical(number)) <= len(number) + 20
    assert canonical(canonical(number)) == canonical(number)


def test_long_numbers_are_compared_to_their_last_digit() -> None:
    assert canonical("1" * 40) != canonical("1" * 39 + "2")
    assert canonical("1" * 40 + ".0") == "1" * 40
    assert canonical("0.1") != canonical("0." + "1" * 40)


def test_commas_are_for_thousands_alone() -> None:
    assert canonical("-1,234,567.50") == "-1234567.5"
    for text in ("1,2", "1,2,3", "0,5", "12,34", "1,2345", ",5"):
        assert canonical(text) == text


@given(number=st.decimals(allow_nan=False, allow_infinity=False), other=st.decimals(allow_nan=False, allow_infinity=False))
def test_one_spelling_for_equal_numbers(number: Decimal, other: Decimal) -> None:
    assert Decimal(canonical(str(number))) == number
    assert (canonical(str(number)) == canonical(str(other))) == (number == other)
    shifted = Decimal((number.as_tuple().sign, (*number.as_tuple().digits, 0), int(number.as_tuple().exponent) - 1))
    assert canonical(str(shifted)) == canonical(str(number))


@given(text=st.text(max_size=8))
def test_text_that_is_no_number_stays(text: str) -> None:
    try:
        Decimal(text.replace(",", ""))
    except InvalidOperation:
        assert canonical(text) == text


# Files that can't be read.


def line(**changes: Any) -> bytes:
    return json.dumps(problem(**changes)).encode()


GOOD = line()
BAD: list[tuple[str, str, bytes, str]] = [
    ("deep", "a.jsonl", GOOD + b"\n" + b"[" * 100_000, r"a.jsonl, line 2: .*its JSON is nested too deeply"),
    ("no JSON", "a.jsonl", GOOD + b"\n\n\n{", r"a.jsonl, line 4: .*it is JSON that is cut off"),  # blank lines are lines
    ("a number of 5000 digits", "a.jsonl", b"9" * 5_000, r"line 1: .*it is no JSON, Exceeds the limit"),
    ("no UTF-8", "a.jsonl", GOOD + b'\n{"question": "\xff"}', r"line 2: .*it is no UTF-8, invalid start byte at byte 14"),
    ("UTF-16", "a.jsonl", GOOD.decode().encode("utf-16"), r"line 1: .*it is no UTF-8"),
    ("truncated gzip", "a.gz", gzip.compress(GOOD * 1_000)[:-20], r"a.gz can't be read: Truncated compressed stream"),
    ("damaged gzip", "a.gz", gzip.compress(GOOD)[:10] + b"\xff" * 40, r"a.gz can't be read: .*invalid block type"),
    ("no gzip", "a.gz", GOOD, r"a.gz can't be read: .*incorrect header"),
    ("gzip by another name", "a.jsonl", gzip.compress(GOOD), r"line 1: .*it is no UTF-8"),
    ("empty", "a.jsonl", b"", r"a.jsonl holds no problem"),
    ("blank", "a.jsonl", b"\n \n", r"a.jsonl holds no problem"),
    ("empty gzip", "a.gz", b"", r"a.gz holds no problem"),
    ("a list", "a.jsonl", b"[1]", r"line 1: .*a problem must be a JSON object; got \[1\]"),
    ("a question that is no string", "a.jsonl", line(question=3), r"line 1: .*'question' of a problem must be a string; got 3"),
    ("no question", "a.jsonl", b'{"ground_truth": "A: 1"}', r"'question' of a problem must be a string; it is missing"),
    (
        "a truth that is no string",
        "a.jsonl",
        line(ground_truth=[2]),
        r"'ground_truth' of a problem must be a string; got \[2\]",
    ),
    ("a solution that is no string", "a.jsonl", line(m=model(7)), r"'solution' of model 'm' must be a string; got 7"),
    ("no solution", "a.jsonl", line(m={}), r"'solution' of model 'm' must be a string; it is missing"),
    ("a model that is no object", "a.jsonl", line(m=None), r"line 1: .*model 'm' must be a JSON object; got None"),
    ("quoted mark", "a.jsonl", line(m=model(is_correct="false")), r"'is_correct' of model 'm' must be true or false"),
    (
        "another model",
        "a.jsonl",
        GOOD + b"\n" + line(n=model()),
        r"line 2: .*models \['m', 'n'\], where the first line has \['m'\]",
    ),
    (
        "colours in names",
        "\x1b[31ma\n.jsonl",
        line(**{"\x1b[2J\n": None}),
        r"\\x1b\[31ma\\n.jsonl, line 1: .*model '\\x1b\[2J\\n' must",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_files_end_in_one_line(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert re.search(message, ended(tmp_path / name))


def ended(path: Path) -> str:
    """The line in which the command ends."""
    with pytest.raises(InputError) as refused:
        read_answers(path)
    return printable(str(refused.value))


def test_missing_files_and_directories(tmp_path: Path) -> None:
    assert "none.jsonl can't be read" in ended(tmp_path / "none.jsonl")
    assert "Is a directory" in ended(tmp_path)
    (tmp_path / "d.gz").mkdir()
    assert "Is a directory" in ended(tmp_path / "d.gz")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD + b"\r\n")
    assert read_answers(path).correct.tolist() == [[True], [True]]
