"""Peak memory of the estimators of verl and SkyRL above their inputs, as a multiple of the float32 result, on Linux.

    PYTHONPATH=. python -m benchmarks.estimator_memory [--rows 8192] [--tokens 8192] [--length 256]

Rewards are bfloat16 and the mask is int64; groups have eight responses, and turns and segments so many tokens. Each estimator
runs in a process of its own, after a small batch that compiles its kernels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

# By name: the estimator, and what the batch says beside outcome rewards.
CASES = {
    "shapley": ("shapley", "outcome"),
    "gapo": ("gapo", "answers"),
    "ospo, columns": ("ospo", "segments"),
    "ospo, rewards by token": ("ospo", "steps"),
    "ospo_marginal, rewards by token": ("ospo_marginal", "steps"),
    "shape_grpo, candidates": ("shape_grpo", "candidates"),
    "turns": ("turns", "turns"),
}


def batch(kind: str, rows: int, tokens: int, length: int) -> dict[str, Any]:
    """What the estimators are called with."""
    import torch

    rng = np.random.default_rng(0)
    mask = torch.ones(rows, tokens, dtype=torch.int64)
    rewards = torch.zeros(rows, tokens, dtype=torch.bfloat16)
    rewards[:, -1] = torch.tensor(rng.standard_normal(rows)).bfloat16()
    columns: dict[str, Any] = {}
    pieces = tokens // length
    if kind in ("steps", "turns"):
        rewards[:, length - 1 :: length] = torch.tensor(rng.standard_normal((rows, pieces))).bfloat16()
    if kind == "turns":
        mask[:, ::length] = 0
    if kind == "answers":
        columns["answer"] = rng.integers(0, 4, rows).astype(str).astype(object)
    if kind in ("segments", "candidates"):
        columns["segment_lengths"] = [[length] * pieces] * rows
    if kind == "segments":
        columns["segment_credit"] = list(rng.standard_normal((rows, pieces)))
    if kind == "candidates":
        columns |= {"candidate_rewards": list(rng.random((rows, pieces))), "segment_candidate": [list(range(pieces))] * rows}
    index = np.repeat(np.arange(-(-rows // 8)), 8)[:rows].astype(str).astype(object)
    return {
        "token_level_rewards": rewards,
        "response_mask": mask,
        "index": index,
        "non_tensor_batch": columns,
        "config": {},
    }


def peak(reset: bool = False) -> int:
    """The most bytes that this process has held since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def measured(case: str, rows: int, tokens: int, length: int) -> str:
    """A line of the table."""
    from shapley_credit.adapters.registered import ESTIMATORS

    name, kind = CASES[case]
    ESTIMATORS[name](**batch(kind, 16, 4 * length, length))
    given = batch(kind, rows, tokens, length)
    before, start = peak(reset=True), time.perf_counter()
    result, _ = ESTIMATORS[name](**given)
    seconds, above = time.perf_counter() - start, peak() - before
    return f"{case:34}{above / 2**20:9.0f} MiB  {above / (4 * result.numel()):6.3f}  {seconds:6.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--case", choices=CASES)
    asked = parser.parse_args()
    if asked.case:
        print(measured(asked.case, asked.rows, asked.tokens, asked.length))
        return
    print(f"{'estimator':34}{'above inputs':>13}  /result    time")
    for case in CASES:
        own = [sys.executable, "-m", "benchmarks.estimator_memory", "--case", case]
        sizes = ["--rows", str(asked.rows), "--tokens", str(asked.tokens), "--length", str(asked.length)]
        subprocess.run([*own, *sizes], check=True)


if __name__ == "__main__":
    main()
