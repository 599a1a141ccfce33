"""Members in other orders than that of their indices, and what each of them adds to those before it.

To solve a problem in an order, its arrays are first put in that order, along the axes that the form names for members. Orders
are NumPy's; the arrays stay where they are, and none of their values is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit import dispatch
from shapley_credit.convert import Array, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.pricing import Cost, Priced, refuse_dear
from shapley_credit.inputs.problems import Problem
from shapley_credit.solve.terms import combined, finish, shape_with
from shapley_credit.utility import Utility
from shapley_kernels.arguments import has_names
from shapley_kernels.arrays import beside
from shapley_kernels.member_axes import Orders, along, in_order


def read_order(order: Any) -> NDArray[Any] | None:
    """The orders [..., k] as integers on the host, whose members are not checked yet; None stays None."""
    if order is None:
        return None
    array, _ = to_numpy(order, "order")
    if not array.ndim or array.dtype.kind not in "iu":
        raise InputError(f"order must hold integers, the members in their order, [..., k]; got {array.dtype} of {array.shape}.")
    return array


def permutations_of(order: NDArray[Any] | None, k: int) -> Orders:
    """The orders [..., k], 0 .. k - 1 if there are none. Raises InputError for a row that is no permutation."""
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


def _marginals_of_problems(utility: Utility, orders: Orders) -> Array:
    """v(S + i) - v(S) for i at each place of the orders [B or 1, K] and S those before it, [B, K] by place."""
    total: Array = None
    for problem in made(utility):
        if has_names(problem.form, problem.game):
            arrays = [*problem.arrays, beside(orders, problem.arrays[0])]
        else:
            arrays = in_order(problem.form, problem.game, problem.arrays, orders)
        part = problem.scale * dispatch.kernel(problem.form, problem.game, "order")(*arrays)
        total = part if total is None else total + part
    return total


def made(utility: Utility) -> Sequence[Problem]:
    """What `reduce` returns. Raises InputError if its arrays are too large: the cost is one pass over them."""
    if type(utility).outline is not Priced.outline and prod(utility.shape) * utility.k**2 > utility._light**2:
        size = sum(outline.bytes for outline in utility.outline())
        refuse_dear(Cost(size, size), utility)
    return utility.reduce()


def order_credits(game: Utility, orders: Orders) -> Array:
    """Marginal contributions [..., k] in orders [..., k]; leading axes are those of the game and the orders together."""
    shape = shape_with(game, orders.shape[:-1], "order")
    return combined(game, shape, lambda term: _order_term(term, orders))


def _order_term(term: Utility, orders: Orders) -> Array:
    shape, shared = np.broadcast_shapes(term.shape, orders.shape[:-1]), prod(orders.shape[:-1]) == 1
    rows = orders.reshape(1, term.k) if shared else np.broadcast_to(orders, (*shape, term.k)).reshape(prod(shape), term.k)
    wide = term if prod(term.shape) in (1, prod(shape)) else term.over(shape)  # one row serves any number of orders
    added = wide.marginals(rows)
    if added is None:
        added = _marginals_of_problems(wide, rows)
    total = along(added, np.argsort(rows, axis=1))
    return finish(wide, shape, total)
