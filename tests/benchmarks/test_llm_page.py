"""The runs of a language model: which there are, what is kept of them, and what the page says of a part of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

pytestmark = [pytest.mark.torch, pytest.mark.checkout]

sys.path.append(str(Path(__file__).parents[2]))  # where the experiments are; behind everything that is installed
from benchmarks.learning.llm.curves import draw  # noqa: E402
from benchmarks.learning.llm.page import Found, section, verdict  # noqa: E402
from benchmarks.learning.llm.paying import CALLS  # noqa: E402
from benchmarks.learning.llm.results import SEEDS, TUNING_SEED, Results, reported, tuning  # noqa: E402
from benchmarks.learning.llm.runs import BEFORE, Run, drawn, prompt_of  # noqa: E402
from benchmarks.learning.llm.sections import SECTIONS  # noqa: E402
from benchmarks.learning.llm.tasks import TASKS  # noqa: E402

sys.path.pop()

NAME = "recommend"
TASK = TASKS[NAME]
MADE = {"machine": "one", "versions": {"torch": "2"}, "date": "2026-01-01", "commit": "c-dirty"}
VARIED = (0.0, 0.25, 0.5, 9.0)  # the figures of variety of a section, in their order


def figures(run: Run) -> dict[str, Any]:
    """What a run may have given: rule number r earns r tenths more, at first most at the last rate, then at the second."""
    task, shown = TASKS[run.task], SECTIONS[run.task]
    variety = dict(zip(shown.varied, VARIED, strict=True))
    if run.rule == BEFORE:
        noise = {rule: {"variance": 10.0 * (run.seed + 1), "signal": 1.0} for rule in task.rules}
        return {"seconds": 60.0, "noise": noise, "evaluations": {"0": {task.metric: 0.1, "validity": 0.5, **variety}}}
    place = list(task.rules).index(run.rule)
    worth = place / 10 - abs(run.rate - task.rates[1]) + run.seed / 1000
    half = task.steps // 2
    curves = {name: [run.rate] * half + [worth] * half for name in (task.metric, *shown.beside)}
    if task.rules[run.rule].coalitions:
        curves[CALLS] = [place + 1.0] * task.steps
    seen = {task.metric: worth, "validity": 1.0, **variety}
    evaluations = {str(step): seen for step in (half, task.steps)} if run.examined else {}
    return {"seconds": 60.0, "curves": curves, "evaluations": evaluations}


def kept(folder: Path, runs: Iterable[Run]) -> Results:
    for run in runs:
        text = json.dumps({"run": asdict(run), "figures": figures(run), "made": MADE})
        (folder / f"{run.name}.json").write_text(text, encoding="utf-8")
    return Results(folder)


def rates_of(name: str) -> dict[str, float]:
    return dict.fromkeys(TASKS[name].rules, TASKS[name].rates[1])


def test_runs_have_names_of_their_own() -> None:
    rates = rates_of(NAME)
    runs = [*tuning(NAME), *(run for seed in SEEDS for run in reported(NAME, rates, seed))]
    assert len({run.name for run in runs}) == len({run.name.lower() for run in runs}) == len(set(runs))
    assert TUNING_SEED not in SEEDS
    assert {run.rate for run in [*tuning(NAME)][: len(TASK.rules)]} == {TASK.rates[1]}


def test_every_prompt_is_trained_on_in_every_round() -> None:
    size = len(TASK.trained)
    assert TASK.steps % size == 0
    rounds = [[prompt_of(TASK, 3, step) for step in range(first, first + size)] for first in range(0, 4 * size, size)]
    assert all(sorted(each) == sorted(TASK.trained) for each in rounds)
    assert any(each != rounds[0] for each in rounds)


def test_random_numbers_belong_to_a_step() -> None:
    first, again, later, other = (drawn(*which).initial_seed() for which in ((1, 2), (1, 2), (1, 3), (2, 2)))
    assert first == again
    assert len({first, later, other}) == 3


def test_rates_are_chosen_on_the_second_half(tmp_path: Path) -> None:
    runs = [*tuning(NAME)]
    results = kept(tmp_path, runs[:-1])
    assert runs[-1].rule not in results.tuned(NAME)
    assert len(results.tuned(NAME)) == len(TASK.rules) - 1
    assert kept(tmp_path, runs).tuned(NAME) == dict.fromkeys(TASK.rules, TASK.rates[1])


def test_a_run_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    def never(run: Run, folder: Path) -> dict[str, Any]:
        raise AssertionError(run)

    results = kept(tmp_path, tuning(NAME))
    results.complete(tuning(NAME), never, 1)
    assert len(results.entries) == len(TASK.rules) * len(TASK.rates)


def test_the_page_says_what_is_there(tmp_path: Path) -> None:
    runs = [*tuning(NAME)]
    assert "| shared | not yet run | 1.001 | not yet run |" in section(kept(tmp_path, runs[:1]), NAME)
    text = section(kept(tmp_path, runs), NAME)
    assert "0 of 5 seeds are whole so far" in text
    assert "No seed has been run under every rule yet" in text
    rates = rates_of(NAME)
    first = [*reported(NAME, rates, 0), *reported(NAME, rates, 1)]
    text = section(kept(tmp_path, first[:-1]), NAME)
    assert "1 of 5 seeds are whole so far" in text  # the second lacks a rule
    assert "| mixture | 0.001 | 0.600 | +0.600 | 0.600 | 0.600 | 10.0 |" in text
    text = section(kept(tmp_path, first), NAME)
    assert "yet" not in text
    assert "dirty" not in text  # runs are known by their versions and dates
    assert "| Shapley | 0.001 | 0.201 ± 0.006 | +0.200 ± 0.000 |" in text
    assert "| Shapley | 0.100 ± 0.000 | 0.201 ± 0.006 | 0.201 ± 0.006 | +0.200 ± 0.000 | 1.000 ± 0.000 |" in text
    assert f"| {BEFORE} | 0.000 ± 0.000 | 0.250 ± 0.000 | 0.500 ± 0.000 | 9.000 ± 0.000 |" in text
    assert f"{len(runs) + len(first)} runs, 0.6 hours of one core" in text
    assert "15.0 |" in text  # noise pooled: (10 + 20) / 2


def test_sections_without_runs_say_so(tmp_path: Path) -> None:
    assert SECTIONS.keys() == TASKS.keys()
    for name in TASKS:
        text = section(Results(tmp_path), name)
        assert text.startswith(f"## {SECTIONS[name].title}\n")
        assert text.count("Not yet run") == 1
        assert "|" not in text


def test_list_picking_is_compared_with_grpo(tmp_path: Path) -> None:
    name = "listing"
    runs = [run for seed in (0, 1) for run in reported(name, rates_of(name), seed)]
    text = section(kept(tmp_path, [*tuning(name), *runs]), name)
    assert text.count("| against GRPO |") == 2
    assert "against shared" not in text
    assert "| GRPO | 0.100 ± 0.000 | 0.001 ± 0.006 | 0.001 ± 0.006 |  | 1.000 ± 0.000 |" in text
    told = verdict(Found(Results(tmp_path), name))
    assert "*GRPO* has 0.001" in told
    assert f"none below. *{SECTIONS[name].varied[0]}* is largest" in told


def test_a_rule_that_asks_more_is_shown_at_equal_calls(tmp_path: Path) -> None:
    """Rule number r asks r + 1 times a step, so that as many calls as one call a step takes are steps / (r + 1)."""
    runs = [run for seed in (0, 1) for run in reported("search", rates_of("search"), seed)]
    results = kept(tmp_path, [*tuning("search"), *runs])
    text = section(results, "search")
    assert "| shared | 30.000 ± 0.000 | 30.0 | 0.001 ± 0.006 |" in text
    # Shapley has 15 steps for them, of the first half, where its figure is its rate; shared has all of its steps.
    assert "| Shapley | 60.000 ± 0.000 | 15.0 | 0.001 ± 0.000 |" in text
    assert "| leave one out | 180.000 ± 0.000 | 5.0 | 0.001 ± 0.000 |" in text
    assert "equal calls" not in section(kept(tmp_path, [*tuning(NAME), *reported(NAME, rates_of(NAME), 0)]), NAME)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_figures_are_drawn_of_the_seeds_that_are_whole(name: str, tmp_path: Path) -> None:
    runs = [*tuning(name), *(run for seed in (0, 1) for run in reported(name, rates_of(name), seed))]
    before = dict(mpl.rcParams)
    draw(kept(tmp_path, runs), name, tmp_path / "figure.svg")
    assert dict(mpl.rcParams) == before  # other pictures of the process look as they did
    assert before["font.size"] == mpl.rcParamsDefault["font.size"]
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert text.count("stroke-dasharray") > len(TASKS[name].rules)
    assert (f">{CALLS} for each response" in text) == (name == "search")
    assert all(f">{rule}<" in text for rule in TASKS[name].rules)


def test_a_figure_that_a_run_lacks_is_said_to_be_none(tmp_path: Path) -> None:
    """As the variety of responses of which none is valid."""
    rates = rates_of(NAME)
    kept(tmp_path, [*tuning(NAME), *reported(NAME, rates, 0)])
    file = tmp_path / f"{[*reported(NAME, rates, 0)][1].name}.json"
    entry = json.loads(file.read_text(encoding="utf-8"))
    del entry["figures"]["evaluations"][str(TASK.steps)]["distance"]
    file.write_text(json.dumps(entry), encoding="utf-8")
    assert "| shared | 0.000 | 0.250 | nan | 9.000 |" in section(Results(tmp_path), NAME)


def test_what_seeds_say_of_the_rules(tmp_path: Path) -> None:
    rates = rates_of(NAME)
    assert verdict(Found(kept(tmp_path, [*tuning(NAME), *reported(NAME, rates, 0)]), NAME)) == ""
    told = verdict(Found(kept(tmp_path, reported(NAME, rates, 1)), NAME))
    assert told.startswith("On prompts held out *mixture* ends highest, with 0.601, and *shared* lowest, with 0.001; *shared*")
    above = ", ".join(f"*{rule}*" for rule in rates if rule != "shared")
    assert f"paired difference: {above} above it, none below. *same words* is largest under *" in told
