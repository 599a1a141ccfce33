"""Exact values of set utilities: check, reduce, dispatch, add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shapley_credit import dispatch
from shapley_credit.blackbox.evaluate import batched, tabulate
from shapley_credit.convert import Array, from_numpy
from shapley_credit.errors import InputError
from shapley_credit.utilities.table import Table
from shapley_credit.utility import Utility


def set_shapley(utility: Utility | Callable[..., Any] | Any, k: int | None = None) -> Any:
    """Exact Shapley values: what each of k members is owed for the utility of the whole set.

        phi_i = sum_{S without i} |S|! (k - 1 - |S|)! / k!  [v(S + i) - v(S)],      sum_i phi_i = v(N) - v(empty).

    utility: a structured utility of `shapley_credit.utilities`, batched over leading axes, or a sum of such; an array of all
        values [..., 2**k], index = bit mask, bit i = member i; a function of a tuple of members, or `batched(f)`, asked for all
        2**k coalitions, k <= 20.
    k: number of members; required for a function, checked against the data otherwise.

    Returns credits [..., k] in the units of v, in the dtype, array library and device of the data; exact to rounding.
    Cost: that of the family (its docstring says), O(2^k) for tables and functions.
    Raises InputError for data that can't be right and EvaluationError for a function that fails.
    Source: Shapley (1953), A value for n-person games.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0]), 4)
    array([2., 3., 4., 9.])
    >>> sc.set_shapley(lambda coalition: len(coalition) ** 2, 3)
    array([3., 3., 3.])
    """
    game = _as_utility(utility, k)
    return from_numpy(_credits(game), game.library)


def _as_utility(utility: Any, k: int | None) -> Utility:
    if k is not None and (isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1):
        raise InputError(f"k must be a whole number of members >= 1; got {k!r}.")
    if isinstance(utility, type):
        raise InputError(f"{utility.__name__} is a class; make a utility of it first, {utility.__name__}(...).")
    if isinstance(utility, batched) or callable(utility):
        if k is None:
            raise InputError("k is required with a function: set_shapley(function, k).")
        return Table(tabulate(utility, int(k)))
    game = utility if isinstance(utility, Utility) else Table(utility)
    if k is not None and k != game.k:
        raise InputError(f"k = {k} was asked for, but the utility has k = {game.k} members: {game!r}.")
    return game


def _credits(game: Utility) -> Array:
    """Credits [..., k] of a utility: the combination of the credits of its terms."""
    dtype = game.dtype or np.dtype(np.float64)
    terms = game.terms()
    if len(terms) == 1 and terms[0][1] is game:
        return _term_credits(game).astype(dtype, copy=False)
    total = np.zeros((*game.shape, game.k), dtype)
    for coefficient, term in terms:
        factor = coefficient[..., None] if isinstance(coefficient, np.ndarray) else coefficient
        total += (factor * _term_credits(term)).astype(dtype, copy=False)
    return total


def _term_credits(term: Utility) -> Array:
    role = dispatch.role()
    total: Array | None = None
    for form, game, arrays, scale in term.reduce():
        part = dispatch.kernel(form, game, role)(*arrays)
        if scale != 1.0:
            part *= scale
        total = part if total is None else total + part
    assert total is not None, f"{type(term).__name__}.reduce() returned no problem"
    term.check_credits(total)
    if term.mask is not None:
        total[~np.broadcast_to(term.present(), total.shape)] = 0
    return total.reshape(*term.shape, term.k)
