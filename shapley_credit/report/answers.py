"""Reading model answers: what each model said to each problem, and whether it was right."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.errors import InputError

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
        correct: bool [P, M].
        present: bool [P, M], False where a solution has no final answer: an absent candidate, not a wrong one.
        labels: int [P, M], one number for each distinct final answer; -1 where absent.
        targets: int [P], the label of the right answer.
        steps: int [P, M], one number for each distinct sequence of calculations within a problem.
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


def final_answer(solution: str) -> str | None:
    """What follows the last "A:" of a solution, None if nothing does.

    >>> final_answer("16 - 7 = <<16-7=9>>9 eggs\\nA: 9")
    '9'
    """
    _, mark, answer = solution.rpartition("A:")
    return answer.strip() or None if mark else None


def canonical(answer: str) -> str:
    """One spelling for equal numbers; text that is no number stays as it is.

    >>> canonical("1,450.0"), canonical("-0.50"), canonical("none")
    ('1450', '-0.5', 'none')
    """
    try:
        number = Decimal(answer.replace(",", ""))
    except InvalidOperation:
        return answer
    return format(number.normalize() + 0, "f") if number.is_finite() else answer


def calculations(solution: str) -> tuple[str, ...]:
    """The calculator steps of a solution: what stands between << and >>.

    >>> calculations("16 - 7 = <<16-7=9>>9 eggs")
    ('16-7=9',)
    """
    return tuple(re.findall(r"<<(.*?)>>", solution))


def read_answers(path: Path) -> Answers:
    """Read a JSON-lines file (.gz or plain) of problems: question, ground_truth, and {is_correct, solution} for each model.

    Raises InputError that names the line for anything that is not such a problem.
    """
    models: list[str] = []
    problems = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            problem = json.loads(line)
            names = [key for key in problem if key not in _NOT_MODELS]
            models = models or names
            if names != models:
                raise KeyError(f"models {names}, where the first line has {models}")
            _parse(problem, models)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}, line {number}: not a problem with question, ground_truth and models: {error!r}."
            ) from error
        problems.append(problem)
    if not problems or not models:
        raise InputError(f"{path} holds no problem with a model's answer.")
    return _assemble(problems, models)


def _lines(path: Path) -> list[str]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            return [line for line in file if line.strip()]
    except OSError as error:
        raise InputError(f"{path} can't be read: {error}. Give the path of a JSON-lines file of model answers.") from error


def _parse(problem: dict[str, Any], models: list[str]) -> tuple[str | None, list[tuple[str | None, bool, tuple[str, ...]]]]:
    """The right answer; and for each model its final answer, whether it is right, and its calculations."""
    solutions = [(problem[model]["solution"], bool(problem[model]["is_correct"])) for model in models]
    answers = [(final_answer(text), right, calculations(text)) for text, right in solutions]
    str(problem["question"])
    return final_answer(problem["ground_truth"]), answers


def _assemble(problems: list[dict[str, Any]], models: list[str]) -> Answers:
    shape = (len(problems), len(models))
    finals = np.full(shape, None, dtype=object)
    correct, steps = np.zeros(shape, np.bool_), np.zeros(shape, np.int64)
    labels, targets = np.full(shape, -1), np.zeros(len(problems), np.int64)
    truths = []
    codes: dict[str, int] = {}
    for row, problem in enumerate(problems):
        truth, answers = _parse(problem, models)
        truths.append(truth or "")
        targets[row] = codes.setdefault(canonical(truth or ""), len(codes))
        ways: dict[tuple[str, ...], int] = {}
        for column, (answer, right, way) in enumerate(answers):
            finals[row, column], correct[row, column] = answer, right
            steps[row, column] = ways.setdefault(way, len(ways))
            if answer is not None:
                labels[row, column] = codes.setdefault(canonical(answer), len(codes))
    questions = [problem["question"] for problem in problems]
    return Answers(models, questions, finals, truths, correct, labels >= 0, labels, targets, steps)
