"""The commands: read, solve, print."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shapley_credit.errors import InputError
from shapley_credit.report.credits import credit_columns, telling_problem
from shapley_credit.report.model_answers import read_answers
from shapley_credit.report.tables import print_credits, print_problem
from shapley_credit.report.visible import visible

DEFAULT_DATA = Path("benchmarks/data/gsm8k_model_solutions.jsonl.gz")

# Where the output is no terminal: wide enough for the widest table.
_PLAIN_WIDTH = 120

PathArgument = Annotated[
    Path,
    typer.Argument(
        help="JSON lines, plain or .gz: question, ground_truth and, for every model, solution and, if known, is_correct."
    ),
]
ProblemOption = Annotated[int | None, typer.Option(help="Show this problem (from 1), not the first on which credit says most.")]


def credits(path: PathArgument = DEFAULT_DATA, problem: ProblemOption = None) -> None:
    """Exact Shapley credit of models for their answers to a file of problems."""
    try:
        answers = read_answers(path)
        if problem is not None and not 1 <= problem <= len(answers.questions):
            raise InputError(f"--problem must be in 1 .. {len(answers.questions)}; got {problem}.")
    except InputError as error:
        sys.exit(visible(str(error)))
    if isinstance(sys.stdout, io.TextIOWrapper):  # an encoding that lacks a character shows its escape
        sys.stdout.reconfigure(errors="backslashreplace")
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    columns = credit_columns(answers)
    print_credits(console, answers, columns)
    print_problem(console, answers, columns, telling_problem(answers) if problem is None else problem - 1)


def run() -> None:
    """Parse the arguments of the process and run the command."""
    typer.run(credits)
