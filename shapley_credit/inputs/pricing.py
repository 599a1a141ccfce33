"""The cost of credits, known before they are computed: operations and bytes, and the limits above which they are refused.

The formulas are those of the kernels, `shapley_kernels.costs`; a family that makes arrays larger than its data says how large
before it makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from shapley_credit import dispatch
from shapley_credit.coalitions import read_tree
from shapley_credit.errors import InputError
from shapley_kernels.arrays import dtype_of
from shapley_kernels.costs import Sizes, Unions, flat_cost, tree_cost, unions_of
from shapley_kernels.trees.shapes import tree_of

# Credits above these are refused on every machine: they take hours of one processor, or more memory than most machines have.
MAX_OPERATIONS, MAX_BYTES = 10**13, 1 << 36
# Up to so many members of a group the cost is below both limits, so it is not computed: for most families, for those whose
# cost hardly grows faster than their data, and on trees. For many groups, the root of their number times k counts.
LIGHT, LINEAR, ON_TREES = 1 << 9, 1 << 20, 1 << 6
# Games that are solved class by class on a tree: only there does the cost depend on the number of classes.
OF_CLASSES = ("class_sizes", "separable")


class Cost(NamedTuple):
    """The cost of credits: operations, about as many as nanoseconds of one processor, and bytes at the peak, data included."""

    operations: float
    bytes: float


class Outline(NamedTuple):
    """A problem before it is made: its kernel, groups and sizes, and the bytes and operations to make its arrays."""

    form: str
    game: str
    groups: int
    sizes: Sizes
    bytes: float
    making: float = 0.0


class Priced:
    """The part of a utility that says what its credits cost."""

    _light: ClassVar[int] = LIGHT

    def outline(self: Any) -> Sequence[Outline]:
        """The sizes of the problems of `reduce`; a family that makes arrays larger than its data says them before it does.

        Problems with arrays no larger than the data may be left out.
        """
        return [outlined(problem) for problem in self.reduce()]

    def outline_unions(self: Any) -> Sequence[Outline]:
        """The same of the problems of `reduce_unions`."""
        outlines: Sequence[Outline] = self.outline()
        return outlines

    def _outlined(self: Any, form: str, game: str, made: float, making: float = 0.0, **sizes: Any) -> Outline:
        """One problem for every group."""
        return Outline(form, game, prod(self.shape), Sizes(self.k, **sizes), made, making)

    def cost(self: Any, coalitions: Any = None) -> Cost:
        """Operations and bytes of the credits, before they are computed; good to a factor of about four.

        operations: about as many as nanoseconds of one processor. bytes: of all arrays at the peak, the data included.
        coalitions: a coalition tree, as `owen` takes it, for the credits of `owen`; of many trees the first stands for all, and
            `CoalitionTree.flat(k)` stands for `set_semivalue`. By default the credits of `set_shapley`. The cost on a tree is
            that of NumPy, the same on every machine; Numba has kernels that take a hundredth of it for some families.

        Credits of more than 10^13 operations or 2^36 bytes are refused. Cost as the data, and as the nodes of the tree.
        Raises InputError as `owen` for the tree.

        >>> from shapley_credit import utilities as u
        >>> u.Entropy([0] * 1000).cost().operations
        2000000.0
        """
        tree = None if coalitions is None else read_tree(coalitions)
        shape = self.shape if tree is None else np.broadcast_shapes(self.shape, tree.labels.shape[:-2])
        terms = [term.over(shape) for _, term in self.terms()]
        parts = [_cost(term, term.outline_unions() if _has_unions(tree) else term.outline(), _unions(tree)) for term in terms]
        return Cost(sum(part.operations for part in parts), max(part.bytes for part in parts))

    def problems(self: Any, tree: Any = None) -> Sequence[Any]:
        """What `reduce` returns, or `reduce_unions` on a tree with unions. Raises InputError if credits cost too much, by the
        outline of a family that has one."""
        light = self._light if tree is None else min(self._light, ON_TREES)
        reduce, outline = (self.reduce_unions, self.outline_unions) if _has_unions(tree) else (self.reduce, self.outline)
        problems: Sequence[Any]
        if prod(self.shape) * self.k**2 <= light**2:
            problems = reduce()
            return problems
        unions = _unions(tree)
        if type(self).outline is not Priced.outline:
            refuse_dear(_cost(self, outline(), unions), self)
        problems = reduce()
        if type(self).outline is Priced.outline:
            refuse_dear(_cost(self, [outlined(problem) for problem in problems], unions), self)
        return problems


def outlined(problem: Any) -> Outline:
    """A problem by the sizes of its arrays."""
    arrays = [array for array in problem.arrays if hasattr(array, "ndim")]
    groups, *shape = arrays[0].shape
    sizes = Sizes(shape[0], shape[1] if len(shape) > 1 else 1)
    match problem.game:
        case "solve":
            sizes = Sizes(shape[0].bit_length() - 1)
        case "cardinality":
            sizes = Sizes(shape[0] - 1)
        case "pair_sums":
            sizes = Sizes(shape[0], _and_games(arrays[2]))
        case "weighted":
            sizes = Sizes(shape[0], length=arrays[1].shape[1])
        case "typed":
            sizes = Sizes(shape[0], len(problem.arrays[3]), arrays[2].shape[1])
        case "sized":
            sizes = Sizes(shape[0], tables=arrays[3].shape[0] > 1)
        case "plurality":
            largest = target_of(arrays[0], arrays[2])
            sizes = Sizes(shape[0], classes_of(arrays[0]), largest, ties=problem.arrays[3])
    return Outline(
        problem.form, problem.game, groups, sizes, float(sum(prod(array.shape) * dtype_of(array).itemsize for array in arrays))
    )


def _and_games(f: Any) -> int:
    """Games of pairs on a tree, for the functions f [B or 1, K + 1] of the size: of each pair if all are constant, else one."""
    constant = isinstance(f, np.ndarray) and bool((f[:, 2:] == f[:, 2:3]).all())
    return int(f.shape[1] * (f.shape[1] - 1)) // 2 if constant else 1


def classes_of(labels: Any) -> int:
    """The most classes of a group, labels [B, K]; on a device, which is not read, one for every member."""
    if not isinstance(labels, np.ndarray) or not labels.size:
        return max(int(labels.shape[1]), 1)
    ordered = np.sort(labels, axis=1)
    return 1 + int(np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], axis=1).max())


def target_of(labels: Any, target: Any) -> int:
    """The most members of the target class of a group, as `classes_of`."""
    if not isinstance(labels, np.ndarray):
        return int(labels.shape[1])
    return int(np.count_nonzero(labels == target[:, None], axis=1).max(initial=1))


def _has_unions(tree: Any) -> bool:
    return tree is not None and tree.depth > 1


def _unions(tree: Any) -> Unions | None:
    if tree is None:
        return None
    lead = tree.labels.shape[:-2]
    return unions_of(tree_of(tree.labels[(0,) * len(lead)] if prod(lead) else np.zeros((0, tree.k), np.int64)))


def _cost(term: Any, outlines: Sequence[Outline], unions: Unions | None) -> Cost:
    """The cost of the credits of a family."""
    spread = term.library is None and dispatch.role() == "ref"  # NumPy holds all groups at once
    groups, held = prod(term.shape), 0.0
    operations = 0.0 if unions is None else unions.walking([outline[:2] for outline in outlines])
    for form, game, rows, sizes, _, making in outlines:
        if unions is not None:
            if game in OF_CLASSES:
                sizes = sizes._replace(width=classes_of(term.rows("labels")))
            work, scratch = tree_cost(form, game)(sizes, unions)
        else:
            flat = flat_cost(form, game)
            work, scratch = flat.operations(sizes), flat.beside(sizes) * rows if spread else flat.scratch(sizes)
        operations += work * (rows if unions is None else groups) + making
        held = max(held, scratch)
    return Cost(operations, sum(outline.bytes for outline in outlines) + held + 8.0 * groups * term.k)


def refuse_dear(cost: Cost, what: Any) -> None:
    """Raise InputError for credits that cost too much, with the figures and what to do instead."""
    if cost.operations <= MAX_OPERATIONS and cost.bytes <= MAX_BYTES:
        return
    name = what if isinstance(what, str) else repr(what)
    several = getattr(what, "shape", ()) not in ((), (1,))
    raise InputError(
        f"credits of {name} take about {cost.operations:.1e} operations and {_spelled(cost.bytes)}, and more than "
        f"{MAX_OPERATIONS:.0e} operations or {_spelled(MAX_BYTES)} are refused. Take fewer members"
        f"{', or fewer groups at a time' if several else ''}, or estimate them: shapley_credit.estimate(utility.value, k, "
        "budget=...); utility.cost() says what credits take."
    )


def _spelled(size: float) -> str:
    return f"{size / 2**30:,.3g} GiB" if size >= 1 << 30 else f"{size / 2**20:,.3g} MiB"
