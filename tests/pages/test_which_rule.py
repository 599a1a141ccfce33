"""docs/which_rule.md: its figures are those of generated pages, what it reads from them holds, and its sessions run."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u

from pages import DOCS, run_sessions

pytestmark = pytest.mark.checkout
Table = dict[str, dict[str, str]]
Array = np.ndarray[Any, Any]

# Of each rule: its name in the tables of six recommendations, nine phrases, phrases of any number, guesses, the six games, and
# of the language model's lists and queries.
NAMES = {
    "one reward for all": ("shared", "GRPO", "GRPO", "", "GRPO, one reward for all", "shared", "shared"),
    "winner takes all": ("winner takes all", "", "", "", "", "winner takes all", ""),
    "Shapley or Owen, own": ("Shapley", "Owen, by place", "own", "Shapley", "own", "Shapley", "Shapley"),
    "leave-one-out, own": (
        "leave one out",
        "leave one out",
        "own, leave one out",
        "leave one out",
        "own, leave-one-out credit",
        "leave one out",
        "leave one out",
    ),
    "Banzhaf, own": ("", "", "", "Banzhaf", "", "", ""),
    "MaxRL": ("MaxRL", "", "", "", "", "", ""),
    "OSPO as published": ("", "OSPO, published", "", "", "", "", ""),
    "windows of OSPO, own": ("", "", "", "", "", "", "windows"),
    "Shapley or Owen, to_go": ("", "", "to_go", "", "to_go", "", "Shapley, to go"),
    "marginal contributions, paid like own": ("", "", "", "", "", "marginal", ""),
    "marginal": ("", "", "marginal", "", "marginal", "marginal, to go", "marginal, to go"),
    "marginal, lam=0.5": ("", "", "marginal, lam=.5", "", "marginal, lam=.5", "", ""),
    "half leave-one-out, own, half marginal": ("", "", "", "", "", "mixture", ""),
}
HEAD = [
    "rule",
    "list of six",
    "nine phrases",
    "any number of phrases",
    "one of eight guesses is right",
    "games",
    "noise",
    "language model, lists",
    "copies",
    "language model, queries",
]
HELD_OUT, VARIED = "The utility on prompts held out, for users", "Valid responses with two candidates alike"
ASKED = "The nDCG on prompts held out"
WRITTEN, BOUGHT = "nDCG by MiniLM, phrases of a valid query", "Retriever calls of a run for each response"


def table_behind(page: str, mark: str) -> Table:
    """The first table behind a mark, by the first cell of its rows."""
    text = (DOCS / page).read_text(encoding="utf-8").split(mark)[1]
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert lines is not None
    head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in lines[0].splitlines()]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def mean(cell: str) -> str:
    return cell.split(" ± ")[0].strip("*")


def figures() -> dict[str, list[str]]:
    """What the generated pages say of each rule, in the columns of HEAD."""
    learnt = {
        name: table_behind("learning.md", f"(learning/{name}.svg)") for name in ("recommend", "search", "lengths", "objectives")
    }
    games = table_behind("rules.md", "where all rules follow the gradient")
    worth, copies, queries = (table_behind("learning.md", mark) for mark in (HELD_OUT, VARIED, ASKED))
    found = {}
    for rule, (listed, phrases, lengths, guesses, game, model, query) in NAMES.items():
        cells = [
            mean(learnt["recommend"][listed]["set utility"]) if listed else "",
            mean(learnt["search"][phrases]["nDCG"]) if phrases else "",
            mean(learnt["lengths"][lengths]["nDCG"]) if lengths else "",
            mean(learnt["objectives"]["leave one out"][guesses]) if guesses else "",
        ]
        if game:
            *cosines, noise = list(games[game].values())[1:]
            assert len(cosines) == 6
            cells += [f"{sum(float(cosine) > 0 for cosine in cosines)} of 6", noise]
        else:
            cells += ["", ""]
        cells.append(mean(worth[model]["after 30"]) if model else "")
        cells.append(f"{float(mean(copies[model]['same words'])):.0%}" if model else "")
        cells.append(mean(queries[query]["after 30"]) if query else "")
        found[rule] = cells
    return found


def test_the_table_is_that_of_the_generated_pages() -> None:
    lines = ["| " + " | ".join(HEAD) + " |", "| --- |" + " ---: |" * (len(HEAD) - 1)]
    lines += ["| " + " | ".join([rule, *cells]) + " |" for rule, cells in figures().items()]
    wanted = "\n".join(lines)
    assert wanted in (DOCS / "which_rule.md").read_text(encoding="utf-8"), f"the table must be\n{wanted}"


def test_what_the_page_reads_from_its_figures() -> None:
    found = {
        rule: [float(cell.split()[0].rstrip("%")) if cell else None for cell in cells] for rule, cells in figures().items()
    }

    def of(rule: str, column: str) -> float:
        number = found[rule][HEAD.index(column) - 1]
        assert number is not None
        return number

    shared, owen, without, marginal = (
        "one reward for all",
        "Shapley or Owen, own",
        "leave-one-out, own",
        "marginal",
    )
    for column in HEAD[1:4]:
        assert of(owen, column) > of(shared, column)
        assert of(without, column) >= of(owen, column)
    assert of(marginal, "any number of phrases") < of(shared, "any number of phrases")
    right = {rule for rule in NAMES if found[rule][4] == 6}
    assert right == {shared, marginal}
    assert of("winner takes all", "list of six") >= of(owen, "list of six")
    guesses = HEAD[4]
    assert of(without, guesses) > of("Banzhaf, own", guesses) > of(owen, guesses)
    model, copies = HEAD[-3:-1]
    trained = [rule for rule in NAMES if found[rule][-2] is not None]
    assert min(trained, key=lambda rule: of(rule, model)) == max(trained, key=lambda rule: of(rule, copies)) == owen
    assert of(owen, copies) > 50
    asked = HEAD[-1]
    windows, to_go = "windows of OSPO, own", "Shapley or Owen, to_go"
    assert all(of(rule, asked) < of(shared, asked) for rule in (windows, owen))
    assert all(of(rule, asked) > of(shared, asked) for rule in (without, to_go, marginal))
    wrote = {rule: float(mean(row["phrases"])) for rule, row in table_behind("learning.md", WRITTEN).items()}
    assert sorted(wrote, key=lambda rule: wrote[rule])[:2] == ["Shapley", "windows"]
    assert wrote["Shapley"] < 1.5 < 2 < wrote["leave one out"]
    below = table_behind("learning.md", ASKED)["windows"]["against shared"].split(" ± ")
    assert -float(below[0]) > float(below[1])
    bought = {rule: float(mean(row["nDCG there"])) for rule, row in table_behind("learning.md", BOUGHT).items()}
    assert max(bought[rule] for rule in bought if rule != "shared") < bought["shared"] - 0.1
    for mark in (HELD_OUT, ASKED):
        for row in list(table_behind("learning.md", mark).values())[1:]:
            gain, half = map(float, row["against shared"].split(" ± "))
            assert gain < half
    short = table_behind("learning.md", "The same queries cut short")
    assert float(mean(short["Owen"]["nDCG of 4 of 9 phrases"])) > float(mean(short["leave one out"]["nDCG of 4 of 9 phrases"]))


def test_sessions_of_the_page_run_as_printed() -> None:
    assert run_sessions("which_rule.md")


REWARDS = np.array([1.0, 2.0, 4.0])
CREDITS: dict[str, Callable[[Array], Array]] = {
    "Shapley": lambda rewards: sc.set_shapley(u.Max(rewards)),
    "leave-one-out": lambda rewards: sc.set_semivalue(u.Max(rewards), semivalues.leave_one_out),
    "Banzhaf": lambda rewards: sc.set_semivalue(u.Max(rewards), semivalues.banzhaf),
    "winner takes all": lambda rewards: (
        np.where(rewards == rewards.max(), rewards.max(), 0.0) / np.sum(rewards == rewards.max())
    ),
}


@pytest.mark.parametrize("credit", CREDITS)
def test_winner_takes_all_is_the_gradient_of_no_objective(credit: str) -> None:
    """A gradient has symmetric derivatives: three samples of a softmax over three answers, by sums over all of them."""

    def followed(logits: Array) -> Array:
        policy = np.exp(logits) / np.exp(logits).sum()
        sets = [list(each) for each in product(range(3), repeat=3)]
        terms = [policy[y].prod() * CREDITS[credit](REWARDS[y]) @ (np.eye(3)[y] - policy) for y in sets]
        return np.asarray(np.sum(terms, axis=0))

    at = np.array([0.2, -0.1, 0.4])
    derivatives = np.array([followed(at + 1e-30j * axis).imag * 1e30 for axis in np.eye(3)])
    asymmetry = np.abs(derivatives - derivatives.T).max()
    assert asymmetry > 0.1 if credit == "winner takes all" else asymmetry < 1e-14
