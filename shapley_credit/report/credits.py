"""Credits of models for their answers, under several set utilities."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shapley_credit import Utility, set_shapley
from shapley_credit import utilities as u
from shapley_credit.report.model_answers import Answers

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """Credits under one utility.

    Attributes:
        name: of the utility.
        credit: [P, M].
        value: [P], v(N), of all models together.
        residual: [P], |sum of credits - (v(N) - v(empty))|.
        seconds: time of the solution, checks included.
    """

    name: str
    credit: Array
    value: Array
    residual: Array
    seconds: float


def utilities_of(answers: Answers) -> dict[str, Utility]:
    """The set utilities of the report, over problems x models.

    best of set: some model is right (pass@M). majority vote: the right answer has most votes, ties shared. distinct correct:
    number of different calculations that led to the right answer. A solution without a final answer is absent everywhere.
    """
    best = u.Max(answers.correct.astype(np.float64), mask=answers.present)
    distinct = u.Coverage(_found(answers), mask=answers.present)
    vote = u.Plurality(answers.labels, answers.targets, ties="shared", mask=answers.present)
    return {
        f"pass@{len(answers.models)}": best,
        "majority vote": vote,
        "distinct correct": distinct,
        "0.7 best + 0.3 distinct": 0.7 * best + 0.3 * distinct,
    }


def _found(answers: Answers) -> NDArray[np.bool_]:
    """Whether each model found the right solution of another, if that is the first model with this solution, [P, M, M]."""
    right = answers.correct & answers.present
    same = (answers.steps[:, :, None] == answers.steps[:, None, :]) & right[:, :, None] & right[:, None, :]
    first = ~(same & np.tri(len(answers.models), k=-1, dtype=np.bool_)).any(axis=2)
    found: NDArray[np.bool_] = same & first[:, None, :]
    return found


def credit_columns(answers: Answers) -> list[Column]:
    """Solve every utility twice: the first time may compile kernels, the second time is measured."""
    columns = []
    for name, utility in utilities_of(answers).items():
        set_shapley(utility)
        start = time.perf_counter()
        credit = set_shapley(utility, len(answers.models))
        seconds = time.perf_counter() - start
        whole, nothing = utility.value(range(utility.k)), utility.value(())
        columns.append(Column(name, credit, whole, np.abs(credit.sum(axis=1) - (whole - nothing)), seconds))
    return columns


def telling_problem(answers: Answers) -> int:
    """The first problem on which credit says most: some models right in more than one way, some wrong or absent."""
    right = answers.correct.sum(axis=1)
    ways = [len(set(steps[ok].tolist())) for steps, ok in zip(answers.steps, answers.correct, strict=True)]
    mixed = (right < len(answers.models)) & (right > 0)
    return int(np.argmax(mixed * np.array(ways)))
