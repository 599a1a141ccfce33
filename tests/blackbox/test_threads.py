"""The number of threads of the linear algebra library changes no bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def bits(threads: int) -> str:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    run = [sys.executable, str(Path(__file__).parents[1] / "support" / "threads.py")]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_number_of_threads_changes_no_bit() -> None:
    alone = bits(1)
    assert len(alone.splitlines()) == 13
    assert bits(2) == alone
