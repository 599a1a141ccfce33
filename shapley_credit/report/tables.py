"""Printing credits as tables; whatever comes from a file is text, never markup."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shapley_credit.printable import printable
from shapley_credit.report.credits import Column
from shapley_credit.report.model_answers import Answers

# Columns that a name or an answer may fill; a longer one is cut, or it would leave no room for the numbers.
_LONGEST = 20


def print_credits(console: Console, answers: Answers, columns: list[Column]) -> None:
    """Each model's credit, mean over problems, under every utility; what the columns add up to; how exactly."""
    problems = len(answers.questions)
    table = Table(title=f"Shapley credit of {len(answers.models)} models on {problems:,} problems", box=box.SIMPLE_HEAD)
    table.add_column("model", no_wrap=True, max_width=_LONGEST)
    for column in columns:
        table.add_column(column.name, justify="right")
    for place, model in enumerate(answers.models):
        table.add_row(Text(printable(model)), *(f"{column.credit[:, place].mean():.4f}" for column in columns))
    table.add_section()
    table.add_row("credits add up to", *(f"{column.credit.sum() / problems:.4f}" for column in columns))
    table.add_row("value of the set", *(f"{column.value.mean():.4f}" for column in columns))
    table.add_row("total over problems", *(_total(column, problems) for column in columns))
    table.add_row("largest residual", *(f"{column.residual.max():.0e}" for column in columns), style="dim")
    console.print(table)
    seconds = sum(column.seconds for column in columns)
    absent = int((~answers.present).sum())
    console.print(
        f"{len(columns) * problems:,} groups solved exactly in {seconds * 1e3:.1f} ms: "
        f"{len(columns) * problems / seconds:,.0f} groups a second. {absent} answers without a result are absent, not wrong.\n"
    )
    if answers.judged:
        console.print(f"{answers.judged:,} answers without is_correct are right or wrong by their final answer, after A:.\n")


def _total(column: Column, problems: int) -> str:
    """A count out of all problems where the set either succeeds or fails, else a sum."""
    total = column.credit.sum()
    succeeds_or_fails = np.isin(column.value, (0.0, 1.0)).all()
    return f"{total:.0f}/{problems}" if succeeds_or_fails else f"{total:,.1f}"


def print_problem(console: Console, answers: Answers, columns: list[Column], row: int) -> None:
    """One problem in full: answers, rewards, credits, and what two simpler rules would have given."""
    question = Text(printable(answers.questions[row].replace("\r\n", "\n"), keep="\n\t"))
    console.print(Panel(question, title=Text(f"problem {row + 1}, answer {printable(answers.truths[row])}"), width=100))
    best = columns[0]
    rewards = answers.correct[row].astype(float)
    winner = int(np.argmax(rewards))
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("model", "answer", "way"):
        table.add_column(title, no_wrap=True, max_width=_LONGEST)
    titles = ["reward", *(column.name for column in columns), "shared reward", "winner takes all"]
    for title in titles:
        table.add_column(title, justify="right", min_width=len("-0.000"))
    for place, model in enumerate(answers.models):
        numbers = [rewards[place], *(column.credit[row, place] for column in columns)]
        rivals = [best.value[row], best.value[row] if place == winner else 0.0]
        texts = (model, answers.finals[row, place] or "-", _letters(int(answers.steps[row, place])))
        table.add_row(*(Text(printable(text)) for text in texts), *(f"{x:.3f}" for x in [*numbers, *rivals]))
    table.add_section()
    totals = [rewards.sum(), *(column.credit[row].sum() for column in columns)]
    table.add_row("sum", "", "", *(f"{x:.3f}" for x in [*totals, len(rewards) * best.value[row], best.value[row]]))
    console.print(table)
    console.print(
        "way: solutions with the same letter made the same calculations. A shared reward pays every model the value "
        "of the set; winner takes all pays the first best one."
    )


def _letters(number: int) -> str:
    """A number from 0 in letters: a, b, .. z, aa, ab, .."""
    text = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        text = chr(ord("a") + letter) + text
        number -= 1
    return text
