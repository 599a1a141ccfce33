"""A copy of the repository in a folder of its own, in which a mutant is written and tests are run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from random_mutants.touched import DATA_FILE

ROOT = Path(__file__).parents[3]
LIBRARY = "shapley_credit"
# Wrong kernels are refused by tests of their own; those of the GPU are run in an interpreter, slowly. Frameworks and clusters
# have environments of their own.
LEFT_OUT = ("test_gpu", "test_packaging", "test_mutants", "_mutants.py", "test_fuzz", "tests/frameworks/", "tests/distributed/")


class Outcome(NamedTuple):
    """How tests ended: the status of pytest, or None if they took too long, and what they printed."""

    status: int | None
    printed: str


class Tree:
    """Packages in `site`, before those that are installed; everything else in `root`."""

    def __init__(self, home: Path) -> None:
        self.root, self.site = home / "root", home / "site"
        unused = shutil.ignore_patterns(".*", "dist", "build")
        shutil.copytree(ROOT, self.root, ignore=unused, symlinks=True)
        self.site.mkdir()
        for package, source in ((LIBRARY, self.root / LIBRARY), ("shapley_kernels", self.root / "kernels" / "shapley_kernels")):
            shutil.move(source, self.site / package)
            source.symlink_to(self.site / package)

    def test_files(self) -> list[Path]:
        found = sorted((self.root / "tests").rglob("test_*.py"))
        return [path for path in found if not any(part in str(path.relative_to(self.root)) for part in LEFT_OUT)]

    def run(self, tests: Sequence[str], limit_s: float | None, *more: str, under: Sequence[str] = ()) -> Outcome:
        """Run tests, by their ids, for so many seconds at most; `under` is a module that runs pytest, and its arguments."""
        listed = self.root / "tests.txt"
        listed.write_text("\n".join(tests))
        pytest = ["pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", *more, f"@{listed}"]
        paths = os.pathsep.join([str(self.site), str(self.root / "tests" / "support")])
        process = subprocess.Popen(
            [sys.executable, "-m", *under, *(["-m"] if under else []), *pytest],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Outcome(None, process.communicate()[0])
        return Outcome(process.returncode, printed)

    def covered(self, tests: Sequence[str]) -> Outcome:
        """Run tests under coverage, each in a context of its own; `touched` reads what is written."""
        settings = f"[run]\nsource = {self.site / LIBRARY}\ndata_file = {self.root / DATA_FILE}\n"
        (self.root / ".coveragerc").write_text(settings)
        return self.run(tests, None, "-p", "random_mutants.touched", under=("coverage", "run"))

    def write(self, path: Path, text: str) -> None:
        """Replace a file of the library, named by its place in the repository."""
        (self.site / path).write_text(text)
