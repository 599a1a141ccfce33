"""Which tests run which lines of the library: one run of all tests under coverage, each a context of its own.

Loaded by pytest as a plugin (-p mutants.touched), it says what is running, and writes what passed and how long it took.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Whatever runs now is run by this test."""
    running = coverage.Coverage.current()
    if running is not None:
        running.switch_context(item.nodeid)
    return (yield)


DATA_FILE, PASSED_FILE = "touched.sqlite", "passed.json"
PASSED: dict[str, float] = {}


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" and report.passed:
        PASSED[report.nodeid] = report.duration


def pytest_sessionfinish(session: Any) -> None:
    Path(PASSED_FILE).write_text(json.dumps(PASSED))


class Touched:
    """Lines of the library, "file:line" and "file:" for all of a file, the tests that run them and pass, and their seconds."""

    def __init__(self) -> None:
        self.lines: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = {}

    def read(self, root: Path, site: Path) -> None:
        """Add what a run left behind in its tree."""
        if not (root / PASSED_FILE).exists():
            return
        seconds = json.loads((root / PASSED_FILE).read_text())
        self.seconds |= seconds
        measured = coverage.CoverageData(str(root / DATA_FILE))
        measured.read()
        for file in measured.measured_files():
            name = str(Path(file).relative_to(site))
            for line, contexts in measured.contexts_by_lineno(file).items():
                passed = seconds.keys() & set(contexts)
                self.lines[f"{name}:{line}"] |= passed
                self.lines[f"{name}:"] |= passed

    def tests(self, name: str, line: int) -> list[str]:
        """Those that run a line, the fastest first; of a line that runs on import, those that run any of its file."""
        found = self.lines.get(f"{name}:{line}") or self.lines.get(f"{name}:", set())
        return sorted(found, key=lambda test: (self.seconds[test], test))

    def sample(self, tests: list[str], budget_s: float) -> list[str]:
        """A few of every file, as many as fit in the seconds; never none."""
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in tests:
            by_file[test.partition("::")[0]].append(test)
        chosen: list[str] = []
        spent = 0.0
        while any(by_file.values()):
            for rest in by_file.values():
                if rest and (spent + self.seconds[rest[0]] <= budget_s or not chosen):
                    spent += self.seconds[rest[0]]
                    chosen.append(rest.pop(0))
                    rest[:] = rest[len(rest) // 8 :]  # neighbours differ in their parameters alone
                else:
                    rest.clear()
        return chosen
