"""Kernels are compiled once a machine where that can be kept, and always work; tables may be larger than memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc

from roles import using

pytestmark = pytest.mark.numba

NO_DIRECTORY = """
from unittest import mock

with mock.patch("numba.core.caching._CacheLocator.ensure_cache_path", side_effect=PermissionError("read-only")) as refused:
    import shapley_credit as sc
    from shapley_credit import utilities as u

    assert sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0])).tolist() == [2.0, 3.0, 4.0, 9.0]
    assert refused.called
"""


def test_a_directory_for_compiled_kernels_is_not_needed() -> None:
    done = subprocess.run([sys.executable, "-c", NO_DIRECTORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


KERNELS = """
from shapley_kernels.compiled.jit import jit

@jit
def double(x):
    return 2.0 * x

@jit
def treble(x):
    return 3.0 * x

print(double(2.0), treble(2.0), sum(kernel.stats.cache_hits[s] for kernel in (double, treble) for s in kernel.stats.cache_hits))
"""


def run_kernels(path: Path, *, warned: bool) -> str:
    """What the kernels print, once it is sure that they said of their directory what they must, and no more."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(path.parent / "kept")}
    command = [sys.executable, "-W", "always", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("RuntimeWarning") == warned, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "overwritten"])
def test_a_damaged_directory_of_compiled_kernels_is_mended(ending: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "kernels_of_a_user.py"
    path.write_text(KERNELS)
    assert run_kernels(path, warned=False) == "4.0 6.0 0"
    assert run_kernels(path, warned=False) == "4.0 6.0 2"
    damaged = list(tmp_path.rglob(f"*.{ending}"))
    assert len(damaged) == 2
    for file in damaged:
        content = file.read_bytes()
        file.write_bytes({"empty": b"", "truncated": content[: len(content) // 2], "overwritten": b"x" * 100}[damage])
    assert run_kernels(path, warned=True) == "4.0 6.0 0"
    assert run_kernels(path, warned=False) == "4.0 6.0 2"


HITS = """
import numpy as np
from shapley_kernels.dividends import cpu

cpu.coverage(np.ones((1, 2, 3), np.bool_), np.ones((1, 3)))
print(sum(cpu._coverage.stats.cache_hits.values()))
"""


def test_a_byte_of_what_kernels_may_call_compiles_them_anew(tmp_path: Path) -> None:
    """Whatever file of the folder it is in, and no other change does."""
    import shapley_kernels

    kernels = tmp_path / "shapley_kernels"
    shutil.copytree(shapley_kernels.__path__[0], kernels, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "PYTHONPATH": str(tmp_path)}

    def hits() -> int:
        command = [sys.executable, "-c", HITS]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=120)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    assert (hits(), hits()) == (0, 1)
    with (kernels / "compiled" / "urn_draws.py").open("a") as file:
        file.write("#")
    assert (hits(), hits()) == (0, 1)
    with (kernels / "chances.py").open("a") as file:
        file.write("#")
    assert hits() == 1


def test_kernels_that_cannot_be_kept_still_work(tmp_path: Path) -> None:
    path = tmp_path / "kernels_of_a_user.py"
    full = "import numba.core.caching as c\nc.IndexDataCacheFile._save_data = lambda *_: exec('raise OSError(28, \"full\")')\n"
    path.write_text(full + KERNELS)
    assert run_kernels(path, warned=True) == "4.0 6.0 0"


def test_what_kernels_on_disk_are_linked_by_tells_their_parts_apart() -> None:
    import numba

    from shapley_kernels.ranks import cpu as ranks
    from shapley_kernels.thresholds import cpu as thresholds

    tiles, masks = [np.zeros((16, 8)) for _ in range(3)], np.zeros(63, np.uint8)
    calls: list[tuple[Any, tuple[Any, ...], set[str]]] = [
        (thresholds._solve_tile, (tiles[0], masks, 8), {"sort", "restore"}),
        (ranks._solve_tile, (tiles[0], tiles[1], np.zeros((48, 8)), tiles[2], masks), {"rank", "repeat", "restore"}),
    ]
    for kernel, arguments, parts in calls:
        compiled: Any = numba.njit(kernel.py_func)  # of what comes from disk numba shows nothing
        compiled(*arguments)
        (assembly,) = compiled.inspect_asm().values()
        assert all(f"{part}_in_kernels" in assembly for part in parts)
        assert "lambda" not in assembly


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_table_on_disk_is_streamed(tmp_path: Path, dtype: type[np.floating]) -> None:
    values = np.random.default_rng(0).normal(size=1 << 19).astype(dtype)
    values.tofile(tmp_path / "values")
    on_disk = np.memmap(tmp_path / "values", dtype=dtype, mode="r")
    with using("cpu"):
        expected = sc.set_shapley(sc.utilities.Table(values))
        sc.set_shapley(sc.utilities.Table(on_disk))  # compiles for memory that can't be written
        tracemalloc.start()
        credit = sc.set_shapley(sc.utilities.Table(on_disk))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert np.array_equal(credit, expected)
    assert not isinstance(credit, np.memmap)
    assert peak < values.nbytes / 10
