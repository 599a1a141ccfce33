"""Owen values of groups that have a tree each: compiled kernels beside the engine of one tree after the other, in one run.

    PYTHONPATH=. python -m benchmarks.many_trees [--groups 10000]

Every result is checked before it is timed; medians of whole calls of `owen`, both ways taking turns. The engine is the one that
solves without Numba; it gets the first 200 of the groups.
"""

from __future__ import annotations

import argparse
from typing import Any
from unittest import mock

import numpy as np
import shapley_credit as sc
from benchmarks import measure
from numpy.typing import NDArray
from shapley_credit import Utility, dispatch
from shapley_credit import utilities as u

Array = NDArray[Any]

MEMBERS, PART = 24, 200


def unions(groups: int, rng: np.random.Generator) -> Array:
    """Labels of up to six unions of any size, for each group."""
    labels = rng.integers(0, 6, (groups, MEMBERS))
    return np.where(labels < rng.integers(1, 7, (groups, 1)), labels, 0)


def games(groups: int, rng: np.random.Generator) -> dict[str, Utility]:
    return {
        "Max": u.Max(rng.random((groups, MEMBERS))),
        "Coverage of 16": u.Coverage(rng.random((groups, MEMBERS, 16)) < 0.2),
        "DistinctCount": u.DistinctCount(rng.integers(0, 8, (groups, MEMBERS))),
        "NoisyOr": u.NoisyOr(rng.random((groups, MEMBERS))),
        "FacilityLocation of 16": u.FacilityLocation(rng.random((groups, MEMBERS, 16))),
    }


def by_engine(game: Utility, labels: Array) -> Any:
    """Credits without compiled kernels."""
    with mock.patch.object(dispatch, "role", return_value="ref"):
        return sc.owen(game, labels)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=10_000)
    groups = parser.parse_args().groups
    rng = np.random.default_rng(0)
    labels = unions(groups, rng)
    few = labels[:PART]
    print(f"{groups:,} groups of {MEMBERS}, each with a tree of its own; time a group")
    print("\n| utility | compiled | engine | engine / compiled |\n|---|---|---|---|")
    for name, game in games(groups, rng).items():
        part = game[: len(few)]
        np.testing.assert_allclose(sc.owen(game, labels)[: len(few)], by_engine(part, few), rtol=1e-9, atol=1e-12)
        seconds = measure.medians(
            {"compiled": lambda: sc.owen(game, labels), "engine": lambda: by_engine(part, few)},  # noqa: B023
            budget_s=3.0,
        )
        compiled, engine = seconds["compiled"] / groups, seconds["engine"] / len(few)
        print(f"| {name} | {measure.spelled(compiled)} | {measure.spelled(engine)} | {engine / compiled:.0f} |")


if __name__ == "__main__":
    main()
