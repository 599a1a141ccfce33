"""`make kernels` fails where it must: on registers that spill, and on rows that are read a number at a time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import shapley_kernels

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "compile_kernels.py"

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


def test_every_kernel_is_compiled() -> None:
    """In the sizes of the plain call and in those of the short one."""
    recorded = "[[x[:2] for x in c.configurations(None, None, quick)] for quick in (False, True)]"
    script = f"import json, compile_kernels as c; print(json.dumps({recorded}))"
    result = subprocess.run([sys.executable, "-c", script], cwd=PROGRAM.parent, capture_output=True, text=True, check=True)
    functions = re.compile(r"^def (\w+)\((.*?)(?=^@|^def |\Z)", re.DOTALL | re.MULTILINE)
    kernels = {
        (file.parent.name, name)
        for file in Path(shapley_kernels.__path__[0]).glob("*/gpu.py")
        for name, body in functions.findall(file.read_text(encoding="utf-8"))
        if "tl.store(" in body
    }
    for compiled in json.loads(result.stdout):
        assert {tuple(pair) for pair in compiled} == kernels
