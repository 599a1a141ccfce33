"""Values by definition: slow, exact, and of anything that can be asked what a set is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.coalitions import CoalitionTree, read_tree
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import number_of
from shapley_credit.semivalues import Semivalue, read_semivalue
from shapley_credit.solve.callables import members_of
from shapley_credit.testing import oracle
from shapley_credit.utility import Utility

# The most members: 2^k fractions a member; and of a tree deeper than unions of members: all their orderings.
MAX_MEMBERS, MAX_ORDERED = 14, 8


def table_of(utility: Utility) -> NDArray[Any]:
    """All values [2^k] of one group, by definition."""
    return np.array([utility.value([i for i in range(utility.k) if code >> i & 1]) for code in range(1 << utility.k)])


def game_of(table: NDArray[Any]) -> oracle.Game:
    """The function of a tuple of members with these values, in fractions."""
    return lambda members: Fraction(float(table[sum(1 << i for i in members)]))


def brute_force(
    utility: Utility | Callable[..., Any] | Any,
    k: int | None = None,
    *,
    weights: Semivalue | Sequence[float] | Any = None,
    coalitions: CoalitionTree | Sequence[Any] | Any = None,
    exact: bool = False,
) -> Any:
    """Shapley values, semivalues, Owen and Winter values by their definition, in fractions, for tests.

        phi_i = sum_{S without i} p_|S| [v(S + i) - v(S)],      p_s = s! (k - 1 - s)! / k! unless weights say otherwise.

    utility: a function of a tuple of members, a table of 2**k values, or one group of a `Utility`. k: number of members;
        required for a function. weights: as for `set_semivalue`. coalitions: as for `owen`, one tree; not with weights.
    exact: whether to return a list of k fractions; else float64 [k], rounded once. Values may be fractions.

    Cost O(k 2^k) fractions, and the k! orderings of a tree with unions of unions; nothing of the library's kernels is used.
    Raises InputError for k above 14, or above 8 for unions of unions, for values that are not finite, several groups, and
    weights beside coalitions. Source: Shapley (1953); Owen (1977); Winter (1989).

    >>> from shapley_credit.testing import brute_force
    >>> brute_force(lambda coalition: max(coalition, default=-1) + 1, 3)
    array([0.33333333, 0.83333333, 1.83333333])
    >>> brute_force(lambda coalition: len(coalition) ** 2, 3, coalitions=[[0, 1], [2]], exact=True)
    [Fraction(3, 1), Fraction(3, 1), Fraction(3, 1)]
    """
    values = _all_values(utility, k)
    members = len(values).bit_length() - 1

    def v(coalition: tuple[int, ...]) -> Fraction:
        return values[sum(1 << i for i in coalition)]

    if coalitions is None:
        credit = oracle.semivalue(v, members, _weights(weights, members))
    elif weights is None:
        credit = _on_tree(v, coalitions, members)
    else:
        raise InputError("brute_force takes weights= or coalitions=, not both; levels of a tree share by Shapley here.")
    return credit if exact else np.array([float(share) for share in credit])


def _all_values(utility: Any, k: int | None) -> list[Fraction]:
    """The 2^k values of anything, as fractions."""
    function: Callable[[tuple[int, ...]], Any]
    if isinstance(utility, Utility):
        if utility.shape:
            raise InputError(f"brute_force is of one group; got groups {utility.shape}: pass utility[index].")
        function, size = (lambda members: utility.value(members)), utility.k
    elif callable(utility):
        if k is None:
            raise InputError("k is required with a function: brute_force(function, k).")
        function, size = utility, k
    else:
        table = np.asarray(utility)
        if table.ndim != 1 or table.size < 2 or table.size.bit_count() != 1:
            raise InputError(f"a table has 2**k values along one axis, one for each set; got shape {table.shape}.")
        function, size = (lambda members: table[sum(1 << i for i in members)]), table.size.bit_length() - 1
    if k is not None and k != size:
        raise InputError(f"k = {k} was asked for, but the utility has {size} members.")
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= MAX_MEMBERS:
        raise InputError(f"brute_force takes 1 to {MAX_MEMBERS} members; got k = {size!r}. Check a smaller case.")
    return [_fraction(function(members), members) for members in map(members_of, range(1 << size))]


def _fraction(value: Any, members: tuple[int, ...]) -> Fraction:
    if isinstance(value, Fraction):
        return value
    try:
        return Fraction(value if type(value) is int else number_of(value))
    except InputError as error:
        raise InputError(f"the utility {error} for coalition {members}.") from error


def _weights(weights: Any, k: int) -> Sequence[Fraction]:
    if weights is None:
        return oracle.shapley_weights(k)
    return [Fraction(float(weight)) for weight in read_semivalue(weights).weights(k)]


def _on_tree(v: oracle.Game, coalitions: Any, k: int) -> list[Fraction]:
    nested = nested_of(read_tree(coalitions))
    members = oracle.leaves(nested)
    if len(members) != k:
        raise InputError(f"the coalition tree has {len(members)} members, but the utility has k = {k}.")
    if all(isinstance(child, int) for union in nested if not isinstance(union, int) for child in union):
        return oracle.owen(v, [[union] if isinstance(union, int) else union for union in nested], k)
    if k > MAX_ORDERED:
        raise InputError(f"unions of unions are checked over all orderings, for at most {MAX_ORDERED} members; got k = {k}.")
    return oracle.winter(v, nested, k)


def nested_of(tree: CoalitionTree) -> list[Any]:
    """One tree as nested lists of its members."""
    if tree.labels.ndim > 2:
        raise InputError(f"brute_force takes one tree; got groups {tree.labels.shape[:-2]} of trees.")

    def part(members: list[int], level: int) -> list[Any]:
        if level == len(tree.labels):
            return members
        keys = tree.labels[level]
        return [part([i for i in members if keys[i] == key], level + 1) for key in dict.fromkeys(keys[members].tolist())]

    return part(list(range(tree.k)), 0)
