"""The session for a GPU: every kernel's cases on the CPU, steps that fail or take too long, and the page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from shapley_credit import dispatch

import gpu_kernels

pytestmark = [pytest.mark.triton, pytest.mark.checkout]

BEFORE = list(sys.path)
sys.path.append(str(Path(__file__).parents[2]))  # where the benchmarks are; behind everything that is installed
from benchmarks import gpu_session  # noqa: E402
from benchmarks.gpu_session import Step, cases_of, measure_form, session  # noqa: E402

sys.path[:] = BEFORE  # modules of benchmarks put the checkout first, for programs

FORMS = sorted(gpu_kernels.SMALL)


def python(name: str, code: str, budget_s: float = 30) -> Step:
    return Step(name, [sys.executable, "-c", code], budget_s)


def _runs(process: int) -> bool:
    """Whether a process is there and has not ended; what ended may wait to be collected."""
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] not in "ZX"


def test_every_kernel_is_timed_at_two_sizes() -> None:
    for dry in (False, True):
        sizes: dict[tuple[str, str], set[Any]] = {}
        for chosen, _ in (each for form in FORMS for each in cases_of(form, dry)):
            sizes.setdefault((chosen.form, chosen.game), set()).add(chosen.size)
        assert sorted(sizes) == gpu_kernels.kernels()
        assert {len(each) for each in sizes.values()} == {2}


@pytest.mark.parametrize("form", FORMS)
def test_a_dry_run_takes_every_case(form: str, tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    measure_form(form, lines, dry=True)
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["work"] for row in rows] == [chosen.name for chosen, _ in cases_of(form, dry=True)]
    assert all(row["bytes"] > 0 and row["seconds"] == {} for row in rows)


def test_a_wrong_kernel_is_named_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module, lines = gpu_kernels.module_of("counts"), tmp_path / "rows.jsonl"
    right = module.size_sum
    wrong = mock.patch.object(module, "size_sum", lambda *given: right(*given) * 1.001)
    dispatch.kernel.cache_clear()
    with wrong, pytest.raises(SystemExit, match=r"failed: counts.size_sum 2x5, counts.size_sum 3x8"):
        measure_form("counts", lines, dry=True)
    dispatch.kernel.cache_clear()
    assert "AssertionError: counts.size_sum 2x5: results differ by" in capsys.readouterr().out
    assert len(lines.read_text().splitlines()) == 6


def test_without_a_gpu_only_a_dry_run_is_possible(tmp_path: Path) -> None:
    absent, told = mock.patch.object(torch.cuda, "is_available", return_value=False), "--dry runs every case without one"
    with absent, pytest.raises(SystemExit, match=told):
        measure_form("pairs", tmp_path / "rows.jsonl", dry=False)
    with absent, pytest.raises(SystemExit, match=told):
        session(tmp_path / "out", False, [])
    assert not [*tmp_path.iterdir()]


def test_steps_that_fail_or_take_too_long_leave_the_others(tmp_path: Path) -> None:
    child = tmp_path / "child"
    sleeps = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(child)!r}).write_text(str(child.pid))
child.wait()
"""
    steps = [
        python("fails", "print('so it said'); raise SystemExit(3)"),
        python("hangs", sleeps, budget_s=5),
        Step("is not there", ["/no/such/program"], 5),
        python("passes", "import shapley_credit, shapley_kernels, benchmarks.cases"),
    ]
    assert session(tmp_path, True, steps) == ["fails", "hangs", "is not there"]
    assert not _runs(int(child.read_text()))
    run = json.loads((tmp_path / "session.json").read_text())
    ended = [each["ended"] for each in run["steps"]]
    assert ended[:2] == ["failed with status 3", "stopped after 5 s"]
    assert ended[2].startswith("failed: [Errno 2] No such file")
    assert ended[3] == "passed"
    assert "so it said" in (tmp_path / "session.log").read_text()
    assert "| fails | failed with status 3 |" in (tmp_path / "session.md").read_text()


def test_no_step_begins_when_the_time_is_over(tmp_path: Path) -> None:
    with mock.patch.object(gpu_session, "SECONDS", 0.0):
        assert session(tmp_path, True, [python("late", "pass")]) == ["late"]
    assert "not begun: no time was left" in (tmp_path / "session.md").read_text()


def test_the_budgets_of_all_steps_fit_into_the_session(tmp_path: Path) -> None:
    steps = gpu_session.steps_of(tmp_path / "rows.jsonl", dry=False)
    assert [step.name for step in steps] == ["tests of kernels", *FORMS, "wrong kernels"]
    assert sum(step.budget_s for step in steps) <= gpu_session.SECONDS < 600


RUN: dict[str, Any] = {
    "machine": "one",
    "versions": {"torch": "2"},
    "commit": "c",
    "date": "2026-01-01",
    "command": "python",
    "load": 0.0,
    "seconds": 1.0,
    "steps": [{"name": "pairs", "ended": "passed", "seconds": 1.0, "budget_s": 45.0}],
}
SECONDS = {"kernel": 1e-3, "CUDA graph": 9e-4, "2 streams": 9e-4, "torch": 2e-3, "torch, compiled": 3e-3, "limit": 5e-4}


@pytest.mark.parametrize(("seconds", "said", "left_out"), [({}, "not yet timed", "CUDA graph |"), (SECONDS, "50%", "not yet")])
def test_the_page_says_what_was_timed(seconds: dict[str, float], said: str, left_out: str) -> None:
    row = {"work": "pairs.pair_sums 2x5", "group": "pairs", "bytes": 8, "flops": 1.0, "seconds": seconds}
    text = gpu_session.page({**RUN, "rows": [row]})
    assert said in text
    assert left_out not in text
    assert "1 cases give the credits" in text
