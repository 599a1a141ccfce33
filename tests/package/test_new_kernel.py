"""A new kernel is its form's files: the suite finds it, holds it to its specification, and refuses a wrong one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.numba]

ROOT = Path(__file__).parents[2]
TESTS = (
    "tests/solve/test_costs.py",
    "tests/kernels/test_backends.py",
    "tests/solve/test_tree_values.py",
    "tests/solve/test_marginal_vector.py",
)


def blocks() -> list[tuple[str, str, str]]:
    """The files of the example in CONTRIBUTING.md, the table in each that grows, if one does, and what is added."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(# kernels/.*?)```", text, re.DOTALL)
    parts = re.split(r"^# (kernels/\S+?\.py)(?:, in (\w+))?\n", example, flags=re.MULTILINE)[1:]
    return [
        (name, table or "", added.rstrip()) for name, table, added in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def add(copy: Path) -> None:
    for name, table, added in blocks():
        file = copy / name
        text = file.read_text(encoding="utf-8")
        if table:
            grown, count = re.subn(rf"^({table}\b.*[({{]\n)", lambda opened: f"{opened[1]}{added}\n", text, flags=re.MULTILINE)  # noqa: B023
            assert count == 1, f"{table} in {name}"
            file.write_text(grown, encoding="utf-8")
        else:
            file.write_text(f"{text}\n\n{added}\n", encoding="utf-8")


def run(copy: Path) -> str:
    """What the tests of kernels say of the copy; numba keeps what it compiles outside of it."""
    environment = os.environ | {"PYTHONPATH": str(copy / "kernels"), "NUMBA_CACHE_DIR": str(copy / "compiled")}
    chosen = "all_succeed or every_kernel or described or says_which_axes or has_a_kernel_for_orders"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *TESTS]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("kernels", "tests", "benchmarks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    add(tmp_path)
    return tmp_path


def test_the_suite_picks_a_new_kernel_up(copy: Path) -> None:
    told = run(copy)
    assert re.search(r"^\d+ passed", told, re.MULTILINE), told
    cpu = copy / "kernels/shapley_kernels/products/cpu.py"
    text = cpu.read_text(encoding="utf-8")
    wrong = text.replace("np.ones_like(chances), chances - 1)", "np.ones_like(chances), 1 - chances)")
    assert wrong != text
    cpu.write_text(wrong, encoding="utf-8")
    assert "test_cpu_equals_ref[float64-products-all_succeed]" in run(copy)
