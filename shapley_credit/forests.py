"""Problems on many trees: groups whose trees differ only in the names of their members are solved together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.utility import Problem

# Axes of a kernel's arrays after that of the groups: k members, + keys of members, which only order them, . anything else.
AXES: dict[tuple[str, str], tuple[str, ...]] = {
    ("thresholds", "airport"): ("k", ""),
    ("thresholds", "facility"): ("k.", "."),
    ("dividends", "additive"): ("k",),
    ("dividends", "coverage"): ("k.", "."),
    ("dividends", "distinct"): ("k", "k"),
    ("dividends", "unanimity"): ("k.", "."),
    ("products", "product"): ("k", "k", "k"),
    ("products", "mixture"): ("k.", "k.", "k.", "."),
    ("products", "noisy_or"): ("k",),
    ("pairs", "pair_sums"): ("kk", "k", "."),
    ("ranks", "discounted"): ("k", "+", "."),
    ("ranks", "sized"): ("k", "+", "k", ".."),
    ("counts", "size_sum"): ("k", "k", "."),
    ("counts", "cardinality"): (".", "k"),
    ("counts", "pass_at_k"): ("k", "k", ""),
    ("counts", "plurality"): ("k", "k", "", ""),
    ("counts", "separable"): ("k", "k", "."),
    ("counts", "class_sizes"): ("k", "k", ".."),
    ("counts", "typed"): ("k", "k", ".", ""),
    ("counts", "weighted"): ("k", ".", ""),
    ("counts", "geometric"): ("k", "k"),
    ("gaps", "min_gap"): ("k", "k"),
}


def solved(
    problems: Sequence[Problem], labels: Array, shape: tuple[int, ...], solve: Callable[[Problem, Sequence[Any], Any], Array]
) -> Array:
    """Credits [B, K] of B = prod(shape) groups: solve(problem, arrays, root) for every tree, or shape of trees, in labels."""
    from shapley_kernels.trees import tree_of

    structures, which = _distinct(labels, shape)
    roots = [tree_of(structure) for structure in structures]
    alike = list(_alike(roots, which))
    total = np.zeros((prod(shape), labels.shape[-1]))
    for problem in problems:
        axes = AXES.get((problem.form, problem.game))
        if axes is None:  # a table, whose entries have the members' names
            for number, root in enumerate(roots):
                index = np.flatnonzero(which == number)
                total[index] += problem.scale * solve(problem, _of_groups(problem, index, len(total)), root)
            continue
        for root, index, orders in alike:
            arrays = [
                _ordered(array, kinds, orders)
                for array, kinds in zip(_of_groups(problem, index, len(total)), axes, strict=True)
            ]
            total[index[:, None], orders] += problem.scale * solve(problem, arrays, root)
    return total


def _distinct(labels: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The different trees among the groups of a shape, and which of them each group has."""
    tail = labels.shape[-2:]
    if prod(labels.shape[:-2]) == 1:
        return labels.reshape(1, *tail), np.zeros(prod(shape), np.int64)
    rows = np.broadcast_to(labels, (*shape, *tail)).reshape(prod(shape), prod(tail))
    trees, which = np.unique(rows, axis=0, return_inverse=True)
    return trees.reshape(len(trees), *tail), which.ravel()


def _alike(roots: Sequence[Any], which: Array) -> Iterator[tuple[Any, Array, Array]]:
    """For every shape a tree of it, the groups that have it, and who stands where in it, [B or 1, K]."""
    from shapley_kernels.trees import Shape, arrange, named

    numbers: dict[Shape, list[int]] = {}
    for number, root in enumerate(roots):
        numbers.setdefault(arrange(root)[0], []).append(number)
    for shape, mine in numbers.items():
        index = np.flatnonzero(np.isin(which, mine))
        places = np.searchsorted(mine, which[index])
        orders = np.stack([arrange(roots[number])[1] for number in mine])
        yield named(shape), index, orders if len(mine) == 1 else orders[places]


def _of_groups(problem: Problem, index: Array, groups: int) -> list[Any]:
    return [a[index] if isinstance(a, np.ndarray) and len(a) == groups else a for a in problem.arrays]


def _ordered(array: Any, kinds: str, orders: Array) -> Any:
    """An array of a kernel with its members in these orders."""
    if kinds == "+":  # equal keys go by the members' own names
        rank = np.argsort(np.argsort(-array, axis=1, kind="stable"), axis=1, kind="stable")
        array, kinds = -rank, "k"
    for axis, kind in enumerate(kinds, start=1):
        if kind == "k":
            array = np.take_along_axis(array, np.expand_dims(orders, [i for i in range(1, array.ndim) if i != axis]), axis)
    return array
