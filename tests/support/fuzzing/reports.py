"""What the fuzzer leaves behind: a file for every finding, and counts of everything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from shapley_credit.testing.instances import FAMILIES

from fuzzing.hunt import Finding, Tally, hunt


def work(minutes: float, names: Sequence[str], home: Path, seed: int) -> Tally:
    """Hunt in this process."""
    chosen = [family for family in FAMILIES if family.__name__ in names]
    return hunt(seed, minutes, chosen, partial(save, home))


def save(home: Path, finding: Finding) -> Path:
    """Write an example to run: PYTHONPATH=tests/support python FILE."""
    home.mkdir(parents=True, exist_ok=True)
    path = path_of(home, finding)
    said = "".join(f"# {line}\n" for line in finding.message.splitlines())
    path.write_text(f"{said}{finding.text}")
    print(f"found {path}: {finding.message[:300]}", flush=True)
    return path


def path_of(home: Path, finding: Finding) -> Path:
    words = "-".join(finding.key)
    return home / f"{''.join(c if c.isalnum() or c in '-_' else '_' for c in words)}.py"


def table(tally: Tally) -> str:
    """How many cases there were of everything."""
    lines = [f"{tally.counts['all', 'cases']:,} cases"]
    for name in ("outcome", "value", "dtype", "role", "library", "game", "magnitude", "offset", "family"):
        found = sorted((label, number) for (kind, label), number in tally.counts.items() if kind == name)
        lines.append(f"{name:10}" + ", ".join(f"{label} {number:,}" for label, number in found))
    return "\n".join(lines)
