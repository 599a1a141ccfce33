"""The `utility` argument of a verb: a utility, a table, or a function, told apart and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shapley_credit.coalitions import CoalitionTree
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.fields import WHOLE
from shapley_credit.solve.callables import batched, check_all_sets, tabulate
from shapley_credit.utilities.table import Table
from shapley_credit.utility import Utility


def same_members(tree: CoalitionTree, k: int) -> None:
    if tree.k != k:
        raise InputError(f"the coalition tree has {tree.k} members, but the utility has k = {k}.")


def is_function(utility: Any, k: int | None) -> bool:
    if k is not None and (isinstance(k, bool) or not isinstance(k, WHOLE) or k < 1):
        raise InputError(f"k must be a whole number of members >= 1; got {k!r}.")
    if isinstance(utility, (Utility, np.ndarray)):
        return False
    if utility is None:
        raise InputError("the utility is None; pass one of shapley_credit.utilities, a table of 2**k values, or a function.")
    if isinstance(utility, type):
        raise InputError(f"{utility.__name__} is a class; make a utility of it first, {utility.__name__}(...).")
    function = isinstance(utility, batched) or callable(utility)
    if function and k is None:
        raise InputError("k is required with a function: set_shapley(function, k).")
    return function


def tabulated(function: Any, k: int | None) -> Table:
    assert k is not None
    check_all_sets(int(k))
    return Table(tabulate(function, int(k), np.arange(1 << int(k))))


def _table(values: Any) -> Table:
    """Table(values) without its constructor, which would ask once more whether torch compiles this."""
    table = Table.__new__(Table)
    table.bind(values=values)
    return table


_TABLE = (
    "A table holds 2**k values along its last axis, one for each set of members; rewards of the k members are no table: pass "
    "utilities.Max(rewards), or another utility."
)


def as_utility(utility: Any, k: int | None) -> Utility:
    if isinstance(utility, Utility):
        game = utility
    elif not _may_be_table(utility):
        raise InputError(
            "the utility must be one of shapley_credit.utilities, a table of 2**k values, or a function of a tuple of members; "
            f"got {shown(utility)} of type {type(utility).__name__}."
        )
    elif k is None:
        raise InputError(
            "an array alone may be the values of all sets or the rewards of the members; say k=, the number of members, for a "
            "table of 2**k values, and utilities.Max(rewards), or another utility, for rewards."
        )
    else:
        try:
            game = _table(utility)
        except InputError as error:
            raise InputError(f"{error} {_TABLE}") from error
    if k is not None and k != game.k:
        told = "" if game is utility else f" {_TABLE}"
        raise InputError(f"k = {k} was asked for, but the utility has k = {game.k} members: {game!r}.{told}")
    return game


def _may_be_table(utility: Any) -> bool:
    """Whether it is an array of any library, a column or a frame, a sequence, or a number."""
    arrays = hasattr(utility, "__array__") or hasattr(utility, "__dlpack__")
    return arrays or (isinstance(utility, Sequence | int | float) and not isinstance(utility, str | bytes))
