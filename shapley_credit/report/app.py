"""The commands: credit rows of files, show them on a page, list the utilities, and demonstrate credits on answers of models."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from shapley_credit import __version__
from shapley_credit.errors import InputError
from shapley_credit.printable import printable
from shapley_credit.report.credits import credit_columns, telling_problem
from shapley_credit.report.explained_group import explained_group, print_explanation
from shapley_credit.report.model_answers import read_answers
from shapley_credit.report.page_file import PageRequest
from shapley_credit.report.page_writing import Completions, PageOut, Prompts, Show, Title, write_page
from shapley_credit.report.tables import print_credits, print_problem
from shapley_credit.report.utility_pages import described, listed
from shapley_credit.rollouts.files import Job, Request, prepared

DEFAULT_DATA = Path("benchmarks/data/gsm8k_model_solutions.jsonl.gz")

# Where the output is no terminal: wide enough for the widest table.
_PLAIN_WIDTH = 120

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Files = Annotated[
    list[str],
    typer.Argument(help="JSON lines (.jsonl), CSV or Parquet, plain, .gz or .zst; patterns with * and **; - for stdin."),
]
By = Annotated[list[str] | None, typer.Option("--by", help="The column that names the group; again for more columns.")]
Expression = Annotated[str | None, typer.Option("--utility", help="As '0.7 * Max(reward) + 0.3 * DistinctCount(answer)'.")]
Value = Annotated[str, typer.Option("--value", help="The value of each row: shapley, banzhaf or leave_one_out.")]
Advantage = Annotated[
    str | None,
    typer.Option(help="Also add advantages: credit less a baseline, as mean, or mean/group_std.", show_default="none"),
]
Out = Annotated[
    str | None,
    typer.Option("--out", help="A file for all rows, a folder for a file each, or - for stdout."),
]
CreditColumn = Annotated[str, typer.Option(help="Name of the column of credits.")]
AdvantageColumn = Annotated[str, typer.Option(help="Name of the column of advantages.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over columns of these names.")]
OnError = Annotated[str, typer.Option(help="What a row does that can't be credited: stop the run, or skip to --rejects.")]
Rejects = Annotated[str | None, typer.Option(help="A file for rows that can't be credited.")]
Force = Annotated[bool, typer.Option("--force", help="Compute credits that take more than 1e11 operations, minutes.")]
Explained = Annotated[
    list[str] | None,
    typer.Option("--explain", help="Also explain the group of this value of --by; again for more columns."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read, and say what would be done; write nothing.")]
ProblemOption = Annotated[int | None, typer.Option(help="Show this problem (from 1), not the first on which credit says most.")]


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"shapley-credit {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", help="Say the version.", is_eager=True, callback=_say_version)] = False,
) -> None:
    """Exact Shapley credit for rows of files."""


@app.command()
def credit(
    files: Files,
    by: By = None,
    utility: Expression = None,
    value: Value = "shapley",
    advantage: Advantage = None,
    out: Out = None,
    credit_column: CreditColumn = "credit",
    advantage_column: AdvantageColumn = "advantage",
    overwrite: Overwrite = False,
    on_error: OnError = "stop",
    rejects: Rejects = None,
    force: Force = False,
    explain: Explained = None,
    dry_run: DryRun = False,
) -> None:
    """Add to every row its exact credit for what its group is worth, by default its Shapley value.

    The group is guessed from columns such as prompt_id, uid, prompt and input, the utility from reward and score, and both are
    said. Rows stay as they are and in their order. Exit status: 0; 1 for input that can't be right, or a closed pipe; 2 for
    usage; 130 for Ctrl-C.
    """
    if out is None and not dry_run:
        raise typer.BadParameter("say where the rows go, --out FILE, or give --dry-run.")
    if on_error not in ("stop", "skip") or (on_error == "skip") != (rejects is not None):
        raise typer.BadParameter("--rejects FILE goes with --on-error skip, and skip with a file.", param_hint="--on-error")
    if credit_column == advantage_column:
        raise typer.BadParameter(f"both columns would be called {printable(credit_column)}.", param_hint="--advantage-column")
    if explain and value != "shapley":
        told = f"it explains Shapley values; with --value {printable(value)} leave it out."
        raise typer.BadParameter(told, param_hint="--explain")
    request = Request(
        files, tuple(by or ()), utility, value, advantage, out, credit_column, advantage_column, overwrite, rejects, force
    )
    with _faults_in_one_line(), ExitStack() as kept:
        followed = kept.enter_context(Followed())
        job = prepared(request, kept, followed)
        _say(job, dry_run)
        if explain:
            print_explanation(_console(sys.stderr), explained_group(job, explain), explain)
        if not dry_run:
            job.write(job.credits(), followed)


def _say(job: Job, dry_run: bool) -> None:
    """What is done, on standard error: standard output may be the rows."""
    request, faults = job.request, job.reading.faults
    guessed = [not request.by, not request.utility]
    told = [f"group: {', '.join(job.by)}", f"utility: {job.expression}"]
    lines = [f"{each}{' (guessed)' if guess else ''}" for each, guess in zip(told, guessed, strict=True)]
    lines += [f"set aside: {each}" for each in faults.first]
    if faults.count:
        lines.append(f"set aside: {faults.count:,} rows in all, to {request.rejects}")
    lines.append(
        f"{job.reading.table.num_rows:,} rows, {job.groups:,} groups of at most {job.sizes.max():,}; "
        f"adding {', '.join(request.added)}"
    )
    if dry_run:
        operations = job.operations()
        lines.append(f"cost: about {operations:.1e} operations, {operations / 1e9:,.1f} s of one processor")
        lines += [f"would write {target.name}" for target in job.targets]
    for line in lines:
        typer.echo(printable(line), err=True)


@app.command()
def page(
    files: Files,
    out: PageOut,
    by: By = None,
    utility: Expression = None,
    advantage: Advantage = None,
    credit_column: CreditColumn = "credit",
    prompt: Prompts = None,
    completion: Completions = None,
    show: Show = None,
    title: Title = None,
) -> None:
    """Write one HTML page of a whole run: groups, texts shaded by credit, steps, and a search over all of them.

    Group and utility are guessed as by `credit`; rows that carry a column of credits need no utility. A column `segments` holds
    a list of {start, end, credit} for each row. The page asks for no other file and no network.
    """
    request = PageRequest(tuple(by or ()), utility, credit_column, advantage, prompt, completion, tuple(show or ()), title)
    with _faults_in_one_line(), ExitStack() as kept:
        followed = kept.enter_context(Followed())
        for line in write_page(files, out, request, kept, followed):
            typer.echo(printable(line), err=True)


@app.command()
def utilities(name: Annotated[str | None, typer.Argument(help="Describe this one, as Max or DCG.rbp.")] = None) -> None:
    """List the utilities that --utility can name, or describe one."""
    with _faults_in_one_line():
        if name is not None:
            typer.echo(described(name))
            return
        every = [*listed()]
        width = max(len(each) for each, _ in every)
        for each, sentence in every:
            typer.echo(f"{each:{width}}  {sentence}")


@app.command()
def demo(
    path: Annotated[Path, typer.Argument(help="JSON lines, plain, .gz or .zst.")] = DEFAULT_DATA,
    problem: ProblemOption = None,
) -> None:
    """Credit models for their answers to problems, under four set utilities.

    A line is one problem: {"question": text, "ground_truth": text, MODEL: {"solution": text, "is_correct": true or false}, ..}
    with the same models in every line. What a model is paid for is is_correct. Where that is absent or null, the final answer
    decides, which is what follows the last "A:" of a solution, against that of the ground truth, or against all of a ground
    truth that is one line without "A:". How many answers are judged in this way, and how many have no final answer and count as
    absent, is said below the tables.
    """
    with _faults_in_one_line():
        if path == DEFAULT_DATA and not path.exists():
            raise InputError(f"{path} is a part of the repository, and not here; give a file of your own: demo FILE.")
        answers = read_answers(path)
        if problem is not None and not 1 <= problem <= len(answers.questions):
            raise InputError(f"--problem must be in 1 .. {len(answers.questions)}; got {problem}.")
    if isinstance(sys.stdout, io.TextIOWrapper):  # an encoding that lacks a character shows its escape
        sys.stdout.reconfigure(errors="backslashreplace")
    console = _console(sys.stdout)
    columns = credit_columns(answers)
    print_credits(console, answers, columns)
    print_problem(console, answers, columns, telling_problem(answers) if problem is None else problem - 1)


def _console(stream: TextIO) -> Console:
    return Console(file=stream) if stream.isatty() else Console(file=stream, width=_PLAIN_WIDTH)


class Followed:
    """Stages of work on bytes, each with a bar, a rate and the time left; on what is no terminal, nothing.

    It is called with a stage, the bytes done and the bytes in all.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Followed:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done)


@contextmanager
def _faults_in_one_line() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        sys.exit(printable(str(error)))


def run() -> None:
    """Parse the arguments of the process and run the command."""
    app()
