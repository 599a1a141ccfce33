"""Runs of the language model on other devices: pieces that travel, folders, plans, the time that runs have."""

from __future__ import annotations

import json
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.torch, pytest.mark.checkout]

sys.path.append(str(Path(__file__).parents[2]))  # where the experiments are; behind everything that is installed
from benchmarks.learning.llm import pieces, results  # noqa: E402
from benchmarks.learning.llm.lead import NONE_WHOLE, lead, so_far  # noqa: E402
from benchmarks.learning.llm.page import section  # noqa: E402
from benchmarks.learning.llm.results import SEEDS, Results, folder_of, reported, tuning  # noqa: E402
from benchmarks.learning.llm.runs import ON_CPU, Place, Run, drawn  # noqa: E402
from benchmarks.learning.llm.sections import SECTIONS  # noqa: E402
from benchmarks.learning.llm.tasks import CPU, CUDA, DRY, TASKS, planned  # noqa: E402
from benchmarks.learning.page_text import LANGUAGE_MODEL, SO_FAR  # noqa: E402

sys.path.pop()

NAME = "recommend"


def test_pieces_come_back_as_they_were(tmp_path: Path) -> None:
    whole, cut, site = tmp_path / "packages.zip", tmp_path / "pieces", tmp_path / "site"
    pieces.pack(["pytest", "iniconfig"], whole)
    made = pieces.cut(whole, cut, most=100_000)
    assert len(made) > 2
    assert max(each.stat().st_size for each in made) == 100_000
    assert b"".join(each.read_bytes() for each in made) == whole.read_bytes()
    (site / "old").mkdir(parents=True)
    pieces.join(cut, site)
    assert (site / "pytest" / "__init__.py").read_bytes() == Path(pytest.__file__).read_bytes()
    assert {each.name.split("-")[0] for each in site.glob("*.dist-info")} == {"pytest", "iniconfig"}
    assert not [*site.rglob("__pycache__")]
    assert not (site / "old").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["packages.zip", "pieces", "site"]


def test_pieces_that_are_wrong_are_refused(tmp_path: Path) -> None:
    whole, cut, site = tmp_path / "whole", tmp_path / "pieces", tmp_path / "site"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("file", "0123456789" * 10)
    with pytest.raises(ValueError, match="a byte at least, not 0"):
        pieces.cut(whole, cut, most=0)
    first, second, *_ = pieces.cut(whole, cut, most=50)
    kept = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(ValueError, match=r"piece-2 has SHA-256 .*50 bytes of 50.*bring it again"):
        pieces.join(cut, site)
    second.unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks piece-2; bring each piece that pieces\.json lists"):
        pieces.join(cut, site)
    assert not site.exists()
    second.write_bytes(kept)
    pieces.join(cut, site)
    assert (site / "file").read_text() == "0123456789" * 10


