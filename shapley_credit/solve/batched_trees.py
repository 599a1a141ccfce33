"""Problems on many trees: groups whose trees differ only in the names of their members are solved together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.inputs.problems import Problem
from shapley_kernels.arguments import has_names
from shapley_kernels.arrays import beside, namespace
from shapley_kernels.member_axes import along, in_order
from shapley_kernels.trees.nodes import Shape
from shapley_kernels.trees.shapes import arrange, named, tree_of

# A tree, the groups that have it or its shape, and which member stands where in it, [B or 1, K]; None if all keep their places.
Part = tuple[Any, NDArray[Any], NDArray[Any] | None]

# Credits of a problem, its arrays and the root of a tree.
Solve = Callable[[Problem, Sequence[Any], Any], Array]


def solved(problems: Sequence[Problem], labels: NDArray[Any], shape: tuple[int, ...], solve: Solve) -> Array:
    """Credits [B, K] of B = prod(shape) groups: solve(problem, arrays, root) for every tree, or shape of trees, in labels."""
    structures, which = _distinct(labels, shape)
    roots = [tree_of(structure) for structure in structures]
    alike: list[Part] = list(_alike(roots, which))
    apart: list[Part] = [(root, np.flatnonzero(which == number), None) for number, root in enumerate(roots)]
    total: Array = None
    for problem in problems:
        credits, groups = [], []
        # Tables of all sets can't be put in another order: there only groups of the very same tree go together.
        for root, index, orders in apart if has_names(problem.form, problem.game) else alike:
            arrays = [_of_groups(array, index, len(which)) for array in problem.arrays]
            if orders is not None:
                arrays = in_order(problem.form, problem.game, arrays, orders)
            credit = solve(problem, arrays, root)
            credits.append(credit if orders is None else along(credit, np.argsort(orders, axis=1), 1))
            groups.append(index)
        part = problem.credits(_together(credits, groups))
        total = part if total is None else total + part
    return total


def label_rows(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Labels [..., levels, K] of the groups of a shape as rows [B or 1, levels, K] that a compiled kernel may take."""
    tail, lead = labels.shape[-2:], labels.shape[:-2]
    if prod(lead) != 1:
        labels = np.broadcast_to(labels, (*shape, *tail))
    # A copy, since kernels are compiled anew for arrays that are read-only.
    return np.array(labels, np.int64, order="C").reshape(-1 if prod(labels.shape) else prod(labels.shape[:-2]), *tail)


def _together(parts: Sequence[Array], groups: Sequence[NDArray[Any]]) -> Array:
    """The rows of all groups in their order, from the rows of parts of them."""
    if len(parts) == 1:
        return parts[0]
    xp = namespace(parts[0])
    return xp.take(xp.concat(parts), beside(np.argsort(np.concatenate(groups)), parts[0]), axis=0)


def _distinct(labels: NDArray[Any], shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The different trees among the groups of a shape, and which of them each group has."""
    tail = labels.shape[-2:]
    if prod(labels.shape[:-2]) == 1:
        return labels.reshape(1, *tail), np.zeros(prod(shape), np.int64)
    if not prod(shape):  # no group looks at its tree: any will do
        return np.zeros((1, *tail), np.int64), np.zeros(0, np.int64)
    rows = np.broadcast_to(labels, (*shape, *tail)).reshape(prod(shape), prod(tail))
    trees, which = np.unique(rows, axis=0, return_inverse=True)
    return trees.reshape(len(trees), *tail), which.ravel()


def _alike(roots: Sequence[Any], which: NDArray[Any]) -> Iterator[Part]:
    """For every shape a tree of it, the groups that have it, and which member stands where in it, [B or 1, K]."""
    numbers: dict[Shape, list[int]] = {}
    for number, root in enumerate(roots):
        numbers.setdefault(arrange(root)[0], []).append(number)
    for shape, mine in numbers.items():
        index = np.flatnonzero(np.isin(which, mine))
        places = np.searchsorted(mine, which[index])
        orders = np.stack([arrange(roots[number])[1] for number in mine])
        yield named(shape), index, orders if len(mine) == 1 else orders[places]


def _of_groups(array: Any, index: NDArray[Any], groups: int) -> Any:
    """The rows of some groups, if an array has rows of its own for each."""
    if not hasattr(array, "ndim") or array.shape[0] != groups or len(index) == groups:
        return array
    return namespace(array).take(array, beside(index, array), axis=0)
