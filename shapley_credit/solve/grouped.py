"""Flat data, one row a member: the utilities of its groups are made size by size, and their credits go back to the rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.coalitions import CoalitionTree, read_tree
from shapley_credit.convert import Array, from_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.fields import MEMBERS, Field
from shapley_credit.inputs.ids import codes_of
from shapley_credit.inputs.partition import Rows, partition_of
from shapley_credit.linear import Sum
from shapley_credit.nested_lists import is_sequence
from shapley_credit.solve.terms import read_levels, tree_credits
from shapley_credit.utility import Utility
from shapley_kernels.arrays import beside, joined, namespace

# Axes of which a group has as many entries as it has members, or one more: its own are the first.
_BY_SIZE = {"ranks": 0, "sizes": 1}

# Credits [G, K] of a utility of G groups, whose members are the rows [G, K] of the flat data.
SolveGroups = Callable[[Utility, Rows], Array]


def grouped_credits(utility: Any, k: int | None, groups: Any, solve: SolveGroups) -> Any:
    """Credits [N] of N rows, the members of the groups of a utility of flat data, in the library of the data.

    Each group is solved as the utility of its rows alone, v restricted to them, with the same bits. Raises InputError for a
    utility that can't be split, for ids that are not one a row, and as `solve`.
    """
    game = _flat(utility, k)
    parts = ((rows, solve(of_groups(game, rows), rows)) for rows in partition_of(groups, game.k).by_size())
    try:
        return from_numpy(_in_rows(parts, game.k, game.anchor), game.library)
    except InputError:
        for _, term in game.terms():
            term.check_deferred()  # names the row, where a group would name a place of its own
        raise


def grouped_tree_credits(utility: Any, k: int | None, coalitions: Any, levels: Any, groups: Any) -> Any:
    """As `grouped_credits`, for values on the trees of the groups, whose unions are those of all rows within a group."""
    whole = _tree_of_rows(coalitions, _flat(utility, k).k)
    rules = read_levels(levels, whole.depth)
    return grouped_credits(utility, k, groups, lambda game, rows: tree_credits(game, _trees_of_groups(whole, rows), rules))


def _flat(utility: Any, k: int | None) -> Utility:
    if not isinstance(utility, Utility):
        raise InputError(
            f"groups= splits a utility of flat data, one entry a row, such as utilities.Max(rewards); got {shown(utility)}. "
            "A function or a table is of one group: ask for each group by itself."
        )
    if k is not None and k != utility.k:
        raise InputError(f"with groups= k counts all rows: k = {k} was asked for, but the utility has {utility.k} rows.")
    return utility


def _in_rows(parts: Iterable[tuple[Rows, Array]], n: int, anchor: Array) -> Array:
    """Credits [N] in the order of the rows, from those of parts of the groups, beside the data."""
    if isinstance(anchor, np.ndarray):
        credit: Array = None
        for rows, part in parts:
            credit = np.empty(n, part.dtype) if credit is None else credit
            credit[rows] = part
        return credit
    known, xp = list(parts), namespace(anchor)
    order = np.argsort(np.concatenate([rows.ravel() for rows, _ in known]))
    return xp.take(joined(xp.reshape(part, (-1,)) for _, part in known), beside(order, anchor), axis=0)


def of_groups(game: Utility, rows: Rows) -> Utility:
    """The utilities of groups of equal size, from one of flat data: a group has the members rows [G, K].

    An array with members is split along them, one without is shared by all groups; one entry a row is a column of what each
    group has one of. Raises InputError for arrays that can't be split, and for a column that differs within a group.
    """
    mask = None if game.mask is None else _taken(_own(game.mask, 1, "mask", game), rows)
    if not isinstance(game, Sum):
        return _family_of_groups(game, rows, mask)
    terms = []
    for factor, term in game.terms():
        part = _family_of_groups(term, rows, mask if term.mask is not None else None)
        terms.append((_one_a_group(factor, 0, "a coefficient", rows, game.k), part))
    return Sum(terms)


def _family_of_groups(term: Utility, rows: Rows, mask: Array | None) -> Utility:
    part = copy.copy(term)
    part.shape, part.k, part.mask = rows.shape[:1], rows.shape[1], mask
    for name, spec in term.fields.items():
        array = vars(term).get(name)  # what is a function of the size is not there before it is asked for
        if isinstance(spec, Field) and array is not None:
            setattr(part, name, _field_of_groups(term, name, spec, array, rows))
    part.anchor = next(array for name in term.fields if hasattr(array := vars(part).get(name), "ndim"))
    return part


def _field_of_groups(term: Utility, name: str, spec: Field, array: Array, rows: Rows) -> Array:
    told = f"{name} of {type(term).__name__}"
    if spec.axes.count(MEMBERS) > 1 or spec.domain == "membership" or {"line", "coalitions"} & {*spec.axes}:
        raise InputError(
            f"{told} is about several members at once, also of different groups, so that groups= can't split it. Give every "
            "group its own along a leading axis, padded to one size with mask=."
        )
    if MEMBERS in spec.axes:
        place = spec.axes.index(MEMBERS)
        return namespace(array).moveaxis(_taken(_own(array, len(spec.axes), told, term), rows, place), place, 0)
    if {*spec.axes} & {*_BY_SIZE}:
        own = _own(array, len(spec.axes), told, term)
        return own[tuple(slice(rows.shape[1] + _BY_SIZE[axis]) if axis in _BY_SIZE else slice(None) for axis in spec.axes)]
    return _one_a_group(array, len(spec.axes), told, rows, term.k)


def _own(array: Array, trailing: int, name: str, game: Utility) -> Array:
    """The array without leading axes. Raises InputError if it has any."""
    if array.ndim != trailing:
        raise InputError(
            f"with groups= data are flat, one entry a row, without leading axes; {name} has shape {tuple(array.shape)} and "
            f"there are {game.k} rows."
        )
    return array


def _taken(array: Array, rows: Rows, axis: int = 0) -> Array:
    """Entries of an array along an axis, which becomes the two axes of the rows [G, K]."""
    if isinstance(array, np.ndarray):
        return array.take(rows, axis)
    flat = namespace(array).take(array, beside(rows.reshape(-1), array), axis=axis)
    return namespace(array).reshape(flat, (*array.shape[:axis], *rows.shape, *array.shape[axis + 1 :]))


def _one_a_group(array: Any, trailing: int, name: str, rows: Rows, n: int) -> Any:
    """What all groups share as it is, or one entry a group [G, ...] from a column that is constant within each."""
    if not hasattr(array, "ndim") or array.ndim == trailing:
        return array
    if array.ndim != trailing + 1 or array.shape[0] != n:
        raise InputError(
            f"{name} has shape {tuple(array.shape)}; with groups= it must be one for all groups, or a column of {n} rows, "
            "equal within each group."
        )
    entries = _taken(array, rows)
    first, xp = entries[:, :1, ...], namespace(entries)
    same = xp.all(xp.reshape(entries == first, (*rows.shape, -1)), axis=2)
    if isinstance(entries, np.ndarray):
        _refuse_unequal(name, array, rows, same)
        return entries[:, 0]
    whole = xp.reshape(xp.all(same, axis=1), (-1, *[1] * trailing))
    return xp.where(whole, entries[:, 0, ...], float("nan"))  # on a device nothing waits for a value


def _refuse_unequal(name: str, array: Array, rows: Rows, same: NDArray[Any]) -> None:
    if not same.all():
        group, place = np.argwhere(~same)[0]
        one, other = rows[group, 0], rows[group, place]
        raise InputError(
            f"{name} must be equal within each group; rows {one} and {other} are of one group and have {array[one]} and "
            f"{array[other]}."
        )


def _tree_of_rows(coalitions: Any, n: int) -> CoalitionTree:
    """The unions of n rows: labels of any kind, one a row, compared within a group; nested lists of rows; or a tree."""
    labels = isinstance(coalitions, list | tuple) and not any(map(is_sequence, coalitions))
    if isinstance(coalitions, CoalitionTree) or (isinstance(coalitions, list | tuple) and not labels):
        tree = read_tree(coalitions)
    else:
        tree = CoalitionTree.from_labels(codes_of(coalitions, np.empty(n))[0])
    if tree.labels.ndim != 2 or tree.k != n:
        raise InputError(f"with groups= the unions must be flat, one label for each of the {n} rows; got {tree!r}.")
    return tree


def _trees_of_groups(tree: CoalitionTree, rows: Rows) -> CoalitionTree:
    """The trees of groups of equal size, from one of all rows."""
    return CoalitionTree(np.ascontiguousarray(np.moveaxis(tree.labels[:, rows], 1, 0)))
