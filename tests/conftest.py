"""What every test run shares: the installed packages only, the same random examples, nothing skipped."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from errors_seen import LARGEST

ROOT = Path(__file__).parent.parent

# Tests see the installed packages, never the checkout: `kernels/` must not be importable.
sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != ROOT]

# What tests import that may not be there; triton is for Linux only.
NEEDED = {
    "kernels/test_gpu*.py": ("torch", "triton"),
    "benchmarks/test_gpu_session.py": ("torch", "triton"),
    "benchmarks/test_l*.py": ("torch",),
}
collect_ignore_glob = [name for name, packages in NEEDED.items() if not all(map(find_spec, packages))]

# Without a GPU the Triton kernels run in their interpreter, which must be said before triton is imported.
if not Path("/proc/driver/nvidia").exists():
    os.environ["TRITON_INTERPRET"] = "1"

hypothesis.settings.register_profile("exact", deadline=None, derandomize=True, max_examples=6, print_blob=True)
hypothesis.settings.load_profile("exact")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what a plain run leaves out, and why."""
    left_out = [f"tests/{name}, which need {' and '.join(NEEDED[name])}" for name in collect_ignore_glob]
    if not any("frameworks" in Path(argument).parts for argument in config.args):
        left_out.append("tests/frameworks, which need TRL, verl, SkyRL and Tinker; run make test-frameworks")
    return f"not collected: {'; '.join(left_out)}" if left_out else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The largest error of every family against golden.json."""
    if not LARGEST:
        return
    columns = sorted({column for _, column in LARGEST})
    terminalreporter.section("largest errors against golden.json, relative to max |v|")
    terminalreporter.write_line(f"{'family':26}" + "".join(f"{column:>19}" for column in columns))
    for family in sorted({family for family, _ in LARGEST}):
        cells = "".join(f"{LARGEST.get((family, column), float('nan')):>19.1e}" for column in columns)
        terminalreporter.write_line(f"{family:26}{cells}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Largest errors that a worker saw, where tests are dealt out to several."""
    for family, column, error in getattr(node, "workeroutput", {}).get("largest", ()):
        LARGEST[family, column] = max(error, LARGEST.get((family, column), 0.0))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test proves nothing, so a run with one has failed."""
    if (worker := getattr(session.config, "workeroutput", None)) is not None:
        worker["largest"] = [(family, column, float(error)) for (family, column), error in LARGEST.items()]
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and (reporter.stats.get("skipped") or reporter.stats.get("xfailed")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
