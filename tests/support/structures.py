"""Coalition trees and games with members gone or added, and semivalues with their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.testing import oracle
from shapley_credit.testing.instances import Array


def beside(tree: list[Any], first: int, second: int) -> list[Any]:
    """The tree with `second` put next to `first`."""
    grown: list[Any] = []
    for child in tree:
        if isinstance(child, list):
            grown.append(beside(child, first, second))
        else:
            grown += [child, second] if child == first else [child]
    return grown


def pruned(tree: Any, kept: Sequence[int]) -> Any:
    """The tree of the kept members, renumbered; unions without members are left out."""
    if isinstance(tree, int):
        return list(kept).index(tree)
    return [pruned(child, kept) for child in tree if set(oracle.leaves(child)) & set(kept)]


def labels_of(partition: Sequence[Sequence[int]]) -> list[int]:
    return [next(label for label, union in enumerate(partition) if i in union) for i in range(sum(map(len, partition)))]


def without(table: Array, *gone: int) -> Array:
    """The table of the game among the other members."""
    k = len(table).bit_length() - 1
    kept = [i for i in range(k) if i not in gone]
    return table[[sum(1 << i for place, i in enumerate(kept) if code >> place & 1) for code in range(1 << len(kept))]]


def function_of(table: Array) -> Callable[[tuple[int, ...]], float]:
    return lambda coalition: float(table[sum(1 << i for i in coalition)])


def batched_function_of(table: Array) -> sc.batched:
    return sc.batched(lambda coalitions: table[coalitions @ (1 << np.arange(coalitions.shape[1]))])


def renamed(tree: Any, names: Sequence[int]) -> Any:
    return names[tree] if isinstance(tree, int) else [renamed(child, names) for child in tree]


# Semivalues for any number of players, and their weights.
RULES: list[tuple[semivalues.Semivalue, oracle.Weights]] = [
    (semivalues.shapley, oracle.shapley_weights),
    (semivalues.banzhaf, lambda k: [Fraction(1, 2 ** (k - 1))] * k),
    (semivalues.leave_one_out, lambda k: [Fraction(int(s == k - 1)) for s in range(k)]),
    (semivalues.beta(2, 1), lambda k: [Fraction(2 * (k - s), k * (k + 1) * comb(k - 1, s)) for s in range(k)]),
]
