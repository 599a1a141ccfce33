"""docs/learning.md: it is what its program writes, its sentences say what its tables show, and no page is of unknown files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pages import DOCS

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # where the experiments are; behind everything that is installed
from benchmarks import machine  # noqa: E402
from benchmarks.learning.page_text import EXPERIMENTS, LANGUAGE_MODEL, MADE_WITH, NOT_YET, SO_FAR, render, stored  # noqa: E402

sys.path.pop()

PAGE = (DOCS / "learning.md").read_text(encoding="utf-8")
SMALL = "## Small policies\n"


def test_the_page_is_what_its_program_writes() -> None:
    """But for the language model, whose runs may go on; what is kept of a page is what the page had."""
    written = render({**stored(PAGE), SO_FAR: "", LANGUAGE_MODEL: ""})
    assert PAGE.split(SMALL)[1] == written.split(SMALL)[1]
    opening = written.split("\n\n\n")[0]
    assert PAGE.startswith(opening)
    assert PAGE.index("\n## Recommend: ") < PAGE.index(SMALL) < PAGE.index("\n## ShapE-GRPO")


def test_a_page_that_lacks_an_experiment_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one line that begins with '!\[trl\]\(', not 0: run `make learn`"):
        stored(PAGE.replace("![trl](", "![gone]("))


def test_what_is_written_anew_is_not_looked_for() -> None:
    gone = PAGE.replace("![trl](", "![gone](")
    assert stored(gone, without=["trl"]) == {name: part for name, part in stored(PAGE).items() if name != "trl"}


def test_a_section_may_have_no_runs_yet() -> None:
    told = NOT_YET.format("trl")
    bare = PAGE.replace(stored(PAGE)["trl"], told)
    assert stored(bare) == {**stored(PAGE), "trl": told}


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if NOT_YET.format(name) not in PAGE])
def test_a_section_says_with_what_its_runs_were_made(name: str) -> None:
    setting, made, *_ = stored(PAGE)[name].splitlines()
    assert re.match(r"\d+ seeds, \d+ steps each; ", setting)
    assert made.startswith(MADE_WITH)
    assert re.search(r"; \d{4}-\d\d-\d\d; .*\d+ runs, \d+ minutes of one core", made)


def cell(name: str, row: str, column: str) -> float:
    """The mean in a cell of the tables of an experiment."""
    return float(text_of(name, row, column).split(" ± ")[0].replace(",", ""))


def half(name: str, row: str, column: str) -> float:
    """Half of the interval in a cell."""
    return float(text_of(name, row, column).split(" ± ")[1].split()[0])


def text_of(name: str, row: str, column: str) -> str:
    for table in re.findall(r"(?:^\|.*(?:\n|$))+", stored(PAGE)[name], re.MULTILINE):
        head, _, *rows = [[each.strip(" *") for each in line.strip("|").split("|")] for line in table.splitlines()]
        for cells in rows:
            if cells[0] == row and column in head:
                return str(cells[head.index(column)])
    raise KeyError((name, row, column))


# What a sentence says of two rows of a column: a part of it, the experiment, the column, the rows, and their difference.
DIFFERENCES = {
    "the published windows by .084": ("search", "nDCG", "Owen", "OSPO, published", 0.084),
    "ends .16 above GRPO": ("lengths", "nDCG", "own", "GRPO", 0.158),
    "(+.025 ± .034 against own, a tie)": ("lengths", "nDCG", "own, leave one out", "own", 0.025),
    "`to_go` is below own by .128": ("lengths", "nDCG", "own", "to_go", 0.128),
    "marginal below `to_go` by .104": ("lengths", "nDCG", "to_go", "marginal", 0.104),
    "(.019 ± .035 below)": ("lengths", "nDCG", "own", "marginal, lam=.5", 0.019),
}
# The same of what is larger.
LARGER = {
    "learn more from Shapley or Owen credit than from one reward for all": [
        ("recommend", "set utility", "Shapley", "shared"),
        ("search", "nDCG", "Owen", "GRPO"),
    ],
    "Leave-one-out credit ends at least as high in both": [
        ("recommend", "set utility", "leave one out", "Shapley"),
        ("search", "nDCG", "leave one out", "Owen"),
    ],
    "estimated from fewer queries than the windows ask it is no worse": [
        ("search", "nDCG", "Owen, sampled", "Owen"),
        ("search", "queries a response", "OSPO, published", "Owen, sampled"),
    ],
    "is better than both": [
        ("listing", "JSD to uniform", each, "Shapley of distinct") for each in ("GAPO", "Shapley of entropy")
    ],
    "leave-one-out's more than six": [("search", "different words of 18", "leave one out", "Owen")],
}


@pytest.mark.parametrize("said", DIFFERENCES)
def test_differences_in_sentences_are_those_of_tables(said: str) -> None:
    assert said in " ".join(PAGE.split())
    name, column, more, less, difference = DIFFERENCES[said]
    # Three figures are rounded to .001, each by half of it at most.
    assert abs(cell(name, more, column) - cell(name, less, column) - difference) <= 0.0015 + 1e-12


@pytest.mark.parametrize("said", LARGER)
def test_orders_in_sentences_are_those_of_tables(said: str) -> None:
    assert said in " ".join(PAGE.split())
    for name, column, more, less in LARGER[said]:
        assert cell(name, more, column) > cell(name, less, column)


def test_numbers_in_sentences_are_those_of_tables() -> None:
    text, noise = " ".join(PAGE.split()), "gradient noise"
    asked = "in the second with {:.0f} queries a response instead of {:.0f}"
    assert asked.format(*(cell("search", rule, "queries a response") for rule in ("leave one out", "Owen"))) in text
    assert f"with {cell('search', 'leave one out', 'queries a response'):.0f} queries a response, but" in text
    assert "with a sixth of its gradient noise" in text
    assert round(cell("recommend", "shared", noise) / cell("recommend", "Shapley", noise)) == 6
    assert "for an eighth of the retriever's work" in text
    calls = [cell("lengths", rule, "queries a response") for rule in ("own", "own, leave one out")]
    assert calls[0] == 8 * calls[1]
    assert 2 < cell("search", "Owen", "different words of 18") < 3
    assert cell("search", "leave one out", "different words of 18") > 6
    own = "its own credit against the next"
    gains = {rule: cell("objectives", rule, own) / half("objectives", rule, own) for rule in OBJECTIVES}
    assert [rule for rule in OBJECTIVES if gains[rule] < 0.95] == ["of_size(4)", "Banzhaf"]
    assert gains["Shapley"] < 1.1
    assert "Four of six rows are won by their own credit, Shapley's barely, and the others are ties" in text


OBJECTIVES = ("of_size(1)", "of_size(2)", "of_size(4)", "Shapley", "Banzhaf", "leave one out")


def test_no_page_is_of_files_that_no_commit_holds() -> None:
    assert len(EXPERIMENTS) == 9
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        assert machine.CHANGED not in text, page.name
        assert "commit: none, a draft" not in text, page.name


def test_a_published_page_needs_a_commit() -> None:
    assert machine.published("1a2b3c4", draft=False) == machine.published("1a2b3c4", draft=True) == "1a2b3c4"
    for changed, told in (("1a2b3c4-dirty", "1a2b3c4"), ("", "no git")):
        with pytest.raises(SystemExit, match="commit the changes and measure again, or write a draft with --draft"):
            machine.published(changed, draft=False)
        assert machine.published(changed, draft=True) == f"none, a draft ({told} with changes)"
