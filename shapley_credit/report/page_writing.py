"""The page of rows of files, from the options of the command line to the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from shapley_credit.errors import InputError
from shapley_credit.report.page_file import PageRequest, guessed, page_of, recorded_as
from shapley_credit.report.page_rows import rows_of_files
from shapley_credit.rollouts.expression import read_expression
from shapley_credit.rollouts.outputs import Outputs
from shapley_credit.rollouts.reading import Progress
from shapley_credit.rollouts.sources import STANDARD
from shapley_credit.rollouts.typed_rows import Wanted

PageOut = Annotated[str, typer.Option("--out", help="The page, a file that ends in .html, or - for stdout.")]
Prompts = Annotated[str | None, typer.Option("--prompt", help="The column of prompts.", show_default="by its name")]
Completions = Annotated[str | None, typer.Option("--completion", help="The column of completions.", show_default="by its name")]
Show = Annotated[list[str] | None, typer.Option("--show", help="A column to stand beside the credits; again for more.")]
Title = Annotated[str | None, typer.Option("--title", help="What stands at the head of the page.")]


def write_page(files: Sequence[str], out: str, asked: PageRequest, kept: ExitStack, progress: Progress) -> Iterator[str]:
    """Write the page of files; the lines that say what was guessed and what was written.

    out: a file that ends in .html, or "-". kept: owns temporary files. Raises InputError for files, rows and options that can't
    be right; nothing is written then.
    """
    if out != STANDARD and Path(out).suffix not in (".html", ".htm"):
        raise InputError(f"a page is HTML, so that its file ends in .html; got {out}.")
    utility = asked.utility
    numbers = Wanted.of((), read_expression(utility)).numbers if isinstance(utility, str) else frozenset[str]()
    rollouts = rows_of_files(files, numbers, kept, progress)
    wish = guessed(asked, rollouts)
    text = page_of(rollouts, wish).encode()
    with Outputs() as outputs, outputs.opened(out) as file:
        file.write(text)
    yield f"group: {', '.join(wish.by)}{'' if asked.by else ' (guessed)'}"
    worth = recorded_as(wish) if wish.utility is None else f"utility: {wish.utility}"
    guess = wish.credit != asked.credit or (asked.utility is None and wish.utility is not None)
    yield f"{worth}{' (guessed)' * guess}"
    yield f"{rollouts.columns.rows:,} rows, {len(text) / 1e6:,.1f} MB"
