"""make fuzz: random cases for some minutes on two processes; counts, and every fault as a Python example under .fuzz/.

PYTHONPATH=tests/support python -m fuzzing [--minutes M] [--seed S] [--family NAME ..] [--processes P]
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from shapley_credit.testing.instances import FAMILIES

from fuzzing.hunt import Tally
from fuzzing.reports import path_of, table, work

HOME = Path(".fuzz")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--family", nargs="*", default=[family.__name__ for family in FAMILIES])
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--home", type=Path, default=HOME)
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"seed {seed}, {given.minutes:g} minutes, {given.processes} processes", flush=True)
    tally = Tally()
    task = partial(work, given.minutes, given.family, given.home)
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        for part in pool.map(task, range(seed, seed + given.processes)):
            tally.merge(part)
    print(table(tally))
    for finding in tally.findings.values():
        print(f"\nFAILED {' / '.join(finding.key)}\n{finding.message}\n{path_of(given.home, finding)}")
    return int(bool(tally.findings))


if __name__ == "__main__":
    sys.exit(main())
