"""Random coalition trees and games, trees with members gone or added, and semivalues with their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import shapley_credit as sc
from hypothesis import strategies as st
from shapley_credit import semivalues

import oracle
from strategies import Array


@st.composite
def trees(draw: st.DrawFn, k: int) -> list[Any]:
    """Nested lists of 0 .. k-1 with up to 3 levels; unions of one child, of one member and of all members included."""

    def grow(members: list[int], levels: int) -> list[Any]:
        if not levels:
            return list(members)
        keys = draw(st.lists(st.integers(0, 2), min_size=len(members), max_size=len(members)))
        parts = [[i for i, key in zip(members, keys, strict=True) if key == label] for label in sorted(set(keys))]
        return [part[0] if len(part) == 1 and draw(st.booleans()) else grow(part, levels - 1) for part in parts]

    return grow(draw(st.permutations(range(k))), draw(st.integers(0, 2)))


def partitions(k: int) -> st.SearchStrategy[list[list[int]]]:
    keys = st.lists(st.integers(0, k - 1), min_size=k, max_size=k)
    return keys.map(lambda labels: [[i for i in range(k) if labels[i] == label] for label in sorted(set(labels))])


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


@st.composite
def tables(draw: st.DrawFn, k: int) -> Array:
    """All values of a random game, interactions of every order included."""
    return np.array(draw(st.lists(st.integers(-64, 64), min_size=1 << k, max_size=1 << k))) / 8


def renamed(tree: Any, names: Sequence[int]) -> Any:
    return names[tree] if isinstance(tree, int) else [renamed(child, names) for child in tree]


# Semivalues for any number of players, and their weights.
RULES: list[tuple[semivalues.Semivalue, oracle.Weights]] = [
    (semivalues.shapley, oracle.shapley_weights),
    (semivalues.banzhaf, lambda k: [Fraction(1, 2 ** (k - 1))] * k),
    (semivalues.leave_one_out, lambda k: [Fraction(int(s == k - 1)) for s in range(k)]),
    (semivalues.beta(2, 1), lambda k: [Fraction(2 * (k - s), k * (k + 1) * comb(k - 1, s)) for s in range(k)]),
]
