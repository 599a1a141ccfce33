"""Exact values of set utilities: check, reduce, dispatch, add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.coalitions import CoalitionTree, read_tree
from shapley_credit.convert import from_numpy
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve.callables import check_masks, line_function_credits, order_function_credits
from shapley_credit.solve.connected import line_credits
from shapley_credit.solve.functions_on_trees import function_credits
from shapley_credit.solve.grouped import grouped_credits, grouped_tree_credits
from shapley_credit.solve.orders import order_credits, permutations_of, read_order
from shapley_credit.solve.terms import flat_credits, read_levels, tree_credits
from shapley_credit.solve.utility_argument import as_utility, is_function, same_members, tabulated
from shapley_credit.torch_compile import between_graphs
from shapley_credit.utility import Utility


@between_graphs
def set_shapley(utility: Utility | Callable[..., Any] | Any, k: int | None = None, *, groups: Any = None) -> Any:
    """Exact Shapley values: what each of k members is owed for the utility of the whole set.

        phi_i = sum_{S without i} |S|! (k - 1 - |S|)! / k!  [v(S + i) - v(S)],      sum_i phi_i = v(N) - v(empty).

    utility: a structured utility of `shapley_credit.utilities`, batched over leading axes, or a sum of such; an array of all
        values [..., 2**k], index = bit mask, bit i = member i; a function of a tuple of members, or `batched(f)`, asked for all
        2**k coalitions, k <= 20.
    k: number of members; required for a function and an array, which may be rewards, checked against the data otherwise.
    groups: for flat data, one entry a row, whose rows are the members of many groups: an id for each of the N rows, in any
        order, or how many neighbours are a group, as `advantages` takes them. Member axes are split; other arrays are shared by
        all groups, or are columns of N entries that are equal within each group. v of a group is v of its rows alone.

    Returns credits [..., k] in the units of v, in the dtype, array library and device of the data; exact to rounding. With
        groups [N], in the order of the rows, each group with the bits that it has by itself.
    Cost: that of the family (its docstring says; `utility.cost()` in operations and bytes), O(2^k) for tables and functions.
    Raises InputError for data that can't be right, or whose credits take too much, and for groups of a utility that has more
        than one entry for each member (pairs, tables, runs); EvaluationError for a function that fails.
    Source: Shapley (1953), A value for n-person games.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0]), 4)
    array([2., 3., 4., 9.])
    >>> sc.set_shapley(lambda coalition: len(coalition) ** 2, 3)
    array([3., 3., 3.])
    >>> sc.set_shapley(0.5 * u.Max([1.0, 4.0, 3.0]) + u.DistinctCount([7, 7, 7]), groups=["a", "b", "a"])
    array([0.75, 3.  , 1.75])
    """
    if groups is not None:
        return grouped_credits(utility, k, groups, lambda game, _: flat_credits(game))
    game = tabulated(utility, k) if is_function(utility, k) else as_utility(utility, k)
    return from_numpy(flat_credits(game), game.library)


@between_graphs
def set_semivalue(
    utility: Utility | Callable[..., Any] | Any,
    weights: Semivalue | Sequence[float] | Any,
    k: int | None = None,
    *,
    groups: Any = None,
) -> Any:
    """Exact semivalues: marginal contributions weighed by the size of the coalition they are made to.

        phi_i = sum_{S without i} p_|S| [v(S + i) - v(S)],      sum_s C(k - 1, s) p_s = 1.

    utility, k, groups: as for `set_shapley`. weights: `semivalues.shapley`, `banzhaf`, `leave_one_out`, `of_size(m)`,
        `beta(a, b)`, or an array p_0 .. p_{k-1} over coalition sizes.

    Returns credits [..., k] in the units of v, as `set_shapley` does; they add up to v(N) - v(empty) for Shapley only.
    Cost: polynomial for structured utilities (each family's games on the flat tree), O(k 2^k) for tables and functions.
    Raises InputError for weights that do not add up, and as `set_shapley`.
    Source: Dubey, Neyman & Weber (1981), Value theory without efficiency.

    >>> import shapley_credit as sc
    >>> from shapley_credit import semivalues, utilities as u
    >>> sc.set_semivalue(u.Max([8.0, 11.0, 13.0, 18.0]), semivalues.leave_one_out)
    array([0., 0., 0., 5.])
    >>> sc.set_semivalue(u.Max([8.0, 11.0, 13.0, 18.0]), semivalues.banzhaf)
    array([1.  , 1.75, 2.75, 7.75])
    """
    rule = semivalues.read_semivalue(weights)
    if groups is not None:
        return grouped_credits(utility, k, groups, lambda game, _: _semivalues(game, rule))
    game = tabulated(utility, k) if is_function(utility, k) else as_utility(utility, k)
    return from_numpy(_semivalues(game, rule), game.library)


def _semivalues(game: Utility, rule: Semivalue) -> Any:
    if rule is semivalues.shapley:
        return flat_credits(game)
    if game.k == 1:
        rule.sizes(1)  # raises if the rule is not for one member: kernels do not ask it for so few
    return tree_credits(game, CoalitionTree.flat(game.k), (rule,))


@between_graphs
def owen(
    utility: Utility | Callable[..., Any] | Any,
    coalitions: CoalitionTree | Sequence[Any] | Any,
    k: int | None = None,
    levels: Sequence[Semivalue] | None = None,
    *,
    groups: Any = None,
) -> Any:
    """Exact Owen and Winter values: credit when members act in unions, and unions in larger unions.

        phi_i = E[v(P_i + i) - v(P_i)],

    P_i the members before i in a uniformly random order that keeps every union together; unions share as players share.

    utility, k: as for `set_shapley`; a function is asked only for the coalitions that matter, `coalitions.budget()` of them.
    coalitions: a `CoalitionTree`, nested lists of members ([[0, 1], [2]] is a partition: Owen; deeper: Winter), or an array of
        union labels [..., k]. Leading axes are groups, each with its own tree. Names in nested lists are numbered from 0 as
        they come; for names in the order of the data pass `CoalitionTree.from_labels(labels, names=names)`.
    levels: one semivalue a level, unions first, members last; by default Shapley on all. (banzhaf, banzhaf) is the Banzhaf-Owen
        value, (banzhaf, shapley) the symmetric coalitional Banzhaf value.
    groups: as for `set_shapley`. The coalitions are then those of all N rows: labels of any kind, one a row, which name unions
        within a group; nested lists of rows; or a tree of N members.

    Returns credits [..., k] in the units of v, as `set_shapley` does; with Shapley on all levels they add up to v(N) less
    v(empty).
    Cost: polynomial for structured utilities (each family's games on the tree), budget times depth for tables and functions.
    Raises InputError for members that are missing, repeated or out of range, unions more than 1,000 levels deep, a wrong number
        of levels, and as `set_shapley`.
    Source: Owen (1977), Values of games with a priori unions; Winter (1989), A value for cooperative games with levels
        structure of cooperation.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.owen(u.Max([8.0, 11.0, 13.0, 18.0]), [[0, 3], [1, 2]])
    array([2.  , 2.75, 3.75, 9.5 ])
    >>> sc.owen(u.Max([8.0, 5.0, 11.0, 13.0, 18.0]), ["x", "x", "y", "y", "x"], groups=[1, 2, 1, 1, 1])
    array([2.  , 5.  , 2.75, 3.75, 9.5 ])
    """
    if groups is not None:
        return grouped_tree_credits(utility, k, coalitions, levels, groups)
    tree = read_tree(coalitions)
    rules = read_levels(levels, tree.depth)
    if is_function(utility, tree.k if k is None else k):
        same_members(tree, tree.k if k is None else k)
        function: Any = utility
        return function_credits(function, tree, rules)
    game = as_utility(utility, tree.k if k is None and not isinstance(utility, Utility) else k)
    same_members(tree, game.k)
    return from_numpy(tree_credits(game, tree, rules), game.library)


@between_graphs
def connected_shapley(utility: Utility | Callable[..., Any] | Any, k: int | None = None, *, groups: Any = None) -> Any:
    """Exact values of members on a line that join only beside those that have joined: segments of a text, steps of a solution.

        phi_i = sum over intervals [a, b] that end at i of C(k - L, a) / 2^(k-L) / 2 [v(a .. b) - v(a .. b without i)],

    L = b - a + 1 members, and for L = 1, where i is both ends, twice that: the mean marginal contribution over all 2^(k-1)
    orders in which the set is an interval at every moment, the Shapley value on the convex geometry of intervals.

    utility, k, groups: as for `set_shapley`; members stand on the line by their index, absent ones leave it. A function is
        asked only for the empty set and the k (k + 1) / 2 intervals. `utilities.MyersonPath(runs)` is a table of the values of
        intervals.

    Returns credits [..., k] in the units of v, as `set_shapley` does; they add up to v(N) - v(empty).
    Cost O(k^2), and the values of k (k + 1) / 2 intervals by definition; on a device by the Shapley values of those in them.
    Raises InputError and EvaluationError as `set_shapley`, and InputError for a function of more than 62 members.
    Source: Bilbao & Edelman (2000), The Shapley value on convex geometries.

    >>> import shapley_credit as sc
    >>> asked = []
    >>> sc.connected_shapley(lambda interval: asked.append(interval) or len(interval) ** 2, 4)
    array([5.25, 2.75, 2.75, 5.25])
    >>> len(asked)
    11
    """
    if groups is not None:
        return grouped_credits(utility, k, groups, lambda game, _: line_credits(game))
    if is_function(utility, k):
        function: Any = utility
        assert k is not None
        return line_function_credits(function, int(k))
    game = as_utility(utility, k)
    return from_numpy(line_credits(game), game.library)


@between_graphs
def marginal_vector(
    utility: Utility | Callable[..., Any] | Any, k: int | None = None, *, order: Any = None, groups: Any = None
) -> Any:
    """Marginal contributions in an order: what each of k members adds to those that came before it.

        m_i = v(S + i) - v(S),      S the members before i in the order,      sum_i m_i = v(N) - v(empty).

    The mean of the marginal vectors over all orders is the Shapley value. In the order in which an autoregressive policy writes
    the members, summed up as reward to go, they are the credit that is unbiased for any policy (docs/theory.md, section 10).

    utility, k: as for `set_shapley`; a function is asked for the k + 1 prefixes of the order, and of many orders for each
        coalition once. Its k may be left to the order.
    order: the members in their order, integers [k] or [..., k], by default 0 .. k-1. Leading axes are groups and broadcast with
        those of the utility. It is read on the host, whatever the device of the data.
    groups: as for `set_shapley`; the order is then that of the rows.

    Returns contributions [..., k] by member, not by place, in the units of v, as `set_shapley` returns credits; an absent
        member has 0 and changes no other's.
    Cost O(k) for sums, products, best scores and counts, O(k E) for E elements or grid points, O(k m) for pass@m, O(k d^3) for
    determinants, O(k log k) for classes and votes, O(k^2) for pairs, rankings, gaps and shares of classes; O(2^k) for a table,
    all of which is checked.
    Raises InputError for an order that is no permutation, naming its row, for a function of more than 62 members, and as
    `set_shapley`.
    Source: Weber (1988), Probabilistic values for games.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> best = u.Max([8.0, 11.0, 13.0, 18.0])
    >>> sc.marginal_vector(best)
    array([8., 3., 2., 5.])
    >>> sc.marginal_vector(best, order=[1, 0, 3, 2])
    array([ 0., 11.,  0.,  7.])
    >>> sc.marginal_vector(lambda coalition: len(coalition) ** 2, order=[[2, 0, 1], [0, 1, 2]])
    array([[3., 5., 1.],
           [1., 3., 5.]])
    """
    if groups is not None:
        if order is not None:
            raise InputError("with groups= the order is that of the rows; put the rows in their order, and leave out order=.")
        return grouped_credits(utility, k, groups, lambda game, _: order_credits(game, np.arange(game.k)))
    given = read_order(order)
    members = k if given is None or k is not None else given.shape[-1]
    if is_function(utility, members):
        function: Any = utility
        assert members is not None
        check_masks(int(members))
        return order_function_credits(function, permutations_of(given, int(members)))
    game = as_utility(utility, k if isinstance(utility, Utility) else members)
    return from_numpy(order_credits(game, permutations_of(given, game.k)), game.library)
