"""Members in other orders than that of their names, and what each of them adds to those who came before it.

A problem is solved in any order by putting its arrays in that order first: `AXES` says along which axes of a kernel's arrays
its members stand. Orders are of the host; the arrays stay where they are, and no value of them is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit import dispatch
from shapley_credit.convert import Array, to_numpy
from shapley_credit.costs import Cost, Priced, refuse_dear
from shapley_credit.errors import InputError
from shapley_credit.utility import Problem, Utility
from shapley_kernels.arrays import beside, namespace

Orders = NDArray[np.int64]

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


def read_order(order: Any) -> NDArray[Any] | None:
    """The orders [..., k] as integers of the host, members not looked at yet; None as it is."""
    if order is None:
        return None
    array, _ = to_numpy(order, "order")
    if not array.ndim or array.dtype.kind not in "iu":
        raise InputError(f"order must hold integers, the members in their order, [..., k]; got {array.dtype} of {array.shape}.")
    return array


def permutations_of(order: NDArray[Any] | None, k: int) -> Orders:
    """The orders [..., k], 0 .. k - 1 if there are none. Raises InputError for what is no permutation, naming the row."""
    if order is None:
        return np.arange(k)
    if order.shape[-1] != k:
        raise InputError(f"order of shape {order.shape} must be [..., {k}], the k = {k} members of the utility in their order.")
    wrong = (np.sort(order, axis=-1) != np.arange(k)).any(axis=-1)
    if wrong.any():
        index = tuple(np.argwhere(wrong)[0].tolist())
        raise InputError(f"order must hold each of 0 .. {k - 1} once; {_what_is_wrong(order[index])}{_in_row(index)}.")
    return order.astype(np.int64)


def _what_is_wrong(row: NDArray[Any]) -> str:
    for place, member in enumerate(row.tolist()):
        if not 0 <= member < len(row):
            return f"found {member} at place {place}"
        if (row[:place] == member).any():
            return f"found {member} again at place {place}"
    raise AssertionError("the row is a permutation")


def _in_row(index: tuple[int, ...]) -> str:
    return f" of row {list(index)}" if index else ""


def marginals_of_problems(utility: Utility, orders: Orders) -> Array:
    """v(S + i) - v(S) for i at each place of the orders [B or 1, K] and S those before it, [B, K] by place."""
    total: Array = None
    for problem in made(utility):
        axes = AXES.get((problem.form, problem.game))
        if axes is None:  # entries of a table have the members' names
            arrays = [*problem.arrays, beside(orders, problem.arrays[0])]
        else:
            arrays = [ordered(array, kinds, orders) for array, kinds in zip(problem.arrays, axes, strict=True)]
        part = problem.scale * dispatch.kernel(problem.form, problem.game, "order")(*arrays)
        total = part if total is None else total + part
    return total


def made(utility: Utility) -> Sequence[Problem]:
    """What `reduce` returns, refused before it is made if its arrays take too much; a pass over them is all that follows."""
    if type(utility).outline is not Priced.outline and prod(utility.shape) * utility.k**2 > utility._light**2:
        size = sum(outline.bytes for outline in utility.outline())
        refuse_dear(Cost(size, size), utility)
    return utility.reduce()


def ordered(array: Any, kinds: str, orders: NDArray[Any]) -> Any:
    """An array of a kernel with its members in these orders."""
    if kinds == "+":  # equal keys go by the members' own names
        xp = namespace(array)
        rank = xp.argsort(xp.argsort(-array, axis=1, stable=True), axis=1, stable=True)
        array, kinds = -xp.astype(rank, xp.float64), "k"
    for axis, kind in enumerate(kinds, start=1):
        if kind == "k":
            array = along(array, orders, axis)
    return array


def along(array: Array, orders: NDArray[Any], axis: int = 1) -> Array:
    """An array [B or 1, ..] with one axis in these orders [B or 1, K]."""
    xp = namespace(array)
    if len(orders) == 1:
        same = (orders[0, 1:] > orders[0, :-1]).all()
        return array if same else xp.take(array, beside(orders[0], array), axis=axis)
    index = np.expand_dims(orders, [i for i in range(1, array.ndim) if i != axis])
    shape = (len(orders), *array.shape[1:])
    return xp.take_along_axis(xp.broadcast_to(array, shape), xp.broadcast_to(beside(index, array), shape), axis=axis)
