"""Interactions, weighted Banzhaf values and more: cost, largest error, time at three sizes; a section of docs/families.md.

    make docs

Errors are relative to max |v(S) - v(empty)|; truth is brute force in fractions over all coalitions of six members.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapley_credit as sc
from benchmarks.families import SIZES, Make, Solve, instance, spelled, times
from benchmarks.machine import facts
from benchmarks.markdown import table
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.testing import oracle

from fuzzing.exact import Game, exactly, game_of

PAGE = Path(__file__).parent.parent / "docs" / "families.md"
HEADING = "## Interactions, weighted Banzhaf values and more"
K, DRAWS, WIDE = 6, 4, 384


class Other(NamedTuple):
    """A computation of k members: how it is made and solved, what it is by definition, what it costs as its docstring says."""

    name: str
    cost: str
    make: Make
    solve: Solve
    truth: Callable[[Game], list[Fraction]]


def shapley(game: Game) -> list[Fraction]:
    return oracle.semivalue(game, K, oracle.shapley_weights(K))


def weighted_banzhaf(game: Game) -> list[Fraction]:
    return oracle.semivalue(game, K, [Fraction(3**s * 7 ** (K - 1 - s), 10 ** (K - 1)) for s in range(K)])


def interactions(game: Game) -> list[Fraction]:
    """I_ij = sum over S without i and j of |S|! (k - |S| - 2)! / (k - 1)! (v(S+ij) - v(S+i) - v(S+j) + v(S)); I_ii = phi_i."""
    found, credit = [], shapley(game)
    for i in range(K):
        for j in range(K):
            others = [m for m in range(K) if m not in (i, j)]
            sets = [some for size in range(K - 1) for some in combinations(others, size)]
            terms = [_together(game, some, i, j) / ((K - 1) * comb(K - 2, len(some))) for some in sets]
            found.append(credit[i] if i == j else sum(terms, Fraction(0)))
    return found


def _together(game: Game, some: tuple[int, ...], i: int, j: int) -> Fraction:
    with_i, with_j, with_both = (tuple(sorted((*some, *more))) for more in ((i,), (j,), (i, j)))
    return game(with_both) - game(with_i) - game(with_j) + game(some)


def of(family: type[sc.Utility]) -> Make:
    """Utilities of a family with the random data of docs/families.md."""
    return lambda k, rng: instance(family, k, rng)


def _weighted(utility: sc.Utility) -> Any:
    return sc.set_semivalue(utility, semivalues.binomial(0.3))


OTHERS = (
    Other(
        f"Shapley, `Determinant` of d = {WIDE}",
        "O(k^2 (k + d))",
        lambda k, rng: u.Determinant(rng.normal(size=(k, WIDE)) / WIDE**0.5),
        sc.set_shapley,
        shapley,
    ),
    Other("Shapley, `Rules`, 32 of them", "O(R k min(k/2, 4.3 sqrt k))", of(u.Rules), sc.set_shapley, shapley),
    Other(
        "Shapley, `DCG.ndcg` at 5",
        "O(k log k)",
        lambda k, rng: u.DCG.ndcg(rng.random(k), at=5),
        sc.set_shapley,
        shapley,
    ),
    Other(
        "Shapley, `SoftKNN`, the mean of min(K, n) neighbours",
        "O(k^3)",
        lambda k, rng: u.SoftKNN(rng.random(k), rng.random(k), k // 2),
        sc.set_shapley,
        shapley,
    ),
    *(
        Other(f"`semivalues.binomial(0.3)`, `{family.__name__}`", cost, of(family), _weighted, weighted_banzhaf)
        for family, cost in ((u.Max, "O(k log k)"), (u.Determinant, "O(k^2 (k + d))"), (u.Rules, "O(R k)"))
    ),
    *(
        Other(f"`interactions`, `{family.__name__}`", "k + 1 semivalues", of(family), sc.interactions, interactions)
        for family in (u.Max, u.FacilityLocation, u.NoisyOr, u.Coverage, u.Rules, u.Determinant)
    ),
)


def error(other: Other) -> float:
    """The largest of several random utilities of six members."""
    worst = 0.0
    for seed in range(DRAWS):
        utility = other.make(K, np.random.default_rng(seed))
        game = game_of(exactly(utility))
        values = [game(some) for size in range(K + 1) for some in combinations(range(K), size)]
        most = max(abs(value - values[0]) for value in values)
        found = np.asarray(other.solve(utility)).ravel().tolist()
        gaps = [abs(Fraction(one) - truth) for one, truth in zip(found, other.truth(game), strict=True)]
        worst = max(worst, float(max(gaps) / most))
    return worst


def _solver(other: Other, k: int) -> Solve:
    return other.solve


def section() -> str:
    """The section of docs/families.md."""
    rows = []
    for other in OTHERS:
        worst = error(other)  # first, so that kernels are compiled when they are timed
        rows.append([other.name, other.cost, f"{worst:.0e}", spelled(times(other.make, partial(_solver, other)))])
        print(" | ".join(rows[-1]), flush=True)
    return f"""{HEADING}

Each row is a computation that the table above does not have. *error* is relative to max |v(S) - v(empty)| and the largest of
{DRAWS} random utilities of {K} members; truth is brute force over all coalitions in fractions. Times are as above, at
k = {", ".join(map(str, SIZES))}, with one thread of BLAS, on {facts(())["machine"]}.

{table(["computation", "cost", "error", "time"], rows)}"""


def main() -> None:
    """Write the section at the end of the page."""
    page = PAGE.read_text(encoding="utf-8").partition(f"\n{HEADING}")[0]
    PAGE.write_text(f"{page}\n{section()}", encoding="utf-8")


if __name__ == "__main__":
    main()
