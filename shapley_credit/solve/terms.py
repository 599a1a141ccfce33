"""From a utility to credits: kernels solve its problems, and the credits of these add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from operator import add
from typing import Any

import numpy as np

from shapley_credit import dispatch, semivalues
from shapley_credit.coalitions import CoalitionTree
from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.problems import Problem
from shapley_credit.linear import Sum
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve import batched_trees
from shapley_credit.utility import Utility
from shapley_kernels.arrays import beside, laid_out, namespace
from shapley_kernels.kernel_errors import LimitError, NotFiniteError, NotSymmetricError

_FLOAT64 = np.dtype(np.float64)

# One semivalue for each level of a tree, unions first.
Rules = Sequence[Semivalue]


def read_levels(levels: Sequence[Semivalue] | None, depth: int) -> tuple[Semivalue, ...]:
    """One semivalue a level, Shapley by default."""
    if levels is None:
        return (semivalues.shapley,) * depth
    if not isinstance(levels, list | tuple) or len(levels) != depth or not all(isinstance(rule, Semivalue) for rule in levels):
        raise InputError(
            f"levels must hold one semivalue for each of the {depth} levels of the tree, unions first; got {levels!r}."
        )
    return tuple(levels)


def flat_credits(game: Utility) -> Array:
    """Shapley values [..., k]."""
    return combined(game, game.shape, _flat_term)


def tree_credits(game: Utility, tree: CoalitionTree, rules: Rules) -> Array:
    """Values [..., k] on a coalition tree, one semivalue a level; leading axes are those of the game and the tree together."""
    shape = shape_with(game, tree.labels.shape[:-2], "coalition tree")
    return combined(game, shape, lambda term: _tree_term(term, shape, tree, rules))


def shape_with(game: Utility, lead: tuple[int, ...], what: str) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(game.shape, lead)
    except ValueError as error:
        raise InputError(f"the leading axes of the utility {game.shape} and of the {what} {lead} do not broadcast.") from error


@np.errstate(over="ignore", invalid="ignore")  # overflow leaves credits that are not finite, which are refused
def combined(game: Utility, shape: tuple[int, ...], solve: Callable[[Utility], Array]) -> Array:
    """The combination of the credits of the terms of a utility. Raises InputError for those that overflow."""
    dtype = game.dtype or _FLOAT64
    if solve is not _flat_term or dispatch.role() != "cpu":
        for _, term in game.terms():
            term.check_symmetry()
    if not isinstance(game, Sum):
        return _finite_credits(game, lambda term: _as_dtype(solve(term), dtype))
    total = beside(np.zeros((), dtype), game.anchor)
    for coefficient, term in game.terms():
        factor = coefficient if isinstance(coefficient, float) else coefficient[..., None]
        credit = _finite_credits(term, solve)
        if isinstance(credit, np.ndarray):  # a term on the host among terms on a device
            credit = beside(credit, game.anchor)
        total = total + _as_dtype(factor * credit, dtype)
    game.check_credits(total)
    whole, xp = (*shape, game.k), namespace(total)
    # Groups that share credits get a copy each, which the caller may write to.
    return total if total.shape == whole else xp.asarray(xp.broadcast_to(total, whole), copy=True)


def _finite_credits(term: Utility, solve: Callable[[Utility], Array]) -> Array:
    """The credits of a family; groups that overflow in float32 are solved again in float64."""
    credit = solve(term)
    if term.is_solved(credit):
        return credit
    if term.dtype != _FLOAT64:
        known = np.isfinite(credit).all(axis=-1, keepdims=True)
        credit = np.where(known, credit, solve(term.widened()))
    term.check_credits(credit)
    return credit


def _as_dtype(credit: Array, dtype: np.dtype[Any]) -> Array:
    if isinstance(credit, np.ndarray):
        return credit if credit.dtype == dtype else credit.astype(dtype)
    xp = namespace(credit)
    return xp.astype(credit, getattr(xp, dtype.name), copy=False)


def _flat_term(term: Utility) -> Array:
    role = dispatch.role(term.library)
    total: Array = None
    try:
        # Small games skip `problems`, which would let them pass after a longer look.
        light = prod(term.shape) * term.k**2 <= term._light**2 if term.shape else term.k <= term._light
        for problem in checked(term.reduce() if light else term.problems(), term):
            part = problem.credits(_solved(problem, role, problem.arrays))
            total = part if total is None else total + part
    except (NotFiniteError, NotSymmetricError):
        term.check_deferred()  # raises for data that are not finite, or symmetric; without any, credits overflow
        total = np.full((prod(term.shape), term.k), np.nan)
    return finish(term, term.shape, total)


def checked(problems: Any, term: Utility) -> Sequence[Problem]:
    """What `reduce` returned. Raises InputError for anything but one problem or several."""
    if type(problems) is list and len(problems) == 1 and type(problems[0]) is Problem:  # as most families have it
        return problems
    if not isinstance(problems, list | tuple) or not problems or not all(type(problem) is Problem for problem in problems):
        raise InputError(
            f"{type(term).__name__}.reduce must return a list of at least one inputs.problems.Problem; got {shown(problems)}."
        )
    return problems


def finish(term: Utility, shape: tuple[int, ...], total: Array) -> Array:
    """Credits [..., k] of credits [B, k]; those of absent members are 0. Raises InputError for another number of members."""
    if total.shape[-1] != term.k:
        found = f"{type(term).__name__}.reduce has credits of {total.shape[-1]} members"
        raise InputError(f"{found}, but the utility has k = {term.k}; its arrays must be [groups, k, ..].")
    if term.mask is not None:
        total = namespace(total).where(term.present(), total, 0)
    return laid_out(total, (*shape, term.k)) if shape else total[0, ...]


def _tree_term(term: Utility, shape: tuple[int, ...], tree: CoalitionTree, rules: Rules) -> Array:
    counted = getattr(term, "counted", term.mask)  # the members that kernels count in the sizes of sets
    if counted is not None:
        _check_absent(counted, rules)
    wide = term.over(shape)
    mixes = [rule.sizes for rule in rules]

    def solve(problem: Problem, arrays: Sequence[Any], root: Any) -> Array:
        return _solved(problem, "tree", (*arrays, root, mixes))

    compiled = dispatch.role(term.library) == "cpu" and all(rule is semivalues.shapley for rule in rules)
    parts: list[Array] = []
    others: list[Problem] = []
    for problem in checked(wide.problems(tree), term):
        if compiled and dispatch.has_kernel(problem.form, problem.game, "forest"):
            rows = batched_trees.label_rows(tree.labels, shape)
            parts.append(problem.credits(_solved(problem, "forest", (*problem.arrays, rows))))
        else:
            others.append(problem)
    if others:
        parts.append(batched_trees.solved(others, tree.labels, shape, solve))
    return finish(wide, shape, reduce(add, parts))


def _check_absent(mask: Array, rules: Rules) -> None:
    """Raise InputError for rules that absent members change, if any is absent; on a device, which is not read, for any mask."""
    known = isinstance(mask, np.ndarray)
    if known and mask.all():
        return
    for rule in rules:
        if not rule.ignores_absent:
            unread = "" if known else "; a mask on a device is not read"
            raise InputError(
                f"{rule} counts members by size, which absent members change; leave them out or use another{unread}."
            )


def _solved(problem: Problem, role: dispatch.Role, arguments: Sequence[Any]) -> Array:
    """What the kernel returns. Raises InputError for a problem above the limits of the kernel."""
    try:
        kernel = dispatch.kernel(problem.form, problem.game, role)
    except (ModuleNotFoundError, AttributeError) as error:
        raise InputError(
            f"there is no kernel {problem.form}.{problem.game} for role {role}; shapley_kernels has them."
        ) from error
    try:
        part: Array = kernel(*arguments)
    except LimitError as error:
        raise InputError(str(error)) from error
    return part
