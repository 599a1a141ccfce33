"""Where and with what a run was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CHANGED = "-dirty"  # what git appends to a commit whose files were changed


def facts(packages: Iterable[str]) -> dict[str, Any]:
    """Machine, load, versions of Python and of the packages that are installed, commit, date and command."""
    versions = {name: importlib.metadata.version(name) for name in packages if installed(name)}
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "machine": f"{cpu or platform.processor()}{_vectors()}, {_cores()} cores, {platform.system()} {platform.machine()}",
        "load": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), **versions},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"python {' '.join(sys.argv)}",
    }


def commit() -> str:
    """The commit of this checkout, with `CHANGED` behind it if files differ from it; "" where there is no git."""
    if not shutil.which("git"):
        return ""
    command = ["git", "describe", "--always", f"--dirty={CHANGED}"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return told.stdout.strip()


def published(made_with: str, draft: bool) -> str:
    """A commit as a page names it. Published pages come from files that a commit holds; others are drafts, and say so.

    Raises SystemExit for a page that is no draft, if no commit holds the files that it was made with.
    """
    known = bool(made_with) and not made_with.endswith(CHANGED)
    if known or draft:
        return made_with if known else f"none, a draft ({made_with.removesuffix(CHANGED) or 'no git'} with changes)"
    raise SystemExit(
        f"a published page needs files that a commit holds, and these are of {made_with or 'no commit'}: "
        "commit the changes and measure again, or write a draft with --draft."
    )


def installed(name: str) -> bool:
    """Whether a distribution of that name is installed."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _vectors() -> str:
    """The widest vectors of the processor, on which sorts and products depend most."""
    flags = next((line.split(":")[1].split() for line in _lines("/proc/cpuinfo") if line.startswith("flags")), [])
    return next((f" with {said}" for flag, said in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
