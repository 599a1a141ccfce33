"""The rules of groups by their published formulas, one group at a time, without the library; and batches to hold them to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = dict[str, list[Any]]
Value = Callable[[tuple[int, ...]], float]
FLOOR = 1e-3


def mean(numbers: Iterable[float]) -> float:
    listed = list(numbers)
    return math.fsum(listed) / len(listed)


def sets(members: Iterable[int], size: int) -> list[tuple[int, ...]]:
    return list(combinations(sorted(members), size))


def others(n: int, i: int) -> list[int]:
    return [j for j in range(n) if j != i]


def semivalue(value: Value, n: int, weight: Callable[[int], float]) -> list[float]:
    """sum_S weight(|S|) [v(S + i) - v(S)] over all sets S of others."""
    return [
        math.fsum(
            weight(size) * (value(tuple(sorted((*S, i)))) - value(S))
            for size in range(n)
            if weight(size)
            for S in sets(others(n, i), size)
        )
        for i in range(n)
    ]


def shapley(value: Value, n: int) -> list[float]:
    return semivalue(value, n, lambda size: 1 / (n * comb(n - 1, size)))


def centred(credit: Sequence[float]) -> list[float]:
    return [c - mean(credit) for c in credit]


def z_scores(credit: Sequence[float]) -> list[float]:
    spread = math.sqrt(math.fsum(c * c for c in centred(credit)) / (len(credit) - 1)) if len(credit) > 1 else 0.0
    return [c / max(spread, FLOOR) for c in centred(credit)]


def best_of(rewards: Sequence[float]) -> Value:
    return lambda S: max((rewards[i] for i in S), default=0.0)


def entropy(answers: Iterable[Any]) -> float:
    counts = Counter(answers)
    return -math.fsum(c / counts.total() * math.log(c / counts.total()) for c in counts.values())


def right(rewards: Sequence[float], S: Iterable[int]) -> list[int]:
    return [i for i in S if rewards[i] > 0]


def pass_at_k(rewards: Sequence[float], m: int) -> list[float]:
    """(1 - rho) / sigma to the right, and to the wrong (1 - rho - C(n-c-1, m-1) / C(n-1, m-1)) / sigma."""
    n, wrong = len(rewards), sum(r == 0 for r in rewards)
    if n <= m:
        return [0.0] * n
    rho = 1 - comb(wrong, m) / comb(n, m)
    sigma = math.sqrt(rho * (1 - rho)) + 1e-6
    return [(1 - rho - (comb(wrong - 1, m - 1) / comb(n - 1, m - 1) if r == 0 else 0)) / sigma for r in rewards]


def pkpo(rewards: Sequence[float], m: int) -> list[float]:
    """Equations 19 and 33: the mean over m-sets of [best of the set - best of the set without i], where i is one of them."""
    n, best = len(rewards), best_of(rewards)
    if n < m:
        return [0.0] * n
    gains = [[best(T) - best(tuple(j for j in T if j != i)) for T in sets(range(n), m) if i in T] for i in range(n)]
    return [math.fsum(row) / comb(n, m) for row in gains]


def maxpo(rewards: Sequence[float], m: int) -> list[float]:
    """s_i - mean_j s_j(-i): the baseline leaves out i and one j after the other, and pays j among the rest."""
    n, best = len(rewards), best_of(rewards)
    if n <= m:
        return [0.0] * n

    def gain(j: int, among: list[int]) -> float:
        return mean(best((*S, j)) - best(S) for S in sets(among, m - 1))

    return [gain(i, others(n, i)) - mean(gain(j, [x for x in others(n, i) if x != j]) for j in others(n, i)) for i in range(n)]


def maxrl(rewards: Sequence[float]) -> list[float]:
    """(r - mean) / mean of right and wrong, 0 where all fail; graded, n times the centred credit in the best."""
    if set(rewards) <= {0.0, 1.0}:
        pass_rate = mean(rewards)
        return [(r - pass_rate) / pass_rate if pass_rate else 0.0 for r in rewards]
    return [len(rewards) * c for c in centred(shapley(best_of(rewards), len(rewards)))]


def best_minus_second(rewards: Sequence[float]) -> list[float]:
    *_, second, top = sorted([0.0, *rewards] if len(rewards) == 1 else rewards)
    return [top - second if r == top else 0.0 for r in rewards]


def gapo(rewards: Sequence[float], answers: list[Any]) -> list[float]:
    def value(S: tuple[int, ...]) -> float:
        given = [answers[i] for i in S if answers[i] is not None]
        return entropy(given) - (len(S) - len(given))

    return z_scores(shapley(value, len(rewards)))


def distinct(rewards: Sequence[float], answers: list[Any]) -> list[float]:
    copies = Counter(answers[i] for i in right(rewards, range(len(rewards))))
    paid = [1 / copies[a] if r > 0 and a is not None else 0.0 for r, a in zip(rewards, answers, strict=True)]
    return centred(paid)


def entropy_rule(rewards: Sequence[float], answers: list[Any]) -> list[float]:
    return centred(shapley(lambda S: entropy(answers[i] for i in right(rewards, S) if answers[i] is not None), len(rewards)))


def coverage(rewards: Sequence[float], covers: list[list[Any]]) -> list[float]:
    return centred(shapley(lambda S: float(len({e for i in right(rewards, S) for e in covers[i]})), len(rewards)))


def gcpo(rewards: Sequence[float], embedding: list[Any]) -> list[float]:
    weighted = np.array(rewards)[:, None] * np.array(embedding)
    eye = np.eye(weighted.shape[1])
    return centred(shapley(lambda S: float(np.linalg.det(eye + weighted[list(S)].T @ weighted[list(S)]) - 1), len(rewards)))


@dataclass(frozen=True)
class Formula:
    """A formula of one group of present responses, the column that it reads, its parameters, and what rewards it takes."""

    of_group: Callable[..., list[float]]
    column: str = ""
    parameters: tuple[dict[str, Any], ...] = ({},)
    graded: bool = True


OF_M: tuple[dict[str, Any], ...] = ({}, {"m": 1}, {"m": 3})
FORMULAS: dict[str, Formula] = {
    "shapley": Formula(lambda r: centred(shapley(best_of(r), len(r)))),
    "banzhaf": Formula(lambda r: centred(semivalue(best_of(r), len(r), lambda size: 0.5 ** (len(r) - 1)))),
    "leave_one_out": Formula(lambda r: semivalue(best_of(r), len(r), lambda size: float(size == len(r) - 1))),
    "best_minus_second": Formula(best_minus_second),
    "pass_at_k": Formula(lambda r, m=2: pass_at_k(r, m), parameters=OF_M, graded=False),
    "pkpo": Formula(lambda r, m=2: pkpo(r, m), parameters=OF_M),
    "maxpo": Formula(lambda r, m=2: maxpo(r, m), parameters=OF_M),
    "maxrl": Formula(maxrl),
    "gapo": Formula(gapo, "answer"),
    "distinct": Formula(distinct, "answer"),
    "entropy": Formula(entropy_rule, "answer"),
    "coverage": Formula(coverage, "covers"),
    "gcpo": Formula(gcpo, "embedding"),
}
CASES = [(name, formula, given) for name, formula in FORMULAS.items() for given in formula.parameters]
IDS = ["-".join([name, *(f"{key}={value}" for key, value in given.items())]) for name, _, given in CASES]


@dataclass(frozen=True)
class Rollouts:
    """A batch of ragged groups in any order, some of its responses absent."""

    rewards: Array
    groups: list[str]
    present: Array
    columns: Columns

    def take(self, rows: Any) -> Rollouts:
        rows = np.asarray(rows)
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return Rollouts(self.rewards[rows], [self.groups[row] for row in rows], self.present[rows], columns)

    def rows_of(self, group: str) -> Array:
        return np.flatnonzero(np.array(self.groups) == group)

    @property
    def there(self) -> Array:
        return self.present & ~np.isnan(self.rewards)


def rollouts(seed: int, *, graded: bool = True, sizes: Sequence[int] = (1, 2, 3, 5, 6, 6, 7)) -> Rollouts:
    """Groups of these sizes, shuffled; of about a fifth of the responses the reward is NaN or the flag says absent."""
    rng = np.random.default_rng(seed)
    groups = [f"prompt {place}" for place, size in enumerate(sizes) for _ in range(size)]
    n = len(groups)
    rewards = rng.choice([-1.5, 0.0, 0.25, 0.5, 1.0, 2.0] if graded else [0.0, 0.0, 1.0], n)
    rewards[rng.random(n) < 0.1] = np.nan
    columns: Columns = {
        "answer": [["x", "y", 3, (1, 2), None][code] for code in rng.integers(0, 5, n)],
        "covers": [[["a", 1, (2, 3), "d"][code] for code in rng.integers(0, 4, rng.integers(0, 5))] for _ in range(n)],
        "embedding": rng.normal(size=(n, 3)).tolist(),
    }
    order = rng.permutation(n)
    return Rollouts(rewards, groups, rng.random(n) > 0.1, columns).take(order)


def by_formula(formula: Formula, batch: Rollouts, **given: Any) -> Array:
    """One group after the other, of those that are there; 0 for the others."""
    paid = np.zeros(len(batch.rewards))
    for group in set(batch.groups):
        rows = [row for row in batch.rows_of(group) if batch.there[row]]
        cells = [[batch.columns[formula.column][row] for row in rows]] if formula.column else []
        if rows:
            paid[rows] = formula.of_group([float(batch.rewards[row]) for row in rows], *cells, **given)
    return paid
