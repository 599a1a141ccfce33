"""What Shapley credits are made of: the terms of a sum, the sizes of coalitions, and the presence of each other member."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit import dispatch, semivalues
from shapley_credit.coalitions import CoalitionTree
from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.problems import Problem
from shapley_credit.linear import Sum
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve import batched_trees
from shapley_credit.solve.terms import combined, flat_credits, tree_credits
from shapley_credit.utilities.pairwise import Cut
from shapley_credit.utilities.product import Product
from shapley_credit.utility import Utility
from shapley_kernels.arrays import beside, laid_out, namespace
from shapley_kernels.kernel_errors import LimitError


def refuse_estimate(utility: Any, verb: str) -> None:
    """Raise InputError for an `Estimate`."""
    if hasattr(utility, "stderr"):
        raise InputError(
            "an Estimate holds the credits of coalitions that were asked, and not the utility whose values would explain them. "
            f"Explain the function itself, {verb}(function, k), which asks all 2**k coalitions, or a utility of "
            "shapley_credit.utilities; stderr and interval() of the estimate say how sure its credits are."
        )


def term_credits(game: Utility) -> list[Array]:
    """Credits [..., k] of each term times its coefficient: the summands of the credits of the game, bit by bit."""
    found = []
    for coefficient, term in game.terms():
        alone = Sum([(coefficient, term.over(game.shape))])
        alone.dtype, alone.anchor = game.dtype, game.anchor  # those of the other terms too
        found.append(flat_credits(alone))
    return found


def credits_by_size(game: Utility, present: NDArray[np.bool_]) -> Array:
    """Mean marginal contributions [..., k, k] of member i to the coalitions of s present others, NaN where there are fewer.

    present: [..., k] or [k]. Cost of the kernels of k semivalues, on a tree that is flat where all members are present; data
    are reduced and trees are built once for all of them.
    """
    k = game.k
    # An absent member changes no value wherever it stands; beside the first present member, in one union, it counts for nobody:
    # the children of the root are as many as the present members, and coalitions have their sizes.
    first = present.argmax(axis=-1)[..., None]
    tree = CoalitionTree.from_labels(np.where(present, np.arange(k), first))
    sizes = combined(game, (k, *game.shape), lambda term: _term_by_size(term, game.shape, tree))
    xp = namespace(sizes)
    known = np.arange(k) < present.sum(axis=-1)[..., None]
    return xp.where(game.beside(known)[..., None, :], xp.moveaxis(sizes, 0, -1), float("nan"))


def _term_by_size(term: Utility, shape: tuple[int, ...], tree: CoalitionTree) -> Array:
    """Contributions [s, ..., k] of one family."""
    wide = term.over(shape)
    rules = [[rule.sizes for rule in (_to_others(s), semivalues.shapley)] for s in range(term.k)]

    def solve(problem: Problem, arrays: Sequence[Any], root: Any) -> Array:
        kernel = dispatch.kernel(problem.form, problem.game, "tree")
        try:
            each = [kernel(*arrays, root, mixes) for mixes in rules]
        except LimitError as error:
            raise InputError(str(error)) from error
        return namespace(each[0]).stack(each, axis=-1)

    total: Array = None
    for problem in wide.problems(tree):
        # The players of the game, who may be others than the members, have their credits of all sizes side by side.
        players = batched_trees.solved([problem._replace(scale=1.0, shares=None)], tree.labels, shape, solve)  # [B, k, s]
        part = namespace(players).stack([problem.credits(players[..., s]) for s in range(term.k)])
        total = part if total is None else total + part
    if wide.mask is not None:
        total = namespace(total).where(wide.present(), total, 0)
    return laid_out(total, (term.k, *shape, term.k))


def _to_others(s: int) -> Semivalue:
    """Contributions to coalitions of s others, of all others where there are fewer."""
    return Semivalue(f"to {s} others", lambda children: semivalues.of_size(min(s + 1, children)).sizes(children))


def credits_by_presence(game: Utility, credit: Array, rule: Semivalue = semivalues.shapley) -> Array:
    """phi_i(N) - phi_i(N without j) at [..., i, j], for the values phi(N) [..., k] of a rule; all N without j are one batch.

    Symmetric up to rounding (Myerson 1980). Cost of k values of the rule, on trees for Cut and Product.
    """
    k, lead = game.k, [1] * len(game.shape)
    others = ~np.eye(k, dtype=np.bool_).reshape(k, *lead, k)
    mask = beside(others, game.anchor if game.mask is None else game.mask)
    mask = mask if game.mask is None else mask & game.mask
    tree = CoalitionTree.from_labels(others.astype(np.int64))

    def without_each(term: Utility) -> Array:
        if isinstance(term, _OUTSIDERS_COUNT):
            # The union of all but j comes before j, so that they share v of sets without j.
            less = tree_credits(term, tree, (_to_others(0), rule))
            return namespace(less).where(term.beside(others), less, 0)
        return credits_of(_with_mask(term, mask), rule)

    xp, less = namespace(credit), combined(game, (k, *game.shape), without_each)
    change = credit[..., None] - xp.moveaxis(less, 0, -1)
    return change if game.mask is None else xp.where(game.mask[..., None, :], change, 0)  # trees round in another way


def credits_of(game: Utility, rule: Semivalue) -> Array:
    """Values [..., k] of a semivalue."""
    return flat_credits(game) if rule is semivalues.shapley else tree_credits(game, CoalitionTree.flat(game.k), (rule,))


# Families whose value of a set depends on the present members outside it: absence would change it.
_OUTSIDERS_COUNT = (Cut, Product)


def _with_mask(term: Utility, mask: Array) -> Utility:
    """The same data with other members absent, read once more, as the entries of absent members are replaced."""
    chosen = copy.copy(term)
    given: dict[str, Any] = {name: vars(term)[name] for name in term.fields if name in vars(term)}
    chosen.bind(mask, **given)
    return chosen
