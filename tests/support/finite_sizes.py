"""Sizes at which kernels are shown numbers that are not finite."""

from __future__ import annotations

# Sizes that reach every way of a kernel, and groups that leave lanes and tiles empty.
SIZES = {("thresholds", "airport"): (1, 2, 7, 8, 9, 16, 17, 31, 64, 4096, 4097), ("table", "solve"): (1, 2, 5, 6, 8, 9, 12, 17)}
