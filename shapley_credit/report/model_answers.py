"""Reading model answers: what each model said to each problem, and whether it was right."""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.errors import InputError
from shapley_credit.report.json_lines import json_lines, not_a_problem

_CALCULATION = re.compile(r"<<(.*?)>>")

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
# A number with more zeros than this is spelled with an exponent: "1e999999999" would fill the memory with them.
_MOST_ZEROS = 60

# Keys of a problem that are not a model.
_NOT_MODELS = ("question", "ground_truth")


@dataclass(frozen=True)
class Answers:
    """P problems answered by M models.

    Attributes:
        models: names, M of them.
        questions: P texts.
        finals: object [P, M], the final answers as text, None where a solution has none.
        truths: P right answers as text.
        correct: bool [P, M], as is_correct says where it is given, else whether the final answer is the right one.
        present: bool [P, M], False where a solution has no final answer and is not marked right: absent, not wrong.
        labels: int [P, M], one number for each distinct final answer, that of the right answer where `correct` and only there;
            -1 where absent.
        targets: int [P], the label of the right answer.
        steps: int [P, M], one number for each distinct sequence of calculations within a problem.
        judged: how many answers are right or wrong by their final answer, because is_correct does not say it.
    """

    models: list[str]
    questions: list[str]
    finals: NDArray[Any]
    truths: list[str]
    correct: NDArray[np.bool_]
    present: NDArray[np.bool_]
    labels: NDArray[np.int64]
    targets: NDArray[np.int64]
    steps: NDArray[np.int64]
    judged: int


def final_answer(solution: str) -> str | None:
    """What follows the last "A:" of a solution, None if nothing does.

    >>> final_answer("16 - 7 = <<16-7=9>>9 eggs\\nA: 9")
    '9'
    """
    _, mark, answer = solution.rpartition("A:")
    return answer.strip() or None if mark else None


def canonical(answer: str) -> str:
    """One spelling for equal numbers, exact however long; text that is no number stays as it is.

    >>> canonical("1,450.0"), canonical("-0.50"), canonical("1e999999999"), canonical("1,2")
    ('1450', '-0.5', '1e999999999', '1,2')
    """
    try:
        number = Decimal(answer.replace(",", "") if _THOUSANDS.fullmatch(answer) else answer)
    except InvalidOperation:
        return answer
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):  # an infinity or no number
        return answer
    shortest = "".join(map(str, digits)).strip("0")
    if not shortest:
        return "0"
    exponent = number.adjusted() + 1 - len(shortest)
    spelling = f"{'-' * sign}{shortest}e{exponent}"
    return format(Decimal(spelling), "f") if abs(exponent) <= _MOST_ZEROS else spelling


def calculations(solution: str) -> tuple[str, ...]:
    """The calculator steps of a solution: what stands between << and >> on a line.

    >>> calculations("16 - 7 = <<16-7=9>>9 eggs")
    ('16-7=9',)
    """
    steps: list[str] = []
    for line in solution.split("\n"):
        steps += _CALCULATION.findall(line, 0, line.rfind(">>") + 2)  # no << behind the last >> is searched for its end
    return tuple(steps)


@dataclass(frozen=True)
class _Solution:
    answer: str | None
    right: bool
    judged: bool
    way: tuple[str, ...]


@dataclass(frozen=True)
class _Problem:
    question: str
    truth: str
    solutions: dict[str, _Solution]


def read_answers(path: Path) -> Answers:
    """Read a JSON-lines file (.gz or plain) of problems: question, ground_truth, and {is_correct, solution} for each model.

    is_correct decides what is right, whatever the texts say. Where it is absent or null the final answer does: what follows the
    last "A:" of the solution, against that of the ground truth, or the whole of a ground truth of one line that has no "A:".
    Cost O(characters). Raises InputError that names the line for anything that is not such a problem.
    """
    models: list[str] = []
    problems = []
    for number, value in json_lines(path):
        try:
            problem = _read_problem(value)
            models = models or list(problem.solutions)
            if set(problem.solutions) != set(models):
                names = reprlib.repr(list(problem.solutions))
                raise TypeError(f"it has the models {names}, where the first line has {reprlib.repr(models)}")
        except TypeError as error:
            raise not_a_problem(f"{path}, line {number}", str(error)) from error
        problems.append(problem)
    if not problems or not models:
        raise InputError(f"{path} holds no problem with a model's answer.")
    return _assemble(problems, models)


def _field(record: Any, key: str, of: str) -> str:
    """A text of a record. Raises TypeError that says what is there instead."""
    if not isinstance(record, dict):
        raise TypeError(f"{of} must be a JSON object; got {reprlib.repr(record)}")
    if not isinstance(record.get(key), str):
        raise TypeError(
            f"{key!r} of {of} must be a string; " + (f"got {reprlib.repr(record[key])}" if key in record else "it is missing")
        )
    return str(record[key])


def _read_problem(value: Any) -> _Problem:
    question, ground_truth = (_field(value, key, "a problem") for key in _NOT_MODELS)
    truth = final_answer(ground_truth) or ground_truth.strip()
    solutions = {model: _read_solution(value[model], model, truth) for model in value if model not in _NOT_MODELS}
    judged = [model for model, solution in solutions.items() if solution.judged]
    if judged and "\n" in truth:
        raise TypeError(
            f"'ground_truth' ends in no 'A: ANSWER' and has several lines, and model {reprlib.repr(judged[0])} has no "
            "'is_correct', so that nothing says whether it is right"
        )
    return _Problem(question, truth, solutions)


def _read_solution(record: Any, model: str, truth: str) -> _Solution:
    text = _field(record, "solution", f"model {reprlib.repr(model)}")
    answer, marked = final_answer(text), record.get("is_correct")
    if judged := marked is None:
        marked = answer is not None and canonical(answer) == canonical(truth)
    if marked not in (True, False):  # 1 and 0 are; "false" is not, and would count as true
        raise TypeError(
            f"'is_correct' of model {reprlib.repr(model)} must be true or false, unquoted; got {reprlib.repr(marked)}"
        )
    return _Solution(answer, bool(marked), judged, calculations(text))


def _assemble(problems: list[_Problem], models: list[str]) -> Answers:
    shape = (len(problems), len(models))
    finals = np.full(shape, None, dtype=object)
    correct, steps = np.zeros(shape, np.bool_), np.zeros(shape, np.int64)
    labels, targets = np.full(shape, -1), np.zeros(len(problems), np.int64)
    codes: dict[tuple[str, bool], int] = {}  # of a spelling, and whether it reads as right but is marked wrong
    for row, problem in enumerate(problems):
        right = canonical(problem.truth)
        targets[row] = codes.setdefault((right, False), len(codes))
        ways: dict[tuple[str, ...], int] = {}
        for column, model in enumerate(models):
            solution = problem.solutions[model]
            finals[row, column], correct[row, column] = solution.answer, solution.right
            steps[row, column] = ways.setdefault(solution.way, len(ways))
            # A solution that counts as right has the label of the truth, however it spells its answer.
            if solution.right:
                labels[row, column] = targets[row]
            elif solution.answer is not None:
                spelling = canonical(solution.answer)
                labels[row, column] = codes.setdefault((spelling, spelling == right), len(codes))
    questions, truths = [problem.question for problem in problems], [problem.truth for problem in problems]
    judged = sum(solution.judged for problem in problems for solution in problem.solutions.values())
    return Answers(models, questions, finals, truths, correct, labels >= 0, labels, targets, steps, judged)