def test_fewer_pieces_replace_more(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.write_bytes(bytes(100))
    pieces.cut(whole, tmp_path, most=10)
    pieces.cut(whole, tmp_path, most=60)
    assert sorted(each.name for each in tmp_path.glob("piece-*")) == ["piece-1", "piece-2"]


def test_devices_have_folders_and_plans_of_their_own() -> None:
    places = [ON_CPU, Place(CUDA), Place(CPU, tiny=True)]
    assert [each.plan for each in places] == [CPU, CUDA, DRY]
    assert len({folder_of(each.plan) for each in places}) == 3
    assert folder_of(CPU) == results.FOLDER
    for name, task in TASKS.items():
        assert planned(name) is task
        few = planned(name, CUDA)
        assert len(few.rules) == 5
        assert {SECTIONS[name].base, SECTIONS[name].ours} < few.rules.keys() <= task.rules.keys()
        assert few.steps % len(task.trained) == 0
        assert few.steps > task.steps
        dry = [*reported(name, dict.fromkeys(planned(name, DRY).rules, 1.0), 0, DRY)]
        assert [run.steps for run in dry] == [0, 2, 2]


def test_random_numbers_of_the_cpu_stay() -> None:
    """Those that the runs on disk were made with."""
    assert drawn(3, 5).initial_seed() == 4895867234429419378
    assert drawn(3, 5).device.type == "cpu"


def kept(folder: Path, runs: list[Run]) -> None:
    folder.mkdir()
    for run in runs:
        curve = [run.rate if run.rate != TASKS[NAME].rates[0] else 1.0] * run.steps
        made = {"machine": "one", "versions": {"torch": "2"}, "date": "2026-01-01"}
        entry = {"run": asdict(run), "figures": {"seconds": 60.0, "curves": {TASKS[NAME].metric: curve}}, "made": made}
        (folder / f"{run.name}.json").write_text(json.dumps(entry), encoding="utf-8")


def test_a_gpu_takes_rates_of_the_cpu_and_its_own_before_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    best, last = TASKS[NAME].rates[0], TASKS[NAME].rates[-1]
    kept(tmp_path / "results", [run for run in tuning(NAME) if run.rule != "Shapley"])
    rules = planned(NAME, CUDA).rules
    assert Results(folder_of(CUDA), CUDA).tuned(NAME) == {rule: best for rule in rules if rule != "Shapley"}
    kept(folder_of(CUDA), [run for run in tuning(NAME, CUDA) if run.rule in ("Shapley", "shared")])
    entries = Results(folder_of(CUDA), CUDA)
    for run, entry in entries.entries.items():
        entry["figures"]["curves"][TASKS[NAME].metric] = [run.rate] * run.steps
    assert entries.tuned(NAME) == {**dict.fromkeys(rules, best), "Shapley": last, "shared": last}
    assert Results(tmp_path, DRY).tuned(NAME) == dict.fromkeys(planned(NAME, DRY).rules, best)


def test_runs_begin_until_the_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def half(run: Run, folder: Path) -> dict[str, Any] | None:
        """Runs of even seeds end; those of odd ones are stopped."""
        begun.append(run.seed)
        time.sleep(0.05)
        return None if run.seed % 2 else {"run": asdict(run), "figures": {"seconds": 1.0}, "made": {}}

    monkeypatch.setattr(results, "ProcessPoolExecutor", lambda processes, *_, **__: ThreadPoolExecutor(processes))
    runs = [Run(NAME, "shared", 1.0, seed, 2, examined=True) for seed in range(5)]
    found = Results(tmp_path)
    found.complete(runs, half, 1, until=time.time())
    assert not begun
    found.complete(runs, half, 2, until=time.time() + 0.02)
    assert sorted(begun) == [0, 1]
    found.complete(runs, half, 1)
    assert begun[2:] == [1, 2, 3, 4]  # what was stopped goes on
    assert [*found.entries] == [runs[0], runs[2], runs[4]]


def test_the_page_opens_with_how_far_the_runs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    runs = [*tuning(NAME)]
    kept(tmp_path / "results", runs[:-1])
    found = lead(tmp_path)
    size = len(runs)
    chosen = f"{size - 1} of {size} runs that choose learning rates are done"
    assert f"- Recommend: 0 of {len(SEEDS)} seeds are whole; {chosen}" in found[SO_FAR]
    assert found[SO_FAR].endswith(NONE_WHOLE)
    assert found[LANGUAGE_MODEL].startswith("## Recommend")
    assert "on a GPU" not in found[LANGUAGE_MODEL]
    assert found[SO_FAR] == so_far(Results(tmp_path / "results"))
    kept(folder_of(CUDA), [*reported(NAME, {"shared": 1.0}, 0, CUDA)][1:])
    text = lead(tmp_path)[LANGUAGE_MODEL]
    assert text.count("on a GPU\n") == 1
    assert "`sh benchmarks/learning/llm/gpu.sh`; 1 runs" in text
    assert "The learning rates were chosen before these runs" in section(Results(folder_of(CUDA), CUDA), NAME)
