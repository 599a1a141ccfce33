"""Prints the bits of every method's credits, standard errors and coalitions; run in processes of their own by test_threads."""

from __future__ import annotations

import hashlib

import numpy as np
import shapley_credit as sc
from shapley_credit import semivalues

TREE = [[0, 4, 8, 12, 16], [1, 5, 9, 13, 17], [2, 6, 10, 14, 18], [3, 7, 11, 15, 19]]
LEVELS = (semivalues.beta(2, 1), semivalues.shapley)
CASES = [
    *((name, 24, 600, None) for name in ("regression", "stratified", "rotation", "antithetic", "permutation")),
    *((name, TREE, 700, LEVELS) for name in ("arrival", "adjusted", "kriging")),
    *((name, 24, 1024, None) for name in ("kriging", "adjusted", "boosted")),
    ("regression", 24, 2000, None),
    ("exact", TREE, None, LEVELS),
]


def main() -> None:
    """One line a method and game."""
    rng = np.random.default_rng(4)
    sets, worth, votes = rng.random((40, 24)) < 0.15, rng.random(40), rng.integers(1, 9, 24)
    for name, members, budget, levels in CASES:
        plan = sc.plan(members, budget=budget, method=name, levels=levels, seed=1)
        k, asked = plan.k, plan.coalitions
        games = {
            "coverage": (asked[:, None, :] & sets[:, :k]).any(axis=2) @ worth,
            "and": (asked[:, None, :] | ~sets[:, :k]).all(axis=2) @ worth,
            "votes": (asked @ votes[:k] > votes[:k].sum() / 2) * 1.0,
        }
        values = np.stack([games[game] for game in (games if name in ("kriging", "exact") else ["coverage"])])
        result = plan.solve(values)
        parts = (asked, result.values, result.stderr)
        print(name, k, *(hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()[:12] for part in parts))


if __name__ == "__main__":
    main()
