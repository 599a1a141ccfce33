"""What docs/learning.md opens with: how far the runs of the language model are, and what those that are whole show."""

from __future__ import annotations

from pathlib import Path

from benchmarks.learning.llm.curves import draw
from benchmarks.learning.llm.page import Found, section, verdict
from benchmarks.learning.llm.results import SEEDS, Results, folder_of, tuning
from benchmarks.learning.llm.tasks import CPU, CUDA, TASKS
from benchmarks.learning.page_text import LANGUAGE_MODEL, SO_FAR

NONE_WHOLE = "No seed is whole yet, so that nothing below says which rule a language model learns best with."


def lead(figures: Path) -> dict[str, str]:
    """The parts of the page, from the runs on disk; figures of tasks of which a seed is whole go to the folder."""
    results = [Results(folder_of(plan), plan) for plan in (CPU, CUDA)]
    return {SO_FAR: so_far(results[0]), LANGUAGE_MODEL: sections(results, figures)}


def so_far(results: Results) -> str:
    """How many seeds of each task are whole, and how many of the runs are done that choose learning rates."""
    lines, whole = [], 0
    for name in TASKS:
        found, runs = Found(results, name), [*tuning(name)]
        done, seeds = sum(run in results.entries for run in runs), len(found.seeds)
        title = found.section.title.split(":")[0]
        chosen = f"{done} of {len(runs)} runs that choose learning rates are done"
        lines.append(f"- {title}: {seeds} of {len(SEEDS)} seeds are whole; {chosen}. {verdict(found)}".rstrip(". ") + ".")
        whole += seeds
    return "\n".join([*lines, *([] if whole else ["", NONE_WHOLE])])


def sections(results: list[Results], figures: Path) -> str:
    """The section of each task on the CPU, and on a GPU where there are runs of one."""
    shown = [
        (each, name) for each in results for name in TASKS if each.plan == CPU or any(run.task == name for run in each.entries)
    ]
    return "\n\n".join(section(each, name, _figure(each, name, figures)).rstrip("\n") for each, name in shown)


def _figure(results: Results, name: str, folder: Path) -> str:
    if not Found(results, name).seeds:
        return ""
    file = folder / f"llm-{name}{'' if results.plan == CPU else f'-{results.plan}'}.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    draw(results, name, file)
    return f"![{name}, language model]({folder.name}/{file.name})\n"  # small policies have figures of these names
