"""Tolerances, and the largest errors seen in a run: (family, "role dtype") -> error relative to max |v|."""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST: dict[tuple[str, str], float] = {}

# Largest error allowed, relative to max |v|.
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
# The same for kernels on the GPU, against the specification in float64.
GPU_TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 3e-7}


def tolerance(dtype: Any) -> float:
    """The one home of tolerances, by dtype."""
    return TOLERANCE[np.dtype(dtype)]


def gpu_tolerance(dtype: Any) -> float:
    """As `tolerance`, for kernels on the GPU."""
    return GPU_TOLERANCE[np.dtype(dtype)]


def record(family: str, column: str, error: float) -> None:
    """Keep the largest error for the table at the end of the run."""
    LARGEST[family, column] = max(LARGEST.get((family, column), 0.0), error)
