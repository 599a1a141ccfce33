"""Steps that credit a part of the rows in a process of a cluster."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapley_credit as sc
from shapley_credit.rollouts.step import credited

# Sums and the deviation see the rows of a group in their order, so that their last bits do too.
STEP: dict[str, Any] = {
    "by": "prompt",
    "utility": "0.7 * Max(reward) + 0.3 * DistinctCount(answer)",
    "advantage": "mean/group_std",
}


def rollouts(rows: int = 120) -> pa.Table:
    """Rows in no order of their prompts, numbered, with rewards of 32 bits and answers that may be missing."""
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "row": np.arange(rows),
            "prompt": [f"prompt {number}" for number in rng.integers(0, rows // 6, rows)],
            "reward": rng.normal(size=rows).astype(np.float32),
            "answer": [None if number == 0 else f"{number}" for number in rng.integers(0, 5, rows)],
        }
    )


def die_once(prompts: Any, mark: str) -> None:
    """Kills its process at the part that holds one prompt, once: whoever makes the mark first."""
    if "prompt 7" in prompts:
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def step_of_table(table: pa.Table, mark: str) -> pa.Table:
    """Credit whole groups, in the order of the rows."""
    die_once(table["prompt"].to_pylist(), mark)
    return credited(table.sort_by("row"), **STEP)


def step_of_frame(frame: Any, mark: str) -> Any:
    """The same for a frame of pandas."""
    die_once(frame["prompt"].to_list(), mark)
    return sc.with_credit(frame.sort_values("row"), **STEP)
