"""`make kernels` fails where it must: on registers that spill, and on rows that are read a number at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent.parent / "benchmarks" / "compile_kernels.py"

pytestmark = [pytest.mark.triton, pytest.mark.checkout]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ([], 0, "4 of 4 configurations pass"),
        (["--maxnreg", "32"], 1, "spills"),
        (["--no-aligned"], 1, "no 128-bit access"),
    ],
)
def test_the_machine_code_is_judged(options: list[str], status: int, said: str) -> None:
    command = [sys.executable, str(PROGRAM), "--only", "pairs", "--members", "8", *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert said in result.stdout, result.stdout + result.stderr
    assert result.returncode == status
